//! Rebuilding: a new database from the intact data of a damaged one.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::Fault;
use super::{
    EntryId, FILE_NAME, Identity, NewEntry, Revision, StoreError, bound, connect, high_water_mark,
    revision, schema,
};

/// The content of a learner's new database.
#[derive(Debug)]
pub(crate) struct Rebuild<'a> {
    /// The learner's identity.
    pub(crate) identity: &'a Identity,
    /// The log: numbers and entries.
    pub(crate) entries: Vec<(EntryId, NewEntry)>,
    /// The revisions.
    pub(crate) revisions: Vec<Revision>,
    /// The limit of disk use.
    pub(crate) max_disk: Option<u64>,
}

impl Rebuild<'_> {
    /// Replaces the database in `dir` by this content, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Database`]; the old database then remains.
    pub(crate) fn put_in_place(&self, dir: &Path) -> Result<(), StoreError> {
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
        // SQLite must not apply the old log to the new database.
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
        high_water_mark::note(dir, self.revisions.last().map_or(0, |latest| latest.id));
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
            entry.insert(db, *id, self.identity.replica())?;
        }
        bound::set_max_disk(db, self.max_disk)?;
        db.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        db.pragma_update(None, "user_version", schema::FORMAT)?;
        Ok(db.execute_batch("COMMIT")?)
    }
}

/// Copies the files of a learner's folder into a new folder inside it.
///
/// # Errors
/// [`StoreError::Io`]
pub(crate) fn keep_copy(dir: &Path, now_unix_ms: i64) -> Result<PathBuf, StoreError> {
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
