//! Counts of right, found and true events, and the shares that follow.

use serde::Serialize;

/// Right events, found events and true events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// True positives.
    pub right: usize,
    /// True and false positives.
    pub found: usize,
    /// True positives and misses.
    pub truth: usize,
}

impl Counts {
    /// The share of the found events that are right; 0 if none was found.
    pub fn precision(self) -> f64 {
        self.right as f64 / self.found.max(1) as f64
    }

    /// The share of the true events that were found; 0 if there is none.
    pub fn recall(self) -> f64 {
        self.right as f64 / self.truth.max(1) as f64
    }

    /// The harmonic mean of precision and recall; 0 if there is nothing right.
    pub fn f1(self) -> f64 {
        2.0 * self.right as f64 / (self.found + self.truth).max(1) as f64
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            right: a.right + b.right,
            found: a.found + b.found,
            truth: a.truth + b.truth,
        })
    }
}
