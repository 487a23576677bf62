//! The prediction function of both heads: one linear function a class.

use crate::arithmetic::dot_fixed;

/// `W x + b` over fixed-point features.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Discriminant<const D: usize, const K: usize> {
    classes: usize,
    /// Per unit of the features.
    pub(crate) weights: [[f32; D]; K],
    pub(crate) biases: [f32; K],
}

impl<const D: usize, const K: usize> Discriminant<D, K> {
    pub(crate) fn new(classes: usize) -> Self {
        Self {
            classes,
            weights: [[0.0; D]; K],
            biases: [0.0; K],
        }
    }

    /// The score of each class. Unused classes score minus infinity.
    pub(crate) fn scores(&self, x: &[i16; D]) -> [f32; K] {
        let mut scores = [f32::NEG_INFINITY; K];
        let rows = self.weights.iter().zip(&self.biases).take(self.classes);
        for (score, (weights, bias)) in scores.iter_mut().zip(rows) {
            *score = dot_fixed(weights, x) + bias;
        }
        scores
    }
}
