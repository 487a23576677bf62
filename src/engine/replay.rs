//! From the log to a learner.

use super::SessionError;
use super::error::damaged;
use crate::learner::{Contract, Example, Learner, Origin, Settings};
use crate::signal::{Group, Label};
use crate::store::{Base, Entry, Line, Operation, OperationId, OperationKind, Store};

/// The state that the line gives, by its latest snapshot and the log from there;
/// and after which entry that snapshot was, 0 for none.
pub(super) fn restore(
    store: &Store,
    contract: &Contract,
    settings: Settings,
    line: &Line,
) -> Result<(Learner, OperationId), SessionError> {
    let (mut learner, at) = start(store, contract, settings, line)?;
    replay(store, line, at, &mut learner)?;
    Ok((learner, at))
}

/// The state of the latest snapshot, or of no entry at all.
fn start(
    store: &Store,
    contract: &Contract,
    settings: Settings,
    line: &Line,
) -> Result<(Learner, OperationId), SessionError> {
    if let Some((at, bytes)) = store.snapshot(line)?
        // One that cannot be read costs time, not knowledge: the log has it all.
        && let Ok(learner) = Learner::load(contract.clone(), settings, &bytes)
    {
        return Ok((learner, at));
    }
    Ok((Learner::new(contract.clone(), settings)?, 0))
}

/// Applies the entries of the line later than `after`.
pub(super) fn replay(
    store: &Store,
    line: &Line,
    after: OperationId,
    learner: &mut Learner,
) -> Result<(), SessionError> {
    store.replay(line, after, |_, entry| match entry {
        Entry::Operation(operation) => apply(learner, &operation),
        Entry::Absorb(base) => absorb(learner, &base),
        Entry::Release(absorbed) => release(learner, &store.base(absorbed)?),
    })
}

/// Learns or unlearns one example.
pub(super) fn apply(learner: &mut Learner, operation: &Operation) -> Result<(), SessionError> {
    let label = Label::new(operation.label.clone())?;
    let example = Example::from_fixed(operation.features.clone());
    match operation.kind {
        OperationKind::Learn => {
            let group = operation.group.clone().map(Group::new).transpose()?;
            let origin = Origin {
                group: group.map_or(0, |group| group.number()),
                at_unix_ms: operation.taught_unix_ms,
            };
            learner.learn_from(&example, &label, origin)?;
        }
        OperationKind::Unlearn => learner.unlearn_one(&example, &label)?,
    }
    Ok(())
}

/// Takes in what was learned elsewhere or before.
pub(super) fn absorb(learner: &mut Learner, base: &Base) -> Result<(), SessionError> {
    let part = loaded(learner, base)?;
    match learner.examples() {
        // Any head can begin from a whole state; only exact ones can be added to.
        0 => *learner = part,
        _ => learner.merge(&part)?,
    }
    Ok(())
}

pub(super) fn release(learner: &mut Learner, base: &Base) -> Result<(), SessionError> {
    let part = loaded(learner, base)?;
    Ok(learner.unmerge(&part)?)
}

/// The learner that the base is the state of.
pub(super) fn loaded(like: &Learner, base: &Base) -> Result<Learner, SessionError> {
    let part = Learner::load(like.contract().clone(), *like.settings(), &base.state)?;
    match part.examples() == base.examples {
        true => Ok(part),
        false => Err(damaged("a base of another number of examples")),
    }
}
