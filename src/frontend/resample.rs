//! From a source's rate to the backbone's, streaming.
//!
//! The work is done by rubato's FFT resampler: overlap-add with one linear-phase
//! low-pass as long as a block. This file adds what a stream needs around it:
//! pushes of any size, the delay taken out, an exact total length, and no
//! allocation after construction. It does not follow drifting clocks: both
//! rates are exact.
//!
//! Why the FFT and not rubato's windowed sinc: measured from 8, 11.025, 44.1, 48
//! and 96 kHz to 16 kHz on one x86-64 core (shared, best of 5), sines up to 94 %
//! of the slower Nyquist frequency come out within about -119 dB of full scale,
//! tones from 8.2 kHz up leave less than -130 dB of alias, and a second of input
//! costs 75 to 390 us. The sinc with 128 taps (linear) costs 580 to 1,300 us and
//! leaves -41 dB of an 8.5 kHz tone at 48 kHz; 256 taps (cubic) 1,900 to 3,100 us
//! and -69 dB; 512 taps (nearest) 1,500 to 2,000 us and -137 dB, where the FFT
//! leaves -144 dB. Accuracy on sines was not compared: the sinc's delay is no whole
//! number of samples, which hides everything else.

use std::fmt;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::FrontendError;
use super::repair::append_repaired;
use crate::signal::SampleRate;

/// Least block length on the slower side, in samples. It sets the trade of
/// pass band (longer is sharper) against delay (a block and a half).
const LEAST_BLOCK_SAMPLES: usize = 512;

/// A streaming sample-rate converter for one channel.
///
/// Output sample `j` lies at input time `j * from / to`: the filter's delay is
/// taken out. After [`finish`](Self::finish), `round(n * to / from)` samples
/// have come out for the `n` that went in, the ends being continued by silence.
/// How the input is cut into pushes changes no bit of the output. Non-finite
/// samples are repaired by the rule of [`LogMelFrontend`](super::LogMelFrontend)
/// before they can spread. Equal rates copy.
///
/// ```
/// use afield::frontend::Resampler;
/// use afield::signal::SampleRate;
///
/// let mut resampler = Resampler::new(SampleRate::new(44_100)?, SampleRate::new(16_000)?)?;
/// let mut out = Vec::new();
/// resampler.push(&[0.0; 44_100], &mut out);
/// resampler.finish(&mut out);
/// assert_eq!(out.len(), 16_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// `None` when the rates are equal.
    blocks: Option<Blocks>,
    samples_in: u64,
    samples_out: u64,
    repaired_samples: u64,
}

/// The block-wise converter and its buffers.
struct Blocks {
    fft: Fft<f32>,
    /// Input of the block under way, never longer than a block.
    input: Vec<f32>,
    input_block: usize,
    output: Vec<f32>,
    /// Outputs still to be dropped: the filter's delay.
    delay_left: usize,
}

impl Resampler {
    /// A converter from `from` to `to`, for any two rates.
    ///
    /// # Errors
    /// [`FrontendError::Resampler`] when the library cannot build the filter.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, FrontendError> {
        Self::with_block(from, to, LEAST_BLOCK_SAMPLES)
    }

    /// As [`Self::new`], in blocks of at least `samples` on the slower side: shorter
    /// ones delay less and cut off less sharply.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_block(
        from: SampleRate,
        to: SampleRate,
        samples: usize,
    ) -> Result<Self, FrontendError> {
        let blocks = if from == to {
            None
        } else {
            Some(Blocks::new(from, to, samples.max(1))?)
        };
        Ok(Self {
            from,
            to,
            blocks,
            samples_in: 0,
            samples_out: 0,
            repaired_samples: 0,
        })
    }

    /// Takes samples in and appends what is ready. Allocates only where `out`
    /// has to grow.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.samples_in += samples.len() as u64;
        let before = out.len();
        match &mut self.blocks {
            None => self.repaired_samples += append_repaired(samples, out),
            Some(blocks) => self.repaired_samples += blocks.push(samples, out),
        }
        self.samples_out += (out.len() - before) as u64;
    }

    /// Ends the stream: appends the rest, as if silence followed, so that
    /// `round(n * to / from)` samples have come out in all. The next push
    /// starts a new stream.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let expected = self.expected_samples();
        if let Some(blocks) = &mut self.blocks {
            while self.samples_out < expected {
                let before = out.len();
                blocks.flush(out);
                self.samples_out += (out.len() - before) as u64;
            }
        }
        // A whole block comes out at a time: the last one may be too long, but
        // never so long that an earlier push gave the surplus, since the delay
        // holds back more than a rounding can ask for.
        let surplus = usize::try_from(self.samples_out - expected).unwrap_or(0);
        out.truncate(out.len().saturating_sub(surplus));
        self.reset();
    }

    /// Forgets everything: the next push starts a new stream.
    pub fn reset(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.reset();
        }
        self.samples_in = 0;
        self.samples_out = 0;
        self.repaired_samples = 0;
    }

    /// The rate of the input.
    pub fn from(&self) -> SampleRate {
        self.from
    }

    /// The rate of the output.
    pub fn to(&self) -> SampleRate {
        self.to
    }

    /// The most samples of input that can lie inside, not yet heard of in the
    /// output; 0 for equal rates.
    pub fn latency_samples(&self) -> usize {
        self.blocks
            .as_ref()
            .map_or(0, |blocks| blocks.input_block + blocks.input_block / 2)
    }

    /// Samples of this stream that were no sound and were replaced.
    pub fn repaired_samples(&self) -> u64 {
        self.repaired_samples
    }

    fn expected_samples(&self) -> u64 {
        let (from, to) = (u128::from(self.from.hz()), u128::from(self.to.hz()));
        let rounded = (u128::from(self.samples_in) * to + from / 2) / from;
        u64::try_from(rounded).unwrap_or(u64::MAX)
    }
}

impl Blocks {
    fn new(from: SampleRate, to: SampleRate, least: usize) -> Result<Self, FrontendError> {
        let refuse = |reason: String| FrontendError::Resampler { from, to, reason };
        let (from_hz, to_hz) = (from.hz() as usize, to.hz() as usize);
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let (unit_in, unit_out) = (from_hz / divisor, to_hz / divisor);
        // An even number of units: half a block, the filter's delay, is then a
        // whole number of samples on both sides.
        let units = least.div_ceil(unit_in.min(unit_out)).next_multiple_of(2);
        let (input_block, output_block) = (units * unit_in, units * unit_out);
        let fft = Fft::new_custom(
            from_hz,
            to_hz,
            input_block,
            1,
            1,
            rubato::WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|error| refuse(error.to_string()))?;
        if (fft.fft_size_in(), fft.fft_size_out()) != (input_block, output_block) {
            return Err(refuse("unexpected block length".to_owned()));
        }
        Ok(Self {
            delay_left: fft.output_delay(),
            fft,
            input: Vec::with_capacity(input_block),
            input_block,
            output: vec![0.0; output_block],
        })
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) -> u64 {
        let mut repaired = 0;
        while !samples.is_empty() {
            let room = self.input_block - self.input.len();
            let (now, later) = samples.split_at(room.min(samples.len()));
            repaired += append_repaired(now, &mut self.input);
            samples = later;
            if self.input.len() == self.input_block {
                self.convert(out);
            }
        }
        repaired
    }

    /// Completes the block under way with silence.
    fn flush(&mut self, out: &mut Vec<f32>) {
        self.input.resize(self.input_block, 0.0);
        self.convert(out);
    }

    #[expect(clippy::expect_used, reason = "lengths that `new` made equal")]
    fn convert(&mut self, out: &mut Vec<f32>) {
        const SIZES: &str = "the buffers have the block lengths of this very converter";
        let output_block = self.output.len();
        let input = SequentialSlice::new(&self.input, 1, self.input_block).expect(SIZES);
        let mut output = SequentialSlice::new_mut(&mut self.output, 1, output_block).expect(SIZES);
        self.fft
            .process_into_buffer(&input, &mut output, None)
            .expect(SIZES);
        self.input.clear();
        let dropped = self.delay_left.min(output_block);
        self.delay_left -= dropped;
        out.extend_from_slice(&self.output[dropped..]);
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.input.clear();
        self.delay_left = self.fft.output_delay();
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("samples_in", &self.samples_in)
            .finish_non_exhaustive()
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
