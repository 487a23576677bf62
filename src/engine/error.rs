//! The root error of the library.

use std::path::PathBuf;
use std::time::Duration;

use crate::bundle::BundleError;
use crate::learner::LearnError;
use crate::model::ModelError;
use crate::pipeline::PipelineError;
use crate::signal::{ErrorKind, SignalError};
use crate::source::SourceError;
use crate::store::StoreError;

/// Why an operation on a learner failed. Stored data is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner rejected the operation.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The front end or the backbone failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A card or a backbone is not valid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A label, a group or another value is not valid.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// A bundle cannot be created or used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Stored data is inconsistent.
    #[error("the learner is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The source ended without a sample.
    #[error("there is no sound in it")]
    Silent,
    /// The backbone gives NaN or infinity for every window of the source.
    #[error("the backbone gives NaN or infinity for each of its windows ({windows})")]
    NoFiniteEmbedding {
        /// Number of windows.
        windows: u64,
    },
    /// No process listens with this learner.
    #[error("nobody listens to {} at the moment", dir.display())]
    NobodyListens {
        /// The learner's folder.
        dir: PathBuf,
    },
    /// The process that listens has less audio than requested.
    #[error(
        "{:.2} s were asked for, and {:.2} s have been heard without a gap", requested.as_secs_f64(), available.as_secs_f64()
    )]
    TooLittleAudio {
        /// The requested length.
        requested: Duration,
        /// The available length without a gap.
        available: Duration,
    },
    /// Two processes cannot exchange audio.
    #[error("{}: {reason}", socket.display())]
    AudioExchange {
        /// The socket.
        socket: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Other processes store changes faster than this one can apply them.
    #[error("other processes keep teaching this learner")]
    Contended,
    /// The class is part of a checkpoint that cannot be divided.
    #[error(
        "{label} came without its examples, as part of a whole learner, and cannot be forgotten alone"
    )]
    InCheckpoint {
        /// The class.
        label: String,
    },
    /// Examples of this head cannot be compacted.
    #[error("a learner with the head {head} needs its examples: its disk use has no bound")]
    CannotCompact {
        /// The head.
        head: String,
    },
    /// Too many clips for a head that is taught anew for each part of a report.
    #[error(
        "a report teaches the head {head} anew for each part that is held out: {clips} clips are more than {most}"
    )]
    TooManyToTeachAnew {
        /// The head.
        head: String,
        /// The clips.
        clips: usize,
        /// The most clips.
        most: usize,
    },
    /// The limit of disk use leaves no room even after compaction.
    #[error(
        "the limit of {max_disk} bytes on disk leaves no room: {used} are used with all folded, and six tenths must be free to fold in"
    )]
    DiskLimit {
        /// The limit.
        max_disk: u64,
        /// Bytes in use.
        used: u64,
    },
    /// Options contradict each other, the backbone or the learner.
    #[error(transparent)]
    Option(#[from] super::OptionError),
    /// The event is unknown and cannot be taught.
    #[error("no event {id}: {reason}")]
    NoEvent {
        /// The requested event.
        id: String,
        /// The reason.
        reason: &'static str,
    },
    /// A recording has more samples or channels than a WAV file can hold.
    #[error("{name} is too long or has too many channels for a WAV file")]
    TooLong {
        /// The recording.
        name: String,
    },
    /// No open question has this id.
    #[error("no open question {id}")]
    NoQuestion {
        /// The id.
        id: String,
    },
    /// A file in the learner's folder cannot be written, read or removed.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// One of several recordings failed.
    #[error("{what}: {error}")]
    Of {
        /// The recording.
        what: String,
        /// Its error.
        error: Box<Error>,
    },
    /// The head cannot compare a clip with the others.
    #[error("the head {head} finds no doubtful clips; lda does")]
    NoDoubts {
        /// The head.
        head: String,
    },
    /// A change would make the learner clearly worse, and was not made or is taken back.
    #[error("refused: {0}")]
    Harmful(Box<super::Harm>),
    /// There is no change to undo.
    #[error("nothing to undo: {why}")]
    NothingToUndo {
        /// The reason.
        why: &'static str,
    },
}

impl Error {
    /// This error, for the recording called `what`. Errors that name it already stay as they are.
    pub(super) fn of(self, what: &str) -> Self {
        if self.to_string().contains(what) {
            return self;
        }
        Self::Of {
            what: what.to_owned(),
            error: Box::new(self),
        }
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Bundle(error) => error.kind(),
            Self::Option(error) => error.kind(),
            Self::Of { error, .. } => error.kind(),
            Self::Learn(error) => error.kind(),
            Self::Source(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::Signal(error) => error.kind(),
            Self::Pipeline(error) => error.kind(),
            Self::Silent | Self::NoFiniteEmbedding { .. } => ErrorKind::InvalidInput,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::NobodyListens { .. } | Self::AudioExchange { .. } => ErrorKind::Unavailable,
            Self::TooLittleAudio { .. }
            | Self::NoEvent { .. }
            | Self::NoQuestion { .. }
            | Self::NothingToUndo { .. } => ErrorKind::NotFound,
            Self::File { .. } => ErrorKind::Io,
            Self::TooLong { .. } | Self::NoDoubts { .. } => ErrorKind::Unsupported,
            Self::Harmful(_) => ErrorKind::InvalidInput,
            Self::Contended => ErrorKind::Busy,
            Self::InCheckpoint { .. } | Self::CannotCompact { .. } => ErrorKind::Unsupported,
            Self::DiskLimit { .. } | Self::TooManyToTeachAnew { .. } => ErrorKind::Limit,
        }
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<crate::backbone::BackboneError> for Error {
    fn from(error: crate::backbone::BackboneError) -> Self {
        Self::Pipeline(error.into())
    }
}

pub(super) fn damaged(reason: impl std::fmt::Display) -> Error {
    Error::Damaged {
        reason: reason.to_string(),
    }
}
