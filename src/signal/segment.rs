//! Segments and gaps: the one rule for missing samples.

use super::{Micros, SampleRate};

/// A run of samples without a gap, and the rule that ends it.
///
/// If a chunk does not start where the segment ends, samples are missing: this is a gap.
/// Samples before and after a gap must not be joined. A difference of up to two microseconds is
/// not a gap, because time stamps are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    rate: SampleRate,
    start: Micros,
    samples: u64,
}

impl Segment {
    /// The largest difference between two time stamps that is not a gap, in microseconds.
    const TOLERANCE_US: u64 = 2;

    /// An empty segment at the beginning of a stream.
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            start: Micros(0),
            samples: 0,
        }
    }

    /// Whether there is a gap between this segment and a chunk that starts at `chunk_start`.
    pub(crate) fn is_gap(&self, chunk_start: Micros) -> bool {
        chunk_start.0.abs_diff(self.end().0) > Self::TOLERANCE_US
    }

    /// Starts a new segment at `start`.
    pub(crate) fn restart(&mut self, start: Micros) {
        self.start = start;
        self.samples = 0;
    }

    /// Adds `samples` samples of all channels to the segment.
    pub(crate) fn advance(&mut self, samples: u64) {
        self.samples += samples;
    }

    /// Stream time of its first sample.
    pub(crate) fn start(&self) -> Micros {
        self.start
    }

    /// Stream time at which the segment currently ends.
    pub(crate) fn end(&self) -> Micros {
        let length = Micros::from_samples(self.samples, self.rate);
        Micros(self.start.0.saturating_add(length.0))
    }

    /// Whether the segment has no samples.
    pub(crate) fn is_empty(&self) -> bool {
        self.samples == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_ends_where_its_samples_end() {
        let mut segment = Segment::new(SampleRate::new(48_000).unwrap());
        segment.advance(1_000);
        assert_eq!(segment.end(), Micros(20_833));
        assert!(!segment.is_gap(Micros(20_834)));
        assert!(segment.is_gap(Micros(20_900)));
        segment.restart(Micros(20_900));
        assert!(segment.is_empty());
    }

    #[test]
    fn only_differences_above_two_microseconds_are_gaps() {
        let mut segment = Segment::new(SampleRate::new(1_000).unwrap());
        segment.restart(Micros(500));
        segment.advance(3);
        assert_eq!(
            (segment.start(), segment.end()),
            (Micros(500), Micros(3_500))
        );
        for (start, gap) in [(3_497, true), (3_498, false), (3_502, false), (3_503, true)] {
            assert_eq!(segment.is_gap(Micros(start)), gap, "{start}");
        }
    }

    #[test]
    fn rounding_does_not_add_up_over_chunks() {
        let rate = SampleRate::new(44_100).unwrap();
        let mut segment = Segment::new(rate);
        for chunk in 0..100_000_u64 {
            assert!(!segment.is_gap(Micros::from_samples(chunk * 7, rate)));
            segment.advance(7);
        }
    }

    #[test]
    fn end_of_a_segment_saturates_instead_of_overflowing() {
        let mut segment = Segment::new(SampleRate::new(1).unwrap());
        segment.restart(Micros(u64::MAX - 1));
        segment.advance(u64::MAX);
        assert_eq!(segment.end(), Micros(u64::MAX));
    }
}
