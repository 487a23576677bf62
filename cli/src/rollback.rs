//! `afield undo` and `afield rollback`: restore the state of another revision.

use anyhow::{Context, Result};
use clap::Args;

use super::history::span;
use super::learner::LearnerPlace;
use super::model::Places;

/// Revert the latest command that changed the learner
///
/// Each further `undo` reverts one command more. Nothing is deleted: all revisions stay in
/// the history, and `afield rollback REV` goes to any of them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield teach kettle wrong/ && afield undo --learner box")]
pub struct UndoArgs {
    #[command(flatten)]
    place: LearnerPlace,
}

/// Go to an earlier or later revision
///
/// The learner then equals, to the bit, what it was at that revision. A rollback appends a
/// revision and deletes nothing. It cannot go to revisions before a compaction.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield rollback 17 --learner box")]
pub struct RollbackArgs {
    /// Number of the revision in `afield history`
    #[arg(value_name = "REV")]
    revision: i64,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs `afield undo`.
pub fn undo(args: UndoArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let before = engine.status().revision;
    let undone = engine.undo()?;
    eprintln!(
        "took back {}: {} (`afield rollback {before}` brings it back)",
        span(&undone.first, &undone.last),
        undone.first.reason,
    );
    Ok(engine.close()?)
}

/// Runs `afield rollback`.
pub fn rollback(args: RollbackArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let before = engine.status().revision;
    engine.roll_back(args.revision).context("REV")?;
    let status = engine.status();
    eprintln!(
        "as at revision {}: {} examples in {} classes (`afield rollback {before}` goes back)",
        args.revision,
        status.examples,
        status.classes.len(),
    );
    Ok(engine.close()?)
}
