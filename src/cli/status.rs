//! `afield status`: what a learner is and knows.

use std::io::{self, Write};

use afield::control::{GroupStatus, Status};
use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;
use serde::Serialize;

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

/// Groups that are told by name where nobody asks for all of them.
const GROUPS_SHOWN: usize = 8;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: Status,
    /// By name; examples of no known group are in none.
    groups: Vec<GroupStatus>,
}

/// Runs the command.
pub fn run(args: StatusArgs) -> Result<()> {
    let session = args.place.open()?;
    let report = Report {
        status: session.status(),
        groups: session.groups()?,
    };
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => text(&report),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn text(Report { status, groups }: &Report) -> String {
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
    let mut rows = vec![
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
        ("head", head_row(status)),
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
    if !groups.is_empty() {
        let known: u64 = groups.iter().map(|group| group.examples).sum();
        let unknown = status.examples.saturating_sub(known);
        rows.push(("groups", group_row(groups, unknown)));
    }
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

fn head_row(status: &Status) -> String {
    let row = format!("{}, seed {}", status.head, status.seed);
    match &status.selection {
        Some(selection) => format!("{row}\n           {selection}"),
        None => row,
    }
}

fn group_row(groups: &[GroupStatus], unknown: u64) -> String {
    let name = |group: &GroupStatus| format!("{} {}", group.group, group.examples);
    let mut shown: Vec<String> = groups.iter().take(GROUPS_SHOWN).map(name).collect();
    if let Some(more @ 1..) = groups.len().checked_sub(GROUPS_SHOWN) {
        shown.push(format!("{more} more"));
    }
    if unknown > 0 {
        shown.push(format!("of none {unknown}"));
    }
    format!("{}: {}", groups.len(), shown.join(", "))
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
