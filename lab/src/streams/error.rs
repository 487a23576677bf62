//! Errors of a stream of examples.

use afield::signal::ErrorKind;

/// Why a stream could not be drawn, or its order could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A domain-incremental stream needs groups, but the clips have none.
    #[error("a domain-incremental stream needs groups, and the data name none")]
    NoGroups,
    /// A domain-incremental stream needs more than one training group.
    #[error("a domain-incremental stream needs at least 2 training groups, there is only '{only}'")]
    OneDomain {
        /// The one training group.
        only: String,
    },
    /// A drifting stream has too few classes for one of them to change.
    #[error(
        "a drifting stream needs at least {needed} classes with training and test clips, there are {classes}"
    )]
    DriftClasses {
        /// The number that is needed.
        needed: usize,
        /// The number found.
        classes: usize,
    },
    /// A share is not a number from 0 to 1.
    #[error("'{text}' is not a share from 0 to 1")]
    Share {
        /// The given text.
        text: String,
    },
    /// A ratio of class sizes is not a number of at least 1.
    #[error("'{text}' is not a ratio of the largest to the smallest class")]
    Ratio {
        /// The given text.
        text: String,
    },
}

impl StreamError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}
