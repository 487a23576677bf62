//! Errors of days of sound.

use afield::engine;
use afield::frontend::{FrontendError, ResampleError};
use afield::signal::{ErrorKind, Label, SignalError};
use afield::source::SourceError;

use crate::data::SplitFault;

/// Why a day could not be composed, or a learner could not listen to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The backbone takes a sensor.
    #[error("days are composed of sound; {backbone} takes a sensor")]
    Sensor {
        /// The backbone.
        backbone: String,
    },
    /// There are too few classes with clips on the test side.
    #[error(
        "a day needs a class for the place, one to teach and one that is never taught; \
         {classes} class(es) have test clips"
    )]
    Classes {
        /// Classes with test clips.
        classes: usize,
    },
    /// No class has clips on both sides.
    #[error("no class has clips on both sides: to teach and to compose the day from")]
    NothingToTeach,
    /// The class of the soundscape does not exist, or has no test clips.
    #[error("no test clip is of the class '{class}'")]
    NoSoundscapeClass {
        /// The requested class.
        class: String,
        /// The classes that have test clips.
        known: Vec<Label>,
    },
    /// The clips of the soundscape's class are silent.
    #[error("the test clips of the class '{class}' are silent, so they cannot be a soundscape")]
    SilentSoundscape {
        /// The class.
        class: Label,
    },
    /// A day is too short for its events.
    #[error("{events} events do not fit into {minutes} minutes")]
    TooShort {
        /// The length of the day.
        minutes: u32,
        /// Its events.
        events: usize,
        /// The shortest day with these events.
        needed: u32,
    },
    /// The clips have no test side.
    #[error("{0}")]
    Split(#[from] SplitFault),
    /// A recording or the learner failed.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// The folder of the learners or the recording of a day could not be written.
    #[error("cannot write the recording of a day: {0}")]
    Io(#[from] std::io::Error),
}

impl FieldError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Io(_) => ErrorKind::Io,
            Self::NoSoundscapeClass { .. } | Self::Split(SplitFault::UnknownGroup { .. }) => {
                ErrorKind::NotFound
            }
            Self::Sensor { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::InvalidInput,
        }
    }
}

impl From<SourceError> for FieldError {
    fn from(error: SourceError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SignalError> for FieldError {
    fn from(error: SignalError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<ResampleError> for FieldError {
    fn from(error: ResampleError) -> Self {
        Self::Engine(engine::Error::Pipeline(FrontendError::from(error).into()))
    }
}
