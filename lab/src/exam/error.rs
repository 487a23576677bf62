//! Errors of exams.

use afield::engine;
use afield::signal::{ErrorKind, Label, SignalError};

/// Why learners could not be taught or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamError {
    /// There are too few classes to leave one out.
    #[error("at least 3 classes are needed to leave one out, the data hold {classes}")]
    TooFewToLeaveOut {
        /// The classes that could be left out.
        classes: usize,
    },
    /// There are too few classes for a wrong label.
    #[error("at least 2 classes are needed for a wrong label, the training clips have {classes}")]
    TooFewForWrongLabel {
        /// The classes of the training clips.
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
    /// No class has two held-out recordings.
    #[error(
        "no class has two held-out recordings, one to be heard without its label and one to be asked about"
    )]
    NothingToHear,
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

impl ExamError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Io(_) => ErrorKind::Io,
            Self::TooFewToLeaveOut { .. }
            | Self::TooFewForWrongLabel { .. }
            | Self::NothingToTeach { .. }
            | Self::NothingToHear => ErrorKind::InvalidInput,
        }
    }
}

impl From<SignalError> for ExamError {
    fn from(error: SignalError) -> Self {
        Self::Engine(error.into())
    }
}
