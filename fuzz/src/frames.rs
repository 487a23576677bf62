//! Any bytes on a serial line: the decoder never panics, what it accepts encodes to a frame that
//! it accepts again, and after any garbage a sound frame is still found.

use firmware_bridge::{Decoder, Frame, Kind};

const PAYLOAD: usize = 64;

/// One input.
pub fn run(bytes: &[u8]) {
    let mut decoder = Decoder::<PAYLOAD>::new();
    let mut wire = [0; Frame::<PAYLOAD>::MAX_ENCODED];
    decoder.feed(bytes, |result| {
        let Ok(frame) = result else { return };
        let length = frame.encode(&mut wire).expect("an accepted frame fits");
        let mut again = Vec::new();
        Decoder::<PAYLOAD>::new().feed(&wire[..length], |frame| again.push(frame));
        assert_eq!(again, [Ok(frame)]);
    });

    let payload = &bytes[..bytes.len().min(PAYLOAD)];
    let sent = Frame::<PAYLOAD>::new(Kind::Samples, 7, 1, payload).expect("a payload that fits");
    let length = sent.encode(&mut wire).expect("a buffer that fits");
    let mut last = None;
    decoder.feed(&[0], |_| {});
    decoder.feed(&wire[..length], |frame| last = Some(frame));
    assert_eq!(last, Some(Ok(sent)));
}
