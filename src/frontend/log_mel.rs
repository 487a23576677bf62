//! The log-mel spectrogram: Hann window, real FFT, mel bands, logarithm.
//!
//! The parameters come from a backbone's card, so that frames agree with those that the
//! backbone was trained on. tests/it/frontend_golden.rs checks agreement to 1e-3. Each frame
//! costs one FFT. The graphs that ship with backbones compute the Fourier transform as a dense
//! matrix instead.
//!
//! This stage neither pads nor normalises. The caller pads a clip that is too short by the
//! card's rule, before this stage.

use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::FrontendError;
use super::hann::periodic_hann;
use super::logarithm::Logarithm;
use super::mel::{MAX_BANDS, MAX_FFT_SIZE, MelFilterBank};
use crate::model::{LogMel, Spectrum};
use crate::resample::append_repaired;
use crate::signal::SampleRate;

/// Longest hop, in samples: over a minute at 16 kHz.
const MAX_HOP_SAMPLES: usize = 1 << 20;
/// Number of samples processed at once; bounds the buffer.
const BLOCK_SAMPLES: usize = 4096;

/// An incremental log-mel front end: samples in, frames of `bands` numbers out.
///
/// Frame `i` covers samples `[i * hop, i * hop + frame)` of everything pushed since
/// construction or [`reset`](Self::reset). The push that completes a frame appends it. The
/// sizes of the pushes do not change a bit of the output. Full scale of the samples is
/// `[-1, 1]`. A non-finite sample becomes 0, and a sample beyond ±64 is clamped, so every
/// output is finite.
///
/// ```
/// use afield::frontend::LogMelFrontend;
/// use afield::model::Card;
///
/// let card: Card = toml::from_str(include_str!("../../models/speech-embedding.toml"))?;
/// let mut frontend = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate)?;
/// let mut frames = Vec::new();
/// frontend.push(&[0.0; 512 + 3 * 160], &mut frames);
/// assert_eq!(frames.len(), 4 * frontend.bands());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LogMelFrontend {
    rate: SampleRate,
    frame_samples: usize,
    hop_samples: usize,
    spectrum: Spectrum,
    window_offset: usize,
    /// The window, multiplied by the card's sample scale.
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    mel: MelFilterBank,
    log: Logarithm,
    /// Samples from the start of the next frame.
    pending: Vec<f32>,
    /// Number of samples to drop before the next frame starts; above 0 only when hop > frame.
    skip: usize,
    fft_input: Vec<f32>,
    fft_output: Vec<Complex<f32>>,
    fft_scratch: Vec<Complex<f32>>,
    energies: Vec<f32>,
    repaired_samples: u64,
}

impl LogMelFrontend {
    /// The front end of a card, for samples at `rate`.
    ///
    /// # Errors
    /// [`FrontendError`] when a size is zero or beyond 65,536 (FFT), 1024
    /// (bands) or 2^20 (hop), when not `window_offset + window <= frame <= fft`,
    /// when not `0 <= low < high <= rate / 2`, or when a scale, gain, shift or
    /// floor is not finite.
    pub fn new(spec: &LogMel, rate: SampleRate) -> Result<Self, FrontendError> {
        check_size("fft-size", spec.fft_size, 2, MAX_FFT_SIZE)?;
        check_size("frame-samples", spec.frame_samples, 1, spec.fft_size)?;
        check_size("window-samples", spec.window_samples, 1, spec.frame_samples)?;
        let most_offset = spec.frame_samples - spec.window_samples;
        check_size("window-offset", spec.window_offset, 0, most_offset)?;
        check_size("hop-samples", spec.hop_samples, 1, MAX_HOP_SAMPLES)?;
        check_size("bands", spec.bands, 1, MAX_BANDS)?;
        // NaN is in no range.
        if !(1e-6..=1e6).contains(&spec.sample_scale) {
            return Err(FrontendError::Value {
                field: "sample-scale",
                actual: spec.sample_scale.into(),
                expected: "1e-6 to 1e6",
            });
        }
        let fft = RealFftPlanner::new().plan_fft_forward(spec.fft_size);
        Ok(Self {
            rate,
            frame_samples: spec.frame_samples,
            hop_samples: spec.hop_samples,
            spectrum: spec.spectrum,
            window_offset: spec.window_offset,
            window: periodic_hann(spec.window_samples, spec.sample_scale),
            mel: MelFilterBank::new(spec, rate)?,
            log: Logarithm::new(spec.log, spec.gain, spec.shift)?,
            pending: Vec::with_capacity(spec.frame_samples + BLOCK_SAMPLES),
            skip: 0,
            fft_input: fft.make_input_vec(),
            fft_output: fft.make_output_vec(),
            fft_scratch: fft.make_scratch_vec(),
            energies: Vec::with_capacity(spec.fft_size / 2 + 1),
            repaired_samples: 0,
            fft,
        })
    }

    /// Reads samples and appends every completed frame of `bands` values, oldest first.
    /// Allocates only if `frames` has to grow.
    pub fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        for block in samples.chunks(BLOCK_SAMPLES) {
            let skipped = self.skip.min(block.len());
            self.skip -= skipped;
            let block = block.get(skipped..).unwrap_or_default();
            self.repaired_samples += append_repaired(block, &mut self.pending);

            let mut start = 0;
            while self.pending.len() >= start + self.frame_samples {
                self.append_frame(start, frames);
                start += self.hop_samples;
            }
            self.skip += start.saturating_sub(self.pending.len());
            self.pending.drain(..start.min(self.pending.len()));
        }
    }

    /// Discards all samples: the next one pushed is sample 0.
    pub fn reset(&mut self) {
        self.pending.clear();
        self.skip = 0;
        self.repaired_samples = 0;
    }

    /// Number of mel bands, which is the length of an output frame.
    pub fn bands(&self) -> usize {
        self.mel.bands()
    }

    /// Number of bins of the FFT, `fft_size / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.mel.bins()
    }

    /// The triangular filter of mel band `band`: its first bin, and one weight a bin. A band
    /// narrower than a bin may contain no bin; its filter gives 0, as in librosa and TensorFlow.
    /// `None` if the band does not exist.
    pub fn band(&self, band: usize) -> Option<(usize, &[f32])> {
        self.mel.band(band)
    }

    /// Number of samples between the starts of consecutive frames.
    pub fn hop_samples(&self) -> usize {
        self.hop_samples
    }

    /// Number of samples that a frame covers.
    pub fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// The sample rate that the front end was built for.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Number of invalid samples that were replaced since the start or the last
    /// [`reset`](Self::reset): non-finite ones by 0, those beyond the limit by the limit.
    pub fn repaired_samples(&self) -> u64 {
        self.repaired_samples
    }

    #[expect(clippy::expect_used, reason = "lengths that `new` made equal")]
    fn append_frame(&mut self, start: usize, frames: &mut Vec<f32>) {
        // A shift in time changes only the phases. The windowed samples therefore go to the
        // front of the FFT, wherever the window lies in the frame.
        let first = start + self.window_offset;
        let sound = &self.pending[first..first + self.window.len()];
        let (windowed, zeros) = self.fft_input.split_at_mut(self.window.len());
        for ((out, &sample), &weight) in windowed.iter_mut().zip(sound).zip(&self.window) {
            *out = sample * weight;
        }
        // The transform uses its input as scratch.
        zeros.fill(0.0);
        self.fft
            .process_with_scratch(
                &mut self.fft_input,
                &mut self.fft_output,
                &mut self.fft_scratch,
            )
            .expect("the buffers were made by this very plan");

        let bins = self.fft_output[self.mel.used_bins()].iter();
        self.energies.clear();
        match self.spectrum {
            Spectrum::Power => self.energies.extend(bins.map(Complex::norm_sqr)),
            Spectrum::Magnitude => self.energies.extend(bins.map(|x| x.norm_sqr().sqrt())),
        }
        let frame = frames.len();
        self.mel.apply(&self.energies, frames);
        self.log.apply(&mut frames[frame..]);
    }
}

impl fmt::Debug for LogMelFrontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMelFrontend")
            .field("rate", &self.rate)
            .field("frame_samples", &self.frame_samples)
            .field("hop_samples", &self.hop_samples)
            .field("bands", &self.bands())
            .finish_non_exhaustive()
    }
}

pub(super) fn check_size(
    field: &'static str,
    actual: usize,
    min: usize,
    max: usize,
) -> Result<(), FrontendError> {
    if (min..=max).contains(&actual) {
        Ok(())
    } else {
        Err(FrontendError::Size {
            field,
            actual,
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Card, Log};

    fn card() -> Card {
        toml::from_str(include_str!("../../models/speech-embedding.toml")).unwrap()
    }

    fn frames_of(spec: &LogMel, samples: &[f32]) -> Vec<f32> {
        let mut frontend = LogMelFrontend::new(spec, card().sample_rate).unwrap();
        let mut frames = Vec::new();
        frontend.push(samples, &mut frames);
        frames
    }

    fn noise(samples: usize) -> Vec<f32> {
        let mut state = 1u32;
        (0..samples)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn the_loudest_band_of_a_tone_is_the_one_around_it() {
        let spec = card().log_mel().unwrap().clone();
        let bank = MelFilterBank::new(&spec, card().sample_rate).unwrap();
        for hz in [200.0, 700.0, 1500.0, 3000.0f32] {
            let tone: Vec<f32> = (0..512)
                .map(|n| (std::f32::consts::TAU * hz * n as f32 / 16_000.0).sin())
                .collect();
            let frame = frames_of(&spec, &tone);
            let loudest = (0..frame.len()).max_by(|&a, &b| frame[a].total_cmp(&frame[b]));
            let (first, weights) = bank.band(loudest.unwrap()).unwrap();
            let bin = hz * 512.0 / 16_000.0;
            assert!((first as f32 - 1.0..=(first + weights.len()) as f32).contains(&bin));
        }
    }

    #[test]
    fn doubling_the_amplitude_adds_six_decibels() {
        let spec = card().log_mel().unwrap().clone();
        let quiet = noise(512);
        let loud: Vec<f32> = quiet.iter().map(|s| s * 2.0).collect();
        for (a, b) in frames_of(&spec, &quiet).iter().zip(frames_of(&spec, &loud)) {
            assert!((b - a - 0.602_06).abs() < 1e-5, "gain 0.1 times 6.0206 dB");
        }
    }

    #[test]
    fn a_hop_longer_than_the_frame_skips_samples() {
        let mut spec = card().log_mel().unwrap().clone();
        spec.hop_samples = 5_000;
        let samples = noise(20_000);
        let frames = frames_of(&spec, &samples);
        assert_eq!(frames.len(), 4 * 32);
        for i in 0..4 {
            let alone = frames_of(&spec, &samples[i * 5_000..i * 5_000 + 512]);
            assert_eq!(frames[i * 32..(i + 1) * 32], alone);
        }
    }

    #[test]
    fn outputs_are_finite_for_every_sample() {
        for log in [
            card().log_mel().unwrap().log,
            Log::LnOffset { offset: 1e-30 },
        ] {
            let mut spec = card().log_mel().unwrap().clone();
            spec.log = log;
            spec.sample_scale = 1e6;
            let mut frontend = LogMelFrontend::new(&spec, card().sample_rate).unwrap();
            let mut frames = Vec::new();
            let worst = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, 1e-45, -0.0];
            let samples: Vec<f32> = worst.iter().copied().cycle().take(6_000).collect();
            frontend.push(&samples, &mut frames);
            frontend.push(&[0.0; 2_000], &mut frames);
            assert!(frames.iter().all(|x| x.is_finite()));
            assert_eq!(frontend.repaired_samples(), 4_000);
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_samples() {
        let mut frontend =
            LogMelFrontend::new(card().log_mel().unwrap(), card().sample_rate).unwrap();
        let samples = noise(16_000);
        let mut frames = Vec::new();
        frontend.push(&samples, &mut frames);
        let before = (
            frontend.pending.capacity(),
            frontend.energies.capacity(),
            frames.capacity(),
        );
        let pointer = frontend.pending.as_ptr();
        for cut in 0..200 {
            frames.clear();
            frontend.push(&samples[..(cut * 79) % 16_000], &mut frames);
        }
        let after = (
            frontend.pending.capacity(),
            frontend.energies.capacity(),
            frames.capacity(),
        );
        assert_eq!(before, after);
        assert_eq!(pointer, frontend.pending.as_ptr());
    }

    #[test]
    fn reset_discards_earlier_samples() {
        let mut frontend =
            LogMelFrontend::new(card().log_mel().unwrap(), card().sample_rate).unwrap();
        let mut frames = Vec::new();
        frontend.push(&noise(700), &mut frames);
        frontend.reset();
        frames.clear();
        frontend.push(&noise(1_000), &mut frames);
        assert_eq!(frames, frames_of(card().log_mel().unwrap(), &noise(1_000)));
    }

    #[test]
    fn invalid_fields_of_a_card_are_named() {
        let field_of = |change: &dyn Fn(&mut LogMel)| {
            let mut spec = card().log_mel().unwrap().clone();
            change(&mut spec);
            match LogMelFrontend::new(&spec, card().sample_rate) {
                Err(FrontendError::Size { field, .. } | FrontendError::Value { field, .. }) => {
                    field
                }
                Err(FrontendError::BandEdges { .. }) => "edges",
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(field_of(&|s| s.fft_size = 0), "fft-size");
        assert_eq!(field_of(&|s| s.fft_size = 65_537), "fft-size");
        assert_eq!(field_of(&|s| s.frame_samples = 513), "frame-samples");
        assert_eq!(field_of(&|s| s.window_samples = 0), "window-samples");
        assert_eq!(
            field_of(&|s| s.window_samples = usize::MAX),
            "window-samples"
        );
        assert_eq!(field_of(&|s| s.window_offset = 113), "window-offset");
        assert_eq!(field_of(&|s| s.hop_samples = 0), "hop-samples");
        assert_eq!(field_of(&|s| s.bands = 0), "bands");
        assert_eq!(field_of(&|s| s.bands = 1_025), "bands");
        assert_eq!(field_of(&|s| s.sample_scale = f32::NAN), "sample-scale");
        assert_eq!(field_of(&|s| s.sample_scale = 0.0), "sample-scale");
        assert_eq!(field_of(&|s| s.gain = f32::INFINITY), "gain");
        assert_eq!(field_of(&|s| s.high_hz = 8_001.0), "edges");
    }
}
