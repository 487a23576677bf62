//! `afield status`: what a learner is and knows.

use std::io::{self, Write};

use afield::control::Status;
use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;

use super::learner::LearnerPlace;

/// Show what a learner is and what it knows
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield status --learner box --json | jq .classes")]
pub struct StatusArgs {
    /// One JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: StatusArgs) -> Result<()> {
    let status = args.place.open()?.status();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&status)?)?;
    } else {
        out.write_all(text(&status).as_bytes())?;
    }
    Ok(())
}

fn text(status: &Status) -> String {
    let rehearsal = match &status.rehearsal {
        Some(memory) => format!(
            "{}, {} of {} examples, {}",
            memory.setting,
            memory.examples,
            memory.capacity,
            HumanBytes(memory.bytes as u64)
        ),
        None => "none: the head needs none".to_owned(),
    };
    let rows = [
        (
            "backbone",
            format!("{} ({})", status.backbone, short(&status.backbone_sha256)),
        ),
        (
            "contract",
            format!(
                "{}, pool {}, transform {}, {} features",
                short(&status.contract),
                status.pool,
                status.transform,
                status.features
            ),
        ),
        ("head", format!("{}, seed {}", status.head, status.seed)),
        ("rehearsal", rehearsal),
        (
            "examples",
            format!("{} in {} classes", status.examples, status.classes.len()),
        ),
        (
            "bytes",
            format!(
                "{} of state, {} on disk",
                HumanBytes(status.state_bytes as u64),
                HumanBytes(status.disk_bytes)
            ),
        ),
    ];
    let mut text = String::new();
    for (key, value) in rows {
        text += &format!("{key:<9}  {value}\n");
    }
    let width = status
        .classes
        .iter()
        .map(|c| c.label.chars().count())
        .max()
        .unwrap_or(0);
    for class in &status.classes {
        text += &format!("  {:<width$}  {:>6}\n", class.label, class.examples);
    }
    text
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
