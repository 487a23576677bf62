//! Errors of evaluations of the guard.

use afield::engine;
use afield::signal::{ErrorKind, SignalError};

use crate::data::DataError;

/// Why learners could not be taught or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// There are too few classes for a wrong label.
    #[error("at least 2 classes are needed for a wrong label, the training clips have {classes}")]
    Classes {
        /// The classes of the training clips.
        classes: usize,
    },
    /// The clips cannot be split.
    #[error("{0}")]
    Data(#[from] DataError),
    /// A learner failed.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// The folder of a learner could not be written.
    #[error("cannot write the folder of a learner: {0}")]
    Io(#[from] std::io::Error),
}

impl GuardError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Io(_) => ErrorKind::Io,
            Self::Classes { .. } => ErrorKind::InvalidInput,
        }
    }
}

impl From<SignalError> for GuardError {
    fn from(error: SignalError) -> Self {
        Self::Engine(error.into())
    }
}
