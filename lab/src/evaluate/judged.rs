//! The result of cross-validation for one candidate.

/// The cross-validated accuracy of a candidate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// Share of all tested clips that were predicted right.
    pub accuracy: f64,
    /// The same share for each fold.
    pub folds: Vec<f64>,
}

impl Judged {
    /// Whether this candidate is ahead of `other`, on the same folds, by more than two standard
    /// errors of the difference from fold to fold. The head `auto` requires the same. With one fold
    /// the result is always false.
    pub fn clearly_beats(&self, other: &Self) -> bool {
        let apart = self.folds.iter().zip(&other.folds).map(|(a, b)| a - b);
        let n = self.folds.len().min(other.folds.len()) as f64;
        if n < 2.0 {
            return false;
        }
        let mean = apart.clone().sum::<f64>() / n;
        let variance = apart.map(|d| (d - mean) * (d - mean)).sum::<f64>() / (n - 1.0);
        mean > 2.0 * (variance / n).sqrt()
    }
}
