//! The arithmetic of the exact heads. Its results are the same to the bit on every machine.
//!
//! Sums have a fixed order, no operations are fused, and no function of the platform's
//! mathematical library is used, because its rounding may differ.

/// Turns logits into probabilities whose bits do not depend on the order of the classes. The
/// denominator is summed in fixed point (40 fractional bits, exact for up to 2^23 classes).
pub fn softmax(logits: &mut [f32]) {
    const ONE: f64 = (1_u64 << 40) as f64;
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| (libm::exp(f64::from(logit) - f64::from(top)) * ONE) as u64;
    let total: u64 = logits.iter().map(|&logit| weight(logit)).sum();
    for logit in logits {
        *logit = (weight(*logit) as f64 / total as f64) as f32;
    }
}

const LANES: usize = 16;

/// A dot product with a fixed number of lanes. The compiler vectorises it, and the order of
/// summation is the same on every run.
pub fn dot_fixed(w: &[f32], x: &[i16]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (w, w_tail) = w.as_chunks::<LANES>();
    let (x, x_tail) = x.as_chunks::<LANES>();
    for (w, x) in w.iter().zip(x) {
        for lane in 0..LANES {
            lanes[lane] += w[lane] * f32::from(x[lane]);
        }
    }
    let tail: f32 = w_tail
        .iter()
        .zip(x_tail)
        .map(|(w, &x)| w * f32::from(x))
        .sum();
    lanes.iter().sum::<f32>() + tail
}

/// `G += SIGN x x^T` on the lower triangle, packed by columns: `d (d + 1) / 2` numbers for the `d`
/// features of `x`.
pub fn add_outer<const SIGN: i32>(mut packed: &mut [i64], mut x: &[i16]) {
    while let Some((&first, below)) = x.split_first() {
        let Some((column, rest)) = packed.split_at_mut_checked(x.len()) else {
            return;
        };
        // Embeddings after a ReLU are sparse. A zero does not change its column.
        if first != 0 {
            let factor = SIGN * i32::from(first);
            for (g, &x) in column.iter_mut().zip(x) {
                *g += i64::from(factor * i32::from(x));
            }
        }
        (packed, x) = (rest, below);
    }
}

/// The factor that converts a difference of scores to nats.
///
/// Bayes' rule would use 1, but a covariance estimated from few examples makes the result far too
/// certain. With this factor, classes at their mean squared distance (`spread` is its sum over the
/// classes) differ by [`EVIDENCE`] nats. The factor is at most `sharpest`.
pub fn sharpness(spread: f64, classes: usize, sharpest: f64) -> f64 {
    let wanted = EVIDENCE * (classes as f64 - 1.0) / spread;
    match wanted.is_finite() && wanted > 0.0 {
        true => wanted.min(sharpest),
        false => 0.0,
    }
}

/// The difference in nats for [`sharpness`]. It was chosen by log loss on held-out folds of ESC-10
/// (YAMNet) and speakers of FSDD (speech embedding). With 10 classes and 1 to 200 examples of
/// each, the best value was in 7..=17 for `ncm` and `lda`. With 2 to 5 classes it was in 5..=60,
/// where 10 costs up to 0.07 nats. It is a rule of thumb, not a calibration.
pub const EVIDENCE: f64 = 10.0;

/// Half of the mean difference between the squared Mahalanobis distance to the mean of `examples`
/// and that to the true mean. A mean scatters by its class's covariance over `examples`, so the
/// mean difference is `features / examples` (Moran & Murphy 1979, *A Closer Look at Two
/// Alternative Methods of Statistical Discrimination*).
///
/// Without this correction, a class of few examples seems farther away than it is and is predicted
/// too seldom.
pub fn half_excess(features: usize, examples: u64) -> f64 {
    features as f64 / (2.0 * examples as f64)
}

/// The oracle-approximating shrinkage intensity in `[0, 1]` (Chen, Wiesel, Eldar &
/// Hero 2010, *Shrinkage Algorithms for MMSE Covariance Estimation*, eq. 23) for a
/// sample covariance `S` of `p` features and `n` degrees of freedom; `squares` is
/// `trace(S^2)`.
pub fn oas_intensity(p: f64, n: f64, trace: f64, squares: f64) -> f64 {
    let apart = squares - trace * trace / p;
    bounded_ratio(
        (1.0 - 2.0 / p) * squares + trace * trace,
        (n + 1.0 - 2.0 / p) * apart,
    )
}

/// A shrinkage intensity: the quotient, clamped to `[0, 1]`. It is 1 if the quotient is undefined,
/// as with one feature or with a covariance that equals the target.
pub fn bounded_ratio(numerator: f64, denominator: f64) -> f64 {
    match denominator > 0.0 {
        true => (numerator / denominator).clamp(0.0, 1.0),
        false => 1.0,
    }
}

/// The number of features that vary: the trace of the sample covariance under the inverse of the
/// shrunk one, `Q`. The uncertainty of a mean adds as much to its distance. In directions in which
/// examples hardly vary, `Q` is the target alone, and nothing is added.
///
/// As `Q = (1 - a) S + a v I` for the shrinkage `intensity` `a` and the mean `variance` `v`, the trace
/// is `(d - a v tr(Q^-1)) / (1 - a)`. `of_probe` estimates `tr(Q^-1)`: it is called with
/// probe numbers 0 to [`PROBES`]` - 1`, and returns `p^T Q^-1 p` for the vector `p` of [`probe_sign`]
/// (Hutchinson 1990). Above an intensity of .95 all features count.
pub fn varying_features(
    width: usize,
    intensity: f64,
    variance: f64,
    mut of_probe: impl FnMut(usize) -> f64,
) -> usize {
    if intensity > 0.95 {
        return width;
    }
    let trace = (0..PROBES).map(&mut of_probe).sum::<f64>() / PROBES as f64;
    let varying = (width as f64 - intensity * variance * trace) / (1.0 - intensity);
    libm::round(varying).clamp(0.0, width as f64) as usize
}

/// The number of vectors for [`varying_features`].
pub const PROBES: usize = 16;

/// 1 or -1: the sign of feature `at % width` of probe `at / width`.
pub fn probe_sign(at: usize) -> f32 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    if mixed >> 63 == 0 { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_dot_product_counts_every_element_once() {
        for n in [0, 1, 15, 16, 17, 40] {
            let x: Vec<i16> = (0..n).collect();
            let expected: f32 = x.iter().map(|&x| f32::from(x) * 2.0).sum();
            assert_eq!(dot_fixed(&std::vec![2.0; x.len()], &x), expected);
        }
    }

    #[test]
    fn softmax_is_right_and_independent_of_class_order() {
        let mut p = [1.0, 3.0, -2.0, 0.5];
        let sum: f64 = p.iter().map(|&l| f64::from(l).exp()).sum();
        let expected = p.map(|l| (f64::from(l).exp() / sum) as f32);
        softmax(&mut p);
        for (p, expected) in p.iter().zip(expected) {
            assert!((p - expected).abs() < 1e-7);
        }
        let mut q = [0.5, -2.0, 1.0, 3.0];
        softmax(&mut q);
        assert_eq!([q[2], q[3], q[1], q[0]], p);
        let mut far = [-1e30, 0.0, 1e30];
        softmax(&mut far);
        assert_eq!(far, [0.0, 0.0, 1.0]);
    }
}
