//! `afield diff`: compares the predictions of two revisions.

use std::io::{self, Write};

use afield::engine::Difference;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::learner::LearnerPlace;
use super::model::Places;

/// Compare the predictions of two revisions on the taught clips
///
/// Predicts every clip that one of the two revisions was taught, except compacted clips.
/// Prints one JSON line for each clip whose label differs, and a summary on stderr.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield diff 16 17 --learner box | jq -r .source")]
pub struct DiffArgs {
    /// First revision, as numbered by `afield history`
    #[arg(value_name = "REV")]
    before: i64,

    /// Second revision
    #[arg(value_name = "REV")]
    after: i64,

    #[command(flatten)]
    place: LearnerPlace,
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    clip: String,
    source: &'a str,
    before: serde_json::Value,
    after: serde_json::Value,
}

/// Runs the command.
pub fn run(args: DiffArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let found = engine.diff(args.before, args.after).context("REV")?;
    let mut out = io::stdout().lock();
    for difference in &found.changed {
        let side = |side: usize| side_of(difference, side);
        let line = Line {
            clip: difference.clip.short(),
            source: &difference.source,
            before: side(0),
            after: side(1),
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    eprintln!(
        "{} of {} clips change their label, {} their probabilities",
        found.changed.len(),
        found.asked,
        found.moved
    );
    Ok(())
}

fn side_of(difference: &Difference, side: usize) -> serde_json::Value {
    let said = difference.said.get(side).and_then(Option::as_ref);
    json!({
        "taught": difference.taught.get(side),
        "label": said.map(|(label, _)| label),
        "confidence": said.map(|(_, p)| p),
    })
}
