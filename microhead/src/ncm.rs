//! Nearest class mean.

use crate::discriminant::Discriminant;
use crate::means::ClassMeans;
use crate::statistic::Statistic;

/// Nearest class mean under the Euclidean distance (Mensink et al. 2013), solved
/// from a statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Ncm<const D: usize, const K: usize>(Discriminant<D, K>);

impl<const D: usize, const K: usize> Ncm<D, K> {
    /// The head that follows from `statistic`; one unit of feature `i` is worth
    /// `steps[i]`.
    pub fn solve<const M: usize>(statistic: &Statistic<D, K, M>, steps: &[f32; D]) -> Self {
        let means = ClassMeans::new(statistic, steps);
        Self(means.discriminant(&means.offsets, 0, f64::INFINITY))
    }

    /// Of each class in nats, up to a common amount; minus infinity for those
    /// beyond the classes there are. Their
    /// [`softmax`](crate::arithmetic::softmax) are the probabilities.
    pub fn scores(&self, x: &[i16; D]) -> [f32; K] {
        self.0.scores(x)
    }
}
