//! Errors of evaluations with classes left out.

use afield::engine;
use afield::signal::{ErrorKind, Label, SignalError};

use crate::data::DataError;

/// Why learners could not be taught or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownError {
    /// There are too few classes to leave one out.
    #[error("at least 3 classes are needed to leave one out, the data hold {classes}")]
    Classes {
        /// The classes that could be left out.
        classes: usize,
    },
    /// The draw leaves nothing to teach.
    #[error(
        "seed {seed} leaves nothing to teach: all training clips are of the classes left out ({})",
        names(never_taught)
    )]
    NothingToTeach {
        /// The seed of the draw.
        seed: u64,
        /// The classes that it leaves out.
        never_taught: Vec<Label>,
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

fn names(labels: &[Label]) -> String {
    let names: Vec<&str> = labels.iter().map(Label::as_str).collect();
    names.join(", ")
}

impl UnknownError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Io(_) => ErrorKind::Io,
            Self::Classes { .. } | Self::NothingToTeach { .. } => ErrorKind::InvalidInput,
        }
    }
}

impl From<SignalError> for UnknownError {
    fn from(error: SignalError) -> Self {
        Self::Engine(error.into())
    }
}
