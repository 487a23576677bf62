//! Element-wise work of networks with branches, on rows of values with channels innermost.

use pulp::{Arch, Simd, WithSimd};

use super::activation::Activation;

/// Channels whose sums are kept in registers together.
const TOGETHER: usize = 32;

/// Adds `b` to `y`.
#[inline(always)]
pub(super) fn add(y: &mut [f32], b: &[f32]) {
    for (y, b) in y.iter_mut().zip(b) {
        *y += b;
    }
}

/// Multiplies each position of `y` by one factor a channel.
#[inline(always)]
pub(super) fn scale(y: &mut [f32], factors: &[f32]) {
    for position in y.chunks_exact_mut(factors.len().max(1)) {
        for (y, factor) in position.iter_mut().zip(factors) {
            *y *= factor;
        }
    }
}

/// The sum of each channel over all positions of all rows. Each row is summed for itself, so that
/// rounding grows with the number of rows and of bands, not with their product.
#[inline(always)]
pub(super) fn sums<'a>(rows: impl Iterator<Item = &'a [f32]>, sums: &mut [f32]) {
    let channels = sums.len().max(1);
    sums.fill(0.0);
    for row in rows {
        for (block, sums) in sums.chunks_mut(TOGETHER).enumerate() {
            let mut of_row = [0.0; TOGETHER];
            for position in row.chunks_exact(channels) {
                add(&mut of_row, &position[block * TOGETHER..][..sums.len()]);
            }
            add(sums, &of_row);
        }
    }
}

/// Applies an activation to values.
pub(super) fn activate(activation: Activation, values: &mut [f32]) {
    Arch::new().dispatch(Activate { activation, values });
}

struct Activate<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let constants = self.activation.constants(simd);
        let (whole, rest) = S::as_mut_simd_f32s(self.values);
        for value in whole {
            *value = constants.apply(simd, *value);
        }
        if !rest.is_empty() {
            let value = simd.partial_load_f32s(rest);
            simd.partial_store_f32s(rest, constants.apply(simd, value));
        }
    }
}
