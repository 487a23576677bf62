//! Convolutions over all channels, as products of small matrices.
//!
//! Channels are the innermost axis, so the bands under one row of a kernel are one run of
//! neighbouring values. So a convolution is a matrix product that reads its left side in place: no
//! patches are copied (im2col), and a position's sums stay in registers from the bias to the
//! activation. The weights are packed once, in the order in which the product reads them.
//!
//! The order of summation of each output value is fixed. It does not depend on the number of
//! positions that are computed together. So windowed and streaming execution agree to the bit.

// Positions and registers are indexed, so that the compiler unrolls the loops over them.
#![allow(clippy::needless_range_loop)]

use pulp::{Arch, Simd, WithSimd};

use super::activation::Activation;

/// Values of a run that are multiplied after one bounds check.
const GROUP: usize = 4;
/// Registers of output channels that are computed together, each with up to [`positions`]
/// positions.
const VECTORS: usize = 2;

/// Positions that are computed together. 6 x 2 sums fit into the 16 registers of AVX2 in theory.
/// But with several values of a group in use at once, the compiler spills some sums to memory under
/// fat LTO. 4 x 2 sums leave room. Tiles larger than 6 x 2 (8 x 3, 12 x 2) fit into the 32
/// registers of AVX-512 and NEON in theory, but the compiler spills there as well.
const fn positions<S: Simd>() -> usize {
    match S::F32_LANES {
        8 => 4,
        _ => 6,
    }
}

/// A convolution's weights, packed for this machine's registers.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    /// Panels of `width` output channels, each `[rows, run, width]`.
    weights: Aligned,
    bias: Vec<f32>,
    activation: Activation,
    rows: usize,
    /// Values of one kernel row, rounded up to whole groups.
    run: usize,
    outputs: usize,
    lanes: usize,
}

impl Dense {
    /// `weights` are `[rows, run, outputs]`; a run has as many values as a kernel row has bands,
    /// times the input channels.
    pub(super) fn new(
        weights: &[f32],
        bias: &[f32],
        rows: usize,
        run: usize,
        activation: Activation,
    ) -> Self {
        let (arch, outputs) = (Arch::new(), bias.len());
        let lanes = arch.dispatch(Lanes);
        let padded_run = run.next_multiple_of(GROUP);
        let mut packed = Vec::new();
        let mut packed_bias = Vec::new();
        for panel in panels(outputs, lanes) {
            let width = panel.vectors * lanes;
            let columns = panel.first..outputs.min(panel.first + width);
            for row in 0..rows {
                for k in 0..padded_run {
                    let start = packed.len();
                    if k < run {
                        let line = (row * run + k) * outputs;
                        packed
                            .extend_from_slice(&weights[line + columns.start..line + columns.end]);
                    }
                    packed.resize(start + width, 0.0);
                }
            }
            let start = packed_bias.len();
            packed_bias.extend_from_slice(&bias[columns]);
            packed_bias.resize(start + width, 0.0);
        }
        Self {
            weights: Aligned::new(&packed),
            bias: packed_bias,
            activation,
            rows,
            run: padded_run,
            outputs,
            lanes,
        }
    }

    /// Computes one output position for each offset of `from` and `to`. `from` is the place in `x`
    /// of the kernel's first value; `to` is the place in `y` of the position's first channel.
    /// `row_step` is the distance in values between two rows that the kernel reads.
    pub(super) fn run(
        &self,
        x: &[f32],
        from: &[usize],
        row_step: usize,
        y: &mut [f32],
        to: &[usize],
    ) {
        Arch::new().dispatch(Product {
            dense: self,
            x,
            from,
            row_step,
            y,
            to,
        });
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

struct Panel {
    first: usize,
    vectors: usize,
}

/// Cuts the output channels into panels of two vectors; the last panel has one vector if that is
/// enough.
fn panels(outputs: usize, lanes: usize) -> impl Iterator<Item = Panel> {
    let step = VECTORS * lanes;
    (0..outputs).step_by(step).map(move |first| Panel {
        first,
        vectors: (outputs - first).div_ceil(lanes).min(VECTORS),
    })
}

struct Product<'a> {
    dense: &'a Dense,
    x: &'a [f32],
    from: &'a [usize],
    row_step: usize,
    y: &'a mut [f32],
    to: &'a [usize],
}

impl WithSimd for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let dense = self.dense;
        debug_assert_eq!(dense.lanes, S::F32_LANES);
        let depth = dense.rows * dense.run;
        let (mut weights, mut bias) = (dense.weights.values(), dense.bias.as_slice());
        for panel in panels(dense.outputs, S::F32_LANES) {
            let width = panel.vectors * S::F32_LANES;
            let (these, rest) = weights.split_at(depth * width);
            let (its_bias, rest_bias) = bias.split_at(width);
            (weights, bias) = (rest, rest_bias);
            if panel.vectors == VECTORS {
                self.panel::<S, VECTORS>(simd, panel.first, these, its_bias);
            } else {
                self.panel::<S, 1>(simd, panel.first, these, its_bias);
            }
        }
    }
}

impl Product<'_> {
    /// Computes all positions of one panel, as many at a time as the registers hold.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        column: usize,
        weights: &[f32],
        bias: &[f32],
    ) {
        let count = self.from.len();
        let mut tiles = count.div_ceil(positions::<S>());
        let mut first = 0;
        while tiles > 0 {
            // The tiles have about the same size, because a tile of one position is slow.
            first += match (count - first).div_ceil(tiles) {
                6 => self.tile::<S, 6, V>(simd, first, column, weights, bias),
                5 => self.tile::<S, 5, V>(simd, first, column, weights, bias),
                4 => self.tile::<S, 4, V>(simd, first, column, weights, bias),
                3 => self.tile::<S, 3, V>(simd, first, column, weights, bias),
                2 => self.tile::<S, 2, V>(simd, first, column, weights, bias),
                _ => self.tile::<S, 1, V>(simd, first, column, weights, bias),
            };
            tiles -= 1;
        }
    }

    /// Computes `M` positions of `V` vectors of output channels. Returns `M`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        first: usize,
        column: usize,
        weights: &[f32],
        bias: &[f32],
    ) -> usize {
        let (lanes, run) = (S::F32_LANES, self.dense.run);
        let from = &self.from[first..first + M];
        let to = &self.to[first..first + M];
        let weights = S::as_simd_f32s(weights).0;
        let bias = &S::as_simd_f32s(bias).0[..V];
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        for sum in &mut sums {
            sum.copy_from_slice(bias);
        }
        let rows = weights.chunks_exact(run * V);
        for (row, weights) in rows.enumerate() {
            let mut runs: [&[[f32; GROUP]]; M] = [&[]; M];
            for m in 0..M {
                let start = from[m] + row * self.row_step;
                runs[m] = &self.x[start..start + run].as_chunks().0[..run / GROUP];
            }
            let groups = weights.chunks_exact(GROUP * V).take(run / GROUP);
            for (group, weights) in groups.enumerate() {
                for k in 0..GROUP {
                    for m in 0..M {
                        let value = simd.splat_f32s(runs[m][group][k]);
                        for v in 0..V {
                            sums[m][v] = simd.mul_add_e_f32s(value, weights[k * V + v], sums[m][v]);
                        }
                    }
                }
            }
        }
        let activation = self.dense.activation.constants(simd);
        let outputs = self.dense.outputs - column;
        for m in 0..M {
            for v in 0..V {
                let value = activation.apply(simd, sums[m][v]);
                let start = to[m] + column + v * lanes;
                let count = outputs.saturating_sub(v * lanes).min(lanes);
                let target = &mut self.y[start..start + count];
                if count == lanes {
                    S::as_mut_simd_f32s(target).0[0] = value;
                } else {
                    simd.partial_store_f32s(target, value);
                }
            }
        }
        M
    }
}

/// Values that start on a cache line, so that no load of a register crosses two lines.
#[derive(Debug)]
pub(super) struct Aligned {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

const LINE_BYTES: usize = 64;

impl Aligned {
    pub(super) fn new(values: &[f32]) -> Self {
        let room = LINE_BYTES / size_of::<f32>();
        let mut aligned = vec![0.0; values.len() + room];
        // Without alignment the code is slower, but still correct.
        let start = aligned.as_ptr().align_offset(LINE_BYTES).min(room);
        aligned[start..start + values.len()].copy_from_slice(values);
        Self {
            values: aligned,
            start,
            len: values.len(),
        }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        Self::new(self.values())
    }
}
