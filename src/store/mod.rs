//! Durable state: what was taught, in the order it was taught, in SQLite.
//!
//! The log of operations is the truth; a snapshot is only a faster way to the
//! state that replaying the log gives, which the exactness of learning makes
//! the same to the last bit. A change is durable when [`Store::append`]
//! returns: write-ahead logging, `synchronous = FULL`. docs/DURABILITY.md says
//! what that promises, under which assumptions, and how it is tested.
//!
//! The store knows rows and bytes. What an entry means to a learner is
//! `control`'s business. `schema.rs` documents the tables.

mod base;
mod bound;
mod digest;
mod error;
mod format_3;
mod inspection;
mod line;
mod lock;
mod operation;
mod revision;
mod schema;
mod snapshot;
mod wear;
mod witness;
mod writing;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use base::BaseEntry;
use error::Fault;
use wear::Meter;
use witness::Testimony;

pub use base::Base;
pub use error::StoreError;
pub use inspection::{Inspection, Rebuild, keep_copy, spans};
pub use line::Line;
pub use lock::{Owner, WriterLock};
pub use operation::{Operation, OperationId, OperationKind, Selection, Taught};
pub use revision::{Reason, Revision, RevisionId, RevisionKind};
pub use wear::Wear;
pub use writing::Change;

/// The file inside a learner's folder.
const FILE_NAME: &str = "learner.sqlite";
/// How long SQLite waits for another process's commit; writers have waited for
/// their lock before.
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

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An example was learned or unlearned.
    Operation(Operation),
    /// Knowledge without examples was taken in.
    Absorb(Base),
    /// What this entry took in was taken back.
    Release(OperationId),
}

/// An open learner's folder.
///
/// Several may be open at once, in any number of processes. One at a time
/// writes; nobody who reads waits for it.
pub struct Store {
    db: Connection,
    dir: PathBuf,
    path: PathBuf,
    identity: Identity,
    /// Held beyond one write, see [`Self::hold`].
    held: Option<WriterLock>,
    /// Why nothing may be written any more.
    poison: Option<String>,
    meter: Meter,
}

impl Store {
    /// Makes the folder `dir` a learner's that begins from `bases` and was taught
    /// `operations`, all or nothing, and opens it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when it is one already, [`StoreError::Io`] or
    /// [`StoreError::Database`] when it cannot be written; it is no learner's
    /// then, and can be tried again.
    pub fn create(
        dir: &Path,
        identity: Identity,
        bases: &[Base],
        operations: &[Operation],
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
        schema::create(&mut db, &path, &identity, bases, operations, reason)?;
        witness::note(dir, 1);
        let mut meter = Meter::default();
        meter.commit(0, wear::log_bytes(&path), reason.at_unix_ms);
        Ok(Self {
            db,
            dir: dir.to_owned(),
            path,
            identity,
            held: None,
            poison: None,
            meter,
        })
    }

    /// Whether there is a learner's database in `dir`.
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE_NAME).is_file()
    }

    /// Opens the learner in `dir`; one that an older Afield wrote is taken to
    /// this one's format, losing nothing.
    ///
    /// # Errors
    /// [`StoreError::NoLearner`] when there is none, [`StoreError::Version`]
    /// when a newer Afield wrote it, [`StoreError::Lost`] when less is stored
    /// than was acknowledged, [`StoreError::Damaged`] or
    /// [`StoreError::Database`] when it is damaged or cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::NoLearner {
                dir: dir.to_owned(),
            });
        }
        // Before the database, which can only be ahead of it then.
        let testimony = witness::read(dir);
        let at = |fault: Fault| fault.at(&path);
        let mut db = connect_existing(&path)?;
        if schema::known_format(&db, &path)? < schema::FORMAT {
            let _lock = WriterLock::take(dir, None)?;
            make_durable(&db).map_err(|error| at(error.into()))?;
            schema::upgrade(&mut db, &path)?;
        }
        make_durable(&db).map_err(|error| at(error.into()))?;
        // One moment of the file, whoever writes meanwhile.
        let view = db
            .unchecked_transaction()
            .map_err(|error| at(error.into()))?;
        let identity = schema::identity(&view).map_err(at)?;
        let latest = revision::latest(&view).map_err(at)?;
        check_end(&view, &latest).map_err(at)?;
        drop(view);
        if let Testimony::Acknowledged(acknowledged) = testimony
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
            held: None,
            poison: None,
            meter: Meter::default(),
        })
    }

    /// From now on everything that is read is of one moment, whoever writes
    /// meanwhile, until [`Self::end_view`]; nothing can be written until then.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn begin_view(&self) -> Result<(), StoreError> {
        let begun = self.db.execute_batch("BEGIN");
        begun.map_err(|error| self.fault(error.into()))
    }

    /// Ends what [`Self::begin_view`] began.
    pub fn end_view(&self) {
        // A reading transaction that cannot be ended has ended already.
        let _ = self.db.execute_batch("COMMIT");
    }

    /// What the learner is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The latest revision.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn latest(&self) -> Result<Revision, StoreError> {
        revision::latest(&self.db).map_err(|fault| self.fault(fault))
    }

    /// The revision with this number.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`], [`StoreError::Database`],
    /// [`StoreError::Damaged`].
    pub fn revision(&self, id: RevisionId) -> Result<Revision, StoreError> {
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

    /// All revisions that can be gone to, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn history(&self) -> Result<Vec<Revision>, StoreError> {
        revision::all(&self.db).map_err(|fault| self.fault(fault))
    }

    /// The entries of the log that a revision stands on.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn line(&self, revision: &Revision) -> Result<Line, StoreError> {
        revision::line(&self.db, revision).map_err(|fault| self.fault(fault))
    }

    /// Hands every entry of the line later than `after` to `take`, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] at the first entry that is missing or does not
    /// have its checksum, [`StoreError::Database`], or the first error of `take`.
    pub fn replay<E: From<StoreError>>(
        &self,
        line: &Line,
        after: OperationId,
        mut take: impl FnMut(OperationId, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = |error| self.fault(Fault::Sql(error));
        let columns = operation::COLUMNS;
        let mut statement = self
            .db
            .prepare_cached(&format!(
                "SELECT {columns} FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            ))
            .map_err(sql)?;
        for (first, last) in line.after(after) {
            let mut expected = first;
            let mut rows = statement.query([first, last]).map_err(sql)?;
            while let Some(row) = rows.next().map_err(sql)? {
                let (id, operation) = operation::read(row).map_err(|fault| self.fault(fault))?;
                while expected < id {
                    take(expected, self.base_entry(expected)?)?;
                    expected += 1;
                }
                if id < expected {
                    return Err(self
                        .fault(Fault::wrong("its pages are out of order"))
                        .into());
                }
                take(id, Entry::Operation(operation))?;
                expected += 1;
            }
            for id in expected..=last {
                take(id, self.base_entry(id)?)?;
            }
        }
        Ok(())
    }

    /// The entry with this number, which is no operation.
    fn base_entry(&self, id: OperationId) -> Result<Entry, StoreError> {
        match base::entry(&self.db, id).map_err(|fault| self.fault(fault))? {
            Some(BaseEntry::Absorb(base)) => Ok(Entry::Absorb(base)),
            Some(BaseEntry::Release(absorbed)) => Ok(Entry::Release(absorbed)),
            None => Err(self.fault(Fault::wrong(format!("entry {id} of its log is missing")))),
        }
    }

    /// The base that the entry `absorbed` brought.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it brought none; [`StoreError::Database`].
    pub fn base(&self, absorbed: OperationId) -> Result<Base, StoreError> {
        match self.base_entry(absorbed)? {
            Entry::Absorb(base) => Ok(base),
            _ => Err(self.fault(Fault::wrong(format!("entry {absorbed} is no base")))),
        }
    }

    /// The bases that hold on the line, with the entries that brought them.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn bases(&self, line: &Line) -> Result<Vec<(OperationId, Base)>, StoreError> {
        base::standing(&self.db, line).map_err(|fault| self.fault(fault))
    }

    /// What the clip with this hash is taught as on the line, if it is.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn taught(
        &self,
        line: &Line,
        clip_sha256: &[u8; 32],
    ) -> Result<Option<Taught>, StoreError> {
        operation::taught(&self.db, line, clip_sha256).map_err(|fault| self.fault(fault))
    }

    /// The last teaching of every selected clip that was not taken back on the
    /// line, in the order of teaching.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn standing(&self, line: &Line, which: &Selection) -> Result<Vec<Operation>, StoreError> {
        operation::standing(&self.db, line, which).map_err(|fault| self.fault(fault))
    }

    /// How many clips of each group are taught on the line, by name; those of no
    /// known group, if any, first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn group_counts(&self, line: &Line) -> Result<Vec<(Option<String>, u64)>, StoreError> {
        operation::group_counts(&self.db, line).map_err(|error| self.fault(error.into()))
    }

    /// The median length of the clips taught on the line, in microseconds.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn median_clip_micros(&self, line: &Line) -> Result<Option<u64>, StoreError> {
        operation::median_clip_micros(&self.db, line).map_err(|error| self.fault(error.into()))
    }

    /// The latest intact snapshot on the line: the entry it stands after, and its
    /// bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn snapshot(&self, line: &Line) -> Result<Option<(OperationId, Vec<u8>)>, StoreError> {
        snapshot::latest(&self.db, line).map_err(|fault| self.fault(fault))
    }

    /// The limit of disk use in bytes, where there is one.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn max_disk(&self) -> Result<Option<u64>, StoreError> {
        bound::max_disk(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes of the database that hold something.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        bound::used_bytes(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes written, by day; the latest days, those on which nothing was written
    /// left out.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn wear(&self) -> Result<Vec<Wear>, StoreError> {
        wear::all(&self.db).map_err(|fault| self.fault(fault))
    }

    /// Bytes on disk: the database and its write-ahead log.
    pub fn bytes_on_disk(&self) -> u64 {
        let database = std::fs::metadata(&self.path).map_or(0, |m| m.len());
        database + wear::log_bytes(&self.path)
    }

    fn fault(&self, fault: Fault) -> StoreError {
        fault.at(&self.path)
    }
}

/// Rows beyond the last revision's are rows of a revision that is missing.
fn check_end(db: &Connection, latest: &Revision) -> Result<(), Fault> {
    let last: OperationId = db.query_row(
        "SELECT max((SELECT coalesce(max(id), 0) FROM operations),
                    (SELECT coalesce(max(id), 0) FROM bases))",
        [],
        |row| row.get(0),
    )?;
    match last > latest.last {
        true => Err(Fault::wrong(format!(
            "entry {last} of its log is of no revision"
        ))),
        false => Ok(()),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Only whoever wrote copies the log into the database at closing: to
        // read changes nothing, not even evidence of damage.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(db)
    };
    open().map_err(|error| Fault::from(error).at(path))
}

/// The database at `path`; where its disk has become read-only, as it is.
fn connect_existing(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let probe = db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let code = probe.err().and_then(|error| error.sqlite_error_code());
    let unwritable = matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
    if !unwritable || wear::log_bytes(path) > 0 {
        return Ok(db);
    }
    // No shared memory can be made beside it, and none is needed: nobody writes.
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

/// Sets how writes reach the disk. This alone writes to the file, so it comes
/// after the file is known to be ours.
fn make_durable(db: &Connection) -> rusqlite::Result<()> {
    if !db.is_readonly("main")? {
        db.pragma_update(None, "journal_mode", "WAL")?;
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    // The log's file shrinks when it is begun anew: its growth is what is written.
    db.pragma_update(None, "journal_size_limit", 0)?;
    // Damage is to be met, not worked around.
    db.pragma_update(None, "cell_size_check", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")
}
