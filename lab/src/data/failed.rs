//! Recordings of a data set that cannot be used, and why. The others can.

use std::io;
use std::path::PathBuf;

use afield::engine;
use afield::signal::{ErrorKind, SignalError};
use afield::source::SourceError;

use super::error::DataError;

/// Why clips could not be listed or embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A file could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A clip is not in a class folder.
    #[error("{} is not in the folder of a class", path.display())]
    Unlabelled {
        /// The clip.
        path: PathBuf,
    },
    /// The name of a clip's class is not valid as a label.
    #[error("{}: the class {label:?} is no label: {fault}", path.display())]
    Label {
        /// The clip.
        path: PathBuf,
        /// The name of the class.
        label: String,
        /// The rule that the name breaks.
        fault: SignalError,
    },
    /// A folder of recordings could not be listed.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The backbone is not available, or a recording could not be embedded.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// The embeddings could not be saved, or they do not fit together.
    #[error("{0}")]
    Data(#[from] DataError),
}

impl EmbedError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { reason, .. } if reason.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::File { .. } => ErrorKind::Io,
            Self::Source(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Data(error) => error.kind(),
            Self::Unlabelled { .. } | Self::Label { .. } => ErrorKind::InvalidInput,
        }
    }
}

/// A recording, or a folder of recordings, that is left out of a data set.
#[derive(Debug)]
pub struct FailedRecording {
    /// The file or the folder.
    pub path: PathBuf,
    /// The number of recordings, at least 1. A folder that cannot be listed counts as 1.
    pub recordings: usize,
    /// Its class, if it is known.
    pub label: Option<String>,
    /// Its group, if it is known.
    pub group: Option<String>,
    /// The reason.
    pub error: EmbedError,
}

impl FailedRecording {
    /// A file or folder of unknown class and group.
    pub(crate) fn new(path: impl Into<PathBuf>, error: impl Into<EmbedError>) -> Self {
        Self {
            path: path.into(),
            recordings: 1,
            label: None,
            group: None,
            error: error.into(),
        }
    }
}
