//! Layers that compute each channel alone: depthwise convolutions, averages, scalings, and pools.
//!
//! Channels are the innermost axis, so each register holds neighbouring channels of one position.
//! So borders and strides need no special code.

// Positions and registers are indexed, so that the compiler unrolls the loops over them.
#![allow(clippy::needless_range_loop)]

use pulp::{Arch, Simd, WithSimd};

use super::activation::Activation;
use super::chain::Layer;
use super::kernel::Kernel;

/// Positions that are computed together, so that each weight is loaded once for all of them.
const TOGETHER: usize = 4;

/// A layer that works on each channel alone.
#[derive(Debug, Clone)]
pub(super) struct Channelwise {
    what: What,
    /// Offsets of the values under the kernel from the first value, row by row.
    taps: Vec<usize>,
    kernel: Kernel,
    /// Output positions of a row; they are neighbours.
    bands: usize,
    channels: usize,
    activation: Activation,
}

/// The operation on the values under the kernel.
#[derive(Debug, Clone)]
enum What {
    /// Their weighted sum. The weights of a tap, and the bias, are padded to whole registers.
    Sum { weights: Vec<f32>, bias: Vec<f32> },
    /// The largest value.
    Max,
}

/// Weights are padded to a multiple of this: the widest register has 16 values.
const PADDING: usize = 16;

impl Channelwise {
    /// A layer for input rows of `row_len` values. With `sum`, the weights are
    /// `[rows, bands, channels]`; without it, the layer takes the largest value.
    pub(super) fn new(layer: &Layer, row_len: usize, sum: Option<(&[f32], &[f32])>) -> Self {
        let channels = layer.input.channels;
        let padded = |line: &[f32]| {
            let mut line = line.to_vec();
            line.resize(line.len().next_multiple_of(PADDING), 0.0);
            line
        };
        let what = sum.map_or(What::Max, |(weights, bias)| What::Sum {
            weights: weights.chunks(channels).flat_map(padded).collect(),
            bias: padded(bias),
        });
        let kernel = layer.kernel;
        let taps = (0..kernel.rows).flat_map(|row| {
            let start = row * kernel.row_dilation * row_len;
            (0..kernel.bands).map(move |band| start + band * channels)
        });
        Self {
            what,
            taps: taps.collect(),
            kernel,
            bands: layer.output.bands,
            channels,
            activation: layer.activation,
        }
    }

    /// Computes one output position for each offset of `from` and `to`, in whole rows, as
    /// [`super::dense::Dense::run`] does.
    pub(super) fn run(&self, x: &[f32], from: &[usize], y: &mut [f32], to: &[usize]) {
        Arch::new().dispatch(Sweep {
            layer: self,
            x,
            from,
            y,
            to,
        });
    }
}

struct Sweep<'a> {
    layer: &'a Channelwise,
    x: &'a [f32],
    from: &'a [usize],
    y: &'a mut [f32],
    to: &'a [usize],
}

impl WithSimd for Sweep<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let layer = self.layer;
        let kernel = layer.kernel;
        let neighbours = layer.bands.is_multiple_of(TOGETHER);
        for channel in (0..layer.channels).step_by(S::F32_LANES) {
            match &layer.what {
                What::Sum { weights, bias } => {
                    let sum = Sum { weights, bias };
                    match (kernel.bands, kernel.band_stride) {
                        (3, 1) if neighbours => self.three::<S, 1>(simd, channel, sum),
                        (3, 2) if neighbours => self.three::<S, 2>(simd, channel, sum),
                        _ => self.each(simd, channel, sum),
                    }
                }
                What::Max => self.each(simd, channel, Max),
            }
        }
    }
}

impl Sweep<'_> {
    /// Computes one register of channels at all positions, in blocks of positions.
    #[inline(always)]
    fn each<S: Simd>(&mut self, simd: S, channel: usize, what: impl Reduction) {
        let mut first = 0;
        while first + TOGETHER <= self.from.len() {
            self.block::<S, TOGETHER>(simd, channel, first, what);
            first += TOGETHER;
        }
        while first < self.from.len() {
            self.block::<S, 1>(simd, channel, first, what);
            first += 1;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const M: usize>(
        &mut self,
        simd: S,
        channel: usize,
        first: usize,
        what: impl Reduction,
    ) {
        let from = &self.from[first..first + M];
        let mut values = [what.start(simd, channel); M];
        for (index, &tap) in self.layer.taps.iter().enumerate() {
            let weight = what.weight(simd, index, channel);
            for m in 0..M {
                let value = load::<S>(self.x, from[m] + tap + channel);
                values[m] = what.add(simd, values[m], value, weight);
            }
        }
        self.store(simd, channel, first, values);
    }

    /// Sums under kernels of three bands. Neighbouring positions share values, so each value is
    /// loaded once for all of them.
    #[inline(always)]
    fn three<S: Simd, const STRIDE: usize>(&mut self, simd: S, channel: usize, sum: Sum) {
        let step = self.layer.channels;
        let columns = (TOGETHER - 1) * STRIDE + 3;
        for first in (0..self.from.len()).step_by(TOGETHER) {
            let start = self.from[first] + channel;
            let mut values = [sum.start(simd, channel); TOGETHER];
            for row in 0..self.layer.kernel.rows {
                let weights: [S::f32s; 3] = [
                    sum.weight(simd, 3 * row, channel),
                    sum.weight(simd, 3 * row + 1, channel),
                    sum.weight(simd, 3 * row + 2, channel),
                ];
                let start = start + self.layer.taps[3 * row];
                let x = &self.x[start..start + (columns - 1) * step + S::F32_LANES];
                for column in 0..columns {
                    let value = load::<S>(x, column * step);
                    for m in 0..TOGETHER {
                        if let Some(tap) = column.checked_sub(m * STRIDE)
                            && tap < 3
                        {
                            values[m] = simd.mul_add_e_f32s(value, weights[tap], values[m]);
                        }
                    }
                }
            }
            self.store(simd, channel, first, values);
        }
    }

    #[inline(always)]
    fn store<S: Simd, const M: usize>(
        &mut self,
        simd: S,
        channel: usize,
        first: usize,
        values: [S::f32s; M],
    ) {
        let activation = self.layer.activation.constants(simd);
        let count = (self.layer.channels - channel).min(S::F32_LANES);
        for m in 0..M {
            let value = activation.apply(simd, values[m]);
            let start = self.to[first + m] + channel;
            let target = &mut self.y[start..start + count];
            if count == S::F32_LANES {
                S::as_mut_simd_f32s(target).0[0] = value;
            } else {
                simd.partial_store_f32s(target, value);
            }
        }
    }
}

/// Reduces the values under a kernel to one.
trait Reduction: Copy {
    fn start<S: Simd>(self, simd: S, channel: usize) -> S::f32s;
    fn weight<S: Simd>(self, simd: S, tap: usize, channel: usize) -> S::f32s;
    fn add<S: Simd>(self, simd: S, sum: S::f32s, value: S::f32s, weight: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct Sum<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
}

impl Reduction for Sum<'_> {
    #[inline(always)]
    fn start<S: Simd>(self, _: S, channel: usize) -> S::f32s {
        load::<S>(self.bias, channel)
    }

    #[inline(always)]
    fn weight<S: Simd>(self, _: S, tap: usize, channel: usize) -> S::f32s {
        load::<S>(self.weights, tap * self.bias.len() + channel)
    }

    #[inline(always)]
    fn add<S: Simd>(self, simd: S, sum: S::f32s, value: S::f32s, weight: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(value, weight, sum)
    }
}

#[derive(Clone, Copy)]
struct Max;

impl Reduction for Max {
    #[inline(always)]
    fn start<S: Simd>(self, simd: S, _: usize) -> S::f32s {
        simd.splat_f32s(f32::NEG_INFINITY)
    }

    #[inline(always)]
    fn weight<S: Simd>(self, simd: S, _: usize, _: usize) -> S::f32s {
        simd.splat_f32s(1.0)
    }

    #[inline(always)]
    fn add<S: Simd>(self, simd: S, sum: S::f32s, value: S::f32s, _: S::f32s) -> S::f32s {
        simd.max_f32s(sum, value)
    }
}

/// Loads a whole register from `start` on. Values after the last requested channel are computed
/// too, and discarded.
#[inline(always)]
fn load<S: Simd>(values: &[f32], start: usize) -> S::f32s {
    S::as_simd_f32s(&values[start..start + S::F32_LANES]).0[0]
}
