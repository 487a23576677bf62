//! `afield upgrade`: makes a learner of decision windows of one of whole clips.

use std::path::PathBuf;

use afield::Engine;
use anyhow::{Context, Result};
use clap::Args;

use super::embedding::{advance, progress};
use super::learner::NamedPlace;
use super::model::Places;

/// Teach a learner of whole clips again, as one of decision windows
///
/// A learner that was made by an earlier version, or with `afield init --whole-clips`,
/// learns whole clips: it has no soundscape, and finds events less well. Its recordings are
/// taught again, with the same head, seed and limits. They must still be where they were, or
/// in a folder that `--recordings` names.
///
/// The old learner stays beside the new one, as DIR.before-upgrade, with its history.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield upgrade box\n  \
    afield upgrade box --recordings /media/card/season\n  \
    afield upgrade box --without-missing")]
pub struct UpgradeArgs {
    #[command(flatten)]
    place: NamedPlace,

    #[command(flatten)]
    moved: MovedArgs,

    /// Leave out clips whose recordings are no longer there
    #[arg(long)]
    without_missing: bool,
}

/// Where recordings are that were moved or renamed.
#[derive(Debug, Args)]
pub struct MovedArgs {
    /// Where recordings are that were moved or renamed since: a file or a folder; can be
    /// repeated. They are recognised by their samples
    #[arg(long, value_name = "DIR")]
    pub recordings: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: UpgradeArgs, places: &Places) -> Result<()> {
    let dir = args.place.dir()?;
    let bar = progress(0, "taught again");
    let show = |done, all| advance(&bar, done, all);
    let (moved, without_missing) = (&args.moved.recordings, args.without_missing);
    let upgraded = Engine::upgrade(dir, &places.engine(), moved, without_missing, &show);
    bar.finish_and_clear();
    let (relearned, kept) = upgraded.context("--learner")?;
    eprintln!(
        "taught {} clips again as decision windows; the old learner is {}",
        relearned.clips,
        kept.display()
    );
    if !relearned.missing.is_empty() {
        eprintln!("note: left out: {}", relearned.missing.join(", "));
    }
    Ok(())
}
