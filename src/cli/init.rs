//! `afield init`: make a learner.

use std::path::PathBuf;

use afield::control::{Session, backbone_contract};
use afield::head::HeadKind;
use afield::learner::{Pool, Settings, Transform};
use afield::model;
use afield::rehearsal::Plan;
use anyhow::{Context, Result};
use clap::Args;

use super::learner::now_unix_ms;
use super::model::Places;

/// Make a new learner in a folder
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield init birds --backbone yamnet")]
pub struct InitArgs {
    /// Folder to make; it will hold all that is learned
    dir: PathBuf,

    /// Backbone to listen through, as `afield model list` calls it
    #[arg(long, value_name = "NAME")]
    backbone: String,

    /// What learns: ncm, lda, ridge, linear or finetune
    #[arg(long, default_value_t = HeadKind::default(), value_name = "HEAD")]
    head: HeadKind,

    /// What summarises a clip's windows: mean, mean+max or mean+std+max
    /// [default: the backbone's]
    #[arg(long, value_name = "POOL")]
    pool: Option<Pool>,

    /// What embeddings go through: none, l2 or signed-sqrt
    /// [default: the backbone's]
    #[arg(long, value_name = "TRANSFORM")]
    transform: Option<Transform>,

    /// Rehearsal memory of heads that need one: none or POLICY:SIZE[:STORAGE],
    /// such as balanced:512KiB or herding:200:int8; policies reservoir,
    /// balanced, herding, recent; storages int8, i16, f32
    #[arg(long, default_value_t = Plan::default(), value_name = "PLAN")]
    rehearsal: Plan,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

/// Runs the command.
pub fn run(args: InitArgs, places: &Places) -> Result<()> {
    let cache = places.cache()?;
    let card = model::find(&args.backbone, &cache).context("--backbone")?;
    // A learner whose backbone is missing could not do anything.
    cache.model_path(&card).context("--backbone")?;
    let contract = backbone_contract(&card, args.pool, args.transform)?;
    let settings = Settings {
        head: args.head,
        rehearsal: args.rehearsal,
        seed: args.seed,
    };
    let session = Session::create(&args.dir, card, contract, settings, now_unix_ms())?;
    let contract = session.learner().contract();
    eprintln!(
        "made a learner in {}: {} on {}, pool {}, transform {}",
        args.dir.display(),
        args.head,
        contract.backbone,
        contract.pool,
        contract.transform
    );
    Ok(())
}
