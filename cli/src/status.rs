//! `afield status`: prints what a learner is and which classes it knows.

use std::io::{self, Write};
use std::time::Duration;

use afield::engine::{
    ChangedPlace, CompactedStatus, GroupStatus, ListeningState, PublishedStatus, Status,
};
use afield::store::WriteVolume;
use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;
use serde::Serialize;

use super::learner::{LearnerPlace, now_unix_ms};
use super::message;
use super::model::Places;

/// Show the settings, classes and disk use of a learner
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield status --learner box --json | jq .classes")]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// The most groups that the text output names.
const GROUPS_SHOWN: usize = 8;

/// A source without a sample for this long is reported.
const SILENT_US: u64 = 3_000_000;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: Status,
    /// By name. Examples without a known group are in none.
    groups: Vec<GroupStatus>,
    /// Examples that are only in the statistic, by class.
    folded: Vec<CompactedStatus>,
    /// The limit of disk use.
    max_disk_bytes: Option<u64>,
    written: Written,
    /// That the place sounds different from before.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_place: Option<ChangedPlace>,
    /// The state of a running `afield listen` on this learner.
    listening: Option<ListeningState>,
}

/// Bytes that were written for this learner.
#[derive(Serialize)]
struct Written {
    /// On the current day (UTC) so far.
    today: u64,
    /// A day, over the last seven or since the learner was made, today included.
    per_day: u64,
}

/// Days over which bytes written are averaged.
const WEEK: i64 = 7;
const DAY_MS: i64 = 86_400_000;

impl Written {
    fn of(volume: &[WriteVolume], created_unix_ms: i64, now_unix_ms: i64) -> Self {
        let today = now_unix_ms.div_euclid(DAY_MS);
        let age = today - created_unix_ms.div_euclid(DAY_MS) + 1;
        let days = age.clamp(1, WEEK);
        let since = |first: i64| -> u64 {
            (volume.iter().filter(|volume| volume.day >= first))
                .map(|volume| volume.bytes)
                .sum()
        };
        Self {
            today: since(today),
            per_day: since(today - days + 1) / days as u64,
        }
    }
}

/// Runs the command.
pub fn run(args: StatusArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let status = engine.status();
    let report = Report {
        written: Written::of(
            &engine.write_volume()?,
            status.created_unix_ms,
            now_unix_ms(),
        ),
        status,
        groups: engine.groups()?,
        folded: engine.compacted()?,
        max_disk_bytes: engine.max_disk()?,
        changed_place: engine.changed_place().unwrap_or_else(|error| {
            eprintln!("note: {}", message(&error.into()));
            None
        }),
        listening: engine.listened_to().unwrap_or_else(|error| {
            eprintln!("note: {}", message(&error.into()));
            None
        }),
    };
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => text(&report),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn text(report: &Report) -> String {
    let Report {
        status,
        groups,
        folded,
        max_disk_bytes,
        written,
        changed_place,
        listening,
    } = report;
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
    let windows = status
        .window_rows
        .map_or(String::new(), |rows| format!("windows of {rows}, "));
    let mut rows = vec![
        (
            "backbone",
            format!("{} ({})", status.backbone, short(&status.backbone_sha256)),
        ),
        (
            "contract",
            format!(
                "{}, {}pool {}, transform {}, {} features",
                short(&status.contract),
                windows,
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
                "{} of state, {} on disk{}",
                HumanBytes(status.state_bytes as u64),
                HumanBytes(status.disk_bytes),
                max_disk_bytes.map_or_else(String::new, |max| format!(" of {}", HumanBytes(max)))
            ),
        ),
        (
            "written",
            format!(
                "{} a day, {} today",
                HumanBytes(written.per_day),
                HumanBytes(written.today)
            ),
        ),
    ];
    if let Some(published) = &status.published {
        let PublishedStatus {
            classes,
            min_confidence,
        } = published;
        rows.push((
            "published",
            format!("{classes} classes of the backbone, named from {min_confidence} on"),
        ));
    }
    if let Some(changed) = changed_place {
        let since = changed.since.as_deref();
        let since = since.map_or(String::new(), |since| format!(" since about {since}"));
        let source = &changed.source;
        rows.push((
            "place",
            format!("{source} has sounded different{since}\n           hint: give a new soundscape (`afield soundscape --help`)"),
        ));
    }
    if let Some(listening) = listening {
        rows.push(("listening", listening_row(listening)));
    }
    let folded: u64 = folded.iter().map(|class| class.examples).sum();
    if folded > 0 {
        let words = "examples, in the statistic alone: they can be forgotten by class, not by clip";
        rows.push(("folded", format!("{folded} {words}")));
    }
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

fn listening_row(listening: &ListeningState) -> String {
    let whole = |us: u64| humantime::format_duration(Duration::from_secs(us / 1_000_000));
    let mut row = format!("{} for {}", listening.source, whole(listening.for_us));
    match listening.age_us {
        None => row += ", nothing has come",
        Some(us) if us >= SILENT_US => row += &format!(", nothing for {}", whole(us)),
        Some(_) => {}
    }
    if let Some(device) = &listening.device {
        row += &format!("\n           {}", device.report);
    }
    row
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
