//! Errors of an evaluation.

use afield::learner::LearnError;
use afield::signal::ErrorKind;

use crate::data::DataError;
use crate::joint::JointError;
use crate::streams::StreamError;

/// Why an evaluation could not be set up or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The data set is not suitable.
    #[error("{0}")]
    Data(#[from] DataError),
    /// The stream cannot be drawn.
    #[error("{0}")]
    Stream(#[from] StreamError),
    /// The joint offline fit failed.
    #[error("{0}")]
    Joint(#[from] JointError),
    /// The learner rejected a contract or an example.
    #[error("{0}")]
    Learner(#[from] LearnError),
    /// No contract is given.
    #[error("no contract says how embeddings become examples")]
    NoContract,
}

impl EvaluateError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::Stream(error) => error.kind(),
            Self::Joint(error) => error.kind(),
            Self::Learner(error) => error.kind(),
            Self::NoContract => ErrorKind::InvalidInput,
        }
    }
}
