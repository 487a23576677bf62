//! `afield predict`: prints the class of each clip.

use std::io::{self, Write};
use std::path::PathBuf;

use afield::Recording;
use afield::signal::Label;
use afield::source::Note;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::{SensorArgs, labelled, note};

/// Say what clips are: one JSON line a file
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield predict new/*.wav --learner box | jq -r .label")]
pub struct PredictArgs {
    /// Recordings, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
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
    let mut out = io::stdout().lock();
    for path in &args.files {
        for clip in labelled(path, engine.card())? {
            let name = clip.path.display().to_string();
            let mut recording = Recording::open_with(&clip.path, &args.sensor.format())?;
            let embeddings = engine.embed(&mut recording);
            let embeddings = embeddings.with_context(|| name.clone())?;
            note(&embeddings.notes, &name);
            let prediction = engine.predict_embeddings(&embeddings);
            let prediction = prediction.with_context(|| name.clone())?;
            let best = prediction.best();
            let line = Line {
                path: &name,
                label: best.map(|(label, _)| label),
                confidence: best.map(|(_, p)| p),
                scores: serde_json::to_value(&prediction)?,
                notes: &embeddings.notes,
            };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        }
    }
    Ok(())
}
