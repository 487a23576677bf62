//! `afield predict`: prints the class of each clip.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use afield::engine::{ClipEmbeddings, OptionError};
use afield::signal::{Label, Timestamp};
use afield::source::{Note, recorded_at};
use afield::{Engine, Prediction, Recording};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::batch::{Batch, BatchArgs};
use super::embedding::progress;
use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::{SensorArgs, StartArgs, note};

/// Predict the class of each clip, one JSON line per file
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield predict new/*.wav --learner box | jq -r .label")]
pub struct PredictArgs {
    /// Recordings, or folders of recordings
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    start: StartArgs,

    #[command(flatten)]
    batch: BatchArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    /// When the recording began, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    label: Option<&'a Label>,
    confidence: Option<f32>,
    scores: serde_json::Value,
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    notes: &'a [Note],
}

/// Runs the command.
pub fn run(args: PredictArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    if engine.classes().is_empty() {
        bail!("the learner knows no class yet\nhint: `afield teach LABEL FILE…` teaches it one");
    }
    args.sensor.check(engine.card())?;
    engine.backbone()?;
    let mut batch = Batch::new(args.batch);
    let paths = batch.paths(&args.files, engine.card())?;
    if args.start.start.is_some() && paths.len() != 1 {
        return Err(OptionError::StartOfSeveral.into());
    }
    let bar = progress(paths.len(), "predicted");
    let mut out = io::stdout().lock();
    for path in &paths {
        let name = path.display().to_string();
        let line = match predicted(&engine, path, &args.sensor) {
            Ok((embeddings, prediction)) => {
                bar.suspend(|| note(&embeddings.notes, &name));
                let best = prediction.best();
                Some(serde_json::to_string(&Line {
                    path: &name,
                    at: args.start.start.or_else(|| recorded_at(path)),
                    label: best.map(|(label, _)| label),
                    confidence: best.map(|(_, p)| p),
                    scores: serde_json::to_value(&prediction)?,
                    notes: &embeddings.notes,
                })?)
            }
            Err(error) => batch.fail_with_line(path, error)?,
        };
        if let Some(line) = line {
            bar.suspend(|| writeln!(out, "{line}"))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    batch.finish()
}

fn predicted(
    engine: &Engine,
    path: &Path,
    sensor: &SensorArgs,
) -> Result<(ClipEmbeddings, Prediction)> {
    let name = || path.display().to_string();
    let mut recording = Recording::open_with(path, &sensor.format())?;
    let embeddings = engine.embed(&mut recording).with_context(name)?;
    let prediction = engine.predict_embeddings(&embeddings).with_context(name)?;
    Ok((embeddings, prediction))
}
