//! Replay: rebuilds a learner from the log.

use super::Error;
use super::error::damaged;
use crate::learner::{Contract, Example, Learner, Origin, Settings};
use crate::signal::Group;
use crate::store::{Checkpoint, Entry, EntryId, Lineage, Store, TaughtClip};

/// The state of a lineage, from its latest snapshot and the later entries. Also returns the entry
/// after which the snapshot was taken; 0 if there is none.
pub(super) fn restore(
    store: &Store,
    contract: &Contract,
    settings: Settings,
    lineage: &Lineage,
) -> Result<(Learner, EntryId), Error> {
    let (mut learner, at) = start(store, contract, settings, lineage)?;
    replay(store, lineage, at, &mut learner)?;
    Ok((learner, at))
}

/// The state of the latest snapshot, or an empty one.
fn start(
    store: &Store,
    contract: &Contract,
    settings: Settings,
    lineage: &Lineage,
) -> Result<(Learner, EntryId), Error> {
    if let Some((at, bytes)) = store.snapshot(lineage)?
        // An unreadable snapshot costs time but loses nothing: the log contains everything.
        && let Ok(learner) = Learner::load(contract.clone(), settings, &bytes)
    {
        return Ok((learner, at));
    }
    Ok((Learner::new(contract.clone(), settings)?, 0))
}

/// Applies the entries of the lineage later than `after`.
pub(super) fn replay(
    store: &Store,
    lineage: &Lineage,
    after: EntryId,
    learner: &mut Learner,
) -> Result<(), Error> {
    store.replay(lineage, after, |stored| {
        apply(learner, &stored.value, |absorbed| {
            Ok(store.checkpoint(absorbed)?)
        })
    })
}

/// Applies one entry; `checkpoint` returns the checkpoint that an earlier entry merged.
pub(super) fn apply(
    learner: &mut Learner,
    entry: &Entry,
    checkpoint: impl FnOnce(EntryId) -> Result<Checkpoint, Error>,
) -> Result<(), Error> {
    match entry {
        Entry::Learn(clip) => learn(learner, clip),
        Entry::Unlearn(clip) => {
            let example = Example::from_fixed(clip.features.clone());
            Ok(learner.unlearn_one(&example, &clip.label)?)
        }
        Entry::Absorb(checkpoint) => absorb(learner, checkpoint),
        Entry::Release(absorbed) => {
            let part = loaded(learner, &checkpoint(*absorbed)?)?;
            Ok(learner.unmerge(&part)?)
        }
    }
}

/// Learns one clip.
pub(super) fn learn(learner: &mut Learner, clip: &TaughtClip) -> Result<(), Error> {
    let origin = Origin {
        group: clip.group.as_ref().map_or(0, Group::number),
        at_unix_ms: clip.taught_unix_ms,
    };
    let example = Example::from_fixed(clip.features.clone());
    Ok(learner.learn_from(&example, &clip.label, origin)?)
}

/// Merges a state without its examples.
pub(super) fn absorb(learner: &mut Learner, checkpoint: &Checkpoint) -> Result<(), Error> {
    let part = loaded(learner, checkpoint)?;
    match learner.examples() {
        // Any head can start from a whole state; only exact heads can merge one.
        0 => *learner = part,
        _ => learner.merge(&part)?,
    }
    Ok(())
}

/// The learner whose state the checkpoint contains.
pub(super) fn loaded(like: &Learner, checkpoint: &Checkpoint) -> Result<Learner, Error> {
    let part = Learner::load(like.contract().clone(), *like.settings(), &checkpoint.state)?;
    if part.examples() != checkpoint.examples {
        return Err(damaged("a checkpoint of another number of examples"));
    }
    Ok(part)
}
