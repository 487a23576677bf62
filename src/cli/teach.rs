//! `afield teach`: clips in, one example each, stored before we say so.

use std::path::PathBuf;

use afield::backbone::Mode;
use afield::control::{TaughtAs, hear};
use afield::signal::Label;
use afield::source::{AudioFile, labelled_clips};
use anyhow::{Context, Result};
use clap::Args;

use super::embedding::progress;
use super::learner::{LearnerPlace, load_backbone, now_unix_ms};
use super::model::Places;

/// Teach the learner that clips are of a class
///
/// Each clip becomes one example. The command succeeds only when every clip is
/// stored; what was stored before a failure stays. A clip that was taught as
/// another class is corrected, one that was taught as this class is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield teach kettle kettle-*.wav --learner box")]
pub struct TeachArgs {
    /// The class; a new one is made by teaching it
    label: Label,

    /// Audio files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: TeachArgs, places: &Places) -> Result<()> {
    let mut session = args.place.open()?;
    let card = session.card().clone();
    let backbone = load_backbone(&card, places, Mode::Auto)?;
    let mut clips = Vec::new();
    for path in &args.files {
        clips.extend(labelled_clips(path)?);
    }
    let bar = progress(clips.len(), "taught");
    let (mut new, mut already, mut corrected) = (0, 0, 0);
    for clip in &clips {
        let name = clip.path.display().to_string();
        let mut source = AudioFile::open(&clip.path)?;
        let heard = hear(&mut source, &card, &backbone).with_context(|| name.clone())?;
        let outcome = session
            .teach(&args.label, &heard, &name, now_unix_ms())
            .with_context(|| name.clone())?;
        match outcome {
            TaughtAs::New => new += 1,
            TaughtAs::Already => already += 1,
            TaughtAs::Corrected { from } => {
                corrected += 1;
                bar.suspend(|| eprintln!("{name}: was {from}, is {}", args.label));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    session.close()?;
    eprintln!(
        "{}: {new} new, {corrected} corrected, {already} known already",
        args.label
    );
    Ok(())
}
