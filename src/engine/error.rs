//! What can go wrong in a session.

use std::path::PathBuf;
use std::time::Duration;

use crate::learner::LearnError;
use crate::model::ModelError;
use crate::pipeline::PipelineError;
use crate::signal::SignalError;
use crate::source::SourceError;
use crate::store::StoreError;

/// Why a learner at work cannot go on; what is stored is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The front end or the backbone failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The stored card is not valid.
    #[error(transparent)]
    Card(#[from] ModelError),
    /// A stored label or group is not valid.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// What is stored contradicts itself.
    #[error(
        "the learner is damaged: {reason}\nhint: `afield doctor` says what is lost and repairs what it can"
    )]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The source ended without a sample.
    #[error("there is no sound in it\nhint: remove it or record it again")]
    Silent,
    /// What a bundle holds makes no learner, or a learner no bundle.
    #[error(
        "the bundle makes no learner: {reason}\nhint: export it again with this version of afield"
    )]
    Bundle {
        /// What is wrong.
        reason: String,
    },
    /// Nobody listens to the learner at the moment.
    #[error(
        "nobody listens to {} at the moment\nhint: run `afield listen --source mic --learner {}` (or stdin, or serial:PATH) in another terminal, and teach while it runs", dir.display(), dir.display()
    )]
    NobodyListens {
        /// The learner.
        dir: PathBuf,
    },
    /// Whoever listens has not heard so much.
    #[error(
        "{:.2} s were asked for, and {:.2} s have been heard without a gap\nhint: wait until more was heard, or ask for less; 30 s are kept at most", asked.as_secs_f64(), heard.as_secs_f64()
    )]
    HeardLess {
        /// What was asked for.
        asked: Duration,
        /// What there is.
        heard: Duration,
    },
    /// What was heard cannot be had from whoever listens, or lent to whoever asks.
    #[error(
        "{}: {reason}\nhint: one `afield listen` a learner is asked, of the same version and user as `afield teach`", socket.display()
    )]
    Recall {
        /// The socket.
        socket: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// Other processes store faster than this one can follow.
    #[error("other processes keep teaching this learner\nhint: try again when they are done")]
    Contended,
    /// The class is part of a base that cannot be taken apart.
    #[error(
        "{label} came without its examples, as part of a whole learner, and cannot be forgotten alone\nhint: begin again from a learner that keeps its examples"
    )]
    InBase {
        /// The class.
        label: String,
    },
    /// Examples of this head cannot be folded.
    #[error(
        "a learner with the head {head} needs its examples: its disk use has no bound\nhint: the heads ncm, lda and ridge can do with a statistic of old examples"
    )]
    CannotFold {
        /// The head.
        head: String,
    },
    /// The limit of disk use leaves no room even where all is folded.
    #[error(
        "the limit of {max_disk} bytes on disk leaves no room: {used} are used with all folded, and six tenths must be free to fold in\nhint: forget classes that are not needed, or raise the limit with `afield fold --max-disk SIZE`"
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
    /// No such event can be taught.
    #[error("no event {id}: {reason}")]
    NoEvent {
        /// What was asked for.
        id: String,
        /// Why not.
        reason: &'static str,
    },
    /// One of several recordings failed.
    #[error("{what}: {error}")]
    Of {
        /// The recording.
        what: String,
        /// Its error.
        error: Box<SessionError>,
    },
    /// There is nothing before it.
    #[error("nothing to undo: {why}\nhint: `afield history` lists what can be gone back to")]
    NothingToUndo {
        /// Why not.
        why: &'static str,
    },
}

impl SessionError {
    /// This error, of the recording called `what`.
    pub(super) fn of(self, what: &str) -> Self {
        Self::Of {
            what: what.to_owned(),
            error: Box::new(self),
        }
    }
}

impl From<std::convert::Infallible> for SessionError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<crate::backbone::BackboneError> for SessionError {
    fn from(error: crate::backbone::BackboneError) -> Self {
        Self::Pipeline(error.into())
    }
}

pub(super) fn damaged(reason: impl std::fmt::Display) -> SessionError {
    SessionError::Damaged {
        reason: reason.to_string(),
    }
}
