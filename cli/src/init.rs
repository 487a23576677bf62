//! `afield init`: make a learner.

use std::path::PathBuf;

use afield::engine::{Session, SessionError};
use afield::head::HeadKind;
use afield::learner::{Pool, Settings, Transform};
use afield::model::{self, Cache, Card, Origin};
use afield::rehearsal::Plan;
use anyhow::{Context, Result, bail};
use clap::Args;

use super::calibrate::{calibrated_contract, normalised_card};
use super::durability::{DiskLimit, disk_limit};
use super::heads;
use super::learner::now_unix_ms;
use super::model::Places;
use super::recording::SensorArgs;

/// Make a new learner in a folder
#[derive(Debug, Args)]
#[command(after_help = heads::help("Examples:\n  afield init birds --backbone yamnet\n  \
                   afield init birds --backbone yamnet --transform standardise --calibrate clips/"))]
pub struct InitArgs {
    /// Folder to make; it will hold all that is learned
    dir: PathBuf,

    /// Backbone to listen through, as `afield model list` calls it [default: imu,
    /// which is part of the program, while no other has been fetched]
    #[arg(long, value_name = "NAME")]
    backbone: Option<String>,

    /// What learns: a head, listed below, and its options, such as linear:adam
    #[arg(long, default_value_t = HeadKind::default(), value_name = "HEAD")]
    head: HeadKind,

    /// What summarises a clip's windows: mean, mean+max or mean+std+max
    /// [default: the backbone's]
    #[arg(long, value_name = "POOL")]
    pool: Option<Pool>,

    /// What embeddings go through: none, l2, signed-sqrt or standardise
    /// [default: the backbone's]
    #[arg(long, value_name = "TRANSFORM")]
    transform: Option<Transform>,

    /// Recordings, or folders of them, whose means and deviations the transform
    /// standardise takes for good; they need no labels and are not learned
    #[arg(long, value_name = "FILE", num_args = 1..)]
    calibrate: Vec<PathBuf>,

    /// Recordings, or folders of them, whose means and deviations a sensor's channels
    /// are divided by for good, in place of those of the backbone's training; for
    /// sensors quite unlike those it was trained on
    #[arg(long, value_name = "FILE", num_args = 1..)]
    normalise: Vec<PathBuf>,

    #[command(flatten)]
    sensor: SensorArgs,

    /// Rehearsal memory of heads that need one: none or POLICY:SIZE[:STORAGE],
    /// such as balanced:512KiB or herding:200:int8; policies reservoir,
    /// balanced, herding, recent; storages int8, i16, f32
    #[arg(long, default_value_t = Plan::default(), value_name = "PLAN")]
    rehearsal: Plan,

    /// Fold old examples into the statistic before the learner takes more than
    /// this on disk, such as 64MiB; for the heads ncm, lda and ridge [default:
    /// none]
    #[arg(long, value_name = "SIZE", value_parser = disk_limit)]
    max_disk: Option<DiskLimit>,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

/// Runs the command.
pub fn run(args: InitArgs, places: &Places) -> Result<()> {
    let cache = places.cache()?;
    let card = match &args.backbone {
        Some(name) => model::find(name, &cache).context("--backbone")?,
        None => default_backbone(&cache)?,
    };
    args.sensor.check(&card)?;
    // A learner whose backbone is missing could not do anything.
    cache.model_bytes(&card).context("--backbone")?;
    let card = match args.normalise.as_slice() {
        [] => card,
        files => normalised_card(card, files, &args.sensor)?,
    };
    let contract = calibrated_contract(
        &card,
        args.pool,
        args.transform,
        &args.calibrate,
        &args.sensor,
        places,
    )?;
    let settings = Settings {
        head: args.head,
        rehearsal: args.rehearsal,
        seed: args.seed,
    };
    if let Some(DiskLimit(Some(_))) = args.max_disk
        && !args.head.is_exact()
    {
        let head = args.head.to_string();
        return Err(SessionError::CannotFold { head }).context("--max-disk");
    }
    let mut session = Session::create(&args.dir, card, contract, settings, now_unix_ms())?;
    if let Some(DiskLimit(bytes)) = args.max_disk {
        session.set_max_disk(bytes, now_unix_ms())?;
    }
    let contract = session.learner().contract();
    eprintln!(
        "made a learner in {}: {} on {}, pool {}, transform {}",
        args.dir.display(),
        args.head,
        contract.backbone,
        contract.pool,
        contract.transform
    );
    Ok(session.close()?)
}

/// The backbone in the program, unless the user has fetched others: then it has to be
/// said which one is meant.
fn default_backbone(cache: &Cache) -> Result<Card> {
    let cards = model::list(cache)?.cards;
    let built_in = |card: &&Card| matches!(card.origin, Origin::BuiltIn { .. });
    let fetched = |card: &&Card| !built_in(card) && cache.place_of(card).is_file();
    let names: Vec<&str> = cards
        .iter()
        .filter(fetched)
        .map(|c| c.name.as_str())
        .collect();
    match (cards.iter().find(built_in), names.as_slice()) {
        (Some(card), []) => Ok(card.clone()),
        (card, names) => bail!(
            "--backbone: which one?\nhint: name one of {}",
            card.map(|card| card.name.as_str())
                .into_iter()
                .chain(names.iter().copied())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}
