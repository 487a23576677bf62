//! Shrinkage intensity of a covariance, from the data alone.

use microhead::arithmetic::{bounded_ratio, oas_intensity};

/// The rule for the shrinkage intensity of a pooled covariance towards its mean
/// variance times the identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Shrinkage {
    /// Oracle approximating: Chen, Wiesel, Eldar & Hero 2010, *Shrinkage
    /// Algorithms for MMSE Covariance Estimation*, eq. 23.
    #[default]
    Oas,
    /// Rao-Blackwellised Ledoit-Wolf, eq. 17 of the same paper: the conditional expectation of
    /// Ledoit & Wolf's (2004) intensity given the covariance, for Gaussian examples. The original
    /// needs fourth moments of every example. Sums that can be merged and subtracted do not
    /// contain these. This rule needs only the statistic.
    LedoitWolf,
}

impl Shrinkage {
    /// The intensity in `[0, 1]` for a sample covariance `S` of `p` features and
    /// `n` degrees of freedom; `squares` is `trace(S^2)`.
    pub(super) fn intensity(self, p: f64, n: f64, trace: f64, squares: f64) -> f64 {
        match self {
            Self::Oas => oas_intensity(p, n, trace, squares),
            Self::LedoitWolf => {
                let apart = squares - trace * trace / p;
                bounded_ratio((n - 2.0) / n * squares + trace * trace, (n + 2.0) * apart)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_examples_shrink_fully_and_many_barely() {
        for rule in [Shrinkage::Oas, Shrinkage::LedoitWolf] {
            let (p, trace, squares) = (50.0, 50.0, 150.0);
            let at = |n| rule.intensity(p, n, trace, squares);
            assert_eq!(at(1.0), 1.0);
            assert!(at(100.0) < at(50.0));
            assert!(at(1e6) < 1e-3);
            assert_eq!(rule.intensity(3.0, 9.0, 3.0, 3.0), 1.0);
            assert_eq!(rule.intensity(1.0, 9.0, 3.0, 9.0), 1.0);
        }
    }

    #[test]
    fn both_rules_agree_on_many_examples_and_differ_on_few() {
        let of = |rule: Shrinkage, n| rule.intensity(100.0, n, 100.0, 400.0);
        let gap = |n| of(Shrinkage::LedoitWolf, n) - of(Shrinkage::Oas, n);
        assert!(gap(200.0).abs() > 1e-4, "{}", gap(200.0));
        assert!(gap(1e6).abs() < 1e-6);
    }
}
