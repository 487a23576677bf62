//! Collects single samples into blocks that fill a frame.

use heapless::Vec;

use crate::queue::Sample;
use crate::stream::{MAX_VALUES, Samples};

/// Collects consecutive samples of `C` channels.
#[derive(Debug, Clone)]
pub struct Blocks<const C: usize> {
    epoch: u16,
    size: usize,
    first: Option<(u64, u64)>,
    values: Vec<i16, MAX_VALUES>,
}

impl<const C: usize> Blocks<C> {
    /// Maximum number of samples in a block.
    pub const MOST: usize = MAX_VALUES / C;

    /// Creates blocks of `size` samples, `1..=`[`Self::MOST`]. Larger blocks have less overhead,
    /// smaller ones less latency.
    pub const fn new(size: usize) -> Self {
        let size = if size == 0 { 1 } else { size };
        Self {
            epoch: 0,
            size: if size > Self::MOST { Self::MOST } else { size },
            first: None,
            values: Vec::new(),
        }
    }

    /// Discards the collected samples and begins an epoch.
    pub fn begin(&mut self, epoch: u16) {
        self.epoch = epoch;
        self.first = None;
        self.values.clear();
    }

    /// Adds a sample. Returns the block that this sample completes, or the block before it if
    /// samples are missing in between.
    pub fn push(&mut self, sample: Sample<C>) -> Option<Samples> {
        let gathered = self.values.len() / C;
        let follows = (self.first).is_none_or(|(n, _)| sample.number == n + gathered as u64);
        let ended = if follows { None } else { self.flush() };
        self.first.get_or_insert((sample.number, sample.time_us));
        let _ = self.values.extend_from_slice(&sample.values);
        match ended {
            None if self.values.len() / C >= self.size => self.flush(),
            _ => ended,
        }
    }

    /// Returns the collected samples.
    pub fn flush(&mut self) -> Option<Samples> {
        let (first, time_us) = self.first.take()?;
        let values = core::mem::take(&mut self.values);
        Some(Samples {
            epoch: self.epoch,
            first,
            time_us,
            channels: C as u8,
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_full_or_end_at_a_gap() {
        let mut blocks = Blocks::<2>::new(3);
        blocks.begin(7);
        let mut out = std::vec::Vec::new();
        for number in [0, 1, 2, 3, 5, 6, 7, 8, 10] {
            let values = [number as i16, -1];
            let time_us = number * 10;
            out.extend(blocks.push(Sample {
                number,
                time_us,
                values,
            }));
        }
        out.extend(blocks.flush());
        let seen: std::vec::Vec<_> = out
            .iter()
            .map(|b| (b.time_us, b.first, b.count()))
            .collect();
        assert_eq!(
            seen,
            [(0, 0, 3), (30, 3, 1), (50, 5, 3), (80, 8, 1), (100, 10, 1)]
        );
        assert!(out.iter().all(|b| b.epoch == 7 && b.channels == 2));
        assert_eq!(blocks.flush(), None);
    }

    #[test]
    fn a_size_beyond_a_block_is_the_largest_one() {
        let mut blocks = Blocks::<16>::new(1_000);
        let sample = |number| Sample {
            number,
            time_us: 0,
            values: [0; 16],
        };
        let first = (0..100).find_map(|number| blocks.push(sample(number)));
        assert_eq!(first.unwrap().values.len(), MAX_VALUES);
    }

    extern crate std;
}
