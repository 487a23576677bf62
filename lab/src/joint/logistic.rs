//! Multinomial logistic regression with an L2 penalty, fitted to all examples at once.
//!
//! The objective is scikit-learn's: mean cross-entropy plus `|W|^2 / (2 C n)`, the
//! intercept unpenalised, solved by L-BFGS. Features are centred and scaled by the
//! training examples. With fewer examples than features, the problem is solved in the row
//! space of the training matrix. The penalty does not change under rotation, so the
//! solution is the same (Hastie & Tibshirani 2004, "Efficient quadratic regularization for
//! expression arrays").

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use serde::Serialize;

use super::error::JointError;
use super::lbfgs::minimise;

/// Largest component of the gradient at which a fit counts as solved. It is a hundredth of
/// scikit-learn's tolerance, which stops well short of the minimum at a weak penalty.
const TOLERANCE: f64 = 1e-6;
const MAX_ITERATIONS: usize = 1000;
/// Eigenvalues below this share of the largest count as rounding errors.
const RANK_TOLERANCE: f64 = 1e-12;

/// The divisor of features, after their mean is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Each feature has its own standard deviation.
    Each,
    /// All features have the same one: the root mean square of their standard deviations. The
    /// features of an embedding differ in importance, and their spread shows it.
    Common,
}

/// Training and test examples, one a column, in the coordinates of the fit.
pub(crate) struct Problem {
    train: Mat<f64>,
    test: Mat<f64>,
    labels: Vec<usize>,
    classes: usize,
}

impl Problem {
    /// Scales the features, and rotates them if that makes the problem smaller.
    ///
    /// `train` and `test` hold one example of the same size each.
    pub(crate) fn new(
        train: &[&[f32]],
        labels: Vec<usize>,
        test: &[&[f32]],
        classes: usize,
        scaling: Scaling,
    ) -> Result<Self, JointError> {
        let size = train.first().map_or(0, |row| row.len());
        let (mean, mut deviation) = moments(train, size);
        if scaling == Scaling::Common {
            let squares: f64 = deviation.iter().map(|d| d * d).sum();
            deviation.fill((squares / size.max(1) as f64).sqrt());
        }
        let standardised = |rows: &[&[f32]]| {
            Mat::from_fn(size, rows.len(), |i, j| {
                (f64::from(rows[j][i]) - mean[i]) / deviation[i]
            })
        };
        let (mut train_x, mut test_x) = (standardised(train), standardised(test));
        if train.len() < size {
            (train_x, test_x) = rotate(&train_x, &test_x)?;
        }
        Ok(Self {
            train: train_x,
            test: test_x,
            labels,
            classes,
        })
    }

    /// The starting point: all weights are zero.
    pub(crate) fn zeros(&self) -> Vec<f64> {
        vec![0.0; (self.train.nrows() + 1) * self.classes]
    }

    /// Fits with inverse regularisation strength `c`, starting at `weights`. Returns whether the
    /// fit converged.
    ///
    /// `weights` is column-major `[features, classes]`, then the intercepts.
    pub(crate) fn fit(&self, c: f64, weights: &mut Vec<f64>) -> bool {
        let (features, examples) = (self.train.nrows(), self.train.ncols());
        let mut residual = Mat::<f64>::zeros(self.classes, examples);
        let mean = 1.0 / examples as f64;
        let penalty = mean / c;
        let outcome = minimise(weights, TOLERANCE, MAX_ITERATIONS, |weights, gradient| {
            let (w, intercepts) = weights.split_at(features * self.classes);
            let (grad_w, grad_intercepts) = gradient.split_at_mut(features * self.classes);
            logits(residual.as_mut(), w, intercepts, self.train.as_ref());
            let mut loss = 0.0;
            grad_intercepts.fill(0.0);
            for (column, &label) in residual.col_iter_mut().zip(&self.labels) {
                let column = column
                    .try_as_col_major_mut()
                    .map(|column| column.as_slice_mut());
                let Some(column) = column else { continue };
                loss += cross_entropy(column, label);
                for (intercept, residual) in grad_intercepts.iter_mut().zip(column.iter()) {
                    *intercept += residual * mean;
                }
            }
            let mut squares = 0.0;
            for (gradient, weight) in grad_w.iter_mut().zip(w) {
                *gradient = penalty * weight;
                squares += weight * weight;
            }
            let grad_w = MatMut::from_column_major_slice_mut(grad_w, features, self.classes);
            let (train, residual) = (self.train.as_ref(), residual.as_ref().transpose());
            matmul(grad_w, Accum::Add, train, residual, mean, Par::Seq);
            loss * mean + 0.5 * penalty * squares
        });
        outcome.converged
    }

    /// For each test example, the most probable class and the cross-entropy of
    /// `truth`, in nats.
    pub(crate) fn predict(&self, weights: &[f64], truth: &[usize]) -> Vec<(usize, f64)> {
        let (w, intercepts) = weights.split_at(self.train.nrows() * self.classes);
        let mut scores = Mat::<f64>::zeros(self.classes, self.test.ncols());
        logits(scores.as_mut(), w, intercepts, self.test.as_ref());
        let example = |(example, &label): (usize, &usize)| {
            let mut column: Vec<f64> = scores.col(example).iter().copied().collect();
            let mut best = 0;
            for (class, score) in column.iter().enumerate() {
                if *score > column[best] {
                    best = class;
                }
            }
            (best, cross_entropy(&mut column, label))
        };
        truth.iter().enumerate().map(example).collect()
    }
}

/// `out = W^T X + intercepts`, one example a column.
fn logits(mut out: MatMut<'_, f64>, w: &[f64], intercepts: &[f64], x: MatRef<'_, f64>) {
    for column in out.as_mut().col_iter_mut() {
        column
            .iter_mut()
            .zip(intercepts)
            .for_each(|(logit, intercept)| *logit = *intercept);
    }
    let w = MatRef::from_column_major_slice(w, x.nrows(), intercepts.len());
    matmul(out, Accum::Add, w.transpose(), x, 1.0, Par::Seq);
}

/// Turns logits into softmax minus the one-hot label; returns `-ln p(label)`.
fn cross_entropy(logits: &mut [f64], label: usize) -> f64 {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let of_label = logits.get(label).copied().unwrap_or(0.0) - top;
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - top).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|p| *p /= sum);
    if let Some(p) = logits.get_mut(label) {
        *p -= 1.0;
    }
    sum.ln() - of_label
}

/// Mean and standard deviation of each feature; 1 for a constant feature.
fn moments(rows: &[&[f32]], size: usize) -> (Vec<f64>, Vec<f64>) {
    let n = rows.len().max(1) as f64;
    let mut mean = vec![0.0; size];
    for row in rows {
        mean.iter_mut()
            .zip(*row)
            .for_each(|(mean, &x)| *mean += f64::from(x) / n);
    }
    let mut deviation = vec![0.0; size];
    for row in rows {
        for ((variance, &x), mean) in deviation.iter_mut().zip(*row).zip(&mean) {
            *variance += (f64::from(x) - mean).powi(2) / n;
        }
    }
    for (deviation, mean) in deviation.iter_mut().zip(&mean) {
        *deviation = deviation.sqrt();
        // The deviation of a constant feature is only the rounding error of its mean.
        if *deviation <= 1e-10 * mean.abs() || *deviation == 0.0 {
            *deviation = 1.0;
        }
    }
    (mean, deviation)
}

/// Coordinates in the row space of the training examples, from the
/// eigenvectors of their Gram matrix: `train = V S U^T`, so training examples
/// become `S U^T` and any other `x` becomes `V^T x = S^-1 U^T train^T x`.
fn rotate(train: &Mat<f64>, test: &Mat<f64>) -> Result<(Mat<f64>, Mat<f64>), JointError> {
    let gram = train.transpose() * train;
    let eigen = gram
        .self_adjoint_eigen(Side::Lower)
        .map_err(|fault| JointError::Algebra {
            reason: format!("no eigenvectors of the Gram matrix: {fault:?}"),
        })?;
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    let floor = values.iter().copied().fold(0.0, f64::max) * RANK_TOLERANCE;
    let kept: Vec<usize> = (0..values.len()).filter(|&i| values[i] > floor).collect();
    let u = eigen.U();
    let examples = train.ncols();
    let rotated = Mat::from_fn(kept.len(), examples, |i, j| {
        values[kept[i]].sqrt() * u[(j, kept[i])]
    });
    let back = Mat::from_fn(kept.len(), examples, |i, j| {
        u[(j, kept[i])] / values[kept[i]].sqrt()
    });
    let inner = train.transpose() * test;
    Ok((rotated, back * inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(n: usize, size: usize, seed: u32) -> Vec<Vec<f32>> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..n)
            .map(|i| {
                (0..size)
                    .map(|j| next() + if j % 3 == i % 3 { 0.4 } else { 0.0 })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_row_space_gives_the_same_predictions_as_all_features() {
        let (train, test) = (examples(30, 50, 1), examples(20, 50, 2));
        let train: Vec<&[f32]> = train.iter().map(Vec::as_slice).collect();
        let test: Vec<&[f32]> = test.iter().map(Vec::as_slice).collect();
        let labels: Vec<usize> = (0..30).map(|i| i % 3).collect();
        let truth: Vec<usize> = (0..20).map(|i| i % 3).collect();
        let reduced = Problem::new(&train, labels.clone(), &test, 3, Scaling::Each).unwrap();
        assert!(reduced.train.nrows() < 30);
        let (mean, deviation) = moments(&train, 50);
        let plain = |rows: &[&[f32]]| {
            Mat::from_fn(50, rows.len(), |i, j| {
                (f64::from(rows[j][i]) - mean[i]) / deviation[i]
            })
        };
        let full = Problem {
            train: plain(&train),
            test: plain(&test),
            labels,
            classes: 3,
        };
        for c in [1e-3, 1.0] {
            let (mut a, mut b) = (reduced.zeros(), full.zeros());
            assert!(reduced.fit(c, &mut a) && full.fit(c, &mut b));
            for (a, b) in reduced
                .predict(&a, &truth)
                .iter()
                .zip(full.predict(&b, &truth))
            {
                assert_eq!(a.0, b.0);
                assert!((a.1 - b.1).abs() < 0.02 * (1.0 + b.1), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut column = vec![0.3, -1.2, 2.0];
        let original = column.clone();
        cross_entropy(&mut column, 1);
        for i in 0..3 {
            let shifted = |by: f64| {
                let mut logits = original.clone();
                logits[i] += by;
                cross_entropy(&mut logits, 1)
            };
            let slope = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((slope - column[i]).abs() < 1e-8);
        }
    }

    #[test]
    fn a_constant_feature_and_equal_examples_do_no_harm() {
        let rows = [[1e-3_f32, 7.0], [1e-3, 7.0], [1e-3, 7.0]];
        let rows: Vec<&[f32]> = rows.iter().map(|row| row.as_slice()).collect();
        let problem = Problem::new(&rows, vec![0, 1, 1], &rows, 2, Scaling::Each).unwrap();
        let mut weights = problem.zeros();
        assert!(problem.fit(1.0, &mut weights));
        assert!(
            problem
                .predict(&weights, &[0, 1, 1])
                .iter()
                .all(|p| p.0 == 1 && p.1.is_finite())
        );
    }
}
