//! An exact random projection of integers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Formula, Layer};

/// `max(0, H D x)` over 16-bit integers: random signs `D`, a Walsh-Hadamard
/// transform `H`, a random choice of its rows, and a rectifier.
///
/// These are the features of RanPAC (McDonnell et al. 2023), with the structured projection of
/// Ailon & Chazelle 2009 instead of a dense Gaussian one. It needs `width log d` additions instead
/// of `width d` multiplications, and no stored matrix. It uses only integers, so the result is the
/// same on every machine. If more features are wanted than a transform has rows, several
/// transforms with different signs are used.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    inputs: usize,
    /// Length of a transform, a power of two.
    block: usize,
    /// Bits by which each input is shifted to a common unit.
    aligned: Vec<u8>,
    /// Whether each input is negated, `[blocks, inputs]`.
    negated: Vec<bool>,
    /// The row of the concatenated transforms for each feature.
    rows: Vec<u32>,
    /// Bits dropped from a transformed value.
    shift: u32,
}

/// The largest scale ratio between two inputs that is kept: 2^24. Beyond it, the smaller input is
/// below the resolution of the other.
const MAX_ALIGNMENT: u32 = 24;

impl Projection {
    /// Creates a projection to `width` features, with random numbers from `seed`. One unit of
    /// input `i` is worth `steps[i]`; all are powers of two.
    pub(super) fn new(steps: &[f32], width: usize, seed: u64) -> Self {
        let inputs = steps.len();
        let block = inputs.next_power_of_two();
        let finest = steps.iter().copied().fold(f32::INFINITY, f32::min);
        let aligned: Vec<u8> = steps
            .iter()
            .map(|step| ((step / finest).log2().round() as u32).min(MAX_ALIGNMENT) as u8)
            .collect();
        // A vector of random full-scale inputs has about this length, and every transformed value
        // has this order of magnitude.
        let squares: f64 = aligned.iter().map(|&a| 4_f64.powi(a.into())).sum();
        let shift = (0..48).find(|&s| 4_f64.powi(s) >= squares).unwrap_or(48) as u32;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut negated, mut rows) = (Vec::new(), Vec::with_capacity(width));
        while rows.len() < width {
            negated.extend((0..inputs).map(|_| random.next_u32() & 1 == 1));
            // Fisher and Yates over the rows of this transform.
            let mut order: Vec<u32> = (0..block as u32).collect();
            let wanted = block.min(width - rows.len());
            for i in 0..wanted {
                let left = (block - i) as u64;
                let pick = (u128::from(random.next_u64()) * u128::from(left)) >> 64;
                order.swap(i, i + pick as usize);
            }
            let offset = (negated.len() / inputs - 1) * block;
            rows.extend(order[..wanted].iter().map(|row| offset as u32 + row));
        }
        Self {
            inputs,
            block,
            aligned,
            negated,
            rows,
            shift,
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The value of one unit of each input in units of a feature, if the transform had the length
    /// of its inputs. Random features then have the scale of the inputs that they mix.
    pub(super) fn worths(&self) -> impl Iterator<Item = f64> {
        let length = (self.inputs as f64).sqrt();
        let unit = length / (self.shift as f64).exp2();
        self.aligned
            .iter()
            .map(move |&shift| f64::from(shift).exp2() * unit)
    }

    /// Overwrites `out` with the features of `x`, `x.len() == inputs`.
    pub(super) fn apply_into(&self, x: &[i16], scratch: &mut Vec<i64>, out: &mut Vec<i16>) {
        scratch.clear();
        for negated in self.negated.chunks_exact(self.inputs) {
            let start = scratch.len();
            let signed = x.iter().zip(negated).zip(&self.aligned);
            // |x| < 2^16 and 24 bits of alignment: a block of 2^16 sums to 2^56.
            scratch.extend(signed.map(|((&x, &negated), &shift)| {
                let x = i64::from(x) << shift;
                if negated { -x } else { x }
            }));
            scratch.resize(start + self.block, 0);
            hadamard(&mut scratch[start..]);
        }
        let half = (1_i64 << self.shift) >> 1;
        let feature = |&row: &u32| {
            let rounded = (scratch[row as usize] + half) >> self.shift;
            rounded.clamp(0, i64::from(Self::LARGEST)) as i16
        };
        out.clear();
        out.extend(self.rows.iter().map(feature));
    }

    /// The formula of this projection, with its inputs before the features if `direct`, followed
    /// by `layer`. The transforms are written as matrices: element `(i, r)` of a Walsh-Hadamard
    /// matrix is -1 to the power of the number of bits that `i` and `r` share.
    pub(super) fn formula(&self, direct: bool, layer: Layer) -> Formula {
        let mut signs = Vec::with_capacity(self.inputs * self.rows.len());
        for i in 0..self.inputs {
            signs.extend(self.rows.iter().map(|&row| {
                let (transform, row) = (row as usize / self.block, row as usize % self.block);
                let odd = (i & row).count_ones() % 2 == 1;
                match odd != self.negated[transform * self.inputs + i] {
                    true => -1,
                    false => 1,
                }
            }));
        }
        Formula::Projected {
            signs,
            aligned: self.aligned.clone(),
            shift: self.shift,
            direct,
            layer,
        }
    }

    const LARGEST: i16 = i16::MAX;
}

/// The unnormalised Walsh-Hadamard transform. The number of values is a power of two.
fn hadamard(values: &mut [i64]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_its_own_inverse_up_to_length() {
        let mut values: Vec<i64> = (0..16).map(|i| i * i - 40).collect();
        let before = values.clone();
        hadamard(&mut values);
        assert_eq!(values[0], before.iter().sum::<i64>());
        hadamard(&mut values);
        assert!(values.iter().zip(before).all(|(v, b)| *v == 16 * b));
    }

    #[test]
    fn features_are_rectified_projections_that_keep_their_range() {
        let projection = Projection::new(&[0.5; 100], 300, 7);
        assert_eq!((projection.rows.len(), projection.block), (300, 128));
        let x: Vec<i16> = (0..100).map(|i| (i * 7919 % 30_011) as i16).collect();
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        projection.apply_into(&x, &mut scratch, &mut out);
        let zeros = out.iter().filter(|&&h| h == 0).count();
        assert!((90..210).contains(&zeros), "{zeros} of 300 are cut off");
        let most = out.iter().copied().max().unwrap();
        assert!((10_000..i16::MAX).contains(&most), "{most}");
        let mut again = Vec::new();
        Projection::new(&[0.5; 100], 300, 7).apply_into(&x, &mut scratch, &mut again);
        assert_eq!(out, again);
        Projection::new(&[0.5; 100], 300, 8).apply_into(&x, &mut scratch, &mut again);
        assert_ne!(out, again);
        // Each row of a transform is used at most once.
        let mut rows = projection.rows.clone();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 300);
    }

    #[test]
    fn inputs_of_different_scales_are_shifted_to_one_unit() {
        // The same real vector on one grid and on two grids.
        let even = Projection::new(&[0.25; 8], 16, 3);
        let uneven = Projection::new(&[0.25, 0.25, 0.25, 0.25, 1.0, 1.0, 1.0, 1.0], 16, 3);
        let (mut a, mut b, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        even.apply_into(&[80, -40, 8, 400, 400, 80, -240, 4], &mut scratch, &mut a);
        uneven.apply_into(&[80, -40, 8, 400, 100, 20, -60, 1], &mut scratch, &mut b);
        let scale = 1 << (uneven.shift - even.shift);
        assert!(
            (a.iter().zip(&b)).all(|(a, b)| (i32::from(*a) - i32::from(*b) * scale).abs() <= scale)
        );
    }

    #[test]
    fn extreme_inputs_and_scales_do_not_overflow() {
        let mut steps = vec![1e-20_f32; 3000];
        steps[17] = 1e20;
        let projection = Projection::new(&steps, 2000, 0);
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        projection.apply_into(&[i16::MIN; 3000], &mut scratch, &mut out);
        assert_eq!(out.len(), 2000);
    }
}
