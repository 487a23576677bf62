//! The steps of a contract after pooling.

use serde::{Deserialize, Serialize};

use super::{Nuisance, Standardisation};

/// One step that changes a pooled vector in place.
///
/// It uses only correctly rounded operations in a fixed order, so the result is the same to the
/// bit on every machine. A new kind of step is a new variant, and contracts without it keep their
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub(crate) enum Stage {
    /// Division by the Euclidean length. A zero vector stays zero.
    L2,
    /// `sign(x) sqrt(|x|)`, the power normalisation of Perronnin et al. 2010.
    SignedSqrt,
    /// `(x - mean) / deviation` by component.
    Standardise(Standardisation),
    /// Directions that vary within a class are damped.
    Nuisance(Nuisance),
}

impl Stage {
    /// The name, as in a contract's JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::SignedSqrt => "signed-sqrt",
            Self::Standardise(_) => "standardise",
            Self::Nuisance(_) => "nuisance",
        }
    }

    /// Changes `x` in place.
    pub(crate) fn apply(&self, x: &mut [f32]) {
        match self {
            Self::L2 => {
                let squares: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                if squares > 0.0 {
                    let length = squares.sqrt();
                    for x in x {
                        *x = (f64::from(*x) / length) as f32;
                    }
                }
            }
            Self::SignedSqrt => {
                for x in x {
                    *x = x.abs().sqrt().copysign(*x);
                }
            }
            Self::Standardise(statistics) => statistics.apply(x),
            Self::Nuisance(nuisance) => nuisance.apply(x),
        }
    }

    /// The largest magnitude after the stage, for a given largest magnitude before it.
    pub(super) fn max_abs(&self, max_abs: f32) -> f32 {
        match self {
            Self::L2 => 1.0,
            Self::SignedSqrt => max_abs.sqrt(),
            Self::Standardise(_) => Standardisation::MAX_ABS,
            Self::Nuisance(_) => max_abs,
        }
    }

    /// The kind of the stage's own values and the number of features they cover; `None` if the
    /// stage fits every width.
    pub(super) fn numbers(&self) -> Option<(&'static str, usize)> {
        match self {
            Self::L2 | Self::SignedSqrt => None,
            Self::Standardise(by) => Some(("means and deviations", by.width())),
            Self::Nuisance(nuisance) => Some(("directions", nuisance.width())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_makes_length_one_and_spares_zero() {
        let mut x = [3.0, 0.0, -4.0];
        Stage::L2.apply(&mut x);
        assert_eq!(x, [0.6, 0.0, -0.8]);
        let mut zero = [0.0; 3];
        Stage::L2.apply(&mut zero);
        assert_eq!(zero, [0.0; 3]);
        let mut huge = [f32::MAX, f32::MAX];
        Stage::L2.apply(&mut huge);
        assert!((huge[0] - 0.5_f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn the_signed_root_keeps_the_sign() {
        let mut x = [4.0, -9.0, 0.0];
        Stage::SignedSqrt.apply(&mut x);
        assert_eq!(x, [2.0, -3.0, 0.0]);
    }
}
