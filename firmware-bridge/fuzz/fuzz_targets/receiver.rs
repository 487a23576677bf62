//! Any bytes into a receiver, around frames that are real: no panic, no frame
//! but those, and the one after a 0 always read.
#![no_main]

use firmware_bridge::{Acknowledge, MAX_PAYLOAD, Outcome, Receiver, Sender};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|noise: &[u8]| {
    let (noise, split) = match noise.split_first() {
        Some((split, noise)) => (noise, usize::from(*split)),
        None => (noise, 0),
    };
    let mut sender = Sender::<MAX_PAYLOAD>::new();
    let mut receiver = Receiver::<MAX_PAYLOAD>::new();
    let answer = |id| Acknowledge {
        id,
        outcome: Outcome::Done,
    };
    let mut wire = [0; 64];
    let first = sender.write(1, &answer(1), &mut wire).unwrap();
    let mut bytes = wire[..first].to_vec();
    let (before, after) = noise.split_at(split.min(noise.len()));
    bytes.extend(before);
    bytes.push(0);
    let second = sender.write(2, &answer(2), &mut wire).unwrap();
    bytes.extend(&wire[..second]);
    bytes.extend(after);
    bytes.push(0);
    let third = sender.write(3, &answer(3), &mut wire).unwrap();
    bytes.extend(&wire[..third]);

    let (mut rest, mut read) = (bytes.as_slice(), Vec::new());
    while let Some(result) = receiver.next(&mut rest) {
        if let Ok(frame) = result {
            // Noise that has a right CRC is a frame, and may say anything.
            let id = frame.read::<Acknowledge>().map(|answer| answer.id);
            if id == Ok(frame.time_us as u16) {
                read.push(frame.time_us);
            }
        }
    }
    assert_eq!(receiver.counts().bytes, bytes.len() as u64);
    for id in [1, 2, 3] {
        assert!(read.contains(&id), "{read:?}");
    }
});
