//! Inspection: reads everything in a learner's folder, row by row, and reports which data is
//! intact.
//!
//! It writes nothing, and does not stop at the first fault. If one way of reading fails, it tries
//! another, so that a repair gets all remaining data. It reads the log of format 3 in place; it
//! migrates a database of an older format in memory first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::error::Fault;
use super::high_water_mark::{self, HighWaterMark};
use super::{
    Entry, EntryId, FILE_NAME, Identity, Lineage, Revision, RevisionId, StoreError, Stored, bound,
    connect_existing, entry, format_3_log, revision, schema, snapshot, write_volume,
};

/// The most rows that are read one by one if a table cannot be scanned.
const MOST_ROWS: i64 = 10_000_000;

/// A fault in a learner's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// SQLite cannot read a page or a row, or the checksum of a row is wrong.
    Unreadable {
        /// What cannot be read, and why.
        what: String,
    },
    /// The checksum of the file with the high-water mark is wrong.
    HighWaterMark,
    /// A database of an older format cannot be migrated.
    Migration {
        /// Its format.
        from: i64,
        /// The reason.
        reason: String,
    },
    /// The header names a format that does not exist.
    Format {
        /// The format.
        found: i64,
    },
    /// The header is not the header of a learner's database.
    Header,
    /// The tables differ from the tables of the format.
    Tables,
    /// Revisions after this one are missing.
    RevisionsAfter {
        /// The last revision before the gap.
        id: RevisionId,
    },
    /// The first entry of a revision does not follow the last entry of the revision before it.
    RevisionOutOfOrder {
        /// The revision.
        id: RevisionId,
    },
    /// The first revisions are missing.
    FirstRevisions,
    /// There are no revisions.
    NoRevision,
    /// Acknowledged revisions cannot be read.
    Revisions {
        /// The first of these revisions.
        first: RevisionId,
        /// The last of these revisions.
        last: RevisionId,
    },
    /// Entries of the log are missing or damaged.
    Entries {
        /// The first of these entries.
        first: EntryId,
        /// The last of these entries.
        last: EntryId,
    },
    /// No revision names this entry of the log.
    EntryOfNoRevision {
        /// The entry.
        id: EntryId,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { what } => out.write_str(what),
            Self::HighWaterMark => {
                out.write_str("the high-water mark (learner.witness) is damaged")
            }
            Self::Migration { from, reason } => write!(
                out,
                "it cannot be taken from format {from} to format {}: {reason}",
                schema::FORMAT
            ),
            Self::Format { found } => write!(out, "the header says format {found}"),
            Self::Header => out.write_str("the header is not a learner's"),
            Self::Tables => out.write_str("the tables are not those of this format"),
            Self::RevisionsAfter { id } => write!(out, "after revision {id} some are missing"),
            Self::RevisionOutOfOrder { id } => {
                write!(out, "revision {id} does not follow the one before")
            }
            Self::FirstRevisions => out.write_str("the first revisions are missing"),
            Self::NoRevision => out.write_str("it has no revision"),
            Self::Revisions { first, last } => write!(
                out,
                "revisions {first} to {last} were acknowledged and cannot be read"
            ),
            Self::Entries { first, last } if first == last => {
                write!(out, "entry {first} of the log is missing")
            }
            Self::Entries { first, last } => {
                write!(out, "entries {first} to {last} of the log are missing")
            }
            Self::EntryOfNoRevision { id } => {
                write!(out, "entry {id} of the log is of no revision")
            }
        }
    }
}

impl From<Fault> for Damage {
    fn from(fault: Fault) -> Self {
        Self::Unreadable {
            what: fault.to_string(),
        }
    }
}

/// The content of a learner's folder.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// All faults.
    pub(crate) damage: Vec<Damage>,
    /// The learner's identity, if it is intact.
    pub(crate) identity: Option<Identity>,
    /// All intact entries of the log.
    pub(crate) entries: BTreeMap<EntryId, Stored<Entry>>,
    /// Entries that revisions name but that are missing or damaged.
    pub(crate) missing: Vec<EntryId>,
    /// All intact revisions.
    pub(crate) revisions: Vec<Revision>,
    /// Whether all expected revisions are intact.
    pub(crate) history_is_whole: bool,
    /// The entries in effect at the latest intact revision, if they can be determined.
    pub(crate) lineage: Option<Lineage>,
    /// Intact snapshots, with the entry after which each was taken.
    pub(crate) snapshots: Vec<(EntryId, Vec<u8>)>,
    /// The last acknowledged revision, if known.
    pub(crate) acknowledged: RevisionId,
    /// The limit of disk use.
    pub(crate) max_disk: Option<u64>,
}

/// The format whose log is read in place, besides the current one.
const FORMAT_3: i64 = 3;

impl Inspection {
    /// Inspects the learner in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NoLearner`] when there is no file; all other faults are in [`Self::damage`].
    pub(crate) fn of(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::NoLearner {
                dir: dir.to_owned(),
            });
        }
        let mut found = Self::default();
        match high_water_mark::read(dir) {
            HighWaterMark::Acknowledged(revision) => found.acknowledged = revision,
            HighWaterMark::Absent => {}
            HighWaterMark::Unreadable => found.damage.push(Damage::HighWaterMark),
        }
        let mut db = match connect_existing(&path) {
            Ok(db) => db,
            Err(error) => {
                let what = error.to_string();
                found.damage.push(Damage::Unreadable { what });
                return Ok(found);
            }
        };
        let mut format = schema::FORMAT;
        match (schema::application(&db), schema::format(&db)) {
            (Ok(schema::APPLICATION_ID), Ok(schema::FORMAT)) => {}
            (Ok(schema::APPLICATION_ID), Ok(FORMAT_3)) => format = FORMAT_3,
            (Ok(schema::APPLICATION_ID), Ok(from)) if (1..FORMAT_3).contains(&from) => {
                match upgraded(&db, &path) {
                    Ok(copy) => db = copy,
                    Err(error) => found.damage.push(Damage::Migration {
                        from,
                        reason: error.to_string(),
                    }),
                }
            }
            (Ok(schema::APPLICATION_ID), Ok(format)) => {
                found.damage.push(Damage::Format { found: format });
            }
            (Err(fault), _) | (_, Err(fault)) => found.fault(fault),
            _ => found.damage.push(Damage::Header),
        }
        // Reads one state of the file, even if another process writes. If this fails, the later
        // reads report why.
        let view = db.unchecked_transaction();
        found.look_at_pages(&db, format);
        found.look_at_rows(&db, format);
        drop(view);
        found.look_at_order();
        Ok(found)
    }

    fn fault(&mut self, fault: Fault) {
        self.damage.push(fault.into());
    }

    /// Runs SQLite's own checks.
    fn look_at_pages(&mut self, db: &Connection, format: i64) {
        let check = || -> Result<Vec<String>, Fault> {
            let mut statement = db.prepare("PRAGMA integrity_check(20)")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        match check() {
            Ok(said) if said == ["ok"] => {}
            Ok(said) => {
                let unreadable = said.into_iter().map(|what| Damage::Unreadable { what });
                self.damage.extend(unreadable);
            }
            Err(fault) => self.fault(fault),
        }
        let expected = || -> Result<_, Fault> {
            let memory = Connection::open_in_memory()?;
            schema::lay_tables_of(&memory, format)?;
            schema::description(&memory)
        };
        match (schema::description(db), expected()) {
            (Ok(found), Ok(expected)) if found == expected => {}
            (Err(fault), _) | (_, Err(fault)) => self.fault(fault),
            _ => self.damage.push(Damage::Tables),
        }
    }

    fn look_at_rows(&mut self, db: &Connection, format: i64) {
        match schema::identity(db) {
            Ok(identity) => self.identity = Some(identity),
            Err(fault) => self.fault(fault),
        }
        let (revisions, damage) = rows(db, "revisions", revision::COLUMNS, revision::read);
        self.history_is_whole = damage.is_empty();
        self.damage.extend(damage);
        self.revisions = revisions;
        if format == FORMAT_3 {
            self.look_at_the_log_of_format_3(db);
        } else {
            let (entries, damage) = rows(db, "entries", entry::COLUMNS, entry::read);
            self.damage.extend(damage);
            self.entries
                .extend(entries.into_iter().map(|entry| (entry.id, entry)));
        }
        match snapshot::entries(db) {
            Ok(entries) => {
                for at in entries {
                    match snapshot::get(db, at) {
                        Ok(state) => self.snapshots.push((at, state)),
                        Err(fault) => self.fault(fault),
                    }
                }
            }
            Err(fault) => self.fault(fault),
        }
        match bound::max_disk(db) {
            Ok(bytes) => self.max_disk = bytes,
            Err(fault) => self.fault(fault),
        }
        if let Err(fault) = write_volume::all(db) {
            self.fault(fault);
        }
    }

    fn look_at_the_log_of_format_3(&mut self, db: &Connection) {
        use format_3_log::{BASES, OPERATIONS, read_base, read_operation};
        // Entries cannot be read without an identity, because their writer is unknown.
        let replica = self.identity.as_ref().map(Identity::replica);
        let (operations, damage) = rows(db, "operations", OPERATIONS, read_operation);
        self.damage.extend(damage);
        let (bases, damage) = rows(db, "bases", BASES, read_base);
        self.damage.extend(damage);
        for row in operations.into_iter().chain(bases) {
            let unknown = super::ReplicaId::from_bytes([0; 16]);
            match row.entry(replica.unwrap_or(unknown)) {
                Ok(entry) => {
                    if self.entries.insert(row.id, entry).is_some() {
                        let what = format!("entry {} of the log is there twice", row.id);
                        self.damage.push(Damage::Unreadable { what });
                    }
                }
                Err(fault) => self.fault(fault),
            }
        }
    }

    /// Whether revisions and entries are consistent.
    fn look_at_order(&mut self) {
        let mut damage = Vec::new();
        for pair in self.revisions.windows(2) {
            let [before, after] = pair else { continue };
            if before.id + 1 != after.id {
                damage.push(Damage::RevisionsAfter { id: before.id });
            } else if before.last + 1 != after.first {
                damage.push(Damage::RevisionOutOfOrder { id: after.id });
            }
        }
        let first = self.revisions.first();
        if first.is_some_and(|first| first.id != 1 && first.epoch() != first.id) {
            damage.push(Damage::FirstRevisions);
        }
        self.history_is_whole &= damage.is_empty() && first.is_some();
        self.damage.append(&mut damage);
        let Some(latest) = self.revisions.last().cloned() else {
            self.damage.push(Damage::NoRevision);
            return;
        };
        if self.acknowledged > latest.id {
            self.damage.push(Damage::Revisions {
                first: latest.id + 1,
                last: self.acknowledged,
            });
            self.history_is_whole = false;
        }
        let first = self.revisions.first().map_or(1, |first| first.first);
        self.missing = (first..=latest.last)
            .filter(|id| !self.entries.contains_key(id))
            .collect();
        for (first, last) in spans(&self.missing) {
            self.damage.push(Damage::Entries { first, last });
        }
        let outside = |id: &EntryId| *id < first || *id > latest.last;
        if let Some(id) = self.entries.keys().copied().find(|id| outside(id)) {
            self.damage.push(Damage::EntryOfNoRevision { id });
            self.history_is_whole = false;
        }
        match revision::lineage_of(&latest, |id| {
            let known = self.revisions.iter().find(|revision| revision.id == id);
            Ok(known.cloned())
        }) {
            Ok(lineage) => self.lineage = Some(lineage),
            Err(fault) => self.fault(fault),
        }
    }
}

/// All rows of a table that `read` accepts, and the faults of the others.
fn rows<T>(
    db: &Connection,
    table: &str,
    columns: &str,
    read: fn(&rusqlite::Row<'_>) -> Result<T, Fault>,
) -> (Vec<T>, Vec<Damage>) {
    let (mut sound, mut damage) = (Vec::new(), Vec::new());
    let mut through = || -> Result<(), Fault> {
        let mut statement = db.prepare(&format!("SELECT {columns} FROM {table} ORDER BY id"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match read(row) {
                Ok(row) => sound.push(row),
                Err(fault) => damage.push(fault.into()),
            }
        }
        Ok(())
    };
    let Err(broken) = through() else {
        return (sound, damage);
    };
    sound.clear();
    let what = format!("table {table}: {broken}");
    damage.push(Damage::Unreadable { what });
    // A page in the middle cannot be read: read each row by its number.
    let last = db.query_row(&format!("SELECT max(id) FROM {table}"), [], |row| {
        row.get(0)
    });
    for id in 1..=last.unwrap_or(0).min(MOST_ROWS) {
        let one = || -> Result<Option<T>, Fault> {
            let mut statement =
                db.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE id = ?1"))?;
            let mut rows = statement.query([id])?;
            rows.next()?.map(read).transpose()
        };
        if let Ok(Some(row)) = one() {
            sound.push(row);
        }
    }
    (sound, damage)
}

/// Splits ascending numbers into runs of consecutive numbers; returns the first and last of each.
pub(crate) fn spans(numbers: &[i64]) -> Vec<(i64, i64)> {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    runs.filter_map(|run| Some((*run.first()?, *run.last()?)))
        .collect()
}

/// A copy in memory of an older learner's database, migrated to the current format.
fn upgraded(db: &Connection, path: &Path) -> Result<Connection, StoreError> {
    let copied = || -> Result<Connection, Fault> {
        let mut copy = Connection::open_in_memory()?;
        Backup::new(db, &mut copy)?.step(-1)?;
        Ok(copy)
    };
    let mut copy = copied().map_err(|fault| fault.at(path))?;
    schema::upgrade(&mut copy, path)?;
    Ok(copy)
}
