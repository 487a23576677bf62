//! `afield compact`: compacts old examples into the statistic.

use anyhow::{Context, Result, bail};
use clap::Args;

use super::durability::{DiskLimit, disk_limit};
use super::learner::LearnerPlace;
use super::model::Places;

/// Compact old examples into the statistic, to limit disk use
///
/// No prediction changes, to the bit. Only the heads ncm, lda and ridge can compact.
///
/// A compacted example can be unlearned only with its whole class. A compacted clip that
/// is taught again counts twice. Revisions before a compaction are not available.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield compact --max-disk 64MiB --learner box\n  \
                        afield compact --keep 1000 --learner box"
)]
pub struct CompactArgs {
    /// Set the limit of disk use, such as 64MiB, or none. Old examples are compacted
    /// before it is reached
    #[arg(long, value_name = "SIZE", value_parser = disk_limit)]
    max_disk: Option<DiskLimit>,

    /// Compact now: all examples but the latest N
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: CompactArgs, places: &Places) -> Result<()> {
    if args.max_disk.is_none() && args.keep.is_none() {
        bail!("nothing to do\nhint: give --max-disk SIZE, --keep N or both");
    }
    let engine = args.place.open(places)?;
    if let Some(DiskLimit(bytes)) = args.max_disk {
        engine.set_max_disk(bytes).context("--max-disk")?;
    }
    if let Some(keep) = args.keep {
        let done = engine.compact(keep)?;
        eprintln!("compacted {} examples, kept {}", done.examples, done.kept);
    }
    Ok(engine.close()?)
}
