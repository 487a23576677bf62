//! `afield teach`: clips in, one example each, stored before we say so.

use std::path::{Path, PathBuf};

use afield::backbone::Mode;
use afield::control::{Durability, TaughtAs, hear};
use afield::evaluate::GroupPattern;
use afield::signal::{Group, Label};
use afield::source::{AudioFile, labelled_clips};
use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::durability::durability;
use super::embedding::progress;
use super::learner::{LearnerPlace, load_backbone, now_unix_ms};
use super::model::Places;

/// Teach the learner that clips are of a class
///
/// Each clip becomes one example. The command succeeds only when every clip is
/// stored; what was stored before a failure stays. A clip that was taught as
/// another class or of another group is corrected, one that was taught as this
/// class is left alone. A clip keeps its group until it is taught with another.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield teach kettle kettle-*.wav --learner box\n  \
    afield teach one one/ --group-pattern '^([a-z]+)_' --learner box"
)]
pub struct TeachArgs {
    /// The class; a new one is made by teaching it
    label: Label,

    /// Audio files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Speaker, machine, site or subject that all the clips are of
    #[arg(long, value_name = "NAME", conflicts_with = "group_pattern")]
    group: Option<Group>,

    /// Group of a clip: the first capture of this pattern in its file name,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX")]
    group_pattern: Option<String>,

    /// When an example is on the disk: immediate (before the next clip), or
    /// batched:SECONDS (together with all of that time, which spares a card);
    /// the command ends when all are
    #[arg(long, default_value = "immediate", value_name = "WHEN", value_parser = durability)]
    durability: Durability,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: TeachArgs, places: &Places) -> Result<()> {
    let mut session = args.place.open()?;
    session.set_durability(args.durability)?;
    session.begin_command();
    let card = session.card().clone();
    let pattern: Option<GroupPattern> = match &args.group_pattern {
        Some(pattern) => Some(pattern.parse()?),
        None => None,
    };
    let mut clips = Vec::new();
    for path in &args.files {
        for clip in labelled_clips(path)? {
            // Found out now, before any of them is taught.
            let group = match &pattern {
                Some(pattern) => Some(captured(pattern, &clip.path)?),
                None => args.group.clone(),
            };
            clips.push((clip, group));
        }
    }
    let backbone = load_backbone(&card, places, Mode::Auto)?;
    let bar = progress(clips.len(), "taught");
    let (mut new, mut already, mut corrected) = (0, 0, 0);
    for (clip, group) in &clips {
        let name = clip.path.display().to_string();
        let mut source = AudioFile::open(&clip.path)?;
        let heard = hear(&mut source, &card, &backbone).with_context(|| name.clone())?;
        let outcome = session
            .teach_from(&args.label, &heard, &name, group.as_ref(), now_unix_ms())
            .with_context(|| name.clone())?;
        match outcome {
            TaughtAs::New => new += 1,
            TaughtAs::Already => already += 1,
            TaughtAs::Corrected { from } => {
                corrected += 1;
                bar.suspend(|| eprintln!("{name}: was {from}, is {}", args.label));
            }
            TaughtAs::Regrouped { from } => {
                corrected += 1;
                if let (Some(from), Some(group)) = (from, group) {
                    bar.suspend(|| eprintln!("{name}: was of {from}, is of {group}"));
                }
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

fn captured(pattern: &GroupPattern, path: &Path) -> Result<Group> {
    Group::new(pattern.group_of(path)?).map_err(|fault| {
        anyhow!(
            "--group-pattern on {}: {fault}\nhint: capture a name in the parentheses, as '^([a-z]+)_' does",
            path.display()
        )
    })
}
