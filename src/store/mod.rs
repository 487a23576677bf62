//! Durable state: what was taught, in the order it was taught, in SQLite.
//!
//! The log of operations is the truth; a snapshot is only a faster way to the
//! state that replaying the log gives, which the exactness of learning makes
//! the same to the last bit. An operation is durable when [`Store::append`]
//! returns: write-ahead logging, `synchronous = FULL`.
//!
//! The store knows rows and bytes. What an operation means to a learner is
//! `control`'s business. `schema.rs` documents the tables.

mod error;
mod operation;
mod schema;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use error::StoreError;
pub use operation::{Operation, OperationId, OperationKind, Selection, Taught};

/// The file inside a learner's folder.
const FILE_NAME: &str = "learner.sqlite";
/// How long a writer waits for another one before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a learner is, as fixed when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The contract as JSON.
    pub contract: String,
    /// sha256 of the contract, lower-case hex.
    pub contract_digest: String,
    /// Head, rehearsal and seed as JSON.
    pub settings: String,
    /// Backbone card as TOML, so that the learner can be read without the
    /// cache it was made with.
    pub card: String,
    /// Unix time of making, in milliseconds.
    pub created_unix_ms: i64,
}

/// An open learner's folder.
pub struct Store {
    db: Connection,
    path: PathBuf,
    identity: Identity,
}

impl Store {
    /// Makes the folder `dir` a learner's that was taught `operations`, all or
    /// nothing, and opens it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when it is one already, [`StoreError::Io`] or
    /// [`StoreError::Database`] when it cannot be written; it is no learner's
    /// then, and can be tried again.
    pub fn create(
        dir: &Path,
        identity: Identity,
        operations: &[Operation],
    ) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(io)?;
        let path = dir.join(FILE_NAME);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut db = connect(&path, flags)?;
        schema::refuse_taken(&db, &path)?;
        make_durable(&db, &path)?;
        schema::create(&mut db, &path, &identity, operations)?;
        Ok(Self { db, path, identity })
    }

    /// Opens the learner in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NoLearner`] when there is none, [`StoreError::Version`]
    /// when a newer Afield wrote it, [`StoreError::Database`] when it is
    /// damaged or cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::NoLearner {
                dir: dir.to_owned(),
            });
        }
        let db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let identity = schema::identity(&db, &path)?;
        make_durable(&db, &path)?;
        Ok(Self { db, path, identity })
    }

    /// What the learner is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The number of the latest operation, 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn latest(&self) -> Result<OperationId, StoreError> {
        operation::latest(&self.db).map_err(|e| self.database(e))
    }

    /// Appends operations, all or none, durably. `after` is the latest
    /// operation the caller knows.
    ///
    /// # Errors
    /// [`StoreError::Behind`] when others have been appended since, so that the
    /// caller can take them in first; [`StoreError::Database`] when nothing was
    /// stored.
    pub fn append(
        &mut self,
        after: OperationId,
        operations: &[Operation],
    ) -> Result<OperationId, StoreError> {
        let path = self.path.clone();
        let database = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let transaction = (self.db)
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(database)?;
        let latest = operation::latest(&transaction).map_err(database)?;
        if latest != after {
            return Err(StoreError::Behind {
                known: after,
                latest,
            });
        }
        for operation in operations {
            operation::insert(&transaction, operation).map_err(database)?;
        }
        let latest = operation::latest(&transaction).map_err(database)?;
        transaction.commit().map_err(database)?;
        Ok(latest)
    }

    /// Hands every operation later than `after` to `take`, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`], or the first error of `take`.
    pub fn replay<E: From<StoreError>>(
        &self,
        after: OperationId,
        take: impl FnMut(OperationId, Operation) -> Result<(), E>,
    ) -> Result<(), E> {
        operation::replay(&self.db, after, take, |e| self.database(e))
    }

    /// What the clip with this hash is taught as, if it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn taught(&self, clip_sha256: &[u8; 32]) -> Result<Option<Taught>, StoreError> {
        operation::taught(&self.db, clip_sha256).map_err(|e| self.database(e))
    }

    /// The last teaching of every selected clip that was not taken back, in the
    /// order of teaching.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn standing(&self, which: &Selection) -> Result<Vec<Operation>, StoreError> {
        operation::standing(&self.db, which).map_err(|e| self.database(e))
    }

    /// The median length of the taught clips, in microseconds.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn median_clip_micros(&self) -> Result<Option<u64>, StoreError> {
        operation::median_clip_micros(&self.db).map_err(|e| self.database(e))
    }

    /// The latest intact snapshot: the operation it stands after, and its bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn snapshot(&self) -> Result<Option<(OperationId, Vec<u8>)>, StoreError> {
        snapshot::latest(&self.db).map_err(|e| self.database(e))
    }

    /// Keeps `state` as the snapshot after operation `at`, and the one before
    /// it in case this one gets damaged.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn keep_snapshot(&mut self, at: OperationId, state: &[u8]) -> Result<(), StoreError> {
        snapshot::keep(&mut self.db, at, state).map_err(|source| StoreError::Database {
            path: self.path.clone(),
            source,
        })
    }

    /// Bytes on disk: the database and its write-ahead log.
    pub fn bytes_on_disk(&self) -> u64 {
        let with = |suffix: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            std::fs::metadata(name).map_or(0, |m| m.len())
        };
        with("") + with("-wal")
    }

    fn database(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database {
            path: self.path.clone(),
            source,
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let database = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(database)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
    Ok(db)
}

/// Sets how writes reach the disk. This alone writes to the file, so it comes
/// after the file is known to be ours.
fn make_durable(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let database = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    db.pragma_update(None, "journal_mode", "WAL")
        .map_err(database)?;
    db.pragma_update(None, "synchronous", "FULL")
        .map_err(database)?;
    db.pragma_update(None, "foreign_keys", "ON")
        .map_err(database)
}
