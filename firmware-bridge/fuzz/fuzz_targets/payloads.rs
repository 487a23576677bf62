//! Any bytes as the payload of a frame with a right CRC: read or refused, and
//! what was read is written and read as the same.
#![no_main]

use firmware_bridge::{
    Acknowledge, Decoder, Frame, Kind, MAX_PAYLOAD, Payload, Request, Samples, State, Status,
    StreamInfo, Window,
};
use libfuzzer_sys::fuzz_target;

const KINDS: [Kind; 7] = [
    Kind::StreamInfo,
    Kind::Samples,
    Kind::Command,
    Kind::Acknowledge,
    Kind::Status,
    Kind::Window,
    Kind::State,
];

fn check<P: Payload>(frame: &Frame<MAX_PAYLOAD>) {
    let Ok(read) = frame.read::<P>() else { return };
    let again = Frame::<MAX_PAYLOAD>::carrying(frame.sequence, frame.time_us, &read).unwrap();
    let twice = again.read::<P>().unwrap();
    let twice = Frame::<MAX_PAYLOAD>::carrying(frame.sequence, frame.time_us, &twice).unwrap();
    assert_eq!(again, twice);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, payload)) = bytes.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let Ok(frame) = Frame::<MAX_PAYLOAD>::new(kind, 7, 9, payload) else {
        return;
    };
    let mut wire = [0; Frame::<MAX_PAYLOAD>::MAX_ENCODED];
    let length = frame.encode(&mut wire).unwrap();
    let mut wire = &wire[..length];
    assert_eq!(Decoder::new().next(&mut wire), Some(Ok(frame.clone())));
    check::<StreamInfo>(&frame);
    check::<Samples>(&frame);
    check::<Request>(&frame);
    check::<Acknowledge>(&frame);
    check::<Status>(&frame);
    check::<Window>(&frame);
    check::<State>(&frame);
});
