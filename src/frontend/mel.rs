//! Triangular mel filter banks, stored sparsely.
//!
//! A triangle covers a few dozen of hundreds of FFT bins, so each band stores only its first
//! bin and its weights. Two families of filter banks are in use, and they differ in more than
//! the mel formula. Slaney's (M. Slaney, Auditory Toolbox, 1998; librosa's default) draws
//! triangles in Hz. HTK's (S. Young et al., The HTK Book;
//! `tf.signal.linear_to_mel_weight_matrix`) draws them in mel and leaves the DC bin out.

use std::ops::Range;

use super::FrontendError;
use super::log_mel::check_size;
use crate::model::{LogMel, MelScale};
use crate::signal::SampleRate;

/// Largest number of bands in a bank.
pub(super) const MAX_BANDS: usize = 1024;
/// Longest FFT.
pub(super) const MAX_FFT_SIZE: usize = 65_536;

/// A bank of triangular filters over the `fft_size / 2 + 1` bins of a real FFT.
///
/// A band narrower than a bin may contain no bin. Its output is then 0, as in librosa and
/// TensorFlow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MelFilterBank {
    bins: usize,
    bands: Vec<Band>,
    /// The weights of all bands, concatenated.
    weights: Vec<f32>,
    used_bins: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Band {
    first_bin: usize,
    first_weight: usize,
    len: usize,
}

impl MelFilterBank {
    /// The filter bank of a card: `bands` triangles between `low_hz` and `high_hz`, for FFTs of
    /// `fft_size` at `rate`. With `area_norm`, each triangle is scaled to unit area in Hz
    /// (`2 / (upper edge - lower edge)`). Without it, each triangle peaks at 1.
    ///
    /// # Errors
    /// [`FrontendError::Size`] for `bands` outside 1..=1024 or `fft_size`
    /// outside 2..=65536; [`FrontendError::BandEdges`] unless
    /// `0 <= low < high <= rate / 2`.
    pub(super) fn new(spec: &LogMel, rate: SampleRate) -> Result<Self, FrontendError> {
        Self::triangles(
            spec.mel_scale,
            spec.bands,
            spec.low_hz..spec.high_hz,
            spec.fft_size,
            rate,
            spec.area_norm,
        )
    }

    /// HTK's bank, each triangle with a peak of 1.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn htk(
        bands: usize,
        edges_hz: Range<f64>,
        fft_size: usize,
        rate: SampleRate,
    ) -> Result<Self, FrontendError> {
        Self::triangles(MelScale::Htk, bands, edges_hz, fft_size, rate, false)
    }

    fn triangles(
        scale: MelScale,
        bands: usize,
        edges_hz: Range<f64>,
        fft_size: usize,
        rate: SampleRate,
        area_norm: bool,
    ) -> Result<Self, FrontendError> {
        let (low_hz, high_hz) = (edges_hz.start, edges_hz.end);
        check_size("bands", bands, 1, MAX_BANDS)?;
        check_size("fft-size", fft_size, 2, MAX_FFT_SIZE)?;
        let nyquist_hz = f64::from(rate.hz()) / 2.0;
        // This form also rejects NaN.
        if !(low_hz >= 0.0 && low_hz < high_hz && high_hz <= nyquist_hz) {
            return Err(FrontendError::BandEdges {
                low_hz,
                high_hz,
                nyquist_hz,
            });
        }
        let bins = fft_size / 2 + 1;
        let hz_of_bin = |bin: usize| bin as f64 * f64::from(rate.hz()) / fft_size as f64;
        let (low_mel, high_mel) = (hz_to_mel(scale, low_hz), hz_to_mel(scale, high_hz));
        let mel_edge = |i: usize| low_mel + (high_mel - low_mel) * i as f64 / (bands + 1) as f64;

        let mut bank = Self {
            bins,
            bands: Vec::with_capacity(bands),
            weights: Vec::new(),
            used_bins: 0..0,
        };
        for band in 0..bands {
            let edges_mel = [mel_edge(band), mel_edge(band + 1), mel_edge(band + 2)];
            let edges_hz = edges_mel.map(|mel| mel_to_hz(scale, mel));
            let norm = if area_norm {
                2.0 / (edges_hz[2] - edges_hz[0])
            } else {
                1.0
            };
            let weight = |bin: usize| {
                let height = match scale {
                    MelScale::Slaney => triangle(edges_hz, hz_of_bin(bin)),
                    MelScale::Htk if bin == 0 => 0.0,
                    MelScale::Htk => triangle(edges_mel, hz_to_mel(scale, hz_of_bin(bin))),
                };
                (height * norm) as f32
            };
            bank.push_band((0..bins).map(weight));
        }
        let used = || bank.bands.iter().filter(|band| band.len > 0);
        let start = used().map(|b| b.first_bin).min().unwrap_or(0);
        let end = used().map(|b| b.first_bin + b.len).max().unwrap_or(start);
        bank.used_bins = start..end;
        Ok(bank)
    }

    fn push_band(&mut self, weights: impl Iterator<Item = f32>) {
        let first_weight = self.weights.len();
        let mut first_bin = 0;
        for (bin, weight) in weights.enumerate() {
            if weight > 0.0 && weight.is_finite() {
                if self.weights.len() == first_weight {
                    first_bin = bin;
                }
                // Triangles are convex, so no zero lies between two weights.
                self.weights.push(weight);
            }
        }
        self.bands.push(Band {
            first_bin,
            first_weight,
            len: self.weights.len() - first_weight,
        });
    }

    /// Number of bands.
    pub(super) fn bands(&self) -> usize {
        self.bands.len()
    }

    /// Number of FFT bins, `fft_size / 2 + 1`.
    pub(super) fn bins(&self) -> usize {
        self.bins
    }

    /// The first bin and the weights of band `band`, one weight a bin. `None` if the band does
    /// not exist.
    pub(super) fn band(&self, band: usize) -> Option<(usize, &[f32])> {
        let Band {
            first_bin,
            first_weight,
            len,
        } = *self.bands.get(band)?;
        let weights = self.weights.get(first_weight..first_weight + len)?;
        Some((first_bin, weights))
    }

    /// Half-open range of the bins that have a weight in any band.
    pub(super) fn used_bins(&self) -> Range<usize> {
        self.used_bins.clone()
    }

    /// The weighted sums of band `band` for several frames at once. `spectra[i]` holds bin
    /// `used_bins().start + i` of each.
    #[inline(always)]
    pub(super) fn sum<const N: usize>(
        &self,
        band: usize,
        spectra: &[[f32; N]],
        sums: &mut [f32; N],
    ) {
        *sums = [0.0; N];
        if let Some((first_bin, weights)) = self.band(band) {
            let first = first_bin.saturating_sub(self.used_bins.start);
            for (weight, bins) in weights.iter().zip(&spectra[first..]) {
                for (sum, bin) in sums.iter_mut().zip(bins) {
                    *sum += weight * bin;
                }
            }
        }
    }

    /// Appends one weighted sum a band. `spectrum[i]` is bin `used_bins().start + i`.
    pub(super) fn apply(&self, spectrum: &[f32], out: &mut Vec<f32>) {
        out.extend(self.bands.iter().map(|band| {
            let weights = &self.weights[band.first_weight..band.first_weight + band.len];
            let first = band.first_bin.saturating_sub(self.used_bins.start);
            dot(weights, &spectrum[first..first + band.len])
        }));
    }
}

/// A dot product in eight running sums. With a single sum, each addition would wait for the
/// previous one.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let pairs = [
        sums[0] + sums[4],
        sums[1] + sums[5],
        sums[2] + sums[6],
        sums[3] + sums[7],
    ];
    (pairs[0] + pairs[2]) + (pairs[1] + pairs[3]) + tail
}

/// Height at `x` of the triangle that rises from `edges[0]` to 1 at `edges[1]`
/// and falls to `edges[2]`.
fn triangle(edges: [f64; 3], x: f64) -> f64 {
    let rising = (x - edges[0]) / (edges[1] - edges[0]);
    let falling = (edges[2] - x) / (edges[2] - edges[1]);
    rising.min(falling).max(0.0)
}

/// The point where Slaney's scale changes from linear to logarithmic, in Hz and in mel.
const SLANEY_BREAK_HZ: f64 = 1000.0;
const SLANEY_BREAK_MEL: f64 = 15.0;
const SLANEY_HZ_PER_MEL: f64 = SLANEY_BREAK_HZ / SLANEY_BREAK_MEL;

/// Logarithmic step of Slaney's scale: 27 mel for a factor of 6.4.
fn slaney_log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn hz_to_mel(scale: MelScale, hz: f64) -> f64 {
    match scale {
        MelScale::Htk => 1127.0 * (hz / 700.0).ln_1p(),
        MelScale::Slaney if hz < SLANEY_BREAK_HZ => hz / SLANEY_HZ_PER_MEL,
        MelScale::Slaney => SLANEY_BREAK_MEL + (hz / SLANEY_BREAK_HZ).ln() / slaney_log_step(),
    }
}

fn mel_to_hz(scale: MelScale, mel: f64) -> f64 {
    match scale {
        MelScale::Htk => 700.0 * (mel / 1127.0).exp_m1(),
        MelScale::Slaney if mel < SLANEY_BREAK_MEL => mel * SLANEY_HZ_PER_MEL,
        MelScale::Slaney => SLANEY_BREAK_HZ * ((mel - SLANEY_BREAK_MEL) * slaney_log_step()).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Card;

    fn spec(mel_scale: MelScale, area_norm: bool, low_hz: f64, high_hz: f64) -> LogMel {
        let card: Card = toml::from_str(include_str!("../../models/yamnet.toml")).unwrap();
        LogMel {
            mel_scale,
            area_norm,
            low_hz,
            high_hz,
            bands: 40,
            ..card.log_mel().unwrap().clone()
        }
    }

    fn bank(scale: MelScale, area_norm: bool, low_hz: f64, high_hz: f64) -> MelFilterBank {
        let rate = SampleRate::new(16_000).unwrap();
        MelFilterBank::new(&spec(scale, area_norm, low_hz, high_hz), rate).unwrap()
    }

    #[test]
    fn both_mel_scales_invert() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            for hz in [0.0, 60.0, 999.0, 1000.0, 3800.0, 7500.0] {
                assert!((mel_to_hz(scale, hz_to_mel(scale, hz)) - hz).abs() < 1e-9);
            }
        }
        // Published fixed points: 1000 Hz is 15 mel in Slaney's scale and
        // 1000 mel, nearly, in HTK's.
        assert_eq!(hz_to_mel(MelScale::Slaney, 1000.0), 15.0);
        assert!((hz_to_mel(MelScale::Htk, 1000.0) - 999.99).abs() < 0.01);
    }

    #[test]
    fn an_area_normalised_triangle_has_unit_area_in_hz() {
        let bank = bank(MelScale::Slaney, true, 2000.0, 8000.0);
        let hz_per_bin = 16_000.0 / 512.0;
        for band in 0..bank.bands() {
            let (_, weights) = bank.band(band).unwrap();
            let area = f64::from(weights.iter().sum::<f32>()) * hz_per_bin;
            // Sampling a triangle on a coarse grid loses a little of its area.
            assert!((area - 1.0).abs() < 0.15, "band {band} has area {area}");
        }
    }

    #[test]
    fn the_dc_bin_belongs_to_no_htk_band() {
        let bank = bank(MelScale::Htk, false, 0.0, 8000.0);
        assert!(bank.used_bins().start >= 1);
    }

    #[test]
    fn applying_the_bank_equals_the_dense_product() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            let bank = bank(scale, false, 100.0, 8000.0);
            let spectrum: Vec<f32> = (0..bank.bins()).map(|i| (i * i % 97) as f32).collect();
            let mut sums = Vec::new();
            bank.apply(&spectrum[bank.used_bins()], &mut sums);
            for (band, &sum) in sums.iter().enumerate() {
                let (first, weights) = bank.band(band).unwrap();
                let dense: f64 = weights
                    .iter()
                    .enumerate()
                    .map(|(i, &w)| f64::from(w) * f64::from(spectrum[first + i]))
                    .sum();
                assert!((f64::from(sum) - dense).abs() <= 1e-5 * dense.max(1.0));
            }
        }
    }

    #[test]
    fn impossible_band_edges_are_rejected() {
        let rate = SampleRate::new(16_000).unwrap();
        for (low, high) in [
            (0.0, 8000.1),
            (-1.0, 4000.0),
            (500.0, 500.0),
            (f64::NAN, 4000.0),
            (60.0, f64::INFINITY),
        ] {
            let bank = MelFilterBank::new(&spec(MelScale::Htk, false, low, high), rate);
            assert!(matches!(bank, Err(FrontendError::BandEdges { .. })));
        }
    }
}
