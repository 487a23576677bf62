//! Nearest class mean.

use crate::discriminant::Discriminant;
use crate::means::ClassMeans;
use crate::statistic::Statistic;

/// Nearest class mean under the Euclidean distance (Mensink et al. 2013), solved
/// from a statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Ncm<const D: usize, const K: usize>(Discriminant<D, K>);

impl<const D: usize, const K: usize> Ncm<D, K> {
    /// Solves the head from `statistic`. One unit of feature `i` is worth `steps[i]`.
    pub fn solve<const M: usize>(statistic: &Statistic<D, K, M>, steps: &[f32; D]) -> Self {
        let means = ClassMeans::new(statistic, steps);
        Self(means.discriminant(&means.offsets, 0, f64::INFINITY))
    }

    /// The score of each class in nats, up to a common constant. Unused classes score minus
    /// infinity. The [`softmax`](crate::arithmetic::softmax) of the scores gives the
    /// probabilities.
    pub fn scores(&self, x: &[i16; D]) -> [f32; K] {
        self.0.scores(x)
    }
}
