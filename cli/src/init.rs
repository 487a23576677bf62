//! `afield init`: make a learner.

use std::path::PathBuf;

use afield::engine::LearnerOptions;
use afield::head::HeadKind;
use afield::learner::{Pool, Transform};
use afield::rehearsal::Plan;
use afield::{Engine, Error};
use anyhow::Result;
use clap::Args;

use super::durability::{DiskLimit, disk_limit};
use super::embedding::progress;
use super::heads;
use super::learner::NamedPlace;
use super::model::Places;
use super::recording::SensorArgs;

/// Create a learner in a folder
#[derive(Debug, Args)]
#[command(after_help = heads::help("Examples:\n  afield init birds --backbone yamnet\n  \
                   afield init birds --backbone yamnet --transform standardise --calibrate clips/\n  \
                   afield init garden --backbone birdnet --with-classes"))]
pub struct InitArgs {
    #[command(flatten)]
    place: NamedPlace,

    /// Name of the backbone; `afield model list` shows the names [default: ears; imu with
    /// options of a sensor. Both are part of the program]
    #[arg(long, value_name = "NAME")]
    backbone: Option<String>,

    /// Head that learns, listed below, with its options, such as linear:adam
    #[arg(long, default_value_t = HeadKind::default(), value_name = "HEAD")]
    head: HeadKind,

    /// Learn each clip as one example, even if the backbone's card names decision windows.
    /// Recordings that hold more than the sound itself are then learned with all of it
    #[arg(long)]
    whole_clips: bool,

    /// Use the classes that the backbone was published with, beside those that you teach.
    /// `afield model show NAME` tells whether it has some
    #[arg(long)]
    with_classes: bool,

    /// Pool that summarises the windows of a clip: mean, mean+max or mean+std+max
    /// [default: that of the backbone]
    #[arg(long, value_name = "POOL")]
    pool: Option<Pool>,

    /// Transform of the embeddings: none, l2, signed-sqrt, signed-sqrt+l2 or standardise
    /// [default: that of the backbone]
    #[arg(long, value_name = "TRANSFORM")]
    transform: Option<Transform>,

    /// Recordings, or folders, that permanently set the means and deviations of the
    /// transform standardise. They need no labels and are not learned
    #[arg(long, value_name = "FILE", num_args = 1..)]
    calibrate: Vec<PathBuf>,

    /// Recordings, or folders, that permanently set the means and deviations of the
    /// sensor channels, in place of those of the backbone. Use this if the sensor differs
    /// much from the one in the backbone's training
    #[arg(long, value_name = "FILE", num_args = 1..)]
    normalise: Vec<PathBuf>,

    #[command(flatten)]
    sensor: SensorArgs,

    /// Rehearsal memory of heads that use one: none or POLICY:SIZE[:STORAGE], such as
    /// balanced:512KiB or herding:200:int8. Policies: reservoir, balanced, herding,
    /// recent. Storages: int8, i16, f32
    #[arg(long, default_value_t = Plan::default(), value_name = "PLAN")]
    rehearsal: Plan,

    /// Limit of disk use, such as 64MiB, for the heads ncm, lda and ridge. Old examples
    /// are compacted before it is reached [default: none]
    #[arg(long, value_name = "SIZE", value_parser = disk_limit)]
    max_disk: Option<DiskLimit>,

    /// Seed of all random numbers
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

/// Runs the command.
pub fn run(args: InitArgs, places: &Places) -> Result<()> {
    let dir = args.place.dir()?;
    let max_disk = args.max_disk.and_then(|DiskLimit(bytes)| bytes);
    let options = LearnerOptions {
        backbone: args.backbone,
        head: args.head,
        pool: args.pool,
        whole_clips: args.whole_clips,
        with_classes: args.with_classes,
        transform: args.transform,
        rehearsal: args.rehearsal,
        seed: args.seed,
        max_disk,
        calibrate: args.calibrate,
        normalise: args.normalise,
        source: args.sensor.options(),
    };
    let bar = progress(0, "embedded");
    let advance = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let made = Engine::create_with(dir, &options, places.engine(), &advance);
    bar.finish_and_clear();
    let engine = made.map_err(|error| match error {
        Error::Model(_) => anyhow::Error::new(error).context("--backbone"),
        error => error.into(),
    })?;
    let status = engine.status();
    eprintln!(
        "made a learner in {}: {} on {}, pool {}, transform {}",
        dir.display(),
        status.head,
        status.backbone,
        status.pool,
        status.transform
    );
    if let Some(published) = &status.published {
        eprintln!(
            "it answers with {} published classes where nothing that was taught fits",
            published.classes
        );
    }
    Ok(engine.close()?)
}
