//! A learner in memory, at one revision of its log.
//!
//! Every method that changes it reads the log through one view of the store. So a revision, its
//! lineage and the entries come from the same state of the file.

use super::Error;
use super::batch::{Batch, Pending};
use super::replay::{apply, replay, restore};
use crate::learner::{Contract, Learner, Settings};
use crate::signal::ClipId;
use crate::store::{Change, Entry, EntryId, Lineage, Revision, Store, TaughtClip};

/// What follows from the learner at one revision.
#[derive(Debug)]
pub(super) struct AtRevision<T> {
    revision: i64,
    /// Pending changes on top of it.
    pending: usize,
    pub(super) value: T,
}

impl<T> AtRevision<T> {
    /// A value that was computed of the present state.
    pub(super) fn new(memory: &Memory, value: T) -> Self {
        Self {
            revision: memory.at.id,
            pending: memory.batch.pending.len(),
            value,
        }
    }

    /// Whether the learner is still the same.
    pub(super) fn is_of(&self, memory: &Memory) -> bool {
        (self.revision, self.pending) == (memory.at.id, memory.batch.pending.len())
    }
}

/// The state of a session: always the state of the log, with the pending changes on top.
pub(super) struct Memory {
    pub(super) learner: Learner,
    /// The latest revision that `learner` has seen.
    pub(super) at: Revision,
    /// The entries in effect at that revision.
    pub(super) lineage: Lineage,
    /// The entry after which the latest snapshot was taken; 0 if there is none.
    pub(super) snapshot_at: EntryId,
    /// Changes that are learned but not yet stored.
    pub(super) batch: Batch,
}

impl Memory {
    /// The state at the latest revision of the log.
    pub(super) fn restore(
        view: &Store,
        contract: &Contract,
        settings: Settings,
    ) -> Result<Self, Error> {
        let at = view.latest()?;
        let lineage = view.lineage(&at)?;
        let (learner, snapshot_at) = restore(view, contract, settings, &lineage)?;
        Ok(Self {
            learner,
            at,
            lineage,
            snapshot_at,
            batch: Batch::default(),
        })
    }

    /// Applies the revisions that other sessions have stored since.
    pub(super) fn catch_up(&mut self, view: &Store) -> Result<(), Error> {
        let latest = view.latest()?;
        if latest.id == self.at.id {
            return Ok(());
        }
        if latest.epoch() != self.at.epoch() || !self.batch.is_empty() {
            return self.reload(view);
        }
        let lineage = view.lineage(&latest)?;
        let caught_up = replay(view, &lineage, self.lineage.last(), &mut self.learner);
        if let Err(error) = caught_up {
            // A part of the revisions may have been applied.
            self.reload(view)?;
            return Err(error);
        }
        (self.at, self.lineage) = (latest, lineage);
        Ok(())
    }

    /// Restores the state of the log, and applies the pending changes again.
    pub(super) fn reload(&mut self, view: &Store) -> Result<(), Error> {
        let (contract, settings) = (self.learner.contract().clone(), *self.learner.settings());
        let restored = Self::restore(view, &contract, settings)?;
        let batch = std::mem::take(&mut self.batch);
        *self = Self { batch, ..restored };
        self.decide_pending_again(view)
    }

    /// Clears the memory, so that the next catch-up reads the whole log.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        let (contract, settings) = (self.learner.contract().clone(), *self.learner.settings());
        self.learner = Learner::new(contract, settings)?;
        self.lineage = Lineage::default();
        // No revision has this number.
        self.at.id = 0;
        Ok(())
    }

    /// Learns an entry.
    pub(super) fn learn(&mut self, store: &Store, entry: &Entry) -> Result<(), Error> {
        apply(&mut self.learner, entry, |absorbed| {
            Ok(store.checkpoint(absorbed)?)
        })
    }

    /// The clip in effect, pending or stored.
    pub(super) fn taught(&self, store: &Store, id: &ClipId) -> Result<Option<TaughtClip>, Error> {
        match self.batch.taught(id) {
            Some(pending) => Ok(pending.cloned()),
            None => Ok(store.clip(&self.lineage, id)?),
        }
    }

    fn decide_pending_again(&mut self, view: &Store) -> Result<(), Error> {
        for pending in std::mem::take(&mut self.batch.pending) {
            let Pending { change, command } = pending;
            let learned = change
                .entries
                .into_iter()
                .rev()
                .find_map(|entry| match entry {
                    Entry::Learn(clip) => Some(clip),
                    _ => None,
                });
            let Some(clip) = learned else { continue };
            let before = self.taught(view, &clip.id)?;
            let (_, entries) = super::teaching::decide(clip, before);
            entries
                .iter()
                .try_for_each(|entry| self.learn(view, entry))?;
            if !entries.is_empty() {
                let reason = change.reason;
                let change = Change { reason, entries };
                self.batch.pending.push(Pending { change, command });
            }
        }
        Ok(())
    }
}
