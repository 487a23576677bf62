//! Converts the numbers of a device's samples to stream time.
//!
//! A device numbers all its samples, also those that are lost later, so a jump of the number is a
//! gap in stream time. After a break of unknown length (a device that was reset, lost or overrun)
//! time continues by the host's clock, which is an argument.

use crate::signal::{Micros, SampleRate};

/// The shortest gap after a break, so that the next sample does not seem to follow at once.
const LEAST_BREAK_US: u64 = 10_000;

/// A block of consecutive samples, as it arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Numbers continue within an epoch and nowhere else.
    pub(super) epoch: u16,
    /// Number of the first sample.
    pub(super) first: u64,
    /// Samples in it.
    pub(super) count: u64,
    /// When it arrived, by the host's clock.
    pub(super) at_us: u64,
}

/// Stream time of a live source.
#[derive(Debug)]
pub(super) struct Timeline {
    rate: SampleRate,
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    epoch: u16,
    /// The first sample of the epoch, and its stream time.
    number: u64,
    start: Micros,
    /// The sample that comes next.
    next: u64,
    /// When the last block arrived.
    at_us: u64,
}

impl Timeline {
    /// That of samples at `rate`; it begins with the first of them.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self { rate, place: None }
    }

    /// Where the next sample would lie.
    pub(super) fn expected(&self) -> Micros {
        self.place.map_or(Micros(0), |place| {
            self.after(place.start, place.next - place.number)
        })
    }

    /// Moves on behind `block`; the stream time of its first sample.
    pub(super) fn advance(&mut self, block: Block) -> Micros {
        let place = match self.place {
            // The same epoch: the number gives the time, and the gap if samples are missing.
            Some(place) if place.epoch == block.epoch && place.next <= block.first => place,
            before => {
                let start = before.map_or(Micros(0), |place| {
                    let length = Micros::from_samples(block.count, self.rate).0;
                    let gap = (block.at_us.saturating_sub(place.at_us)).saturating_sub(length);
                    Micros((self.expected().0).saturating_add(gap.max(LEAST_BREAK_US)))
                });
                Place {
                    epoch: block.epoch,
                    number: block.first,
                    start,
                    next: block.first,
                    at_us: block.at_us,
                }
            }
        };
        self.place = Some(Place {
            next: block.first.saturating_add(block.count),
            at_us: block.at_us,
            ..place
        });
        self.after(place.start, block.first - place.number)
    }

    fn after(&self, start: Micros, samples: u64) -> Micros {
        let passed = Micros::from_samples(samples, self.rate);
        Micros(start.0.saturating_add(passed.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(epoch: u16, first: u64, at_us: u64) -> Block {
        Block {
            epoch,
            first,
            count: 100,
            at_us,
        }
    }

    #[test]
    fn sample_numbers_give_gaps_and_clocks_give_breaks() {
        let mut line = Timeline::new(SampleRate::new(1_000).unwrap());
        assert_eq!(line.expected(), Micros(0));
        // It begins with the first sample, whatever its number.
        assert_eq!(line.advance(block(0, 700, 50_000)), Micros(0));
        assert_eq!(line.advance(block(0, 800, 900_000)), Micros(100_000));
        // Fifty are missing, however fast the rest came.
        assert_eq!(line.advance(block(0, 950, 900_001)), Micros(250_000));
        assert_eq!(line.expected(), Micros(350_000));
        // Another epoch: 0.5 s passed, 0.1 s of them with the samples of the block.
        assert_eq!(line.advance(block(1, 3, 1_400_001)), Micros(750_000));
        // A clock that stands still, or a number that goes back, is a break all the same.
        assert_eq!(line.advance(block(2, 0, 1_400_001)), Micros(860_000));
        assert_eq!(line.advance(block(2, 50, 1_400_001)), Micros(970_000));
        let end = line.advance(block(2, u64::MAX, u64::MAX));
        assert!(end <= line.expected());
    }
}
