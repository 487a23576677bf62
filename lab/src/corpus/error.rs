//! Errors of corpora.

use std::io;
use std::path::{Path, PathBuf};

use afield::model::ModelError;
use afield::signal::ErrorKind;

/// Why a corpus is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A card is not TOML, or one of its values is not valid.
    #[error("cannot read card {}: {reason}", card.display())]
    Card {
        /// The card's file, or the corpus that it describes.
        card: PathBuf,
        /// What is wrong, with the key.
        reason: String,
    },
    /// No card has the name.
    #[error("no data are named {name:?}; known are {}", known.join(", "))]
    Unknown {
        /// The requested name.
        name: String,
        /// All names.
        known: Vec<String>,
    },
    /// The corpus is not in the cache.
    #[error("the data {name} are not in the cache")]
    NotFetched {
        /// The corpus.
        name: String,
    },
    /// The clips are not those that the card describes.
    #[error("{what}: the {clips} clips have sha256 {actual}, not {expected}")]
    Checksum {
        /// The corpus.
        name: String,
        /// Which clips.
        what: String,
        /// Whether the clips come from the cache, not from a package.
        in_cache: bool,
        /// Number of clips.
        clips: usize,
        /// The card's checksum.
        expected: String,
        /// The clips' checksum.
        actual: String,
    },
    /// A program that fetching needs cannot be started.
    #[error("cannot run {program}: {reason}")]
    NoProgram {
        /// The corpus.
        name: String,
        /// The program.
        program: String,
        /// The task that needs it.
        task: FetchTask,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A program that fetching needs failed.
    #[error("{doing} failed ({status}):\n{said}")]
    Program {
        /// The command.
        doing: String,
        /// The task that needed it.
        task: FetchTask,
        /// How the program ended.
        status: String,
        /// The last lines that it wrote.
        said: String,
    },
    /// A program that fetching needs took too long and was stopped.
    #[error("{doing} did not end within {limit_seconds} s and was stopped")]
    Timeout {
        /// The command.
        doing: String,
        /// The time limit, in seconds.
        limit_seconds: u64,
    },
    /// pip could not get a package.
    #[error("{0}")]
    Pip(#[from] ModelError),
    /// A package does not hold what the card describes.
    #[error("{package}{fault}")]
    Package {
        /// The package or its file.
        package: String,
        /// What is wrong with it.
        fault: PackageFault,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// The failed action, a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
}

impl CorpusError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Card { .. } => ErrorKind::InvalidInput,
            Self::Unknown { .. } | Self::NotFetched { .. } | Self::NoProgram { .. } => {
                ErrorKind::NotFound
            }
            Self::Checksum { in_cache: true, .. } => ErrorKind::Damaged,
            Self::Checksum { .. } | Self::Package { .. } => ErrorKind::Mismatch,
            Self::Program { .. } | Self::Timeout { .. } => ErrorKind::Unavailable,
            Self::Pip(error) => error.kind(),
            Self::Io { .. } => ErrorKind::Io,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io {
            action,
            path: path.into(),
            reason,
        }
    }
}

/// A task for which a program runs during a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchTask {
    /// To download and unpack a Debian package.
    Package,
    /// To convert a file of a Python package to clips.
    Conversion,
}

/// What is wrong with a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageFault {
    /// It lacks the folder of clips.
    #[error(" has no folder {0}")]
    NoFolder(String),
    /// apt succeeded, but did not leave exactly one file of the package.
    #[error(": apt-get left {0} files, not 1")]
    Count(usize),
    /// A wheel differs from the one that the card describes.
    #[error(": {0}")]
    Wheel(String),
}
