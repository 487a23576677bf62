//! Computes a discriminant from class means; shared by `ncm` and `lda`.

use crate::arithmetic::{half_excess, sharpness};
use crate::discriminant::Discriminant;
use crate::statistic::Statistic;

/// The class means relative to their centre, in real units. They are in the canonical order of the
/// statistic, so floating-point sums over them are the same to the bit for every order of
/// teaching.
pub(crate) struct ClassMeans<'a, const D: usize, const K: usize, const M: usize> {
    pub(crate) statistic: &'a Statistic<D, K, M>,
    /// The real value of one unit of each feature.
    pub(crate) steps: [f64; D],
    /// Class of each row.
    pub(crate) order: [usize; K],
    pub(crate) centre: [f64; D],
    pub(crate) offsets: [[f64; D]; K],
}

impl<'a, const D: usize, const K: usize, const M: usize> ClassMeans<'a, D, K, M> {
    pub(crate) fn new(statistic: &'a Statistic<D, K, M>, steps: &[f32; D]) -> Self {
        let classes = statistic.classes;
        let order = statistic.canonical_order();
        let steps = steps.map(f64::from);
        let mut offsets = [[0.0; D]; K];
        for (row, &class) in offsets.iter_mut().zip(&order[..classes]) {
            let n = statistic.counts[class] as f64;
            let sums = statistic.sums[class].iter().zip(&steps);
            for (offset, (&sum, step)) in row.iter_mut().zip(sums) {
                *offset = sum as f64 / n * step;
            }
        }
        let mut centre = [0.0; D];
        for mean in &offsets[..classes] {
            for (centre, mean) in centre.iter_mut().zip(mean) {
                *centre += mean / classes as f64;
            }
        }
        for mean in &mut offsets[..classes] {
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

    /// The discriminant `directions_k . (x - centre - offset_k / 2)`. It subtracts the
    /// [`half_excess`] of `uncertain` features from the distances and multiplies by a
    /// [`sharpness`] of at most `sharpest`.
    pub(crate) fn discriminant(
        &self,
        directions: &[[f64; D]; K],
        uncertain: usize,
        sharpest: f64,
    ) -> Discriminant<D, K> {
        let classes = self.statistic.classes;
        let offsets = self.offsets[..classes].as_flattened();
        let spread: f64 = (offsets.iter().zip(directions[..classes].as_flattened()))
            .map(|(o, d)| o * d)
            .sum();
        let sharpness = sharpness(spread, classes, sharpest);
        let mut discriminant = Discriminant::new(classes);
        let mut row = 0;
        for (k, &class) in self.order[..classes].iter().enumerate() {
            // Equal classes share a row, because the order of two equal classes is arbitrary.
            if !(k > 0 && self.statistic.same(self.order[k - 1], class)) {
                row = k;
            }
            let (direction, offset) = (&directions[row], &self.offsets[row]);
            let n = self.statistic.observations_of_mean(class);
            let mut bias = sharpness * half_excess(uncertain, n);
            for j in 0..D {
                let weight = sharpness * direction[j];
                bias -= weight * (self.centre[j] + offset[j] / 2.0);
                discriminant.weights[class][j] = (weight * self.steps[j]) as f32;
            }
            // The host adds the logarithm of a prior here, which is 0.
            discriminant.biases[class] = bias as f32 + 0.0;
        }
        discriminant
    }
}
