//! `afield report`: whether enough has been taught, by the learner's own clips.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use afield_lab::render::{learner_html, learner_table};
use anyhow::{Context, Result};
use clap::Args;

use super::embedding::{advance, progress};
use super::evaluate::{provenance, write_stdout};
use super::learner::NamedPlace;
use super::model::Places;

/// A report that takes longer shows its progress.
const SHORT: Duration = Duration::from_secs(2);

/// Report whether a learner has been taught enough, by its own clips
///
/// Each clip is held out with its group or, without a group, with its recording. The learner
/// is asked about it as if it had not been taught. The report has recall and precision of each
/// class with 95 % intervals, the classes that are confused, how far confidence can be
/// trusted, accuracy by the number of clips, and what is lacking. It needs no recording and no
/// network.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield report --learner box\n  \
    afield report --learner box --json | jq -r '.lacking[]'\n  \
    afield report --learner box --html report.html")]
pub struct ReportArgs {
    #[command(flatten)]
    place: NamedPlace,

    /// Write the report as a page to this file, too
    #[arg(long, value_name = "OUT.html")]
    html: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: ReportArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let bar = progress(0, "asked");
    let begun = Instant::now();
    let report = engine.report(&|done, all| {
        if begun.elapsed() > SHORT {
            advance(&bar, done, all);
        }
    });
    bar.finish_and_clear();
    let report = report?;
    if let Some(path) = &args.html {
        let page = learner_html(&report, &provenance(None));
        fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    if let Some(clips @ 1..) = report.doubtful {
        eprintln!("note: doubtful clips: {clips}; `afield doubts list` names them");
    }
    write_stdout(&match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => learner_table(&report),
    })
}
