//! Linear discriminant analysis.

use crate::arithmetic::{oas_intensity, probe_sign, varying_features};
use crate::discriminant::Discriminant;
use crate::means::ClassMeans;
use crate::statistic::{Statistic, triangle};

/// Linear discriminant analysis with one covariance for all classes, solved from a statistic with
/// full second moments. The covariance is shrunk towards its mean variance by the
/// oracle-approximating intensity. Distances are reduced by their
/// [`half_excess`](crate::arithmetic::half_excess), and priors are equal. These are the host's
/// defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Lda<const D: usize, const K: usize>(Discriminant<D, K>);

impl<const D: usize, const K: usize> Lda<D, K> {
    /// Solves the head from `statistic`. One unit of feature `i` is worth `steps[i]`. Takes about
    /// `D^3 / 6` multiplications in double precision.
    pub fn solve<const M: usize>(statistic: &Statistic<D, K, M>, steps: &[f32; D]) -> Self {
        const {
            assert!(
                M == triangle(D),
                "the covariance needs whole second moments"
            )
        };
        let means = ClassMeans::new(statistic, steps);
        let mut matrix = within_scatter(&means);
        let (variance, intensity) = shrink(&mut matrix, &means);
        let mut directions = means.offsets;
        // A covariance that is shrunk by any amount is positive definite. If rounding still breaks
        // the factorisation, the shrinkage target replaces the covariance; the result is nearest
        // class mean.
        let factorised = factorise::<D>(&mut matrix);
        for direction in &mut directions[..statistic.classes] {
            match factorised {
                true => solve_in_place(&matrix, direction),
                false => direction.iter_mut().for_each(|d| *d /= variance),
            }
        }
        let uncertain = match statistic.unit {
            1 => D,
            _ if !factorised => D,
            _ => varying_features(D, intensity, variance, |probe| {
                let signs: [f64; D] =
                    core::array::from_fn(|j| f64::from(probe_sign(probe * D + j)));
                let mut solution = signs;
                solve_in_place(&matrix, &mut solution);
                signs.iter().zip(&solution).map(|(a, b)| a * b).sum()
            }),
        };
        Self(means.discriminant(&directions, uncertain, 1.0))
    }

    /// The score of each class in nats, up to a common constant. Unused classes score minus
    /// infinity. The [`softmax`](crate::arithmetic::softmax) of the scores gives the
    /// probabilities.
    pub fn scores(&self, x: &[i16; D]) -> [f32; K] {
        self.0.scores(x)
    }
}

/// The start of column `j` in a triangle of `width`, packed by columns.
const fn column(width: usize, j: usize) -> usize {
    j * width - j * j.saturating_sub(1) / 2
}

/// `G - sum_k S_k S_k^T / n_k`, in real units.
fn within_scatter<const D: usize, const K: usize, const M: usize>(
    means: &ClassMeans<'_, D, K, M>,
) -> [f64; M] {
    let (statistic, steps) = (means.statistic, &means.steps);
    let mut scatter = [0.0; M];
    let mut at = 0;
    for j in 0..D {
        for i in j..D {
            let mut value = statistic.second[at] as f64 * (steps[j] * steps[i]);
            for &class in &means.order[..statistic.classes] {
                let n = statistic.counts[class] as f64;
                let sum = |i: usize| statistic.sums[class][i] as f64 * steps[i];
                value -= sum(i) * sum(j) / n;
            }
            scatter[at] = value;
            at += 1;
        }
    }
    scatter
}

/// Replaces the scatter by the shrunk covariance. Returns the mean variance of the shrinkage
/// target, and its intensity.
fn shrink<const D: usize, const K: usize, const M: usize>(
    matrix: &mut [f64; M],
    means: &ClassMeans<'_, D, K, M>,
) -> (f64, f64) {
    let p = D as f64;
    let statistic = means.statistic;
    // The scatter of clips that are several examples each is that of their copies. One degree of
    // freedom a class is not lost then: windows of one clip differ, too.
    let unit = statistic.unit as f64;
    let lost = if statistic.unit == 1 {
        statistic.classes as f64
    } else {
        0.0
    };
    let freedom = (statistic.total() as f64 / unit - lost).max(1.0);
    let (mut trace, mut squares) = (0.0, 0.0);
    let mut at = 0;
    for j in 0..D {
        for i in j..D {
            let value = matrix[at] / unit / freedom;
            match i == j {
                true => (trace, squares) = (trace + value, squares + value * value),
                false => squares += 2.0 * value * value,
            }
            at += 1;
        }
    }
    let intensity = oas_intensity(p, freedom, trace, squares);
    // Rounding to the grid adds at least this variance.
    let rounding: f64 = means.steps.iter().map(|step| step * step / 12.0).sum();
    let variance = trace.max(rounding) / p;
    let kept = (1.0 - intensity) / unit / freedom;
    matrix.iter_mut().for_each(|value| *value *= kept);
    for j in 0..D {
        matrix[column(D, j)] += intensity * variance;
    }
    (variance, intensity)
}

/// Overwrites a triangle, packed by columns, with its Cholesky factor. Returns whether the matrix
/// is positive definite.
fn factorise<const D: usize>(matrix: &mut [f64]) -> bool {
    for j in 0..D {
        let start = column(D, j);
        let pivot = matrix[start];
        if pivot.is_nan() || pivot <= 0.0 {
            return false;
        }
        let root = libm::sqrt(pivot);
        for value in &mut matrix[start..start + D - j] {
            *value /= root;
        }
        for k in j + 1..D {
            let factor = matrix[start + k - j];
            let to = column(D, k);
            for i in k..D {
                matrix[to + i - k] -= factor * matrix[start + i - j];
            }
        }
    }
    true
}

/// Overwrites `x` with `(L L^T)^-1 x`.
fn solve_in_place<const D: usize>(factor: &[f64], x: &mut [f64; D]) {
    for j in 0..D {
        let start = column(D, j);
        x[j] /= factor[start];
        for i in j + 1..D {
            x[i] -= x[j] * factor[start + i - j];
        }
    }
    for j in (0..D).rev() {
        let start = column(D, j);
        for i in j + 1..D {
            x[j] -= factor[start + i - j] * x[i];
        }
        x[j] /= factor[start];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solve_undoes_the_product() {
        const D: usize = 5;
        let lower = |i: usize, j: usize| match i == j {
            true => 2.0 + i as f64,
            false => ((i * 7 + j * 3) % 5) as f64 / 4.0 - 0.5,
        };
        let mut matrix = [0.0; triangle(D)];
        for j in 0..D {
            for i in j..D {
                matrix[column(D, j) + i - j] = (0..=j).map(|k| lower(i, k) * lower(j, k)).sum();
            }
        }
        let whole = matrix;
        let expected = [1.0, -2.0, 0.5, 3.0, -0.25];
        let entry = |i: usize, j: usize| whole[column(D, i.min(j)) + i.abs_diff(j)];
        let mut x: [f64; D] =
            core::array::from_fn(|i| (0..D).map(|j| entry(i, j) * expected[j]).sum());
        assert!(factorise::<D>(&mut matrix));
        solve_in_place(&matrix, &mut x);
        for (x, expected) in x.iter().zip(expected) {
            assert!((x - expected).abs() < 1e-12, "{x} {expected}");
        }
        assert!(!factorise::<D>(&mut [0.0; triangle(D)]));
    }
}
