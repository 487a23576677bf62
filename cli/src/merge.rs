//! `afield merge`: one learner from several.

use std::path::PathBuf;

use afield::engine::Session;
use anyhow::{Context, Result};
use clap::Args;

use super::learner::now_unix_ms;

/// Merge learners with the same backbone into a new one
///
/// The new learner has every clip of the given learners. If two of them have different
/// labels for a clip, the latest label counts. With the heads ncm, lda and ridge, the
/// result equals, to the bit, one learner that was taught all clips.
///
/// If recordings of one learner would no longer be recognised with those of the others, or most
/// of the others' are like another class of it, nothing is made.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield merge kitchen hall -o house")]
pub struct MergeArgs {
    /// Folders of the learners, two or more; the settings come from the first
    #[arg(required = true, num_args = 2.., value_name = "DIR")]
    parts: Vec<PathBuf>,

    /// Folder to create
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Merge even if recordings of one learner are recognised less often afterwards
    #[arg(long)]
    despite_doubts: bool,
}

/// Runs the command.
pub fn run(args: MergeArgs) -> Result<()> {
    let open = |dir: &PathBuf| Session::open(dir).with_context(|| dir.display().to_string());
    let parts = args.parts.iter().map(open).collect::<Result<Vec<_>>>()?;
    if !args.despite_doubts {
        Session::judge_merge(&parts)?;
    }
    let merged = Session::merge(&parts, &args.output, now_unix_ms())?;
    eprintln!(
        "made {} from {} learners: {} clips, {} of them shared, {} taught differently (the latest label holds)",
        args.output.display(),
        parts.len(),
        merged.clips,
        merged.shared + merged.contested,
        merged.contested
    );
    Ok(())
}
