//! One linear function a class: the log scores of all heads but `knn`.

use super::Layer;

pub(super) use microhead::arithmetic::dot_fixed;

/// `W x + b` over fixed-point features.
#[derive(Debug, Clone, Default)]
pub(crate) struct Discriminant {
    /// `[classes, width]`, per unit of the fixed-point features.
    weights: Vec<f32>,
    /// `[classes]`
    biases: Vec<f32>,
}

impl Discriminant {
    pub(super) fn new(weights: Vec<f32>, biases: Vec<f32>) -> Self {
        Self { weights, biases }
    }

    /// Copies the discriminant as a [`Layer`].
    pub(super) fn layer(&self) -> Layer {
        Layer {
            weights: self.weights.clone(),
            biases: self.biases.clone(),
        }
    }

    /// Grows to at least `classes` classes. New classes score 0.
    pub(super) fn grow(&mut self, classes: usize, width: usize) {
        let classes = classes.max(self.biases.len());
        self.weights.resize(classes * width, 0.0);
        self.biases.resize(classes, 0.0);
    }

    /// The weights, one row a class.
    pub(super) fn rows_mut(&mut self, width: usize) -> impl Iterator<Item = &mut [f32]> {
        self.weights.chunks_exact_mut(width)
    }

    /// Overwrites `out` with `scale (W x + b)`.
    pub(super) fn apply_scaled_into(&self, x: &[i16], scale: f64, out: &mut Vec<f32>) {
        self.apply_into(x, out);
        for score in out {
            *score = (f64::from(*score) * scale) as f32;
        }
    }

    /// Overwrites `out` with `W x + b`.
    pub(super) fn apply_into(&self, x: &[i16], out: &mut Vec<f32>) {
        Self::scores_into(&self.weights, &self.biases, x, out);
    }

    /// Overwrites `scores` with `W x + b`.
    pub(super) fn scores_into(weights: &[f32], biases: &[f32], x: &[i16], scores: &mut Vec<f32>) {
        scores.clear();
        if x.is_empty() {
            return;
        }
        let rows = weights.chunks_exact(x.len());
        scores.extend(rows.zip(biases).map(|(w, b)| dot_fixed(w, x) + b));
    }
}

const LANES: usize = 16;

/// As [`dot_fixed`], with a fixed number of lanes, for two real vectors.
// Inlined into functions that are compiled for several vector instruction sets.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a, a_tail) = a.as_chunks::<LANES>();
    let (b, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_counts_every_element_once() {
        for n in [0, 1, 15, 16, 17, 40] {
            let x: Vec<i16> = (0..n).collect();
            let real: Vec<f32> = x.iter().map(|&x| f32::from(x)).collect();
            let expected: f32 = real.iter().map(|x| x * 2.0).sum();
            assert_eq!(dot(&vec![2.0; x.len()], &real), expected);
        }
    }
}
