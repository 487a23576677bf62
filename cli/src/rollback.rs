//! `afield undo` and `afield rollback`: restore the state of another revision.

use anyhow::{Context, Result};
use clap::Args;

use super::history::span;
use super::learner::LearnerPlace;
use super::model::Places;

/// Undo the latest command that changed the learner
///
/// Each further call undoes the command before. Undone revisions stay in the history, and
/// `afield rollback REV` restores any of them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield teach kettle wrong/ && afield undo --learner box")]
pub struct UndoArgs {
    #[command(flatten)]
    place: LearnerPlace,
}

/// Restore an earlier or later revision
///
/// The learner equals, to the bit, its state at that revision. A rollback appends a
/// revision; it deletes nothing. Revisions before a compaction are not available.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield rollback 17 --learner box")]
pub struct RollbackArgs {
    /// Revision, as numbered by `afield history`
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
