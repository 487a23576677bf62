//! One example: the pooled and transformed embeddings of a clip, as integers.

/// The fixed-point features of one clip under a contract: one row of the contract's width, or, for
/// a contract of decision windows, 1 to 16 rows, one a window.
///
/// A learner keeps nothing else of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Example {
    pub(super) features: Vec<i16>,
    pub(super) saturated: usize,
}

impl Example {
    /// Creates an example from stored features. Learners check its width when they use it.
    pub fn from_fixed(features: Vec<i16>) -> Self {
        Self {
            features,
            saturated: 0,
        }
    }

    /// The features, row-major `[rows, width]`.
    pub fn features(&self) -> &[i16] {
        &self.features
    }

    /// Number of components that exceeded the fixed-point scale and were clamped during encoding.
    /// A large number means that the contract's scale does not fit the backbone.
    pub fn saturated(&self) -> usize {
        self.saturated
    }
}
