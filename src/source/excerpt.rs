//! Samples in memory: a segment that a source gave before.

use super::{Source, SourceError};
use crate::signal::{Channel, Chunk, Micros, SampleRate};

/// A segment of a signal, without gaps, as a [`Source`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Excerpt {
    rate: SampleRate,
    channels: Vec<Channel>,
    samples: Vec<f32>,
    ended: bool,
}

impl Excerpt {
    /// Takes samples at `rate`, row-major `[n, channels]`. Values at the end that do not fill a
    /// sample of all channels are dropped. Without channels, all values are dropped.
    pub(crate) fn new(rate: SampleRate, channels: Vec<Channel>, mut samples: Vec<f32>) -> Self {
        let over = samples.len().checked_rem(channels.len());
        samples.truncate(over.map_or(0, |over| samples.len() - over));
        Self {
            rate,
            channels,
            samples,
            ended: false,
        }
    }

    /// The samples that have not been read, row-major `[n, channels]`.
    pub(crate) fn samples(&self) -> &[f32] {
        &self.samples
    }
}

impl Source for Excerpt {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Returns all samples at once.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.start = Micros(0);
        chunk.samples.clear();
        let begins = !std::mem::replace(&mut self.ended, true);
        chunk.samples.append(&mut self.samples);
        Ok(begins && !chunk.samples.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SOUND;

    #[test]
    fn all_samples_are_read_at_once() {
        let rate = SampleRate::new(16_000).unwrap();
        let mut excerpt = Excerpt::new(rate, SOUND.to_vec(), vec![0.5, -0.5]);
        let mut chunk = Chunk::default();
        assert!(excerpt.read(&mut chunk).unwrap());
        assert_eq!(chunk.samples, [0.5, -0.5]);
        assert!(!excerpt.read(&mut chunk).unwrap());
    }
}
