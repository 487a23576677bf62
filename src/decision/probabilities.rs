//! Probabilities, computed from the evidence of a head.

use crate::head::Evidence;

/// Probabilities over the known classes, in the learner's class order.
///
/// Each lies in `[0, 1]`, and they sum to 1. The list is empty if no class has been taught.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probabilities(pub Vec<f32>);

impl Probabilities {
    /// Computes probabilities from evidence: the softmax of log scores, or the shares of votes.
    pub fn of(evidence: &Evidence) -> Self {
        let mut probabilities = Self::default();
        probabilities.set(evidence);
        probabilities
    }

    /// The softmax of log scores.
    pub(crate) fn of_log_scores(scores: &[f32]) -> Self {
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let terms: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
        let sum: f32 = terms.iter().sum();
        Self(terms.into_iter().map(|term| term / sum).collect())
    }

    /// As [`Self::of`], into this buffer.
    pub fn set(&mut self, evidence: &Evidence) {
        evidence.shares_into(&mut self.0);
    }

    /// Index and probability of the most probable class. On a tie, the class that was taught first
    /// wins. `None` if there is no class.
    ///
    /// ```
    /// use afield::decision::Probabilities;
    /// assert_eq!(Probabilities(vec![0.2, 0.7, 0.1]).best(), Some((1, 0.7)));
    /// assert_eq!(Probabilities::default().best(), None);
    /// ```
    pub fn best(&self) -> Option<(usize, f32)> {
        let mut best: Option<(usize, f32)> = None;
        for (class, &p) in self.0.iter().enumerate() {
            if best.is_none_or(|(_, top)| p > top) {
                best = Some((class, p));
            }
        }
        best
    }
}
