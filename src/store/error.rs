//! What can go wrong with durable state.

use std::path::PathBuf;

use super::OperationId;

/// Why a learner's folder cannot be made, opened, read or written. Nothing
/// that was stored before is touched by any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {source}\nhint: choose another folder, or check whose this one is", path.display())]
    Io {
        /// The folder.
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
    #[error("{} holds no learner's tables\nhint: if `afield init` was interrupted here, run it again; else choose another folder", path.display())]
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
    /// Others have appended operations that the caller does not know.
    #[error("operation {latest} has been stored since {known}")]
    Behind {
        /// Latest operation the caller knew.
        known: OperationId,
        /// Latest operation stored.
        latest: OperationId,
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
            "\nhint: the file is damaged; keep a copy of it before anything else"
        }
        Some(DiskFull) => {
            "\nhint: the disk is full and this was not stored; make room and try again"
        }
        Some(ReadOnly) => "\nhint: the folder cannot be written to; check its owner and its mount",
        Some(CannotOpen) => "\nhint: check that the folder exists and is yours",
        Some(SystemIoFailure) => {
            "\nhint: the disk failed and this was not stored; check `dmesg` and the room left"
        }
        _ => "",
    }
}
