//! The transforms that cards name and contracts apply.

use serde::{Deserialize, Serialize};

/// A map of pooled vectors. It can suit linear heads better than the raw embedding.
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
    /// Division by the Euclidean length; a zero vector stays zero.
    L2,
    /// `sign(x) sqrt(|x|)`, the power normalisation of Perronnin et al. 2010. It shortens the
    /// heavy tail of activations after a ReLU.
    SignedSqrt,
    /// [`Self::SignedSqrt`], then [`Self::L2`]. Examples then differ in direction alone, so that
    /// a loud sound and a soft one are as far from a class mean.
    #[serde(rename = "signed-sqrt+l2")]
    SignedSqrtL2,
    /// `(x - mean) / deviation` by component. The contract holds the means and deviations of
    /// the calibration clips.
    Standardise,
}

impl Transform {
    /// Every transform.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::L2,
        Self::SignedSqrt,
        Self::SignedSqrtL2,
        Self::Standardise,
    ];

    /// The name, as on a card.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::L2 => "l2",
            Self::SignedSqrt => "signed-sqrt",
            Self::SignedSqrtL2 => "signed-sqrt+l2",
            Self::Standardise => "standardise",
        }
    }

    /// The transform with this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}
