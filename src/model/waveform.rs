//! The front end of backbones that take a window of samples: how the samples are scaled and
//! normalised, and the spectrograms that some graphs want in their place.

use serde::{Deserialize, Serialize};

use crate::signal::SampleRate;

/// A front end that passes the samples of a window on. A frame is one sample, and `hop-frames`
/// counts samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waveform {
    /// Full scale of the samples that the backbone was trained on: 1 or 32768.
    pub(crate) sample_scale: f32,
    /// What is done to the samples of each window.
    #[serde(default, skip_serializing_if = "Normalise::is_none")]
    pub(crate) normalise: Normalise,
    /// Samples of a window, if the graph takes spectrograms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window_samples: Option<usize>,
    /// The spectrograms that the graph takes, in this order, in place of samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) spectrogram: Vec<Spectrogram>,
}

impl Waveform {
    /// Whether the graph's input depends on a window as a whole.
    pub(crate) fn needs_windows(&self) -> bool {
        self.normalise != Normalise::None || !self.spectrogram.is_empty()
    }

    /// The highest frequency that the graph can hear, in Hz.
    pub(crate) fn high_hz(&self, rate: SampleRate) -> f64 {
        let edges = self
            .spectrogram
            .iter()
            .map(|spectrogram| spectrogram.high_hz);
        edges.reduce(f64::max).unwrap_or(f64::from(rate.hz()) / 2.0)
    }

    /// Number of spectrograms; 0 if the graph takes samples.
    pub fn spectrograms(&self) -> usize {
        self.spectrogram.len()
    }
}

/// The normalisation of the samples of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Normalise {
    /// None.
    #[default]
    None,
    /// `x - min`, divided by the largest of these plus 1e-6, and brought from 0..1 to -1..1.
    MinMax,
    /// `(x - mean) / sqrt(variance + 1e-7)`.
    MeanDeviation,
}

impl Normalise {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A spectrogram as BirdNET 2.4 computes it: the real part of the spectrum, summed by mel bands,
/// squared, and raised to a power.
///
/// Frames have a periodic Hann window of their own length and are not padded. Bands are HTK's
/// triangles with a peak of 1, from high to low.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Spectrogram {
    /// Samples of a frame, and of its FFT.
    pub(crate) frame_samples: usize,
    /// Samples from the start of one frame to the next.
    pub(crate) hop_samples: usize,
    /// Mel bands.
    pub(crate) bands: usize,
    /// Lower edge of the lowest band, in Hz.
    pub(crate) low_hz: f64,
    /// Upper edge of the highest band, in Hz.
    pub(crate) high_hz: f64,
    /// The power of the squared sum.
    pub(crate) exponent: f32,
}

impl Spectrogram {
    /// Whole frames in so many samples.
    pub(crate) fn frames(&self, samples: usize) -> usize {
        let beyond = samples.checked_sub(self.frame_samples);
        beyond.map_or(0, |beyond| beyond / self.hop_samples.max(1) + 1)
    }
}
