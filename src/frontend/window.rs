//! The input of graphs that take a whole window of samples: normalisation, and power spectrograms
//! if the card asks for them.
//!
//! Both depend on all samples of a window. So two windows share nothing, and such a graph runs
//! window by window.

use std::sync::Arc;

use realfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::FrontendError;
use super::hann::periodic_hann;
use super::logarithm::{exp, ln};
use super::mel::MelFilterBank;
use super::wide::wide;
use crate::model::{Normalise, Spectrogram, Waveform};
use crate::resample::append_repaired;
use crate::signal::SampleRate;

/// Frames that are computed together, one a lane of the widest registers.
const LANES: usize = 16;

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
        if !spec.needs_windows() {
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
        wide(|| {
            if self.scale != 1.0 {
                self.samples.iter_mut().for_each(|x| *x *= self.scale);
            }
            normalise(self.normalise, &mut self.samples);
        });
        if self.branches.is_empty() {
            out.extend_from_slice(&self.samples);
            return;
        }
        let frames = self
            .branches
            .iter()
            .map(|branch| branch.spec.frames(window.len()));
        let (frames, count) = (frames.min().unwrap_or(0), self.branches.len());
        let start = out.len();
        let bands = self.branches.first().map_or(0, |branch| branch.spec.bands);
        out.resize(start + frames * bands * count, 0.0);
        let out = &mut out[start..];
        for (index, branch) in self.branches.iter_mut().enumerate() {
            for first in (0..frames).step_by(LANES) {
                let together = LANES.min(frames - first);
                branch.bands_of(&self.samples, first, together);
                let rows = out[first * bands * count..].chunks_exact_mut(bands * count);
                for (lane, row) in rows.take(together).enumerate() {
                    let places = row.iter_mut().skip(index).step_by(count);
                    // From high to low.
                    for (place, powers) in places.zip(branch.powers.iter().rev()) {
                        *place = powers[lane];
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn normalise(how: Normalise, samples: &mut [f32]) {
    match how {
        Normalise::None => {}
        Normalise::MinMax => {
            // Several at a time, which compilers turn into vector code.
            let (mut least, mut most) = ([f32::MAX; LANES], [f32::MIN; LANES]);
            for lanes in samples.chunks(LANES) {
                for ((x, least), most) in lanes.iter().zip(&mut least).zip(&mut most) {
                    *least = if x < least { *x } else { *least };
                    *most = if x > most { *x } else { *most };
                }
            }
            let least = least.into_iter().fold(f32::MAX, f32::min);
            let most = most.into_iter().fold(f32::MIN, f32::max) - least + 1e-6;
            samples
                .iter_mut()
                .for_each(|x| *x = ((*x - least) / most - 0.5) * 2.0);
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
///
/// The real part of a spectrum is the spectrum of the even part of the frame, which is real. So one
/// complex FFT gives the real parts of two frames: the even part of one is the real part of its
/// input, that of the other the imaginary part.
#[derive(Clone)]
struct Branch {
    spec: Spectrogram,
    /// Half the window, from 0 to the middle of a frame.
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    mel: MelFilterBank,
    pair: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The used bins of the frames, one frame a lane.
    bins: Vec<[f32; LANES]>,
    /// The bands of the frames, from low to high.
    powers: Vec<[f32; LANES]>,
}

impl Branch {
    fn new(spec: &Spectrogram, rate: SampleRate) -> Result<Self, FrontendError> {
        let edges = spec.low_hz..spec.high_hz;
        let mel = MelFilterBank::htk(spec.bands, edges, spec.frame_samples, rate)?;
        let fft = FftPlanner::new().plan_fft_forward(spec.frame_samples);
        // The even part is half the sum of two samples.
        let mut window = periodic_hann(spec.frame_samples, 0.5);
        window.truncate(spec.frame_samples / 2 + 1);
        Ok(Self {
            spec: spec.clone(),
            window,
            pair: vec![Complex::default(); spec.frame_samples],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            bins: vec![[0.0; LANES]; mel.used_bins().len()],
            powers: vec![[0.0; LANES]; spec.bands],
            mel,
            fft,
        })
    }

    /// Computes the bands of frames `first` to `first + count`, up to [`LANES`] of them: the real
    /// part of the spectrum, summed by the mel bands, squared, to the power of the exponent.
    fn bands_of(&mut self, samples: &[f32], first: usize, count: usize) {
        let size = self.spec.frame_samples;
        for lane in (0..count).step_by(2) {
            let frame = |lane: usize| {
                let start = (first + lane.min(count - 1)) * self.spec.hop_samples;
                &samples[start..start + size]
            };
            let (a, b) = (frame(lane), frame(lane + 1));
            let (pair, window) = (&mut self.pair, &self.window);
            wide(|| even_parts(a, b, window, pair));
            self.fft
                .process_with_scratch(&mut self.pair, &mut self.scratch);
            let used = &self.pair[self.mel.used_bins()];
            for (lanes, bin) in self.bins.iter_mut().zip(used) {
                lanes[lane] = bin.re;
                lanes[lane + 1] = bin.im;
            }
        }
        let (mel, bins, powers) = (&self.mel, &self.bins, &mut self.powers);
        let exponent = self.spec.exponent;
        wide(|| {
            for (band, powers) in powers.iter_mut().enumerate() {
                mel.sum(band, bins, powers);
                for x in powers {
                    *x = exp(exponent * ln((*x * *x).max(f32::MIN_POSITIVE)));
                }
            }
        });
    }
}

/// The even parts of two frames under the window, as the real and the imaginary parts of `pair`.
#[inline(always)]
fn even_parts(a: &[f32], b: &[f32], window: &[f32], pair: &mut [Complex<f32>]) {
    let size = pair.len();
    let half = |frame: &[f32], n: usize| (frame[n] + frame[(size - n) % size]) * window[n];
    pair[0] = Complex::new(half(a, 0), half(b, 0));
    let (front, back) = pair.split_at_mut(size / 2 + 1);
    let mirrored = back.iter_mut().rev();
    let a = a[1..].iter().zip(a[1..].iter().rev());
    let b = b[1..].iter().zip(b[1..].iter().rev());
    let halves = a.zip(b).zip(&window[1..]);
    for (((a, b), weight), place) in halves.zip(&mut front[1..]) {
        *place = Complex::new((a.0 + a.1) * weight, (b.0 + b.1) * weight);
    }
    for (place, value) in mirrored.zip(&front[1..]) {
        *place = *value;
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
        assert_eq!(
            of(&mut front(Normalise::MeanDeviation), &[0.5; 3]),
            [0.0; 3]
        );
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
            spectrogram: vec![
                branch.clone(),
                Spectrogram {
                    hop_samples: 33,
                    ..branch
                },
            ],
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
