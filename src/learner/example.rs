//! One example: a clip, pooled, transformed, in integers.

/// The fixed-point features of one clip, under some contract.
///
/// This is all that a learner keeps of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Example {
    pub(super) features: Vec<i16>,
    pub(super) saturated: usize,
}

impl Example {
    /// An example as it comes back from disk. Learners check its width when
    /// they use it.
    pub fn from_fixed(features: Vec<i16>) -> Self {
        Self {
            features,
            saturated: 0,
        }
    }

    /// The features.
    pub fn features(&self) -> &[i16] {
        &self.features
    }

    /// Components that lay beyond the fixed-point scale and were clamped when
    /// this was encoded. Many of them mean that the contract's scale does not
    /// suit the backbone.
    pub fn saturated(&self) -> usize {
        self.saturated
    }
}
