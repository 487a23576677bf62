//! How the store is written to: under the lock, all or nothing, durable before
//! anyone hears of it, and never again after a failure that leaves it open what
//! the disk holds.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::base::{self, Base, BaseEntry};
use super::error::{Fault, is_poison};
use super::lock::WriterLock;
use super::revision::{self, Reason, Revision, RevisionId, RevisionKind};
use super::{
    Entry, Operation, OperationId, Store, StoreError, bound, operation, snapshot, wear, witness,
};

/// A change to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Why, and when.
    pub reason: Reason,
    /// What it adds to the log.
    pub entries: Vec<Entry>,
}

impl Store {
    /// Appends changes, each of them a revision, all or none, durably. `after` is
    /// the latest revision the caller knows. Returns the latest one then.
    ///
    /// # Errors
    /// [`StoreError::Behind`] when others have changed the learner since, so that
    /// the caller can take that in first; [`StoreError::Locked`],
    /// [`StoreError::Poisoned`] and [`StoreError::Database`] when nothing was
    /// stored or, after a failure of the disk, nobody knows.
    pub fn append(
        &mut self,
        after: RevisionId,
        changes: &[Change],
    ) -> Result<Revision, StoreError> {
        let at = changes.last().map_or(0, |change| change.reason.at_unix_ms);
        self.write(Some(after), at, |db, mut latest| {
            for change in changes {
                let entries = change.entries.len() as i64;
                latest =
                    Revision::next(Some(&latest), RevisionKind::Change, &change.reason, entries);
                revision::insert(db, &latest)?;
                for (id, entry) in (latest.first..).zip(&change.entries) {
                    insert_entry(db, id, entry)?;
                }
            }
            Ok(latest)
        })
    }

    /// Goes back to the line of revision `target`, durably; `after` as in
    /// [`Self::append`].
    ///
    /// # Errors
    /// As [`Self::append`], and [`StoreError::NoRevision`].
    pub fn roll_back(
        &mut self,
        after: RevisionId,
        target: RevisionId,
        reason: &Reason,
    ) -> Result<Revision, StoreError> {
        self.revision(target)?;
        self.write(Some(after), reason.at_unix_ms, |db, latest| {
            let kind = RevisionKind::Rollback(target);
            let next = Revision::next(Some(&latest), kind, reason, 0);
            revision::insert(db, &next)?;
            Ok(next)
        })
    }

    /// Begins the log anew with `bases` and `operations`, after which nothing
    /// older can be gone back to; keeps `state` as the snapshot after them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn fold(
        &mut self,
        after: RevisionId,
        bases: &[Base],
        operations: &[Operation],
        state: &[u8],
        reason: &Reason,
    ) -> Result<Revision, StoreError> {
        self.copy_log()?;
        let folded = self.write(Some(after), reason.at_unix_ms, |db, latest| {
            db.execute_batch(
                "DELETE FROM operations; DELETE FROM bases; DELETE FROM snapshots;
                 DELETE FROM revisions",
            )?;
            let entries = (bases.len() + operations.len()) as i64;
            let next = Revision::next(Some(&latest), RevisionKind::Fold, reason, entries);
            revision::insert(db, &next)?;
            let mut id = next.first;
            for base in bases {
                base::insert(db, id, &BaseEntry::Absorb(base.clone()))?;
                id += 1;
            }
            for operation in operations {
                operation::insert(db, id, operation)?;
                id += 1;
            }
            if next.last >= next.first {
                snapshot::insert(db, next.last, state)?;
            }
            Ok(next)
        })?;
        self.copy_log()?;
        Ok(folded)
    }

    /// Keeps `state` as the snapshot after entry `at`, and the one before it in
    /// case this one gets damaged.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn keep_snapshot(
        &mut self,
        at: OperationId,
        state: &[u8],
        now_unix_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(None, now_unix_ms, |db, latest| {
            snapshot::insert(db, at, state)?;
            Ok(latest)
        })?;
        Ok(())
    }

    /// Sets or lifts the limit of disk use.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn set_max_disk(&mut self, bytes: Option<u64>, now_unix_ms: i64) -> Result<(), StoreError> {
        self.write(None, now_unix_ms, |db, latest| {
            bound::set_max_disk(db, bytes)?;
            Ok(latest)
        })?;
        Ok(())
    }

    /// Keeps all other writers out until [`Self::let_go`]: for work of several
    /// steps. `purpose` is what they are told.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Io`].
    pub fn hold(&mut self, purpose: &str) -> Result<(), StoreError> {
        if self.held.is_none() {
            self.held = Some(WriterLock::take(&self.dir, Some(purpose))?);
        }
        Ok(())
    }

    /// Lets other writers in again.
    pub fn let_go(&mut self) {
        self.held = None;
    }

    /// One transaction under the lock: `work` gets the latest revision and
    /// returns the latest one then.
    fn write(
        &mut self,
        after: Option<RevisionId>,
        at_unix_ms: i64,
        work: impl FnOnce(&Connection, Revision) -> Result<Revision, Fault>,
    ) -> Result<Revision, StoreError> {
        if let Some(why) = &self.poison {
            return Err(StoreError::Poisoned {
                path: self.path.clone(),
                why: why.clone(),
            });
        }
        let _lock = match self.held {
            Some(_) => None,
            None => Some(WriterLock::take(&self.dir, None)?),
        };
        let path = self.path.clone();
        let max_disk = self.max_disk()?;
        bound::bound_log(&self.db, max_disk).map_err(|fault| fault.at(&path))?;
        let before = wear::log_bytes(&path);
        let (db, meter) = (&mut self.db, &mut self.meter);
        let mut known = None;
        let transact = || -> Result<Revision, Fault> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let latest = revision::latest(&transaction)?;
            if after.is_some_and(|after| after != latest.id) {
                known = Some(latest.id);
                return Ok(latest);
            }
            let latest = work(&transaction, latest)?;
            if meter.is_due() {
                meter.note(&transaction)?;
            }
            transaction.commit()?;
            Ok(latest)
        };
        let outcome = transact();
        if let (Some(latest), Some(known)) = (known, after) {
            return Err(StoreError::Behind { known, latest });
        }
        match outcome {
            Ok(latest) => {
                witness::note(&self.dir, latest.id);
                self.meter
                    .commit(before, wear::log_bytes(&path), at_unix_ms);
                Ok(latest)
            }
            Err(fault) => {
                if let Fault::Sql(error) = &fault
                    && is_poison(error)
                {
                    self.poison = Some(error.to_string());
                }
                Err(fault.at(&path))
            }
        }
    }

    /// Copies the write-ahead log into the database, as far as readers allow.
    fn copy_log(&mut self) -> Result<(), StoreError> {
        let bytes = wear::log_bytes(&self.path);
        let done = (self.db).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        done.map_err(|error| self.fault(error.into()))?;
        self.meter.copied(bytes);
        Ok(())
    }

    /// What a writer does at the end: notes what it wrote, and lets SQLite copy
    /// the log into the database if nobody else has it open. Nothing of it need
    /// be durable.
    fn end_writing(&mut self) -> Result<(), Fault> {
        self.meter.copied(wear::log_bytes(&self.path));
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.meter.note(&transaction)?;
        transaction.commit()?;
        self.db
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.poison.is_none() && !self.meter.is_idle() {
            // What was acknowledged is durable without it.
            let _ = self.end_writing();
        }
    }
}

pub(super) fn insert_entry(db: &Connection, id: OperationId, entry: &Entry) -> Result<(), Fault> {
    match entry {
        Entry::Operation(operation) => operation::insert(db, id, operation)?,
        Entry::Absorb(base) => base::insert(db, id, &BaseEntry::Absorb(base.clone()))?,
        Entry::Release(absorbed) => base::insert(db, id, &BaseEntry::Release(*absorbed))?,
    }
    Ok(())
}
