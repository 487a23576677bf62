//! A resampler for one channel.
//!
//! rubato's FFT resampler does the work: overlap-add with one linear-phase low-pass as long as
//! a block. This module adds what a stream needs: pushes of any size, removal of the delay, an
//! exact total length, and no allocation after construction. It does not follow drifting
//! clocks: both rates are exact.
//!
//! rubato's windowed sinc was compared with the FFT and not chosen. Both were measured from 8,
//! 11.025, 44.1, 48 and 96 kHz to 16 kHz on one x86-64 core (shared, best of 5).
//!
//! With the FFT, sines up to 94 % of the slower Nyquist frequency come out within about -119 dB
//! of full scale. Tones from 8.2 kHz up leave less than -130 dB of alias. A second of input
//! costs 75 to 390 us.
//!
//! The sinc with 128 taps (linear) costs 580 to 1,300 us and leaves -41 dB of an 8.5 kHz tone
//! at 48 kHz. 256 taps (cubic) cost 1,900 to 3,100 us and leave -69 dB. 512 taps (nearest) cost
//! 1,500 to 2,000 us and leave -137 dB; the FFT leaves -144 dB. Accuracy on sines was not
//! compared, because the sinc's delay is not a whole number of samples, which hides all other
//! differences.

use std::fmt;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::ResampleError;
use super::repair::append_repaired;
use crate::signal::SampleRate;

/// Shortest block on the slower side, in samples. A longer block has a sharper pass band and a
/// longer delay, which is a block and a half.
const LEAST_BLOCK_SAMPLES: usize = 512;

/// A streaming sample-rate converter for one channel.
///
/// The filter's delay is removed: output sample `j` lies at input time `j * from / to`. After
/// [`finish`](Self::finish), `n` input samples have given `round(n * to / from)` output
/// samples. Silence continues the input at both ends. The sizes of the pushes do not change a
/// bit of the output. A non-finite sample becomes 0, and others are clamped to 36 dB above full
/// scale. If the rates are equal, samples are copied.
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

/// The converter, which works in blocks, and its buffers.
struct Blocks {
    fft: Fft<f32>,
    /// Input of the current block, never longer than a block.
    input: Vec<f32>,
    input_block: usize,
    output: Vec<f32>,
    /// Number of output samples still to drop, for the filter's delay.
    delay_left: usize,
}

impl Resampler {
    /// A converter from `from` to `to`, for any two rates.
    ///
    /// # Errors
    /// [`ResampleError`] when the library cannot build the filter.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, ResampleError> {
        Self::with_block(from, to, LEAST_BLOCK_SAMPLES)
    }

    /// As [`Self::new`], with blocks of at least `samples` on the slower side. Shorter blocks
    /// have a shorter delay and a less sharp cut-off.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn with_block(
        from: SampleRate,
        to: SampleRate,
        samples: usize,
    ) -> Result<Self, ResampleError> {
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

    /// Reads samples and appends the output that is ready. Allocates only if `out` has to grow.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.samples_in += samples.len() as u64;
        let before = out.len();
        match &mut self.blocks {
            None => self.repaired_samples += append_repaired(samples, out),
            Some(blocks) => self.repaired_samples += blocks.push(samples, out),
        }
        self.samples_out += (out.len() - before) as u64;
    }

    /// Ends the stream: appends the remaining output, as if silence followed. In all,
    /// `round(n * to / from)` samples have then come out. The next push starts a new stream.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let expected = self.expected_samples();
        if let Some(blocks) = &mut self.blocks {
            while self.samples_out < expected {
                let before = out.len();
                blocks.flush(out);
                self.samples_out += (out.len() - before) as u64;
            }
        }
        // Output comes in whole blocks, so the last one may be too long. The surplus is always
        // in the last block, because the delay holds back more than rounding can require.
        let surplus = usize::try_from(self.samples_out - expected).unwrap_or(0);
        out.truncate(out.len().saturating_sub(surplus));
        self.reset();
    }

    /// Discards all samples. The next push starts a new stream.
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

    /// The largest number of input samples that are not yet in the output; 0 for equal rates.
    pub(crate) fn latency_samples(&self) -> usize {
        self.blocks
            .as_ref()
            .map_or(0, |blocks| blocks.input_block + blocks.input_block / 2)
    }

    /// Number of invalid samples of this stream that were replaced.
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
    fn new(from: SampleRate, to: SampleRate, least: usize) -> Result<Self, ResampleError> {
        let refuse = |reason: String| ResampleError { from, to, reason };
        let (from_hz, to_hz) = (from.hz() as usize, to.hz() as usize);
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let (unit_in, unit_out) = (from_hz / divisor, to_hz / divisor);
        // With an even number of units, half a block (the filter's delay) is a whole number of
        // samples on both sides.
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

    /// Completes the current block with silence.
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
