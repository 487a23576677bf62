//! Errors of durable state.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::RevisionId;
use crate::signal::ErrorKind;

/// Why a learner's folder cannot be created, opened, read or written. What was stored before stays
/// unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be created, or a file in it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("{}: {what}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The kind of failure.
        failure: DatabaseFailure,
        /// SQLite's message.
        what: String,
    },
    /// The folder already contains a learner.
    #[error("{} holds a learner already", path.display())]
    Exists {
        /// Its database.
        path: PathBuf,
    },
    /// The folder contains no learner.
    #[error("no learner in {}", dir.display())]
    NoLearner {
        /// The folder.
        dir: PathBuf,
    },
    /// The database belongs to another program, or its creation was interrupted.
    #[error("{} holds no learner's tables", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote the file.
    #[error("{} has format {found}, this program reads up to {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The latest known format.
        known: i64,
    },
    /// Another session has changed the learner since the caller last read it.
    #[error("revision {latest} has been stored since {known}")]
    Behind {
        /// The latest revision that the caller knew.
        known: RevisionId,
        /// The latest revision stored.
        latest: RevisionId,
    },
    /// Another process is writing, and took longer than a writer waits.
    #[error("{} is being written to by {owner}", path.display())]
    Locked {
        /// The file of the lock.
        path: PathBuf,
        /// The process that holds the lock: its command, id and host, and for how long.
        owner: String,
    },
    /// The data read differs from the data stored.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first fault found.
        what: String,
    },
    /// Fewer revisions are stored than were acknowledged.
    #[error("{}: revision {acknowledged} was acknowledged, the latest that can be read is {found}", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// The last revision that was acknowledged.
        acknowledged: RevisionId,
        /// The last revision that is stored.
        found: RevisionId,
    },
    /// An earlier write failed, and the content of the disk is unknown.
    #[error("nothing is written to {} any more: {why}", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
        /// The failure.
        why: String,
    },
    /// The revision does not exist, or compaction has removed its examples.
    #[error("no revision {asked} to go to: {first} to {latest} are known")]
    NoRevision {
        /// The requested revision.
        asked: RevisionId,
        /// The first revision that a rollback can return to.
        first: RevisionId,
        /// The latest revision.
        latest: RevisionId,
    },
}

/// Why SQLite failed, if the file is not damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseFailure {
    /// Another process holds the database.
    Busy,
    /// The disk is full.
    Full,
    /// The file or its folder is read-only.
    ReadOnly,
    /// The file cannot be opened.
    CannotOpen,
    /// The disk failed to read, write or sync.
    Disk,
    /// Anything else.
    Other,
}

impl StoreError {
    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database {
                failure: DatabaseFailure::Busy,
                ..
            } => ErrorKind::Busy,
            Self::Io { .. } | Self::Database { .. } | Self::Poisoned { .. } => ErrorKind::Io,
            Self::Exists { .. } => ErrorKind::AlreadyExists,
            Self::NoLearner { .. } | Self::NoRevision { .. } => ErrorKind::NotFound,
            Self::Foreign { .. } | Self::Version { .. } => ErrorKind::Mismatch,
            Self::Behind { .. } | Self::Locked { .. } => ErrorKind::Busy,
            Self::Damaged { .. } | Self::Lost { .. } => ErrorKind::Damaged,
        }
    }
}

/// Whether this failure leaves the content of the disk unknown.
pub(super) fn is_poison(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, SystemIoFailure};
    matches!(
        error.sqlite_error_code(),
        Some(SystemIoFailure | DatabaseCorrupt | NotADatabase)
    )
}

/// A failure to read or write, before the file's name is known.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// The data read differs from the data stored.
    Wrong(String),
}

impl Fault {
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }

    /// Converts the fault to the error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Sql(error) => {
                let what = error.to_string();
                match failure(&error) {
                    Some(failure) => StoreError::Database {
                        path,
                        failure,
                        what,
                    },
                    None => StoreError::Damaged { path, what },
                }
            }
            Self::Wrong(what) => StoreError::Damaged { path, what },
        }
    }
}

/// The kind of a SQLite failure; `None` for damage: bad pages, or a column whose type differs from
/// the stored type.
fn failure(error: &rusqlite::Error) -> Option<DatabaseFailure> {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => None,
        Some(ErrorCode::DatabaseBusy) => Some(DatabaseFailure::Busy),
        Some(ErrorCode::DiskFull) => Some(DatabaseFailure::Full),
        Some(ErrorCode::ReadOnly) => Some(DatabaseFailure::ReadOnly),
        Some(ErrorCode::CannotOpen) => Some(DatabaseFailure::CannotOpen),
        Some(ErrorCode::SystemIoFailure) => Some(DatabaseFailure::Disk),
        Some(_) => Some(DatabaseFailure::Other),
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql(source)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(source) => source.fmt(out),
            Self::Wrong(what) => what.fmt(out),
        }
    }
}
