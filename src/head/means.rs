//! Computes a discriminant from class means; shared by `ncm` and `lda`.

pub(super) use microhead::arithmetic::{half_excess, sharpness};

use super::Statistic;
use super::discriminant::Discriminant;

/// The class means relative to their centre, in real units.
///
/// Classes are in the canonical order of the statistic. Every floating-point sum over them is
/// therefore the same to the bit for every order of teaching.
pub(super) struct ClassMeans<'a> {
    statistic: &'a Statistic,
    /// The real value of one unit of each feature.
    steps: Vec<f64>,
    /// Class of each row.
    pub(super) order: Vec<usize>,
    pub(super) centre: Vec<f64>,
    /// `[classes, width]`
    pub(super) offsets: Vec<f64>,
}

impl<'a> ClassMeans<'a> {
    pub(super) fn new(statistic: &'a Statistic, steps: &[f32]) -> Self {
        let order = statistic.canonical_order();
        let steps: Vec<f64> = steps.iter().map(|&step| step.into()).collect();
        let mut offsets = Vec::with_capacity(order.len() * steps.len());
        for &class in &order {
            let n = statistic.counts()[class] as f64;
            let sums = statistic.sum(class).iter().zip(&steps);
            offsets.extend(sums.map(|(&sum, step)| sum as f64 / n * step));
        }
        let mut centre = vec![0.0; steps.len()];
        for mean in offsets.chunks_exact(steps.len()) {
            for (centre, mean) in centre.iter_mut().zip(mean) {
                *centre += mean / order.len() as f64;
            }
        }
        for mean in offsets.chunks_exact_mut(steps.len()) {
            for (mean, centre) in mean.iter_mut().zip(&centre) {
                *mean -= centre;
            }
        }
        Self {
            statistic,
            steps,
            order,
            centre,
            offsets,
        }
    }

    pub(super) fn steps(&self) -> &[f64] {
        &self.steps
    }

    /// Rounds the rows and puts them in class order instead of canonical order.
    pub(super) fn in_taught_order(&self, rows: &[f64]) -> Vec<f32> {
        let width = self.steps.len();
        let mut out = vec![0.0; rows.len()];
        for (row, &class) in rows.chunks_exact(width).zip(&self.order) {
            let to = &mut out[class * width..(class + 1) * width];
            for (to, value) in to.iter_mut().zip(row) {
                *to = *value as f32;
            }
        }
        out
    }

    /// The discriminant `directions_k . (x - centre - offset_k / 2)`. It subtracts the
    /// [`half_excess`] of `uncertain` features from the distances, multiplies by a [`sharpness`]
    /// of at most `sharpest`, and adds the logarithm of the prior.
    pub(super) fn discriminant(
        &self,
        directions: &[f64],
        uncertain: usize,
        sharpest: f64,
        log_priors: &[f32],
    ) -> Discriminant {
        let (width, classes) = (self.steps.len(), self.order.len());
        let spread: f64 = self
            .offsets
            .iter()
            .zip(directions)
            .map(|(o, d)| o * d)
            .sum();
        let sharpness = sharpness(spread, classes, sharpest);
        let mut weights = vec![0.0; classes * width];
        let mut biases = vec![0.0; classes];
        let mut row = 0;
        for (k, &class) in self.order.iter().enumerate() {
            // Equal classes share a row: a solver may round its columns differently, and the order
            // of two equal classes is arbitrary.
            if !(k > 0 && self.statistic.same(self.order[k - 1], class)) {
                row = k;
            }
            let at = row * width..(row + 1) * width;
            let (direction, offset) = (&directions[at.clone()], &self.offsets[at]);
            let n = self.statistic.observations_of_mean(class, 0);
            let mut bias = sharpness * half_excess(uncertain, n);
            for j in 0..width {
                let weight = sharpness * direction[j];
                bias -= weight * (self.centre[j] + offset[j] / 2.0);
                weights[class * width + j] = (weight * self.steps[j]) as f32;
            }
            biases[class] = bias as f32 + log_priors[class];
        }
        Discriminant::new(weights, biases)
    }
}
