//! Ridge regression on random features, exact.

use std::cell::RefCell;
use std::num::NonZeroU16;

use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Mat, MatMut, Par};

use super::closed_form::{Change, ClosedForm, Method};
use super::covariance::{factorise, second_moments};
use super::discriminant::{Discriminant, dot, dot_fixed};
use super::factor::Factor;
use super::projection::Projection;
use super::{Formula, HeadError, Moments, Statistic};

/// Ridge regression to one-hot targets on a fixed random projection (RanPAC,
/// McDonnell et al. 2023; analytic class-incremental learning, Zhuang et al.
/// 2022), solved from an exact [`Statistic`] of the projected examples.
///
/// The projection uses integer arithmetic, so the statistic is as exact as that of `lda`: no
/// order, merge or crash changes a bit.
///
/// Embeddings of at most 1,024 features (`MAX_DIRECT`) also enter the regression directly, beside
/// the random features (the direct links of Pao, Park & Sobajic 1994). The linear part of the
/// solution then does not depend on random features. For longer embeddings the larger sums would
/// cost more than the direct links gain.
///
/// The penalty is ten times the one that minimises the generalised cross-validation score (Golub,
/// Heath & Wahba 1979). This score is a function of the statistic alone. A choice on held-out
/// rehearsal examples would depend on which examples these are, and so on the order of teaching.
/// The score estimates the error on more examples like those seen. The factor of ten accounts for
/// unseen speakers, subjects and sites. Held out in turn, with 3 projections in `f64`, it gains
/// 0.9 points on smartwatch exercises and loses nothing on FSDD.
///
/// Without direct links, with 3 projections each, a width of 500 gave 0.981 (ESC-10) and 0.950
/// (FSDD), of 1,000 0.982 and 0.950, of 1,500 0.983 and 0.949. So 512 is the default. Learning at
/// this width costs a quarter of that at 1,000.
pub(crate) type Ridge = ClosedForm<RandomFeatures>;

#[derive(Debug, Default)]
struct Scratch {
    transform: Vec<i64>,
    features: Vec<i16>,
}

thread_local! {
    /// Scratch for one projected example, so that predictions need no `mut` and allocate nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Ridge {
    /// The default number of random features.
    pub(crate) const DEFAULT_WIDTH: NonZeroU16 = NonZeroU16::new(512).unwrap();
    /// The maximum number of random features; a solve is cubic in this number.
    pub(crate) const MAX_WIDTH: NonZeroU16 = NonZeroU16::new(4096).unwrap();
    /// The longest embedding that enters the regression directly.
    pub(crate) const MAX_DIRECT: usize = 1024;

    /// Creates a head without classes on `width` random features, at most [`Ridge::MAX_WIDTH`].
    /// One unit of feature `i` is worth `steps[i]`.
    pub(crate) fn new(steps: &[f32], width: NonZeroU16) -> Self {
        Self::of(RandomFeatures::new(steps, width))
    }

    /// Loads the head that [`Head::save_into`](super::Head::save_into) wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub(crate) fn load(steps: &[f32], width: NonZeroU16, bytes: &[u8]) -> Result<Self, HeadError> {
        Self::loaded(RandomFeatures::new(steps, width), bytes)
    }
}

/// How [`Ridge`] projects and solves.
#[derive(Debug, Clone)]
pub(crate) struct RandomFeatures {
    projection: Projection,
    /// The value of one unit of each direct input in units of a random feature. Empty if only
    /// random features are used.
    direct: Vec<f64>,
    width: usize,
}

impl RandomFeatures {
    /// The projection belongs to the method, not to a learner's seed. Only learners with the same
    /// projection can be merged.
    const PROJECTION_SEED: u64 = 0x41_46_49_45_4c_44;

    fn new(steps: &[f32], width: NonZeroU16) -> Self {
        let width = usize::from(width.min(Ridge::MAX_WIDTH).get());
        let projection = Projection::new(steps, width, Self::PROJECTION_SEED);
        let direct = match steps.len() <= Ridge::MAX_DIRECT {
            true => projection.worths().collect(),
            false => Vec::new(),
        };
        Self {
            projection,
            width: direct.len() + width,
            direct,
        }
    }

    /// The value of one unit of each feature, if a random feature is worth `step`.
    fn steps(&self, step: f64) -> Vec<f64> {
        let direct = self.direct.iter().map(|worth| worth * step);
        let random = std::iter::repeat_n(step, self.width - self.direct.len());
        direct.chain(random).collect()
    }

    /// The normal equations of a statistic. Features are scaled to a mean square of 1.
    fn normal(&self, statistic: &Statistic) -> Normal {
        let squares: f64 = (statistic.squares().zip(self.steps(1.0)))
            .map(|(square, worth)| square as f64 * worth * worth)
            .sum();
        let values = (statistic.total().max(1) * statistic.width() as u64) as f64;
        let steps = self.steps(match squares / values {
            square if square > 0.0 => square.sqrt().recip(),
            _ => 1.0,
        });
        let order = statistic.canonical_order();
        let sums = (order.iter())
            .flat_map(|&class| statistic.sum(class).iter().zip(&steps))
            .map(|(&sum, step)| sum as f64 * step)
            .collect();
        let moments = second_moments(statistic, &steps);
        Normal {
            steps,
            order,
            sums,
            moments,
        }
    }
}

/// A solution. Features are in units of their root mean square.
#[derive(Debug)]
pub(crate) struct Solved {
    /// The value of one unit of each feature.
    steps: Vec<f64>,
    /// Factor of `G + penalty I`.
    factor: Factor,
    /// `(G + penalty I)^-1 S_k`, times [`SHARPNESS`] and the step.
    discriminant: Discriminant,
    /// `(P_j h_j, 1 + h_j P_j h_j)` and the sign of each change since the solve. `P_j` is the
    /// inverse before the change.
    gains: Vec<(Vec<f32>, f32, f32)>,
}

/// The value, in nats, of a difference of 1 between two regressions. It was chosen by log loss on
/// held-out folds of ESC-10 and speakers of FSDD; 10 to 14 were the best of 3 to 30.
const SHARPNESS: f32 = 12.0;

/// Candidate penalties, in units of the mean square of a feature summed over the examples.
const PENALTIES: [f64; 7] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0];

impl Method for RandomFeatures {
    type Solved = Solved;

    const MOMENTS: Moments = Moments::Full;
    const DEFERRED: bool = true;

    fn inputs(&self) -> usize {
        self.projection.inputs()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn seen<R>(&self, x: &[i16], then: impl FnOnce(&[i16]) -> R) -> R {
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch {
                transform,
                features,
            } = scratch;
            self.projection.apply_into(x, transform, features);
            if !self.direct.is_empty() {
                features.splice(..0, x.iter().copied());
            }
            then(features)
        })
    }

    fn solve(&self, statistic: &Statistic) -> Solved {
        let width = statistic.width();
        let Normal {
            steps,
            order,
            sums,
            moments,
        } = self.normal(statistic);
        let (weights, factor) = match Fit::best(&moments, &sums, statistic.total() as f64) {
            Some(fit) => (fit.weights, Factor::pack(fit.factor.as_ref())),
            // Not even the strongest penalty gave a positive definite matrix. Only rounding could
            // cause this. Then the head scores by the class sums.
            None => (sums, Factor::diagonal(width, 1.0)),
        };
        let mut taught = vec![0.0; weights.len()];
        let mut row = 0;
        for (k, &class) in order.iter().enumerate() {
            // Equal classes share a row, as in `means.rs`.
            if !(k > 0 && statistic.same(order[k - 1], class)) {
                row = k;
            }
            let from = weights[row * width..(row + 1) * width].iter();
            let to = &mut taught[class * width..(class + 1) * width];
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from as f32;
            }
        }
        Solved {
            discriminant: discriminant(taught, &steps),
            steps,
            factor,
            gains: Vec::new(),
        }
    }

    fn scores_into(&self, solved: &Solved, x: &[i16], scores: &mut Vec<f32>) {
        solved.discriminant.apply_into(x, scores);
    }

    fn formula(&self, solved: &Solved) -> Formula {
        let direct = !self.direct.is_empty();
        (self.projection).formula(direct, solved.discriminant.layer())
    }

    /// One recursive least-squares step for each change. It is exact for the penalty of the last
    /// solve.
    fn follow<'a>(
        &self,
        solved: &mut Solved,
        statistic: &Statistic,
        changes: impl Iterator<Item = &'a Change> + Clone,
    ) {
        let width = statistic.width();
        let inputs: Vec<f32> = (changes.clone())
            .flat_map(|change| change.features.iter().zip(&solved.steps))
            .map(|(&x, step)| (f64::from(x) * step) as f32)
            .collect();
        let mut gains = inputs.clone();
        solved.factor.solve_in_place(&mut gains);
        let rows = inputs.chunks_exact(width).zip(gains.chunks_exact(width));
        for (change, (h, gain)) in changes.zip(rows) {
            solved.step(change, h, gain.to_vec());
        }
    }
}

impl Solved {
    /// Includes one change. `h` is its scaled feature vector, and `gain` is the solution of the
    /// factor for `h`.
    fn step(&mut self, change: &Change, h: &[f32], mut gain: Vec<f32>) {
        self.discriminant.grow(change.class + 1, h.len());
        for (earlier, denominator, sign) in &self.gains {
            let overlap = sign * dot(earlier, h) / denominator;
            for (gain, earlier) in gain.iter_mut().zip(earlier) {
                *gain -= overlap * earlier;
            }
        }
        let denominator = 1.0 + change.sign * dot(&gain, h);
        // Removing an example that the inverse never included leaves no regression.
        if denominator <= f32::EPSILON {
            return;
        }
        for (class, weights) in self.discriminant.rows_mut(h.len()).enumerate() {
            let target = SHARPNESS * f32::from(u8::from(class == change.class));
            let missed = target - dot_fixed(weights, &change.features);
            let by = change.sign * missed / denominator;
            for ((weight, gain), &step) in weights.iter_mut().zip(&gain).zip(&self.steps) {
                *weight += by * gain * step as f32;
            }
        }
        self.gains.push((gain, denominator, change.sign));
    }
}

/// `SHARPNESS W h`. One unit of feature `i` is worth `steps[i]`.
fn discriminant(mut weights: Vec<f32>, steps: &[f64]) -> Discriminant {
    for weights in weights.chunks_exact_mut(steps.len()) {
        for (weight, step) in weights.iter_mut().zip(steps) {
            *weight *= (f64::from(SHARPNESS) * step) as f32;
        }
    }
    let biases = vec![0.0; weights.len() / steps.len()];
    Discriminant::new(weights, biases)
}

/// The normal equations of a statistic, with scaled features.
struct Normal {
    /// The value of one unit of each feature.
    steps: Vec<f64>,
    /// The class of each row.
    order: Vec<usize>,
    /// Row-major `[classes, width]`.
    sums: Vec<f64>,
    /// Lower triangle.
    moments: Mat<f64>,
}

/// A regression with one penalty.
struct Fit {
    factor: Mat<f64>,
    /// Row-major `[classes, width]`.
    weights: Vec<f64>,
    penalty: f64,
}

impl Fit {
    /// A penalty one decade stronger than that of the best score. The search goes downhill from
    /// the middle, because the score has one minimum.
    fn best(moments: &Mat<f64>, sums: &[f64], n: f64) -> Option<Self> {
        let fit = |at: usize| Self::new(moments, sums, PENALTIES[at] * n);
        let score = |at: usize| fit(at).map_or(f64::INFINITY, |fit| fit.score(sums, n));
        let mut at = PENALTIES.len() / 2;
        let mut lowest = score(at);
        for (step, end) in [(-1, 0), (1, PENALTIES.len() - 1)] {
            let start = at;
            while at != end {
                let next = at.wrapping_add_signed(step);
                let there = score(next);
                if there >= lowest {
                    break;
                }
                (at, lowest) = (next, there);
            }
            if at != start {
                break;
            }
        }
        fit((at + 1).min(PENALTIES.len() - 1))
    }

    /// `None` if rounding makes the matrix indefinite.
    fn new(moments: &Mat<f64>, sums: &[f64], penalty: f64) -> Option<Self> {
        let width = moments.nrows();
        let mut factor = moments.clone();
        for j in 0..width {
            factor[(j, j)] += penalty;
        }
        if !factorise(&mut factor) {
            return None;
        }
        let mut weights = sums.to_vec();
        let mut rhs = MatMut::from_column_major_slice_mut(&mut weights, width, sums.len() / width);
        solve_lower_triangular_in_place(factor.as_ref(), rhs.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(factor.transpose(), rhs, Par::Seq);
        Some(Self {
            factor,
            weights,
            penalty,
        })
    }

    /// The generalised cross-validation score over `n` examples; smaller is better.
    fn score(&self, sums: &[f64], n: f64) -> f64 {
        let (width, penalty) = (self.factor.nrows(), self.penalty);
        // With one-hot targets sum y^2 = n, and G w = s - penalty w.
        let fitted: f64 = sums.iter().zip(&self.weights).map(|(s, w)| s * w).sum();
        let length: f64 = self.weights.iter().map(|w| w * w).sum();
        let residual = (n - fitted - penalty * length).max(0.0);
        // trace(G (G + penalty)^-1) = width - penalty trace((L L^T)^-1), and
        // trace((L L^T)^-1) is the sum of the squares of L^-1.
        let mut inverse = Mat::<f64>::zeros(width, width);
        invert_lower_triangular(inverse.as_mut(), self.factor.as_ref(), Par::Seq);
        let trace: f64 = (inverse.col_iter().enumerate())
            .map(|(j, column)| column.iter().skip(j).map(|x| x * x).sum::<f64>())
            .sum();
        let freedom = n - (width as f64 - penalty * trace);
        residual / (freedom * freedom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::testing::probabilities;
    use crate::head::{DeferredHead, Evidence, ExactHead, Head};

    fn examples(n: usize, width: usize) -> Vec<(Vec<i16>, usize)> {
        let value = |i: usize, j: usize| {
            let mixed = (i * 104_729 + j * 1_299_709 + 1) as u64;
            let noise = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as i16 / 8;
            noise + if j % 3 == i % 3 { 6000 } else { 0 }
        };
        (0..n)
            .map(|i| ((0..width).map(|j| value(i, j)).collect(), i % 3))
            .collect()
    }

    fn taught(n: usize) -> Ridge {
        let mut ridge = Ridge::new(&[0.001; 12], NonZeroU16::new(40).unwrap());
        for (x, class) in examples(n, 12) {
            ridge.learn_one(&x, class).unwrap();
        }
        ridge
    }

    #[test]
    fn the_score_approximates_the_leave_one_out_error() {
        // GCV is the leave-one-out error with each leverage replaced by their mean. If the
        // leverages are nearly equal, the two agree.
        let ridge = taught(600);
        let statistic = ridge.statistic();
        let width = statistic.width();
        let Normal {
            steps,
            order,
            sums,
            moments,
        } = ridge.parts().0.normal(statistic);
        let fit = Fit::new(&moments, &sums, 60.0).unwrap();
        let mut left_out = 0.0;
        for (x, class) in examples(600, 12) {
            let h = ridge.parts().0.seen(&x, <[i16]>::to_vec);
            let scaled = h.iter().zip(&steps).map(|(&h, step)| f64::from(h) * step);
            let mut solved: Vec<f64> = scaled.collect();
            let h = solved.clone();
            let mut rhs = MatMut::from_column_major_slice_mut(&mut solved, width, 1);
            solve_lower_triangular_in_place(fit.factor.as_ref(), rhs.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(fit.factor.transpose(), rhs, Par::Seq);
            let leverage: f64 = solved.iter().zip(&h).map(|(a, b)| a * b).sum();
            for (k, weights) in fit.weights.chunks(width).enumerate() {
                let output: f64 = weights.iter().zip(&h).map(|(a, b)| a * b).sum();
                let target = f64::from(u8::from(order[k] == class));
                left_out += ((target - output) / (1.0 - leverage)).powi(2);
            }
        }
        let expected = left_out / 600.0 / 600.0;
        let score = fit.score(&sums, 600.0);
        assert!((score / expected - 1.0).abs() < 0.05, "{score} {expected}");
    }

    #[test]
    fn following_a_solve_is_recursive_least_squares() {
        let mut ridge = taught(300);
        ridge.solve();
        let before = ridge.parts().0.normal(ridge.statistic());
        let score = |penalty: &f64| {
            let fit = Fit::new(&before.moments, &before.sums, *penalty * 300.0);
            fit.unwrap().score(&before.sums, 300.0)
        };
        let lowest = (PENALTIES.iter().enumerate())
            .min_by(|a, b| score(a.1).total_cmp(&score(b.1)))
            .unwrap();
        let penalty = 300.0 * PENALTIES[lowest.0 + 1];
        for (i, (x, class)) in examples(340, 12)[300..].iter().enumerate() {
            // Also covers a class that is new after the solve.
            let class = if i % 8 == 3 { 3 } else { *class };
            ridge.learn_one(x, class).unwrap();
        }
        let (x, class) = &examples(300, 12)[7];
        ridge.unlearn_one(x, *class).unwrap();
        let (mut evidence, mut now) = (Evidence::default(), Vec::new());
        assert_eq!(ridge.evidence_now_into(x, &mut evidence).unwrap(), 41);
        evidence.shares_into(&mut now);
        // The same statistic, solved with the penalty of the earlier solve.
        let (statistic, steps) = (ridge.statistic(), before.steps);
        let sums: Vec<f64> = (0..4)
            .flat_map(|class| statistic.sum(class).iter().zip(&steps))
            .map(|(&sum, step)| sum as f64 * step)
            .collect();
        let moments = second_moments(statistic, &steps);
        let fit = Fit::new(&moments, &sums, penalty).unwrap();
        let weights: Vec<f32> = fit.weights.iter().map(|&w| w as f32).collect();
        let h = ridge.parts().0.seen(x, <[i16]>::to_vec);
        let mut expected = Vec::new();
        discriminant(weights, &steps).apply_into(&h, &mut expected);
        microhead::arithmetic::softmax(&mut expected);
        for (now, expected) in now.iter().zip(&expected) {
            assert!((now - expected).abs() < 2e-3, "{now} {expected}");
        }
        assert_eq!(now.len(), 4);
    }

    #[test]
    fn few_random_features_lose_nothing_that_is_linear_in_the_embedding() {
        // 60 classes, each with its own direction, in 8 random features.
        let mut ridge = Ridge::new(&[0.001; 60], NonZeroU16::new(8).unwrap());
        let example = |class: usize, i: i16| {
            let noise = |j: usize| (i * 37 + j as i16 * 101) % 300;
            let mut x: Vec<i16> = (0..60).map(noise).collect();
            x[class] += 8000;
            x
        };
        for class in 0..60 {
            for i in 0..3 {
                let x = example(class, i);
                ridge.learn_one(&x, class).unwrap();
            }
        }
        for class in 0..60 {
            let p = probabilities(&ridge, &example(class, 9));
            let best = (0..60).max_by(|&a, &b| p[a].total_cmp(&p[b]));
            assert_eq!(best, Some(class));
        }
    }

    #[test]
    fn inputs_of_different_scales_count_by_their_real_values() {
        // The second input is the same signal, in a unit four times as large.
        let even = Ridge::new(&[0.5; 8], NonZeroU16::new(4).unwrap());
        let mut steps = [0.5; 8];
        steps[1] = 2.0;
        let uneven = Ridge::new(&steps, NonZeroU16::new(4).unwrap());
        let (even, uneven) = (even.method().steps(1.0), uneven.method().steps(1.0));
        assert!((uneven[1] / uneven[0] - 4.0).abs() < 1e-12, "{uneven:?}");
        assert!((even[1] / even[0] - 1.0).abs() < 1e-12, "{even:?}");
        assert_eq!((even.len(), even[8], even[11]), (12, 1.0, 1.0));
    }

    #[test]
    fn one_class_is_certain_and_all_zero_examples_are_undecided() {
        let mut ridge = Ridge::new(&[1.0; 4], NonZeroU16::new(8).unwrap());
        ridge.learn_one(&[0; 4], 0).unwrap();
        assert_eq!(probabilities(&ridge, &[5, 6, 7, 8]), [1.0]);
        ridge.learn_one(&[0; 4], 1).unwrap();
        assert_eq!(probabilities(&ridge, &[5, 6, 7, 8]), [0.5, 0.5]);
    }
}
