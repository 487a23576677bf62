//! The input of graphs that take a whole window of samples: normalisation, and power spectrograms
//! if the card asks for them.
//!
//! Both depend on all samples of a window. So two windows share nothing, and such a graph runs
//! window by window.

use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::FrontendError;
use super::hann::periodic_hann;
use super::logarithm::{exp, ln};
use super::mel::MelFilterBank;
use super::repair::append_repaired;
use crate::model::{Normalise, Spectrogram, Waveform};
use crate::signal::SampleRate;

/// Computes a graph's input from the samples of one window.
#[derive(Clone)]
pub(crate) struct WindowFrontend {
    scale: f32,
    normalise: Normalise,
    branches: Vec<Branch>,
    samples: Vec<f32>,
}

impl WindowFrontend {
    /// The front end of a card; `None` if the graph takes the samples as they are.
    ///
    /// # Errors
    /// [`FrontendError`] if a spectrogram's sizes or band edges are outside their ranges.
    pub(crate) fn new(spec: &Waveform, rate: SampleRate) -> Result<Option<Self>, FrontendError> {
        if spec.normalise == Normalise::None && spec.spectrogram.is_empty() {
            return Ok(None);
        }
        let branches = spec.spectrogram.iter();
        let branches = branches.map(|branch| Branch::new(branch, rate));
        Ok(Some(Self {
            scale: spec.sample_scale,
            normalise: spec.normalise,
            branches: branches.collect::<Result<_, _>>()?,
            samples: Vec::new(),
        }))
    }

    /// Appends the graph's input to `out`: the normalised samples, or the spectrograms as
    /// `[frames, bands, spectrograms]`. A sample that is not finite becomes 0.
    pub(crate) fn apply(&mut self, window: &[f32], out: &mut Vec<f32>) {
        self.samples.clear();
        append_repaired(window, &mut self.samples);
        if self.scale != 1.0 {
            self.samples.iter_mut().for_each(|x| *x *= self.scale);
        }
        normalise(self.normalise, &mut self.samples);
        if self.branches.is_empty() {
            out.extend_from_slice(&self.samples);
            return;
        }
        let start = out.len();
        let frames = self.branches.iter().map(|branch| branch.frames(window.len()));
        let (frames, count) = (frames.min().unwrap_or(0), self.branches.len());
        let bands = self.branches.first().map_or(0, Branch::bands);
        out.resize(start + frames * bands * count, 0.0);
        for (index, branch) in self.branches.iter_mut().enumerate() {
            let rows = out[start..].chunks_exact_mut(bands * count);
            for (frame, row) in rows.enumerate() {
                let powers = branch.frame(&self.samples, frame);
                let places = row.iter_mut().skip(index).step_by(count);
                // From high to low.
                for (place, &power) in places.zip(powers.iter().rev()) {
                    *place = power;
                }
            }
        }
    }
}

fn normalise(how: Normalise, samples: &mut [f32]) {
    match how {
        Normalise::None => {}
        Normalise::MinMax => {
            let least = samples.iter().copied().fold(f32::INFINITY, f32::min);
            samples.iter_mut().for_each(|x| *x -= least);
            let most = samples.iter().copied().fold(0.0, f32::max) + 1e-6;
            samples.iter_mut().for_each(|x| *x = (*x / most - 0.5) * 2.0);
        }
        Normalise::MeanDeviation => {
            let count = samples.len().max(1) as f64;
            let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let squares = samples.iter().map(|&x| (f64::from(x) - mean).powi(2));
            let deviation = (squares.sum::<f64>() / count + 1e-7).sqrt();
            for x in samples {
                *x = ((f64::from(*x) - mean) / deviation) as f32;
            }
        }
    }
}

/// One spectrogram.
#[derive(Clone)]
struct Branch {
    hop: usize,
    exponent: f32,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    mel: MelFilterBank,
    used: Range<usize>,
    input: Vec<f32>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    bins: Vec<f32>,
    powers: Vec<f32>,
}

impl Branch {
    fn new(spec: &Spectrogram, rate: SampleRate) -> Result<Self, FrontendError> {
        let mel = MelFilterBank::htk(spec.bands, spec.low_hz..spec.high_hz, spec.frame_samples, rate)?;
        let fft = RealFftPlanner::new().plan_fft_forward(spec.frame_samples);
        Ok(Self {
            hop: spec.hop_samples,
            exponent: spec.exponent,
            window: periodic_hann(spec.frame_samples, 1.0),
            used: mel.used_bins(),
            mel,
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            bins: Vec::new(),
            powers: Vec::new(),
            fft,
        })
    }

    fn bands(&self) -> usize {
        self.mel.bands()
    }

    /// Whole frames in so many samples.
    fn frames(&self, samples: usize) -> usize {
        let beyond = samples.checked_sub(self.window.len());
        beyond.map_or(0, |beyond| beyond / self.hop + 1)
    }

    /// The bands of frame `index`, from low to high: the real part of the spectrum, summed by the
    /// mel bands, squared, to the power of the exponent.
    #[expect(clippy::expect_used, reason = "lengths that `new` made equal")]
    fn frame(&mut self, samples: &[f32], index: usize) -> &[f32] {
        let sound = &samples[index * self.hop..];
        for ((out, &sample), &weight) in self.input.iter_mut().zip(sound).zip(&self.window) {
            *out = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch)
            .expect("the buffers were made by this very plan");
        self.bins.clear();
        self.bins.extend(self.output[self.used.clone()].iter().map(|bin| bin.re));
        self.powers.clear();
        self.mel.apply(&self.bins, &mut self.powers);
        for x in &mut self.powers {
            *x = exp(self.exponent * ln((*x * *x).max(f32::MIN_POSITIVE)));
        }
        &self.powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(normalise: Normalise) -> WindowFrontend {
        let spec = Waveform {
            sample_scale: 1.0,
            normalise,
            window_samples: None,
            spectrogram: Vec::new(),
        };
        let rate = SampleRate::new(48_000).unwrap();
        WindowFrontend::new(&spec, rate).unwrap().unwrap()
    }

    fn of(front: &mut WindowFrontend, samples: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        front.apply(samples, &mut out);
        out
    }

    #[test]
    fn windows_are_normalised_by_their_range_or_deviation() {
        let range = of(&mut front(Normalise::MinMax), &[0.25, -0.25, 0.0, f32::NAN]);
        for (x, expected) in range.iter().zip([1.0, -1.0, 0.0, 0.0]) {
            assert!((x - expected).abs() < 1e-5, "{range:?}");
        }
        assert_eq!(of(&mut front(Normalise::MinMax), &[0.0; 3]), [-1.0; 3]);
        let deviation = of(&mut front(Normalise::MeanDeviation), &[3.0, 1.0]);
        for (x, expected) in deviation.iter().zip([1.0, -1.0]) {
            assert!((x - expected).abs() < 1e-5, "{deviation:?}");
        }
        assert_eq!(of(&mut front(Normalise::MeanDeviation), &[0.5; 3]), [0.0; 3]);
    }

    #[test]
    fn a_spectrogram_is_the_real_part_in_bands_to_a_power() {
        let branch = Spectrogram {
            frame_samples: 64,
            hop_samples: 30,
            bands: 4,
            low_hz: 500.0,
            high_hz: 20_000.0,
            exponent: 0.25,
        };
        let spec = Waveform {
            sample_scale: 1.0,
            normalise: Normalise::None,
            window_samples: Some(130),
            spectrogram: vec![branch.clone(), Spectrogram { hop_samples: 33, ..branch }],
        };
        let rate = SampleRate::new(48_000).unwrap();
        let mut front = WindowFrontend::new(&spec, rate).unwrap().unwrap();
        let samples: Vec<f32> = (0..130).map(|i| ((i * i) as f32 * 0.01).sin()).collect();
        let out = of(&mut front, &samples);
        assert_eq!(out.len(), 3 * 4 * 2);
        // By the definition, in double precision.
        let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
        let edge = |i: usize| mel(500.0) + (mel(20_000.0) - mel(500.0)) * i as f64 / 5.0;
        for (which, hop) in [30, 33].into_iter().enumerate() {
            for frame in 0..3 {
                for band in 0..4 {
                    let mut sum = 0.0;
                    for bin in 1..=32 {
                        let at = mel(bin as f64 * 750.0);
                        let rise = (at - edge(band)) / (edge(band + 1) - edge(band));
                        let fall = (edge(band + 2) - at) / (edge(band + 2) - edge(band + 1));
                        let weight = rise.min(fall).max(0.0);
                        for n in 0..64 {
                            let angle = std::f64::consts::TAU * n as f64 / 64.0;
                            let hann = 0.5 - 0.5 * angle.cos();
                            let sample = f64::from(samples[frame * hop + n]);
                            sum += weight * sample * hann * (angle * bin as f64).cos();
                        }
                    }
                    let expected = (sum * sum).powf(0.25);
                    let actual = f64::from(out[(frame * 4 + 3 - band) * 2 + which]);
                    assert!((actual - expected).abs() < 1e-4, "{actual} {expected}");
                }
            }
        }
    }
}
