//! What can go wrong with durable state.

use std::fmt;
use std::path::{Path, PathBuf};

use super::RevisionId;
use super::lock::Owner;

/// Why a learner's folder cannot be made, opened, read or written. Nothing
/// that was stored before is touched by any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be made, or a file in it not be read or written.
    #[error("{}: {source}\nhint: choose another folder, or check whose this one is and how its disk is mounted", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is a learner already.
    #[error("{} holds a learner already\nhint: choose another folder; `afield status` tells what this one knows", path.display())]
    Exists {
        /// Its database.
        path: PathBuf,
    },
    /// There is no learner.
    #[error("no learner in {}\nhint: make one with `afield init {} --backbone NAME`, or name its folder with --learner", dir.display(), dir.display())]
    NoLearner {
        /// The folder.
        dir: PathBuf,
    },
    /// The file is a database of something else, or of an `init` that was cut
    /// off.
    #[error("{} holds no learner's tables\nhint: if `afield init` was interrupted here, run it again; else choose another folder, or see what `afield doctor` finds", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error("{} has format {found}, this program reads up to {known}\nhint: update afield", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Format found.
        found: i64,
        /// Latest format known.
        known: i64,
    },
    /// Others have changed the learner since the caller looked.
    #[error("revision {latest} has been stored since {known}")]
    Behind {
        /// Latest revision the caller knew.
        known: RevisionId,
        /// Latest revision stored.
        latest: RevisionId,
    },
    /// Somebody else is writing, and went on for longer than a writer waits.
    #[error("{} is being written to by {owner}\nhint: try again when it is done; `predict`, `listen` and `status` work meanwhile", path.display())]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// Who holds it.
        owner: Owner,
    },
    /// What is stored is not what was stored.
    #[error("{} is damaged: {what}\nhint: `afield doctor` says what is lost and repairs what it can", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first thing found wrong.
        what: String,
    },
    /// Fewer revisions are stored than were acknowledged.
    #[error("{}: revision {acknowledged} was acknowledged, the latest that can be read is {found}\nhint: the write-ahead log is damaged or the file is an older copy; `afield doctor` says what is lost and repairs what it can", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// The last revision that was said to be durable.
        acknowledged: RevisionId,
        /// The last one there is.
        found: RevisionId,
    },
    /// An earlier write failed in a way after which nobody knows what the disk
    /// holds.
    #[error("nothing is written to {} any more: {why}\nhint: what was acknowledged before is safe; check the disk, then start again", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
        /// The failure.
        why: String,
    },
    /// There is no such revision, or its examples have been folded.
    #[error(
        "no revision {asked} to go to: {first} to {latest} are known\nhint: `afield history` lists them; what came before a fold cannot be gone back to"
    )]
    NoRevision {
        /// What was asked for.
        asked: RevisionId,
        /// The first that can be gone to.
        first: RevisionId,
        /// The latest.
        latest: RevisionId,
    },
    /// SQLite failed.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// What the user can do about the failures that occur in the field.
fn hint(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly,
        SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DatabaseBusy) => {
            "\nhint: another afield is writing to this learner; try again when it is done"
        }
        Some(DatabaseCorrupt | NotADatabase) => {
            "\nhint: the file is damaged; `afield doctor` says what is lost and repairs what it can"
        }
        Some(DiskFull) => {
            "\nhint: the disk is full and this was not stored; make room and try again"
        }
        Some(ReadOnly) => "\nhint: the folder cannot be written to; check its owner and its mount",
        Some(CannotOpen) => "\nhint: check that the folder exists and is yours",
        Some(SystemIoFailure) => {
            "\nhint: the disk failed and this was not acknowledged; check `dmesg` and the room left"
        }
        _ => "\nhint: `afield doctor` looks for damage",
    }
}

/// Whether nobody knows after this failure what the disk holds.
pub(super) fn is_poison(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, SystemIoFailure};
    matches!(
        error.sqlite_error_code(),
        Some(SystemIoFailure | DatabaseCorrupt | NotADatabase)
    )
}

/// What reading comes to where the file's name is not at hand.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// What was read is not what was stored.
    Wrong(String),
}

impl Fault {
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }

    /// The error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            // A column of another type than it was stored with.
            Self::Sql(source) if source.sqlite_error_code().is_none() => StoreError::Damaged {
                path,
                what: source.to_string(),
            },
            Self::Sql(source) => StoreError::Database { path, source },
            Self::Wrong(what) => StoreError::Damaged { path, what },
        }
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
