//! `afield history`: every change of a learner, with its reason.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use afield::store::{Revision, RevisionKind};
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::learner::LearnerPlace;
use super::model::Places;

/// List the revisions of a learner, the latest last: what changed, when and why
///
/// Each line is one command; --all shows each of its revisions. `afield undo` reverts the
/// latest command. `afield rollback REV` restores any revision, later ones included.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield history --learner box --json | jq -r .reason")]
pub struct HistoryArgs {
    /// Print one line per revision, not per command
    #[arg(long)]
    all: bool,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Consecutive revisions of one command.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Step {
    first: i64,
    last: i64,
    kind: &'static str,
    /// The revision that a rollback went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<i64>,
    at_unix_ms: i64,
    /// Reason of the first revision.
    reason: String,
    /// Number of log entries.
    entries: i64,
}

/// Runs the command.
pub fn run(args: HistoryArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let mut out = io::stdout().lock();
    for step in steps(&engine.history()?, args.all) {
        match args.json {
            true => writeln!(out, "{}", serde_json::to_string(&step)?)?,
            false => writeln!(out, "{}", line(&step))?,
        }
    }
    Ok(())
}

fn steps(history: &[Revision], all: bool) -> Vec<Step> {
    let same = |a: &Revision, b: &Revision| !all && a.command == b.command && a.kind == b.kind;
    let steps = history.chunk_by(same).filter_map(|revisions| {
        let (first, last) = (revisions.first()?, revisions.last()?);
        let (kind, target) = match first.kind {
            RevisionKind::Rollback(target) => ("rollback", Some(target)),
            RevisionKind::Compaction => ("fold", None),
            _ => ("change", None),
        };
        Some(Step {
            first: first.id,
            last: last.id,
            kind,
            target,
            at_unix_ms: first.at_unix_ms,
            reason: first.reason.clone(),
            entries: last.last - first.first + 1,
        })
    });
    steps.collect()
}

fn line(step: &Step) -> String {
    let revisions = match step.first == step.last {
        true => step.first.to_string(),
        false => format!("{}-{}", step.first, step.last),
    };
    let at = UNIX_EPOCH + Duration::from_millis(step.at_unix_ms.try_into().unwrap_or(0));
    let at = humantime::format_rfc3339_seconds(at);
    let more = match step.last - step.first {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let goes_to = match step.target {
        Some(target) if !step.reason.ends_with(&format!(" {target}")) => format!(" (to {target})"),
        _ => String::new(),
    };
    format!("{revisions:>9}  {at}  {}{more}{goes_to}", step.reason)
}

/// The revisions from `first` to `last`, in words.
pub fn span(first: &Revision, last: &Revision) -> String {
    match first.id == last.id {
        true => format!("revision {}", first.id),
        false => format!("revisions {} to {}", first.id, last.id),
    }
}
