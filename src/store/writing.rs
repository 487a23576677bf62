//! Writing: every write is one transaction under the writer's lock, and is durable before the call
//! returns. After a failure that leaves the content of the disk unknown, the store refuses to
//! write.

use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::entry::{self, Entry, EntryId, NewEntry};
use super::error::{Fault, is_poison};
use super::lock::{Hold, WriterLock};
use super::replica::Stamp;
use super::revision::{self, Reason, Revision, RevisionId, RevisionKind};
use super::{Store, StoreError, bound, high_water_mark, snapshot, write_volume};

/// A change to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its reason and time.
    pub reason: Reason,
    /// The entries that it adds to the log.
    pub entries: Vec<Entry>,
}

impl Store {
    /// Appends changes durably, all or none; each becomes a revision. `after` is the latest
    /// revision that the caller knows. Returns the new latest revision.
    ///
    /// # Errors
    /// [`StoreError::Behind`] when other sessions have changed the learner since `after`; the
    /// caller must catch up first. [`StoreError::Locked`], [`StoreError::Poisoned`] and
    /// [`StoreError::Database`] when nothing was stored; after a failure of the disk it is unknown
    /// whether something was stored.
    pub(crate) fn append(
        &mut self,
        after: RevisionId,
        changes: &[Change],
    ) -> Result<Revision, StoreError> {
        let at = changes.last().map_or(0, |change| change.reason.at_unix_ms);
        let replica = self.identity.replica();
        self.write(Some(after), at, |db, mut latest| {
            for change in changes {
                let entries = change.entries.len() as i64;
                latest =
                    Revision::next(Some(&latest), RevisionKind::Change, &change.reason, entries);
                revision::insert(db, &latest)?;
                for (id, entry) in (latest.first..).zip(&change.entries) {
                    let sequence = id;
                    entry::insert(db, id, Stamp { replica, sequence }, entry)?;
                }
            }
            Ok(latest)
        })
    }

    /// Returns to the lineage of revision `target`, durably; `after` as in [`Self::append`].
    ///
    /// # Errors
    /// As [`Self::append`], and [`StoreError::NoRevision`].
    pub(crate) fn roll_back(
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

    /// Starts a new log with `entries`; no rollback can return to an earlier revision afterwards.
    /// Keeps `state` as the snapshot after them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) fn compact(
        &mut self,
        after: RevisionId,
        entries: &[NewEntry],
        state: &[u8],
        reason: &Reason,
    ) -> Result<Revision, StoreError> {
        self.copy_log()?;
        let replica = self.identity.replica();
        let compacted = self.write(Some(after), reason.at_unix_ms, |db, latest| {
            db.execute_batch("DELETE FROM entries; DELETE FROM snapshots; DELETE FROM revisions")?;
            let count = entries.len() as i64;
            let next = Revision::next(Some(&latest), RevisionKind::Compaction, reason, count);
            revision::insert(db, &next)?;
            for (id, entry) in (next.first..).zip(entries) {
                entry.insert(db, id, replica)?;
            }
            if next.last >= next.first {
                snapshot::insert(db, next.last, state)?;
            }
            Ok(next)
        })?;
        self.copy_log()?;
        Ok(compacted)
    }

    /// Keeps `state` as the snapshot after entry `at`. Also keeps the snapshot before it, in case
    /// this one is damaged.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) fn keep_snapshot(
        &mut self,
        at: EntryId,
        state: &[u8],
        now_unix_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(None, now_unix_ms, |db, latest| {
            snapshot::insert(db, at, state)?;
            Ok(latest)
        })?;
        Ok(())
    }

    /// Sets or removes the limit of disk use.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) fn set_max_disk(
        &mut self,
        bytes: Option<u64>,
        now_unix_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(None, now_unix_ms, |db, latest| {
            bound::set_max_disk(db, bytes)?;
            Ok(latest)
        })?;
        Ok(())
    }

    /// Keeps all other writers out as long as the returned value lives. Writers that wait see
    /// `purpose`.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Io`].
    pub(crate) fn hold(&mut self, purpose: &str) -> Result<Hold, StoreError> {
        if let Some(lock) = self.held.upgrade() {
            return Ok(Hold { _lock: lock });
        }
        let lock = Arc::new(WriterLock::take(&self.dir, Some(purpose))?);
        self.held = Arc::downgrade(&lock);
        Ok(Hold { _lock: lock })
    }

    /// Runs one transaction under the lock: `work` gets the latest revision and returns the new
    /// latest one.
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
        let _lock = match self.held.upgrade() {
            Some(held) => held,
            None => Arc::new(WriterLock::take(&self.dir, None)?),
        };
        let path = self.path.clone();
        let max_disk = self.max_disk()?;
        bound::bound_log(&self.db, max_disk).map_err(|fault| fault.at(&path))?;
        let before = write_volume::log_bytes(&path);
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
                high_water_mark::note(&self.dir, latest.id);
                self.meter
                    .commit(before, write_volume::log_bytes(&path), at_unix_ms);
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
        let bytes = write_volume::log_bytes(&self.path);
        let done = (self.db).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        done.map_err(|error| self.fault(error.into()))?;
        self.meter.copied(bytes);
        Ok(())
    }

    /// Ends writing: saves the write volume, and lets SQLite copy the log into the database
    /// if no other connection has it open. None of this needs to be durable.
    fn end_writing(&mut self) -> Result<(), Fault> {
        self.meter.copied(write_volume::log_bytes(&self.path));
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
            // Acknowledged data is durable without this.
            let _ = self.end_writing();
        }
    }
}
