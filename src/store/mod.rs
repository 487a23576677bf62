//! Durable state: the learned examples, in order, in one SQLite database.
//!
//! The log of entries is authoritative. A snapshot only shortens the replay of the log and gives
//! the same state to the last bit. A change is durable when `Store::append` returns: write-ahead
//! logging, `synchronous = FULL`. docs/DURABILITY.md lists the promises, their assumptions and
//! their tests.
//!
//! The store handles rows and bytes. The engine defines what an entry does to a learner.
//! `schema.rs` documents the tables, `entry.rs` the entries.

mod bound;
mod checkpoint;
mod clip;
mod current;
mod digest;
mod entry;
mod error;
mod format_3;
mod format_3_log;
mod format_4;
mod high_water_mark;
mod inspection;
mod lineage;
mod lock;
mod rebuild;
mod replica;
mod revision;
mod schema;
mod snapshot;
#[cfg(test)]
mod tests;
mod write_volume;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::signal::{ClipId, Group, Micros};
use error::Fault;
use high_water_mark::HighWaterMark;
use write_volume::Meter;

pub(crate) use checkpoint::Checkpoint;
pub use clip::{ClipFilter, TaughtClip};
pub(crate) use entry::{Entry, EntryId, NewEntry, Stored};
pub use error::{DatabaseFailure, StoreError};
pub use inspection::Damage;
pub(crate) use inspection::{Inspection, spans};
pub(crate) use lineage::Lineage;
pub(crate) use lock::WriterLock;
pub(crate) use rebuild::{Rebuild, keep_copy};
pub(crate) use replica::ReplicaId;
pub(crate) use revision::Reason;
pub use revision::{Revision, RevisionId, RevisionKind};
pub use write_volume::WriteVolume;
pub(crate) use writing::Change;

/// The file inside a learner's folder.
const FILE_NAME: &str = "learner.sqlite";
/// How long SQLite waits for another process's commit. Writers have already waited for the
/// writer's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The identity of a learner, fixed when it was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The contract as JSON.
    pub contract: String,
    /// sha256 of the contract, lower-case hex.
    pub contract_digest: String,
    /// Head, rehearsal and seed as JSON.
    pub settings: String,
    /// Backbone card as TOML, so that the learner can be read without the cache with which it was
    /// created.
    pub card: String,
    /// Unix time of creation, in milliseconds.
    pub created_unix_ms: i64,
}

impl Identity {
    /// The replica that writes this learner's own entries.
    pub(crate) fn replica(&self) -> ReplicaId {
        ReplicaId::of(&self.contract_digest, &self.settings, self.created_unix_ms)
    }
}

/// An open learner's folder.
///
/// Any number of processes may open the same folder. One process writes at a time; readers never
/// wait for it.
pub(crate) struct Store {
    db: Connection,
    dir: PathBuf,
    path: PathBuf,
    identity: Identity,
    /// Set while a [`Hold`] of this store lives.
    held: Weak<WriterLock>,
    /// Why the store refuses further writes, if it does.
    poison: Option<String>,
    meter: Meter,
}

impl Store {
    /// Creates a learner in the folder `dir` with a log that begins with `entries`, all or
    /// nothing, and opens it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the folder already contains a learner; [`StoreError::Io`] or
    /// [`StoreError::Database`] when it cannot be written. The folder then contains no learner,
    /// and the call can be repeated.
    pub(crate) fn create(
        dir: &Path,
        identity: Identity,
        entries: &[NewEntry],
        reason: &Reason,
    ) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(io)?;
        let path = dir.join(FILE_NAME);
        let _lock = WriterLock::take(dir, None)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut db = connect(&path, flags)?;
        schema::refuse_taken(&db, &path)?;
        make_durable(&db).map_err(|error| Fault::from(error).at(&path))?;
        schema::create(&mut db, &path, &identity, entries, reason)?;
        high_water_mark::note(dir, 1);
        let mut meter = Meter::default();
        meter.commit(0, write_volume::log_bytes(&path), reason.at_unix_ms);
        Ok(Self {
            db,
            dir: dir.to_owned(),
            path,
            identity,
            held: Weak::new(),
            poison: None,
            meter,
        })
    }

    /// Whether there is a learner's database in `dir`.
    pub(crate) fn exists(dir: &Path) -> bool {
        dir.join(FILE_NAME).is_file()
    }

    /// Opens the learner in `dir`. A learner of an older Afield is migrated to the current format
    /// without loss.
    ///
    /// # Errors
    /// [`StoreError::NoLearner`] when there is none, [`StoreError::Version`]
    /// when a newer Afield wrote it, [`StoreError::Lost`] when less is stored
    /// than was acknowledged, [`StoreError::Damaged`] or
    /// [`StoreError::Database`] when it is damaged or cannot be read.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::NoLearner {
                dir: dir.to_owned(),
            });
        }
        // Read the mark before the database: then the database can only be newer than the mark.
        let mark = high_water_mark::read(dir);
        let at = |fault: Fault| fault.at(&path);
        let mut db = connect_existing(&path)?;
        if schema::known_format(&db, &path)? < schema::FORMAT {
            let _lock = WriterLock::take(dir, None)?;
            make_durable(&db).map_err(|error| at(error.into()))?;
            schema::upgrade(&mut db, &path)?;
            // Copy the log into the database, as far as readers allow, so that the log holds no
            // second copy.
            let _ = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        make_durable(&db).map_err(|error| at(error.into()))?;
        // Reads one state of the file, even if another process writes.
        let view = db
            .unchecked_transaction()
            .map_err(|error| at(error.into()))?;
        let identity = schema::identity(&view).map_err(at)?;
        let latest = revision::latest(&view).map_err(at)?;
        check_end(&view, &latest).map_err(at)?;
        drop(view);
        if let HighWaterMark::Acknowledged(acknowledged) = mark
            && acknowledged > latest.id
        {
            return Err(StoreError::Lost {
                path,
                acknowledged,
                found: latest.id,
            });
        }
        Ok(Self {
            db,
            dir: dir.to_owned(),
            path,
            identity,
            held: Weak::new(),
            poison: None,
            meter: Meter::default(),
        })
    }

    /// Calls `read` on one state of the file: writes of other processes are not visible. `read`
    /// cannot write.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the view cannot be taken, and what `read` returns.
    pub(crate) fn view<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let view = self.db.unchecked_transaction();
        let _ends_when_dropped = view.map_err(|error| self.fault(error.into()))?;
        read(self)
    }

    /// The identity of the learner.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The latest revision.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn latest(&self) -> Result<Revision, StoreError> {
        revision::latest(&self.db).map_err(|fault| self.fault(fault))
    }

    /// The revision with this number.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`], [`StoreError::Database`],
    /// [`StoreError::Damaged`].
    pub(crate) fn revision(&self, id: RevisionId) -> Result<Revision, StoreError> {
        let found = revision::get(&self.db, id).map_err(|fault| self.fault(fault))?;
        match found {
            Some(revision) => Ok(revision),
            None => Err(StoreError::NoRevision {
                asked: id,
                first: self.history()?.first().map_or(0, |first| first.id),
                latest: self.latest()?.id,
            }),
        }
    }

    /// All revisions that a rollback can return to, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn history(&self) -> Result<Vec<Revision>, StoreError> {
        revision::all(&self.db).map_err(|fault| self.fault(fault))
    }

    /// The entries that are in effect at a revision.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn lineage(&self, revision: &Revision) -> Result<Lineage, StoreError> {
        revision::lineage(&self.db, revision).map_err(|fault| self.fault(fault))
    }

    /// Passes every entry of the lineage later than `after` to `take`, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] at the first entry that is missing or has a wrong checksum,
    /// [`StoreError::Database`], or the first error of `take`.
    pub(crate) fn replay<E: From<StoreError>>(
        &self,
        lineage: &Lineage,
        after: EntryId,
        mut take: impl FnMut(Stored<Entry>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = |error| self.fault(Fault::Sql(error));
        let wrong = |what: String| self.fault(Fault::wrong(what));
        let missing = |id: EntryId| wrong(format!("entry {id} of the log is missing"));
        let columns = entry::COLUMNS;
        let mut statement = (self.db)
            .prepare_cached(&format!(
                "SELECT {columns} FROM entries WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            ))
            .map_err(sql)?;
        for (first, last) in lineage.after(after) {
            let mut expected = first;
            let mut rows = statement.query([first, last]).map_err(sql)?;
            while let Some(row) = rows.next().map_err(sql)? {
                let entry = entry::read(row).map_err(|fault| self.fault(fault))?;
                if entry.id > expected {
                    return Err(missing(expected).into());
                }
                if entry.id < expected {
                    return Err(wrong("its pages are out of order".to_owned()).into());
                }
                take(entry)?;
                expected += 1;
            }
            if expected <= last {
                return Err(missing(expected).into());
            }
        }
        Ok(())
    }

    /// The checkpoint that the entry `absorbed` merged.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the entry is not a checkpoint; [`StoreError::Database`].
    pub(crate) fn checkpoint(&self, absorbed: EntryId) -> Result<Checkpoint, StoreError> {
        let entry = entry::get(&self.db, absorbed).map_err(|fault| self.fault(fault))?;
        match entry.map(|entry| entry.value) {
            Some(Entry::Absorb(checkpoint)) => Ok(checkpoint),
            Some(_) => Err(self.fault(Fault::wrong(format!(
                "entry {absorbed} of the log is no checkpoint"
            )))),
            None => Err(self.fault(Fault::wrong(format!(
                "entry {absorbed} of the log is missing"
            )))),
        }
    }

    /// The checkpoints in effect.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn checkpoints(
        &self,
        lineage: &Lineage,
    ) -> Result<Vec<Stored<Checkpoint>>, StoreError> {
        current::checkpoints(&self.db, lineage).map_err(|fault| self.fault(fault))
    }

    /// The clip with this hash, if it is in effect.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn clip(
        &self,
        lineage: &Lineage,
        id: &ClipId,
    ) -> Result<Option<TaughtClip>, StoreError> {
        current::clip(&self.db, lineage, id).map_err(|fault| self.fault(fault))
    }

    /// The clips in effect that `filter` selects, in the order of their last teaching.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn clips(
        &self,
        lineage: &Lineage,
        filter: &ClipFilter,
    ) -> Result<Vec<Stored<TaughtClip>>, StoreError> {
        current::clips(&self.db, lineage, filter).map_err(|fault| self.fault(fault))
    }

    /// How many clips of each group are in effect, by name; clips without a group first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn group_counts(
        &self,
        lineage: &Lineage,
    ) -> Result<Vec<(Option<Group>, u64)>, StoreError> {
        current::group_counts(&self.db, lineage).map_err(|fault| self.fault(fault))
    }

    /// The median length of the clips in effect.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) fn median_clip(&self, lineage: &Lineage) -> Result<Option<Micros>, StoreError> {
        current::median_clip(&self.db, lineage).map_err(|fault| self.fault(fault))
    }

    /// The latest intact snapshot of the lineage: the entry after which it was taken, and its
    /// bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) fn snapshot(
        &self,
        lineage: &Lineage,
    ) -> Result<Option<(EntryId, Vec<u8>)>, StoreError> {
        snapshot::latest(&self.db, lineage).map_err(|fault| self.fault(fault))
    }

    /// The limit of disk use in bytes, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn max_disk(&self) -> Result<Option<u64>, StoreError> {
        bound::max_disk(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes of the database that are in use.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) fn used_bytes(&self) -> Result<u64, StoreError> {
        bound::used_bytes(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes written on each of the latest days. Days without writes are left out.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub(crate) fn write_volume(&self) -> Result<Vec<WriteVolume>, StoreError> {
        write_volume::all(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes on disk: the database and its write-ahead log.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        let database = std::fs::metadata(&self.path).map_or(0, |m| m.len());
        database + write_volume::log_bytes(&self.path)
    }

    fn fault(&self, fault: Fault) -> StoreError {
        fault.at(&self.path)
    }
}

/// Fails if the log has an entry after the last one of the latest revision: its revision is
/// missing.
fn check_end(db: &Connection, latest: &Revision) -> Result<(), Fault> {
    let last: EntryId = db.query_row("SELECT coalesce(max(id), 0) FROM entries", [], |row| {
        row.get(0)
    })?;
    if last > latest.last {
        return Err(Fault::wrong(format!(
            "entry {last} of the log is of no revision"
        )));
    }
    Ok(())
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Only a connection that wrote copies the log into the database at closing. So reading
        // changes nothing, and evidence of damage remains.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(db)
    };
    open().map_err(|error| Fault::from(error).at(path))
}

/// Opens the database at `path`. If its disk has become read-only, opens it without changes.
fn connect_existing(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let probe = db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let code = probe.err().and_then(|error| error.sqlite_error_code());
    let unwritable = matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
    if !unwritable || write_volume::log_bytes(path) > 0 {
        return Ok(db);
    }
    // SQLite cannot create shared memory beside it, and does not need it: nobody writes.
    let mut name = String::from("file:");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' | '?' | '#' => name += &format!("%{:02x}", c as u32),
            c => name.push(c),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&(name + "?immutable=1")), flags)
}

/// Sets how writes reach the disk. This setting writes to the file, so it comes after the check
/// that the file is a learner's.
fn make_durable(db: &Connection) -> rusqlite::Result<()> {
    if !db.is_readonly("main")? {
        db.pragma_update(None, "journal_mode", "WAL")?;
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    // Truncate the log's file when the log restarts: its growth counts as write volume.
    db.pragma_update(None, "journal_size_limit", 0)?;
    // Report damage; do not work around it.
    db.pragma_update(None, "cell_size_check", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")
}
