//! `afield doctor`: checks that the learner on disk is the one that was taught.

use std::io::{self, Write};

use afield::engine::{diagnose, repair};
use afield::model::ModelError;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::learner::{NamedPlace, now_unix_ms};
use super::model::Places;

/// Check the folder of a learner, and repair it with --repair
///
/// Checks the database pages, the checksum of every row, the order of the log, the
/// contract, the card and the backbone. Checks that every snapshot equals, bit by bit,
/// the replay of the log. Exit code 1 means damage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  afield doctor box\n  afield doctor box --repair")]
pub struct DoctorArgs {
    #[command(flatten)]
    place: NamedPlace,

    /// Repair the learner, and list what is lost. A copy of the files is kept in
    /// DIR/damaged-TIME
    #[arg(long)]
    repair: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: DoctorArgs, places: &Places) -> Result<()> {
    let dir = args.place.dir()?;
    let found = diagnose(dir).context("--learner")?;
    let mut findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
    let backbone = match &found.card {
        None => "not checked: the card cannot be read".to_owned(),
        Some(card) => match places.cache()?.model_bytes(card) {
            Ok(_) => format!("{} is the one that the learner was made with", card.name),
            Err(ModelError::Checksum { .. }) => {
                findings.push(format!("the file of the backbone {} is damaged", card.name));
                "damaged".to_owned()
            }
            Err(_) => format!("{} is not in the cache and was not checked", card.name),
        },
    };
    let mut out = io::stdout().lock();
    match args.json {
        true => {
            let report = json!({
                "sound": findings.is_empty(),
                "findings": findings,
                "entries": found.entries,
                "revisions": found.revisions,
                "snapshots": found.snapshots,
                "examples": found.examples,
                "backbone": backbone,
            });
            writeln!(out, "{report}")?;
        }
        false => {
            writeln!(
                out,
                "log        {} entries, {} revisions",
                found.entries, found.revisions
            )?;
            let examples =
                (found.examples).map_or_else(|| "none can be told".to_owned(), |n| n.to_string());
            writeln!(out, "examples   {examples}")?;
            writeln!(
                out,
                "snapshots  {} equal to what the log gives",
                found.snapshots
            )?;
            writeln!(out, "backbone   {backbone}")?;
            for finding in &findings {
                writeln!(out, "damage     {finding}")?;
            }
        }
    }
    out.flush()?;
    if findings.is_empty() {
        eprintln!("{} is sound", dir.display());
        return Ok(());
    }
    if !args.repair {
        bail!(
            "{} is damaged\nhint: `afield doctor {} --repair` keeps a copy and makes it sound again",
            dir.display(),
            dir.display()
        );
    }
    let Some(repaired) = repair(dir, now_unix_ms())? else {
        bail!(
            "the learner is sound, its backbone is not\nhint: `afield model get` fetches it anew"
        );
    };
    eprintln!("the files as they were: {}", repaired.copy.display());
    for kept in &repaired.kept {
        eprintln!("kept: {kept}");
    }
    for lost in &repaired.lost {
        eprintln!("lost: {lost}");
    }
    let again = diagnose(dir)?;
    if let Some(finding) = again.findings.first() {
        bail!("it is still damaged: {finding}");
    }
    eprintln!("{} is sound", dir.display());
    Ok(())
}
