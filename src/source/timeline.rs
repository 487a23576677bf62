//! Converts the numbers of a device's samples to stream time.
//!
//! A device numbers all its samples, including those that are lost later. So a jump of the number
//! is a gap in stream time. After a break of unknown length (a reset, lost or overrun device), time
//! continues by the host's clock, which is an argument.

use crate::signal::{Micros, SampleRate};

/// The shortest gap after a break, so that the next sample does not seem to follow without a gap.
const LEAST_BREAK_US: u64 = 10_000;

/// A block of consecutive samples that arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Numbers continue within an epoch only.
    pub(super) epoch: u16,
    /// Number of the first sample.
    pub(super) first: u64,
    /// Number of samples.
    pub(super) count: u64,
    /// The host's time of its arrival.
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
    /// The number of the next sample.
    next: u64,
    /// The time at which the last block arrived.
    at_us: u64,
}

impl Timeline {
    /// A timeline for samples at `rate`. It begins with the first sample.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self { rate, place: None }
    }

    /// The stream time at which the next sample is expected.
    pub(super) fn expected(&self) -> Micros {
        self.place.map_or(Micros(0), |place| {
            self.after(place.start, place.next - place.number)
        })
    }

    /// Advances past `block`. Returns the stream time of its first sample.
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
    fn gaps_follow_sample_numbers_and_breaks_follow_the_hosts_clock() {
        let mut line = Timeline::new(SampleRate::new(1_000).unwrap());
        assert_eq!(line.expected(), Micros(0));
        // Time begins with the first sample, whatever its number.
        assert_eq!(line.advance(block(0, 700, 50_000)), Micros(0));
        assert_eq!(line.advance(block(0, 800, 900_000)), Micros(100_000));
        // Fifty samples are missing; the speed at which the others arrived does not matter.
        assert_eq!(line.advance(block(0, 950, 900_001)), Micros(250_000));
        assert_eq!(line.expected(), Micros(350_000));
        // Another epoch: 0.5 s passed, 0.1 s of them with the samples of the block.
        assert_eq!(line.advance(block(1, 3, 1_400_001)), Micros(750_000));
        // If the clock stands still or the number decreases, it is also a break.
        assert_eq!(line.advance(block(2, 0, 1_400_001)), Micros(860_000));
        assert_eq!(line.advance(block(2, 50, 1_400_001)), Micros(970_000));
        let end = line.advance(block(2, u64::MAX, u64::MAX));
        assert!(end <= line.expected());
    }
}
