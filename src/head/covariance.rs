//! The shrunk pooled within-class covariance, computed from the statistic alone.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, Par};

use super::Statistic;
use super::means::ClassMeans;
use super::shrinkage::Shrinkage;

/// Lower triangle of `G - sum_k S_k S_k^T / n_k`, in real units.
pub(super) fn within_scatter(statistic: &Statistic, means: &ClassMeans<'_>) -> Mat<f64> {
    let (width, steps) = (statistic.width(), means.steps());
    let mut scatter = second_moments(statistic, steps);
    let sums = Mat::from_fn(width, means.order.len(), |j, k| {
        let class = means.order[k];
        let n = statistic.counts()[class] as f64;
        statistic.sum(class)[j] as f64 * steps[j] / n.sqrt()
    });
    triangular::matmul(
        &mut scatter,
        BlockStructure::TriangularLower,
        Accum::Add,
        &sums,
        BlockStructure::Rectangular,
        sums.transpose(),
        BlockStructure::Rectangular,
        -1.0,
        Par::Seq,
    );
    scatter
}

/// Lower triangle of `G`, in real units.
pub(super) fn second_moments(statistic: &Statistic, steps: &[f64]) -> Mat<f64> {
    let width = statistic.width();
    let mut moments = Mat::<f64>::zeros(width, width);
    let mut packed = statistic.second();
    for (j, column) in moments.col_iter_mut().enumerate() {
        let (sums, rest) = packed.split_at(width - j);
        packed = rest;
        if let Some(column) = column.try_as_col_major_mut() {
            let below = column.as_slice_mut()[j..].iter_mut();
            for ((value, &g), step) in below.zip(sums).zip(&steps[j..]) {
                *value = g as f64 * (steps[j] * step);
            }
        }
    }
    moments
}

/// A shrunk covariance.
pub(super) struct Shrunk {
    /// Its lower triangle.
    pub(super) covariance: Mat<f64>,
    /// The mean variance of the shrinkage target.
    pub(super) variance: f64,
    /// The factor of the scatter in it.
    pub(super) kept: f64,
    /// The share of the target in it, in `[0, 1]`.
    pub(super) intensity: f64,
}

/// Shrinks the covariance of a scatter, of which the lower triangle is given.
pub(super) fn shrunk(
    mut scatter: Mat<f64>,
    statistic: &Statistic,
    means: &ClassMeans<'_>,
    shrinkage: Shrinkage,
) -> Shrunk {
    let p = statistic.width() as f64;
    // The scatter of clips that are several examples each is that of their copies. One degree of
    // freedom a class is not lost then: windows of one clip differ, too.
    let unit = statistic.unit as f64;
    let (observations, lost) = match statistic.unit {
        1 => (statistic.total() as f64, means.order.len() as f64),
        _ => (statistic.total() as f64 / unit, 0.0),
    };
    let freedom = (observations - lost).max(1.0);
    let (mut trace, mut squares) = (0.0, 0.0);
    for (j, column) in scatter.col_iter().enumerate() {
        let mut below = column.iter().skip(j).map(|value| value / unit / freedom);
        let variance = below.next().unwrap_or(0.0);
        trace += variance;
        squares += variance * variance + 2.0 * below.map(|value| value * value).sum::<f64>();
    }
    let intensity = shrinkage.intensity(p, freedom, trace, squares);
    // Rounding to the grid adds at least this variance. With one example a class, or only
    // duplicates, it is the only variance.
    let rounding: f64 = means.steps().iter().map(|step| step * step / 12.0).sum();
    let variance = trace.max(rounding) / p;
    let kept = (1.0 - intensity) / unit / freedom;
    for (j, column) in scatter.col_iter_mut().enumerate() {
        for (i, value) in column.iter_mut().enumerate().skip(j) {
            *value = *value * kept + if i == j { intensity * variance } else { 0.0 };
        }
    }
    Shrunk {
        covariance: scatter,
        variance,
        kept,
        intensity,
    }
}

/// Overwrites the lower triangle with its Cholesky factor. Returns whether the matrix is positive
/// definite.
pub(super) fn factorise(matrix: &mut Mat<f64>) -> bool {
    let scratch = cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, Default::default());
    cholesky_in_place(
        matrix.as_mut(),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .is_ok()
}
