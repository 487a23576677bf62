//! `afield predict`: clips in, what they are out.

use std::io::{self, Write};
use std::path::PathBuf;

use afield::backbone::Mode;
use afield::engine::hear;
use afield::signal::Label;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::learner::{LearnerPlace, load_backbone};
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
    scores: serde_json::Map<String, serde_json::Value>,
}

/// Runs the command.
pub fn run(args: PredictArgs, places: &Places) -> Result<()> {
    let session = args.place.open()?;
    if session.learner().classes().is_empty() {
        bail!("the learner knows no class yet\nhint: `afield teach LABEL FILE…` teaches it one");
    }
    let card = session.card();
    args.sensor.check(card)?;
    let backbone = load_backbone(card, places, Mode::Auto)?;
    let mut out = io::stdout().lock();
    for path in &args.files {
        for clip in labelled(path, card)? {
            let name = clip.path.display().to_string();
            let mut source = args.sensor.open(&clip.path)?;
            let heard = hear(&mut *source, card, &backbone).with_context(|| name.clone())?;
            note(&*source, &name);
            let scores = session.predict(&heard).with_context(|| name.clone())?;
            let classes = session.learner().classes();
            let best = scores
                .best()
                .and_then(|(class, p)| Some((classes.get(class)?, p)));
            let scores: serde_json::Map<String, serde_json::Value> = (classes.iter())
                .zip(&scores.0)
                .map(|(label, &p)| (label.to_string(), json!(p)))
                .collect();
            let line = Line {
                path: &name,
                label: best.map(|(label, _)| label),
                confidence: best.map(|(_, p)| p),
                scores,
            };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        }
    }
    Ok(())
}
