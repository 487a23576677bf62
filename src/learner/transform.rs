//! What a pooled vector goes through before it is quantised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LearnError, Standardisation};

/// A fixed map of pooled vectors that suits linear heads better than the raw
/// embedding; [`Contract::transform`](super::Contract::transform) applies it.
///
/// ```
/// use afield::learner::Transform;
/// assert_eq!("signed-sqrt".parse(), Ok(Transform::SignedSqrt));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Transform {
    /// The identity.
    None,
    /// Division by the Euclidean length; a vector of zeros stays one.
    L2,
    /// `sign(x) sqrt(|x|)`, the power normalisation of Perronnin et al. 2010:
    /// it tames the heavy tail of activations after a ReLU.
    SignedSqrt,
    /// `(x - mean) / deviation` by component, with the means and deviations of
    /// calibration clips that the contract holds.
    Standardise,
}

impl Transform {
    /// Every transform.
    pub const ALL: [Self; 4] = [Self::None, Self::L2, Self::SignedSqrt, Self::Standardise];

    /// The name, as on a card.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::L2 => "l2",
            Self::SignedSqrt => "signed-sqrt",
            Self::Standardise => "standardise",
        }
    }

    /// Transforms in place. Only correctly rounded operations in a fixed order:
    /// the result is the same to the bit on every machine. Without statistics
    /// [`Self::Standardise`], in a contract that does not hold, changes nothing.
    pub(super) fn apply(self, x: &mut [f32], statistics: Option<&Standardisation>) {
        match self {
            Self::None => {}
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
            Self::Standardise => {
                if let Some(statistics) = statistics {
                    statistics.apply(x);
                }
            }
        }
    }

    /// The largest magnitude after the transform, given the largest before it.
    pub fn max_abs(self, max_abs: f32) -> f32 {
        match self {
            Self::None => max_abs,
            Self::L2 => 1.0,
            Self::SignedSqrt => max_abs.sqrt(),
            Self::Standardise => Standardisation::MAX_ABS,
        }
    }
}

impl FromStr for Transform {
    type Err = LearnError;
    fn from_str(name: &str) -> Result<Self, LearnError> {
        let found = Self::ALL.into_iter().find(|t| t.name() == name);
        found.ok_or_else(|| LearnError::UnknownName {
            what: "transform",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_makes_length_one_and_spares_zero() {
        let mut x = [3.0, 0.0, -4.0];
        Transform::L2.apply(&mut x, None);
        assert_eq!(x, [0.6, 0.0, -0.8]);
        let mut zero = [0.0; 3];
        Transform::L2.apply(&mut zero, None);
        assert_eq!(zero, [0.0; 3]);
        let mut huge = [f32::MAX, f32::MAX];
        Transform::L2.apply(&mut huge, None);
        assert!((huge[0] - 0.5_f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn the_signed_root_keeps_the_sign() {
        let mut x = [4.0, -9.0, 0.0];
        Transform::SignedSqrt.apply(&mut x, None);
        assert_eq!(x, [2.0, -3.0, 0.0]);
    }

    #[test]
    fn names_round_trip() {
        for transform in Transform::ALL {
            assert_eq!(transform.to_string().parse(), Ok(transform));
            assert_eq!(
                serde_json::to_string(&transform).unwrap(),
                format!("\"{transform}\"")
            );
        }
        assert!("sqrt".parse::<Transform>().is_err());
    }
}
