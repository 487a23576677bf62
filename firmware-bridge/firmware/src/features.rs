//! From a window of samples to features, in integers.
//!
//! Of each channel its mean (how the device lies), the mean step from sample to
//! sample (how fast it moves) and half its range (how far). Integer divisions round
//! towards zero: the same everywhere.

/// Samples of a window: 1.28 s at 50 Hz.
pub const WINDOW: usize = 64;
/// Features of a channel.
const EACH: usize = 3;

/// Features of `C` channels.
pub const fn features(channels: usize) -> usize {
    EACH * channels
}

/// A window that fills.
#[derive(Debug, Clone)]
pub struct Gathering<const C: usize> {
    filled: usize,
    sums: [i32; C],
    steps: [i32; C],
    latest: [i16; C],
    lowest: [i16; C],
    highest: [i16; C],
}

impl<const C: usize> Gathering<C> {
    /// An empty window.
    pub const fn new() -> Self {
        Self {
            filled: 0,
            sums: [0; C],
            steps: [0; C],
            latest: [0; C],
            lowest: [i16::MAX; C],
            highest: [i16::MIN; C],
        }
    }

    /// Samples so far.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Takes a sample; the features of the window that it completes.
    pub fn push<const D: usize>(&mut self, values: &[i16; C]) -> Option<[i16; D]> {
        const { assert!(D == features(C)) };
        for (channel, &value) in values.iter().enumerate() {
            self.sums[channel] += i32::from(value);
            if self.filled > 0 {
                let step = i32::from(value) - i32::from(self.latest[channel]);
                self.steps[channel] += step.abs();
            }
            self.lowest[channel] = self.lowest[channel].min(value);
            self.highest[channel] = self.highest[channel].max(value);
        }
        self.latest = *values;
        self.filled += 1;
        if self.filled < WINDOW {
            return None;
        }
        let mut features = [0; D];
        for (channel, each) in features.chunks_exact_mut(EACH).enumerate() {
            let range = i32::from(self.highest[channel]) - i32::from(self.lowest[channel]);
            let values = [
                self.sums[channel] / WINDOW as i32,
                self.steps[channel] / (WINDOW as i32 - 1),
                range / 2,
            ];
            for (feature, value) in each.iter_mut().zip(values) {
                *feature = value.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            }
        }
        *self = Self::new();
        Some(features)
    }
}
