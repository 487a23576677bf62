//! A look at everything that a learner's folder holds, row by row, and what of
//! it can be trusted.
//!
//! Nothing here writes, and nothing stops at the first fault: what cannot be read
//! in one way is tried in another, so that a repair has all that is left. A database of
//! an older format is looked at as it will be once it is opened.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::error::Fault;
use super::witness::{self, Testimony};
use super::{
    BaseEntry, Entry, FILE_NAME, Identity, Line, OperationId, Revision, RevisionId, StoreError,
    base, bound, connect, connect_existing, operation, revision, schema, snapshot, wear,
};

/// Rows that are asked for one by one where a table cannot be read through.
const MOST_ROWS: i64 = 10_000_000;

/// What lies in a learner's folder.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Everything that is not as it was stored, in words.
    pub findings: Vec<String>,
    /// The learner's identity, if it is intact.
    pub identity: Option<Identity>,
    /// All intact entries of the log.
    pub entries: BTreeMap<OperationId, Entry>,
    /// Entries that revisions name and that are missing or damaged.
    pub missing: Vec<OperationId>,
    /// All intact revisions.
    pub revisions: Vec<Revision>,
    /// Whether every revision there must be is intact.
    pub history_is_whole: bool,
    /// What the latest intact revision stands on, where that can be told.
    pub line: Option<Line>,
    /// Intact snapshots and the entries that they stand after.
    pub snapshots: Vec<(OperationId, Vec<u8>)>,
    /// The last revision that was acknowledged, as far as known.
    pub acknowledged: RevisionId,
    /// The limit of disk use.
    pub max_disk: Option<u64>,
}

impl Inspection {
    /// Looks at the learner in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NoLearner`] when there is no file, [`StoreError::Version`]
    /// when a newer Afield wrote it; whatever else is wrong is a finding.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::NoLearner {
                dir: dir.to_owned(),
            });
        }
        let mut found = Self::default();
        match witness::read(dir) {
            Testimony::Acknowledged(revision) => found.acknowledged = revision,
            Testimony::Absent => {}
            Testimony::Unreadable => found.fault("the witness (learner.witness) is damaged"),
        }
        let mut db = match connect_existing(&path) {
            Ok(db) => db,
            Err(error) => {
                found.fault(error);
                return Ok(found);
            }
        };
        match (schema::application(&db), schema::format(&db)) {
            (Ok(schema::APPLICATION_ID), Ok(schema::FORMAT)) => {}
            (Ok(schema::APPLICATION_ID), Ok(format)) if (1..schema::FORMAT).contains(&format) => {
                match upgraded(&db, &path) {
                    Ok(copy) => db = copy,
                    Err(error) => found.fault(format!(
                        "it cannot be taken from format {format} to format {}: {error}",
                        schema::FORMAT
                    )),
                }
            }
            (Ok(schema::APPLICATION_ID), Ok(format)) => {
                found.fault(format!("the header says format {format}"));
            }
            (Err(fault), _) | (_, Err(fault)) => found.fault(fault),
            _ => found.fault("the header is not a learner's"),
        }
        // One moment of the file, whoever writes meanwhile; where even that fails,
        // what follows says why.
        let begun = db.execute_batch("BEGIN");
        found.look_at_pages(&db);
        found.look_at_rows(&db);
        if begun.is_ok() {
            let _ = db.execute_batch("COMMIT");
        }
        found.look_at_order();
        Ok(found)
    }

    fn fault(&mut self, what: impl ToString) {
        self.findings.push(what.to_string());
    }

    /// What SQLite itself can say.
    fn look_at_pages(&mut self, db: &Connection) {
        let check = || -> Result<Vec<String>, Fault> {
            let mut statement = db.prepare("PRAGMA integrity_check(20)")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        match check() {
            Ok(said) if said == ["ok"] => {}
            Ok(said) => said.iter().for_each(|what| self.fault(what)),
            Err(fault) => self.fault(fault),
        }
        let expected = || -> Result<_, Fault> {
            let memory = Connection::open_in_memory()?;
            schema::lay_tables(&memory)?;
            schema::description(&memory)
        };
        match (schema::description(db), expected()) {
            (Ok(found), Ok(expected)) if found == expected => {}
            (Err(fault), _) | (_, Err(fault)) => self.fault(fault),
            _ => self.fault("the tables are not those of this format"),
        }
    }

    fn look_at_rows(&mut self, db: &Connection) {
        match schema::identity(db) {
            Ok(identity) => self.identity = Some(identity),
            Err(fault) => self.fault(fault),
        }
        let (revisions, intact) = rows(db, "revisions", revision::COLUMNS, revision::read);
        self.history_is_whole = intact.is_empty();
        self.findings.extend(intact);
        self.revisions = revisions;
        let (operations, faults) = rows(db, "operations", operation::COLUMNS, operation::read);
        self.findings.extend(faults);
        let (bases, faults) = rows(db, "bases", base::COLUMNS, base::read);
        self.findings.extend(faults);
        let operations = operations
            .into_iter()
            .map(|(id, op)| (id, Entry::Operation(op)));
        let bases = bases.into_iter().map(|(id, entry)| match entry {
            BaseEntry::Absorb(base) => (id, Entry::Absorb(base)),
            BaseEntry::Release(absorbed) => (id, Entry::Release(absorbed)),
        });
        for (id, entry) in operations.chain(bases) {
            if self.entries.insert(id, entry).is_some() {
                self.fault(format!("entry {id} of the log is there twice"));
            }
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
        if let Err(fault) = wear::all(db) {
            self.fault(fault);
        }
    }

    /// Whether what there is fits together.
    fn look_at_order(&mut self) {
        let mut faults = Vec::new();
        for pair in self.revisions.windows(2) {
            let [before, after] = pair else { continue };
            if before.id + 1 != after.id {
                faults.push(format!("after revision {} some are missing", before.id));
            } else if before.last + 1 != after.first {
                faults.push(format!(
                    "revision {} does not follow the one before",
                    after.id
                ));
            }
        }
        let first = self.revisions.first();
        if first.is_some_and(|first| first.id != 1 && first.turn() != first.id) {
            faults.push("the first revisions are missing".to_owned());
        }
        self.history_is_whole &= faults.is_empty() && first.is_some();
        self.findings.append(&mut faults);
        let Some(latest) = self.revisions.last().cloned() else {
            self.fault("it has no revision");
            return;
        };
        if self.acknowledged > latest.id {
            let lost = latest.id + 1;
            self.fault(format!(
                "revisions {lost} to {} were acknowledged and cannot be read",
                self.acknowledged
            ));
            self.history_is_whole = false;
        }
        let first = self.revisions.first().map_or(1, |first| first.first);
        self.missing = (first..=latest.last)
            .filter(|id| !self.entries.contains_key(id))
            .collect();
        for (from, to) in spans(&self.missing) {
            self.fault(match from == to {
                true => format!("entry {from} of the log is missing"),
                false => format!("entries {from} to {to} of the log are missing"),
            });
        }
        let outside = |id: &i64| *id < first || *id > latest.last;
        if let Some(id) = self.entries.keys().copied().find(|id| outside(id)) {
            self.fault(format!("entry {id} of the log is of no revision"));
            self.history_is_whole = false;
        }
        match revision::line_of(&latest, |id| {
            let known = self.revisions.iter().find(|revision| revision.id == id);
            Ok(known.cloned())
        }) {
            Ok(line) => self.line = Some(line),
            Err(fault) => self.fault(fault),
        }
    }
}

/// All rows of a table that can be read and have their checksum, and what is
/// wrong with the others.
fn rows<T>(
    db: &Connection,
    table: &str,
    columns: &str,
    read: fn(&rusqlite::Row<'_>) -> Result<T, Fault>,
) -> (Vec<T>, Vec<String>) {
    let (mut sound, mut faults) = (Vec::new(), Vec::new());
    let mut through = || -> Result<(), Fault> {
        let mut statement = db.prepare(&format!("SELECT {columns} FROM {table} ORDER BY id"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match read(row) {
                Ok(row) => sound.push(row),
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        Ok(())
    };
    let Err(broken) = through() else {
        return (sound, faults);
    };
    sound.clear();
    faults.push(format!("table {table}: {broken}"));
    // A page in the middle cannot be read: each row has a way of its own.
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
    (sound, faults)
}

/// Numbers in ascending order as first and last of those that follow each other.
pub fn spans(numbers: &[i64]) -> Vec<(i64, i64)> {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    runs.filter_map(|run| Some((*run.first()?, *run.last()?)))
        .collect()
}

/// A learner's database made anew from what is left of it.
#[derive(Debug)]
pub struct Rebuild<'a> {
    /// Who the learner is.
    pub identity: &'a Identity,
    /// Its log: numbers and entries.
    pub entries: Vec<(OperationId, Entry)>,
    /// Its history.
    pub revisions: Vec<Revision>,
    /// The limit of disk use.
    pub max_disk: Option<u64>,
}

impl Rebuild<'_> {
    /// Puts it in the place of the database in `dir`, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Database`]; the old one is still there
    /// then.
    pub fn put_in_place(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(FILE_NAME);
        let fresh = dir.join("learner.rebuilt");
        let io = |source| StoreError::Io {
            path: fresh.clone(),
            source,
        };
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(io)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = connect(&fresh, flags)?;
        self.lay(&db).map_err(|fault| fault.at(&fresh))?;
        drop(db);
        std::fs::File::open(&fresh)
            .and_then(|file| file.sync_all())
            .map_err(io)?;
        // The old log must not be taken for the new database's.
        for suffix in ["-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io(error));
                }
                _ => {}
            }
        }
        std::fs::rename(&fresh, &path).map_err(io)?;
        if let Ok(folder) = std::fs::File::open(dir) {
            folder.sync_all().map_err(io)?;
        }
        witness::note(dir, self.revisions.last().map_or(0, |latest| latest.id));
        Ok(())
    }

    fn lay(&self, db: &Connection) -> Result<(), Fault> {
        db.execute_batch("BEGIN IMMEDIATE")?;
        schema::lay_tables(db)?;
        schema::insert_identity(db, self.identity)?;
        for revision in &self.revisions {
            revision::insert(db, revision)?;
        }
        for (id, entry) in &self.entries {
            super::writing::insert_entry(db, *id, entry)?;
        }
        bound::set_max_disk(db, self.max_disk)?;
        db.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        db.pragma_update(None, "user_version", schema::FORMAT)?;
        Ok(db.execute_batch("COMMIT")?)
    }
}

/// A copy in memory of an older learner's database, taken to our format there.
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

/// Copies what is in a learner's folder into a new one inside it, before anything
/// is tried.
///
/// # Errors
/// [`StoreError::Io`]
pub fn keep_copy(dir: &Path, now_unix_ms: i64) -> Result<std::path::PathBuf, StoreError> {
    let copy = dir.join(format!("damaged-{now_unix_ms}"));
    let io = |source| StoreError::Io {
        path: copy.clone(),
        source,
    };
    std::fs::create_dir_all(&copy).map_err(io)?;
    for name in ["learner.sqlite", "learner.sqlite-wal", "learner.witness"] {
        let from = dir.join(name);
        if from.is_file() {
            let to = copy.join(name);
            std::fs::copy(&from, &to).map_err(io)?;
            std::fs::File::open(&to)
                .and_then(|file| file.sync_all())
                .map_err(io)?;
        }
    }
    Ok(copy)
}
