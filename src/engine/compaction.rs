//! Compaction: bounds disk use by putting old examples into the statistic.
//!
//! Compaction makes one [`Checkpoint`] from the examples of each class: the state of a learner
//! that was taught only these examples. Exact heads merge such states to the bit, so no prediction
//! changes. A class as a whole can still be forgotten. A checkpoint has the size of a statistic,
//! for any number of examples. So compaction saves space only for classes with more examples than
//! that. If it saves nothing, the session refuses to learn; it does not forget. The command is
//! called `compact`.

use super::error::damaged;
use super::replay::{absorb, learn};
use super::{Error, Session};
use crate::learner::Learner;
use crate::store::{Checkpoint, ClipFilter, Entry, NewEntry, Reason};

/// Bytes of a row beyond its features: hash, replica, digest, numbers, texts, index.
const ROW_BYTES: usize = 220;

/// The result of a compaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The number of examples that are now in the statistic only.
    pub examples: usize,
    /// The number of examples that are kept as clips.
    pub kept: usize,
}

impl Session {
    /// Sets or removes the limit of disk use. With a limit, old examples are compacted before the
    /// limit is reached.
    ///
    /// # Errors
    /// [`Error::CannotCompact`] for heads that are not exact; other [`Error`]s when it
    /// cannot be stored.
    pub fn set_max_disk(&mut self, bytes: Option<u64>, now_unix_ms: i64) -> Result<(), Error> {
        if bytes.is_some() {
            self.check_compactable()?;
        }
        Ok(self.store.set_max_disk(bytes, now_unix_ms)?)
    }

    /// Compacts all but the `keep` latest examples, at any disk use. No prediction changes.
    /// Compacted examples can be forgotten only with their class. No rollback can return to an
    /// earlier revision. Doubtful clips that were kept stay marked, by a revision of its own.
    ///
    /// # Errors
    /// [`Error::CannotCompact`] for heads that are not exact; other [`Error`]s when it
    /// cannot be stored. Nothing has changed then.
    pub fn compact(&mut self, keep: usize, now_unix_ms: i64) -> Result<Compacted, Error> {
        self.check_compactable()?;
        self.flush()?;
        let _hold = self.store.hold("fold")?;
        self.catch_up()?;
        let plan = self.plan(keep)?;
        let kept = self.kept_clips()?;
        let compacted = self.carry_out(plan, now_unix_ms)?;
        self.keep_again(&kept, now_unix_ms)?;
        Ok(compacted)
    }

    /// Makes room if there is a limit and disk use is close to it.
    pub(super) fn make_room(&mut self, now_unix_ms: i64) -> Result<(), Error> {
        let Some(max_disk) = self.store.max_disk()? else {
            return Ok(());
        };
        // Compaction first writes the data that it keeps to the write-ahead log, and then frees
        // the data that it removes. The log has its own share of the limit.
        let full = max_disk / 10 * 4;
        if self.store.used_bytes()? <= full {
            return Ok(());
        }
        self.check_compactable()?;
        self.flush()?;
        let _hold = self.store.hold("fold")?;
        self.catch_up()?;
        let examples = self.clips(&ClipFilter::default())?.len();
        let kept = self.kept_clips()?;
        let mut is_compacted = false;
        for keep in [examples / 2, 0] {
            let plan = self.plan(keep)?;
            if plan.frees > 0 {
                self.carry_out(plan, now_unix_ms)?;
                is_compacted = true;
            }
            if self.store.used_bytes()? <= full / 4 * 3 {
                break;
            }
        }
        match self.store.used_bytes()? {
            used if used > full => Err(Error::DiskLimit { max_disk, used }),
            _ if is_compacted => self.keep_again(&kept, now_unix_ms),
            _ => Ok(()),
        }
    }

    fn check_compactable(&self) -> Result<(), Error> {
        let head = self.memory.learner.settings().head;
        if !head.is_exact() {
            return Err(Error::CannotCompact {
                head: head.to_string(),
            });
        }
        Ok(())
    }

    fn plan(&self, keep: usize) -> Result<Plan, Error> {
        let lineage = &self.memory.lineage;
        let mut old = self.store.clips(lineage, &ClipFilter::default())?;
        let kept = old.split_off(old.len().saturating_sub(keep));
        let (compacted, kept_count) = (old.len(), kept.len());
        let row = |features: usize| (2 * features + ROW_BYTES) as i64;
        let mut frees: i64 = old.iter().map(|clip| row(clip.value.features.len())).sum();

        let mut checkpoints = Vec::new();
        let mut classes: Vec<Checkpoint> = Vec::new();
        for checkpoint in self.store.checkpoints(lineage)? {
            frees += checkpoint.value.state.len() as i64;
            if checkpoint.value.label.is_none() {
                checkpoints.push(checkpoint.again(Entry::Absorb));
            } else {
                classes.push(checkpoint.value);
            }
        }
        old.sort_by(|a, b| a.value.label.cmp(&b.value.label));
        for class in old.chunk_by(|a, b| a.value.label == b.value.label) {
            let label = class.first().map(|clip| clip.value.label.clone());
            let mut part = self.empty()?;
            for checkpoint in classes.extract_if(.., |checkpoint| checkpoint.label == label) {
                absorb(&mut part, &checkpoint)?;
            }
            class
                .iter()
                .try_for_each(|clip| learn(&mut part, &clip.value))?;
            classes.push(Checkpoint {
                label,
                examples: part.examples(),
                state: part.save(),
            });
        }
        checkpoints.extend(classes.into_iter().map(|class| Entry::Absorb(class).into()));
        frees -= checkpoints.iter().map(state_bytes).sum::<i64>();
        let kept = kept.into_iter().map(|clip| clip.again(Entry::Learn));
        Ok(Plan {
            entries: checkpoints.into_iter().chain(kept).collect(),
            compacted,
            kept: kept_count,
            frees,
        })
    }

    fn carry_out(&mut self, plan: Plan, now_unix_ms: i64) -> Result<Compacted, Error> {
        let mut after = self.empty()?;
        for new in &plan.entries {
            match &new.entry {
                Entry::Absorb(checkpoint) => absorb(&mut after, checkpoint)?,
                Entry::Learn(clip) => learn(&mut after, clip)?,
                Entry::Unlearn(_) | Entry::Release(_) => {}
            }
        }
        let state = after.save();
        if state != self.memory.learner.save() {
            return Err(damaged("folding would change what is known"));
        }
        let why = format!("fold {} examples", plan.compacted);
        let reason = Reason::new(why, now_unix_ms);
        (self.store).compact(self.memory.at.id, &plan.entries, &state, &reason)?;
        self.reload()?;
        Ok(Compacted {
            examples: plan.compacted,
            kept: plan.kept,
        })
    }

    fn empty(&self) -> Result<Learner, Error> {
        let learner = &self.memory.learner;
        Ok(Learner::new(
            learner.contract().clone(),
            *learner.settings(),
        )?)
    }
}

fn state_bytes(new: &NewEntry) -> i64 {
    match &new.entry {
        Entry::Absorb(checkpoint) => checkpoint.state.len() as i64,
        _ => 0,
    }
}

/// What a compaction would store.
struct Plan {
    /// The new log: checkpoints, then the remaining clips.
    entries: Vec<NewEntry>,
    /// How many clips become part of a checkpoint.
    compacted: usize,
    /// How many clips are kept.
    kept: usize,
    /// The bytes that it frees; negative if it takes more than it frees.
    frees: i64,
}
