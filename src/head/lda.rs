//! Linear discriminant analysis, exact.

use std::sync::OnceLock;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Accum, Mat, Par};

use super::discriminant::Discriminant;
use super::shrinkage::oracle_approximating;
use super::statistic_state::damaged;
use super::{Head, HeadError, Moments, Replay, Statistic};

/// Linear discriminant analysis with one covariance for all classes, equal
/// priors, solved from an exact [`Statistic`].
///
/// The pooled within-class covariance is shrunk towards its own diagonal by the
/// oracle-approximating intensity (Chen et al. 2010) taken on the correlation
/// scale. Streaming LDA as published (Hayes & Kanan 2020) depends on the order
/// of examples; this does not.
#[derive(Debug)]
pub struct Lda {
    steps: Vec<f32>,
    statistic: Statistic,
    solved: OnceLock<Discriminant>,
}

impl Lda {
    /// A head without classes; one unit of feature `i` is worth `steps[i]`.
    pub fn new(steps: &[f32]) -> Self {
        Self {
            steps: steps.to_vec(),
            statistic: Statistic::new(steps.len(), Moments::Full),
            solved: OnceLock::new(),
        }
    }

    /// The head that [`Head::save_into`] wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub fn load(steps: &[f32], mut bytes: &[u8]) -> Result<Self, HeadError> {
        let statistic = Statistic::take(steps.len(), Moments::Full, &mut bytes)?;
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        Ok(Self {
            steps: steps.to_vec(),
            statistic,
            solved: OnceLock::new(),
        })
    }

    /// The statistic everything follows from.
    pub fn statistic(&self) -> &Statistic {
        &self.statistic
    }

    fn solved(&self) -> &Discriminant {
        self.solved
            .get_or_init(|| discriminant(&self.statistic, &self.steps))
    }
}

impl Head for Lda {
    fn counts(&self) -> &[u64] {
        self.statistic.counts()
    }

    fn learn_one(&mut self, x: &[i16], class: usize, _: Replay<'_>) -> Result<(), HeadError> {
        self.statistic.add(x, class)?;
        self.solved.take();
        Ok(())
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize, _: Replay<'_>) -> Result<(), HeadError> {
        self.statistic.remove(x, class)?;
        self.solved.take();
        Ok(())
    }

    fn predict_into(&self, x: &[i16], probabilities: &mut Vec<f32>) -> Result<(), HeadError> {
        self.statistic.check_width(x)?;
        self.solved().predict_into(x, probabilities);
        Ok(())
    }

    fn solve(&self) {
        self.solved();
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        self.statistic.save_into(out);
    }

    fn saved_bytes(&self) -> usize {
        self.statistic.saved_bytes()
    }
}

fn discriminant(statistic: &Statistic, steps: &[f32]) -> Discriminant {
    let (width, classes) = (statistic.width(), statistic.counts().len());
    let order = statistic.canonical_order();
    let steps: Vec<f64> = steps.iter().map(|&step| f64::from(step)).collect();
    let mean = |class: usize, j: usize| {
        statistic.sum(class)[j] as f64 / statistic.counts()[class] as f64 * steps[j]
    };
    let mut centre = vec![0.0; width];
    for &class in &order {
        for (j, centre) in centre.iter_mut().enumerate() {
            *centre += mean(class, j) / classes as f64;
        }
    }
    let within = Within::new(statistic, &order, &steps);
    let deviations = within.deviations.clone();
    let offsets = Mat::from_fn(width, classes, |j, k| {
        (mean(order[k], j) - centre[j]) / deviations[j]
    });
    let solved = within.solve(offsets);

    let mut weights = vec![0.0; classes * width];
    let mut biases = vec![0.0; classes];
    let mut previous: Option<(usize, usize)> = None;
    for (k, &class) in order.iter().enumerate() {
        // Equal classes share one column: a solver may round its columns
        // differently, and which of two equals comes first is accidental.
        let twin = previous.filter(|&(_, other)| {
            statistic.counts()[other] == statistic.counts()[class]
                && statistic.sum(other) == statistic.sum(class)
        });
        let column = twin.map_or(k, |(column, _)| column);
        previous = Some((column, class));
        let mut bias = 0.0;
        for j in 0..width {
            let weight = solved[(j, column)] / deviations[j];
            let offset = mean(class, j) - centre[j];
            bias -= weight * (centre[j] + offset / 2.0);
            weights[class * width + j] = (weight * steps[j]) as f32;
        }
        biases[class] = bias as f32;
    }
    Discriminant::new(weights, biases)
}

/// The shrunk pooled within-class covariance, as deviations and correlation.
struct Within {
    deviations: Vec<f64>,
    /// Lower triangle.
    correlation: Mat<f64>,
}

impl Within {
    fn new(statistic: &Statistic, order: &[usize], steps: &[f64]) -> Self {
        let width = statistic.width();
        let freedom = statistic.total() as f64 - order.len() as f64;
        let mut scatter = Mat::<f64>::zeros(width, width);
        let mut packed = &statistic.second[..];
        for j in 0..width {
            let (column, rest) = packed.split_at(width - j);
            packed = rest;
            for (i, &g) in column.iter().enumerate() {
                scatter[(j + i, j)] = g as f64 * (steps[j] * steps[j + i]);
            }
        }
        let sums = Mat::from_fn(width, order.len(), |j, k| {
            let class = order[k];
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
        let freedom = freedom.max(1.0);
        let deviations: Vec<f64> = (0..width)
            .map(|j| {
                // No component is known better than its rounding to the grid.
                let rounding = steps[j] * steps[j] / 12.0;
                (scatter[(j, j)] / freedom).max(rounding).sqrt()
            })
            .collect();
        let mut squares = 0.0;
        for j in 0..width {
            scatter[(j, j)] = 1.0;
            squares += 1.0;
            for i in j + 1..width {
                let r = scatter[(i, j)] / (freedom * deviations[i] * deviations[j]);
                scatter[(i, j)] = r;
                squares += 2.0 * r * r;
            }
        }
        let p = width as f64;
        let kept = 1.0 - oracle_approximating(p, freedom, p, squares);
        for j in 0..width {
            for i in j + 1..width {
                scatter[(i, j)] *= kept;
            }
        }
        Self {
            deviations,
            correlation: scatter,
        }
    }

    /// Overwrites `rhs` with the whitened solution. A correlation matrix shrunk
    /// by any amount is positive definite; should rounding still break the
    /// factorisation, its target, the identity, stands in.
    fn solve(mut self, mut rhs: Mat<f64>) -> Mat<f64> {
        let width = self.correlation.nrows();
        let scratch = cholesky_in_place_scratch::<f64>(width, Par::Seq, Default::default());
        let factored = cholesky_in_place(
            self.correlation.as_mut(),
            Default::default(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
        if factored.is_ok() {
            let l = self.correlation.as_ref();
            solve_lower_triangular_in_place(l, rhs.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(l.transpose(), rhs.as_mut(), Par::Seq);
        }
        rhs
    }
}
