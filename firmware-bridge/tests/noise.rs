//! A million frames over lines that drop, flip, duplicate, delay and cut.

mod line;

use std::collections::VecDeque;

use firmware_bridge::{MAX_PAYLOAD, Receiver, Samples, Sender};
use line::{Faults, Line};

/// What a run came to.
#[derive(Debug, Default)]
struct Outcome {
    sent: u64,
    /// Frames that came through untouched after a frame whose end did, too.
    intact: u64,
    received: u64,
    wrong: u64,
    /// Numbers of the first and the last frame received.
    span: Option<(u64, u64)>,
}

impl Outcome {
    /// Frames from the first to the last that was received: what others are
    /// missing is known from their numbers.
    fn spanned(&self) -> u64 {
        self.span.map_or(0, |(first, last)| last + 1 - first)
    }
}

/// A block whose contents follow from its number.
fn block(number: u64) -> Samples {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values = (0..12).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 4_001) as i16 - 2_000
    });
    Samples {
        epoch: 1,
        first: number,
        time_us: number,
        channels: 6,
        values: values.collect(),
    }
}

fn run(faults: Faults, frames: u64, seed: u64) -> (Outcome, Receiver<MAX_PAYLOAD>) {
    let mut line = Line::new(faults, seed);
    let (mut sender, mut receiver) = (Sender::<MAX_PAYLOAD>::new(), Receiver::new());
    let mut outcome = Outcome::default();
    let mut due = VecDeque::new();
    let (mut wire, mut arrived) = ([0; 128], Vec::new());
    let mut before_ended_whole = true;
    for number in 0..=frames {
        if number < frames {
            let length = sender.write(number, &block(number), &mut wire).unwrap();
            let (stuffing, end) = wire[..length].split_at(length - 1);
            // The end separately: a frame after it depends on nothing else.
            let whole = line.carry(stuffing, &mut arrived);
            let ended_whole = line.carry(end, &mut arrived);
            outcome.sent += 1;
            if whole && ended_whole && before_ended_whole {
                outcome.intact += 1;
                due.push_back(number);
            }
            before_ended_whole = ended_whole;
        } else {
            line.finish(&mut arrived);
        }
        for byte in arrived.drain(..) {
            let Some(Ok(frame)) = receiver.push(byte) else {
                continue;
            };
            outcome.received += 1;
            let number = frame.time_us;
            outcome.span = Some((outcome.span.map_or(number, |(first, _)| first), number));
            let right = frame
                .read::<Samples>()
                .is_ok_and(|read| read == block(number));
            if !right || number >= frames {
                outcome.wrong += 1;
            }
            if let Some(first) = due.front() {
                assert!(
                    *first >= number,
                    "frame {first} came whole and was not read"
                );
            }
            if due.front() == Some(&number) {
                due.pop_front();
            }
        }
    }
    assert!(due.is_empty(), "{} whole frames were not read", due.len());
    (outcome, receiver)
}

#[test]
fn a_million_frames_with_one_percent_of_noise_yield_no_wrong_one() {
    // Of a hundred bytes one is lost, turned over, or doubled.
    let third = 0.01 / 3.0;
    let faults = Faults {
        drop: third,
        flip: third,
        duplicate: third,
        ..Faults::default()
    };
    let (outcome, receiver) = run(faults, 1_000_000, 1);
    let counts = receiver.counts();
    eprintln!("{outcome:?} {counts:?}");
    // A damaged frame passes a CRC of 32 bits once in 2^32.
    assert_eq!(outcome.wrong, 0);
    assert!(outcome.received >= outcome.intact);
    assert_eq!(counts.frames, outcome.received);
    assert_eq!(counts.frames + counts.lost, outcome.spanned());
    assert!(
        outcome.received < outcome.sent * 3 / 4,
        "the line is not that bad"
    );
}

#[test]
fn every_fault_at_once_is_survived_and_accounted_for() {
    let faults = Faults {
        drop: 0.001,
        flip: 0.001,
        duplicate: 0.001,
        delay: 0.05,
        cut: 0.0002,
    };
    let (outcome, receiver) = run(faults, 100_000, 2);
    let counts = receiver.counts();
    eprintln!("{outcome:?} {counts:?}");
    assert_eq!(outcome.wrong, 0);
    assert_eq!(counts.frames + counts.lost, outcome.spanned());
    assert_eq!((counts.restarts, counts.foreign), (0, 0));
}

#[test]
fn an_open_line_then_a_whole_one_costs_the_frames_meanwhile_and_no_more() {
    let (mut sender, mut receiver) = (Sender::<MAX_PAYLOAD>::new(), Receiver::<MAX_PAYLOAD>::new());
    let mut wire = [0; 128];
    let mut read = Vec::new();
    for number in 0..100 {
        let length = sender.write(number, &block(number), &mut wire).unwrap();
        // Unplugged in the middle of frame 10, plugged in in the middle of frame 60.
        let through = match number {
            10 => &wire[..length / 2],
            11..60 => &[],
            60 => &wire[length / 2..length],
            _ => &wire[..length],
        };
        for &byte in through {
            if let Some(Ok(frame)) = receiver.push(byte) {
                read.push(frame.time_us);
            }
        }
    }
    let expected: Vec<u64> = (0..10).chain(61..100).collect();
    assert_eq!(read, expected);
    let counts = receiver.counts();
    assert_eq!((counts.frames, counts.lost, counts.damaged), (49, 51, 1));
}
