//! `afield fold`: compacts old examples into the statistic.

use anyhow::{Context, Result, bail};
use clap::Args;

use super::durability::{DiskLimit, disk_limit};
use super::learner::LearnerPlace;
use super::model::Places;

/// Bound the disk use: fold old examples into the statistic
///
/// No prediction changes, to the bit. Folded examples can be forgotten with
/// their whole class, no longer clip by clip; a folded clip that is taught again
/// counts again; revisions before the fold cannot be gone back to. For the heads
/// ncm, lda and ridge.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield fold --max-disk 64MiB --learner box\n  \
                        afield fold --keep 1000 --learner box"
)]
pub struct FoldArgs {
    /// From now on fold old examples before the learner takes more than this on
    /// disk; none lifts the limit
    #[arg(long, value_name = "SIZE", value_parser = disk_limit)]
    max_disk: Option<DiskLimit>,

    /// Fold now, all but the latest N examples
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: FoldArgs, places: &Places) -> Result<()> {
    if args.max_disk.is_none() && args.keep.is_none() {
        bail!("nothing to do\nhint: give --max-disk SIZE, --keep N or both");
    }
    let engine = args.place.open(places)?;
    if let Some(DiskLimit(bytes)) = args.max_disk {
        engine.set_max_disk(bytes).context("--max-disk")?;
    }
    if let Some(keep) = args.keep {
        let folded = engine.compact(keep)?;
        eprintln!("folded {} examples, kept {}", folded.examples, folded.kept);
    }
    Ok(engine.close()?)
}
