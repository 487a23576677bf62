//! `afield discover`: sounds that were never taught, in groups, as proposals of new classes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use afield::engine::{ListenOptions, Question};
use afield::source::SourceOptions;
use afield::{Engine, SourceSpec};
use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;

use super::batch::{Batch, BatchArgs};
use super::embedding::progress;
use super::learner::LearnerPlace;
use super::model::Places;
use super::queue::{described, line, questions};
use super::recording::SensorArgs;

/// Find sounds in recordings that were never taught; those that are alike are a proposed class
///
/// `afield queue label ID LABEL` teaches all sounds of a group as a class, and `afield queue
/// play ID` plays one of them. Like those of `afield listen --ask`, the sounds are kept in the
/// learner's folder: up to 200, for at most 30 days.
///
/// Without recordings, the groups of the sounds that are kept already.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield discover season/ --learner birds\n  \
    afield queue label 19ac5e1f2b3-17 nightjar --learner birds")]
pub struct DiscoverArgs {
    /// Recordings, or folders of recordings
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The fewest sounds of a group
    #[arg(long, default_value_t = 2, value_name = "N")]
    at_least: usize,

    /// Print one JSON line a group
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    batch: BatchArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: DiscoverArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    args.sensor.check(engine.card())?;
    let mut batch = Batch::new(args.batch);
    let paths = batch.paths(&args.files, engine.card())?;
    let bar = progress(paths.len(), "heard");
    for path in &paths {
        if let Err(error) = hear(&engine, path, &args.sensor, &bar) {
            batch.fail(path, error)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let is_group = |question: &Question| question.unknown() >= args.at_least;
    let mut groups = questions(&engine)?;
    groups.retain(is_group);
    let mut out = io::stdout().lock();
    for group in &groups {
        match args.json {
            true => writeln!(out, "{}", serde_json::to_string(&line(group))?)?,
            false => writeln!(out, "{}", described(group))?,
        }
    }
    match groups.is_empty() {
        true => eprintln!("no {} unknown sounds are alike", args.at_least),
        false => eprintln!("name a group: afield queue label ID LABEL"),
    }
    batch.finish()
}

/// Keeps the unknown sounds of a recording.
fn hear(engine: &Engine, path: &Path, sensor: &SensorArgs, bar: &ProgressBar) -> Result<()> {
    let options = ListenOptions {
        keep_samples: true,
        source: SourceOptions {
            sensor: sensor.format(),
            ..SourceOptions::default()
        },
        ..ListenOptions::default()
    };
    let mut listening = engine.listen_with(SourceSpec::file(path), options)?;
    loop {
        let more = listening.step()?;
        for event in listening.drain() {
            if event.is_unknown() {
                engine.ask(&event)?;
            }
        }
        let minutes = listening.decided().as_secs_f64() / 60.0;
        bar.set_message(format!("heard, {minutes:.0} min of the next"));
        bar.tick();
        if !more {
            return Ok(());
        }
    }
}
