//! `afield adapt`: learns from recordings without labels.

use std::path::PathBuf;

use afield::Recording;
use afield::engine::Adapted;
use anyhow::{Result, bail};
use clap::Args;

use super::batch::{Batch, BatchArgs};
use super::embedding::{advance, progress};
use super::learner::{LearnerPlace, accuracy};
use super::model::Places;
use super::recording::SensorArgs;

/// Learn from recordings without labels, where the learner is sure of the class
///
/// A recording is learned as the class that `afield predict` names if the confidence is at
/// least .9 and the recording is not unknown. A new speaker whom the learner knows badly
/// gains by it; others gain little or nothing. Nothing is learned if the learner would then
/// know the taught clips less well, each held out with its group or recording.
///
/// `afield undo` takes the last adaptation back; --forget takes all of them back, also long
/// after. Needs the head lda, and nine taught clips.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield adapt new-person/ --learner watch\n  \
    afield adapt --forget --learner watch")]
pub struct AdaptArgs {
    /// Recordings, or folders of recordings
    #[arg(required_unless_present = "forget", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Unlearn everything that was learned without labels
    #[arg(long, conflicts_with = "files")]
    forget: bool,

    /// Print one JSON line
    #[arg(long, conflicts_with = "forget")]
    json: bool,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    batch: BatchArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: AdaptArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    if args.forget {
        let clips = engine.forget_assumed()?;
        let noun = if clips == 1 {
            "recording"
        } else {
            "recordings"
        };
        eprintln!("unlearned {clips} {noun} without labels");
        return Ok(engine.close()?);
    }
    args.sensor.check(engine.card())?;
    engine.backbone()?;
    let mut batch = Batch::new(args.batch);
    let paths = batch.paths(&args.files, engine.card())?;
    let mut adaptation = engine.adaptation();
    let bar = progress(paths.len(), "heard");
    for path in &paths {
        let opened = Recording::open_with(path, &args.sensor.format());
        if let Err(error) = opened.and_then(|recording| adaptation.hear(recording)) {
            batch.fail(path, error.into())?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let bar = progress(0, "taught recordings held out");
    let adapted = adaptation.finish(&|done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let adapted = adapted?;
    match args.json {
        true => println!("{}", serde_json::to_string(&adapted)?),
        false => eprintln!("{}", described(&adapted)),
    }
    let is_refused = !adapted.learned && !adapted.assumed.is_empty();
    engine.close()?;
    batch.finish()?;
    if is_refused {
        bail!(
            "nothing was learned: the taught clips would be known less well ({} before, {} after)\nhint: `afield queue` and `afield teach` learn with labels",
            accuracy(adapted.before),
            accuracy(adapted.after)
        );
    }
    Ok(())
}

fn described(adapted: &Adapted) -> String {
    let sure: usize = adapted.assumed.values().sum();
    let all = adapted.recordings;
    if !adapted.learned {
        return format!("sure of {sure} of {all} recordings; none learned");
    }
    let classes: Vec<String> = (adapted.assumed.iter())
        .map(|(label, clips)| format!("{label} {clips}"))
        .collect();
    format!(
        "learned {sure} of {all} recordings: {}; accuracy on the taught clips {} before, {} after",
        classes.join(", "),
        accuracy(adapted.before),
        accuracy(adapted.after)
    )
}
