//! Errors of the joint offline fit.

use afield::signal::ErrorKind;

/// Why the joint offline fit could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JointError {
    /// Two parts that belong together differ in length.
    #[error("{what}: found {actual}, expected {expected}")]
    Lengths {
        /// The part.
        what: &'static str,
        /// The expected number.
        expected: usize,
        /// The number found.
        actual: usize,
    },
    /// The linear algebra failed.
    #[error("the joint upper bound cannot be computed: {reason}")]
    Algebra {
        /// What failed.
        reason: String,
    },
}

impl JointError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Lengths { .. } => ErrorKind::Mismatch,
            Self::Algebra { .. } => ErrorKind::InvalidInput,
        }
    }
}
