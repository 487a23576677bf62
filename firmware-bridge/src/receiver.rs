//! Yields each received frame once, and counts what was lost or damaged.

use crate::decoder::{DecodeError, Decoder};
use crate::frame::Frame;

/// A [`Decoder`] that counts frames and drops repeated ones.
#[derive(Debug, Clone, Default)]
pub struct Receiver<const N: usize> {
    decoder: Decoder<N>,
    /// Number and time of the latest frame.
    latest: Option<(u16, u64)>,
    counts: Counts,
}

/// The counters of a receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Received bytes.
    pub bytes: u64,
    /// Intact frames that were returned.
    pub frames: u64,
    /// Lost frames, computed from gaps in the sequence numbers.
    pub lost: u64,
    /// Intact frames that had arrived before and were dropped.
    pub repeated: u64,
    /// Restarts of the sender: its clock went back.
    pub restarts: u64,
    /// Byte runs between two 0s that were not a valid frame: truncated, too long, or with a wrong
    /// CRC.
    pub damaged: u64,
    /// Intact frames of another version or of an unknown kind.
    pub foreign: u64,
}

impl<const N: usize> Receiver<N> {
    /// A receiver in its initial state.
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            latest: None,
            counts: Counts {
                bytes: 0,
                frames: 0,
                lost: 0,
                repeated: 0,
                restarts: 0,
                damaged: 0,
                foreign: 0,
            },
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes one byte, as [`Decoder::push`] does.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<N>, DecodeError>> {
        self.counts.bytes += 1;
        match self.decoder.push(byte)? {
            Ok(frame) => self.follow(frame).map(Ok),
            Err(error) => {
                match error {
                    DecodeError::Version { .. } | DecodeError::Kind { .. } => {
                        self.counts.foreign += 1;
                    }
                    _ => self.counts.damaged += 1,
                }
                Some(Err(error))
            }
        }
    }

    /// Takes bytes from the front of `bytes`, as [`Decoder::next`] does.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Result<Frame<N>, DecodeError>> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if let Some(result) = self.push(byte) {
                return Some(result);
            }
        }
        None
    }

    fn follow(&mut self, frame: Frame<N>) -> Option<Frame<N>> {
        let now = (frame.sequence, frame.time_us);
        if let Some((sequence, time_us)) = self.latest {
            if now == (sequence, time_us) {
                self.counts.repeated += 1;
                return None;
            }
            if frame.time_us < time_us {
                self.counts.restarts += 1;
            } else {
                let missing = frame.sequence.wrapping_sub(sequence).wrapping_sub(1);
                self.counts.lost += u64::from(missing);
            }
        }
        self.latest = Some(now);
        self.counts.frames += 1;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Kind;

    fn push(receiver: &mut Receiver<4>, sequence: u16, time_us: u64) -> usize {
        let frame = Frame::<4>::new(Kind::Samples, sequence, time_us, &[1]).unwrap();
        let mut wire = [0; Frame::<4>::MAX_ENCODED];
        let length = frame.encode(&mut wire).unwrap();
        let mut wire = &wire[..length];
        let mut frames = 0;
        while let Some(result) = receiver.next(&mut wire) {
            assert_eq!(result, Ok(frame.clone()));
            frames += 1;
        }
        frames
    }

    #[test]
    fn losses_repetitions_and_restarts_are_told_apart() {
        let mut receiver = Receiver::new();
        assert_eq!(push(&mut receiver, 65_534, 10), 1);
        assert_eq!(push(&mut receiver, 65_535, 20), 1);
        assert_eq!(push(&mut receiver, 0, 30), 1, "the number begins anew");
        assert_eq!(push(&mut receiver, 3, 40), 1, "two are missing");
        assert_eq!(push(&mut receiver, 3, 40), 0, "that one came already");
        assert_eq!(push(&mut receiver, 0, 5), 1, "the device has started anew");
        assert_eq!(push(&mut receiver, 1, 5), 1, "two frames of one moment");
        let counts = receiver.counts();
        assert_eq!((counts.frames, counts.lost), (6, 2));
        assert_eq!((counts.repeated, counts.restarts), (1, 1));
    }
}
