//! How far to pull a covariance towards its target, from the data alone.

/// The oracle-approximating shrinkage intensity, in `[0, 1]`, of a sample
/// covariance `S` of `p` features and `n` degrees of freedom towards
/// `trace(S) / p` times the identity.
///
/// Chen, Wiesel, Eldar & Hero 2010, *Shrinkage Algorithms for MMSE Covariance
/// Estimation*, eq. 23; `squares` is `trace(S^2)`.
pub(super) fn oracle_approximating(p: f64, n: f64, trace: f64, squares: f64) -> f64 {
    let numerator = (1.0 - 2.0 / p) * squares + trace * trace;
    let denominator = (n + 1.0 - 2.0 / p) * (squares - trace * trace / p);
    if denominator > 0.0 {
        (numerator / denominator).clamp(0.0, 1.0)
    } else {
        // One feature, or S already the target.
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_examples_shrink_fully_and_many_hardly() {
        let (p, trace, squares) = (50.0, 50.0, 150.0);
        let at = |n| oracle_approximating(p, n, trace, squares);
        assert_eq!(at(1.0), 1.0);
        assert!(at(100.0) < at(50.0));
        assert!(at(1e6) < 1e-3);
        assert_eq!(oracle_approximating(3.0, 9.0, 3.0, 3.0), 1.0);
        assert_eq!(oracle_approximating(1.0, 9.0, 3.0, 9.0), 1.0);
    }
}
