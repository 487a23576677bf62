//! A bound of disk use: old examples fold into the statistic.
//!
//! Folding makes of the examples of each class one [`Base`], a learner that was
//! taught them alone; exact heads merge such states to the bit, so no prediction
//! changes. What is kept a class can be forgotten by class. A base has the size
//! of a statistic whatever it stands for, so folding pays only where a class has
//! more examples than that; where it does not, the session refuses to learn
//! rather than to forget.

use super::error::damaged;
use super::replay::{absorb, apply};
use super::{Session, SessionError};
use crate::learner::Learner;
use crate::store::{Base, Operation, Reason, Selection};

/// Bytes of a row beyond its features: hash, digest, numbers, texts, index.
const ROW_BYTES: usize = 200;

/// What folding came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    /// Examples that are now in the statistic alone.
    pub examples: usize,
    /// Examples that are kept.
    pub kept: usize,
}

impl Session {
    /// Sets or lifts the limit of disk use, from which on old examples are folded.
    ///
    /// # Errors
    /// [`SessionError::CannotFold`] for heads that are not exact; other
    /// [`SessionError`]s when it cannot be stored.
    pub fn set_max_disk(
        &mut self,
        bytes: Option<u64>,
        now_unix_ms: i64,
    ) -> Result<(), SessionError> {
        if bytes.is_some() {
            self.check_foldable()?;
        }
        Ok(self.store.set_max_disk(bytes, now_unix_ms)?)
    }

    /// Folds all but the `keep` latest examples, whatever the disk use. No
    /// prediction changes; what is folded can be forgotten by class alone, and
    /// nothing before can be gone back to.
    ///
    /// # Errors
    /// [`SessionError::CannotFold`] for heads that are not exact; other
    /// [`SessionError`]s when it cannot be stored, and nothing has changed then.
    pub fn fold(&mut self, keep: usize, now_unix_ms: i64) -> Result<Folded, SessionError> {
        self.check_foldable()?;
        self.flush()?;
        self.store.hold("fold")?;
        let folded = self.catch_up().and_then(|()| {
            let plan = self.plan(keep)?;
            self.carry_out(plan, now_unix_ms)
        });
        self.store.let_go();
        folded
    }

    /// Makes room below the limit, where there is one and it is near.
    pub(super) fn make_room(&mut self, now_unix_ms: i64) -> Result<(), SessionError> {
        let Some(max_disk) = self.store.max_disk()? else {
            return Ok(());
        };
        // A fold writes what it keeps once more, to the write-ahead log, before
        // what it folds is free; the log has room of its own.
        let full = max_disk / 10 * 4;
        if self.store.used_bytes()? <= full {
            return Ok(());
        }
        self.check_foldable()?;
        self.flush()?;
        self.store.hold("fold")?;
        let folded = self.catch_up().and_then(|()| {
            let examples = self.taught(&Selection::default())?.len();
            for keep in [examples / 2, 0] {
                let plan = self.plan(keep)?;
                if plan.frees > 0 {
                    self.carry_out(plan, now_unix_ms)?;
                }
                if self.store.used_bytes()? <= full / 4 * 3 {
                    return Ok(());
                }
            }
            match self.store.used_bytes()? {
                used if used > full => Err(SessionError::DiskLimit { max_disk, used }),
                _ => Ok(()),
            }
        });
        self.store.let_go();
        folded
    }

    fn check_foldable(&self) -> Result<(), SessionError> {
        let head = self.learner.settings().head;
        match head.is_exact() {
            true => Ok(()),
            false => Err(SessionError::CannotFold {
                head: head.to_string(),
            }),
        }
    }

    fn plan(&self, keep: usize) -> Result<Plan, SessionError> {
        let mut old = self.taught(&Selection::default())?;
        let kept = old.split_off(old.len().saturating_sub(keep));
        let before = self.bases()?;
        let bytes = |bases: &[Base]| {
            bases
                .iter()
                .map(|base| base.state.len() as i64)
                .sum::<i64>()
        };
        let bytes_before = bytes(&before);
        let (whole, mut bases): (Vec<Base>, Vec<Base>) =
            before.into_iter().partition(|base| base.label.is_none());
        let examples: Vec<usize> = old
            .iter()
            .map(|op| 2 * op.features.len() + ROW_BYTES)
            .collect();
        let mut frees = examples.iter().sum::<usize>() as i64;
        let folded = old.len();
        old.sort_by(|a, b| a.label.cmp(&b.label));
        for class in old.chunk_by(|a, b| a.label == b.label) {
            let label = Some(class[0].label.clone());
            let mut part = self.empty()?;
            for base in bases.extract_if(.., |base| base.label == label) {
                absorb(&mut part, &base)?;
            }
            class.iter().try_for_each(|op| apply(&mut part, op))?;
            bases.push(Base {
                label,
                examples: part.examples(),
                state: part.save(),
            });
        }
        let bases = [whole, bases].concat();
        frees -= bytes(&bases) - bytes_before;
        Ok(Plan {
            bases,
            kept,
            folded,
            frees,
        })
    }

    fn carry_out(&mut self, plan: Plan, now_unix_ms: i64) -> Result<Folded, SessionError> {
        let mut after = self.empty()?;
        plan.bases
            .iter()
            .try_for_each(|base| absorb(&mut after, base))?;
        plan.kept.iter().try_for_each(|op| apply(&mut after, op))?;
        let state = after.save();
        if state != self.learner.save() {
            return Err(damaged("folding would change what is known"));
        }
        let why = format!("fold {} examples", plan.folded);
        let reason = Reason::new(why, now_unix_ms);
        let (bases, kept) = (&plan.bases, &plan.kept);
        (self.store).fold(self.at.id, bases, kept, &state, &reason)?;
        self.go_to_the_log()?;
        Ok(Folded {
            examples: plan.folded,
            kept: plan.kept.len(),
        })
    }

    pub(super) fn empty(&self) -> Result<Learner, SessionError> {
        let (contract, settings) = (self.learner.contract().clone(), *self.learner.settings());
        Ok(Learner::new(contract, settings)?)
    }
}

/// What a fold would store.
struct Plan {
    bases: Vec<Base>,
    kept: Vec<Operation>,
    folded: usize,
    /// Bytes that it makes free; negative where it takes more than it frees.
    frees: i64,
}
