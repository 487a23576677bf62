//! The shared part of the commands on a learner: its folder, and how it is opened.

use std::path::{Path, PathBuf};

use afield::Engine;
use afield::backbone::{Backbone, Mode};
use afield::engine::{Clock, EngineOptions, Share};
use afield::model::Card;
use anyhow::{Context, Result, bail};
use clap::Args;

use super::model::Places;

/// The learner to work on.
#[derive(Debug, Args)]
pub struct LearnerPlace {
    /// Folder of the learner, made by `afield init`
    #[arg(long, value_name = "DIR", env = "AFIELD_LEARNER")]
    learner: PathBuf,
}

impl LearnerPlace {
    /// Opens the learner.
    pub fn open(&self, places: &Places) -> Result<Engine> {
        self.open_naming_from(None, places)
    }

    /// Opens the learner; published classes are named from this probability on, or from that of
    /// their card.
    pub fn open_naming_from(
        &self,
        published_min_confidence: Option<f32>,
        places: &Places,
    ) -> Result<Engine> {
        let options = EngineOptions {
            published_min_confidence,
            ..places.engine()
        };
        Engine::open_with(&self.learner, options).context("--learner")
    }
}

/// The learner to make or to check, which older commands name without a flag.
#[derive(Debug, Args)]
pub struct NamedPlace {
    /// Folder of the learner, same as --learner
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Folder of the learner
    #[arg(long, value_name = "DIR", env = "AFIELD_LEARNER")]
    learner: Option<PathBuf>,
}

impl NamedPlace {
    /// The learner's folder.
    pub fn dir(&self) -> Result<&Path> {
        let named = self.dir.as_deref().or(self.learner.as_deref());
        let Some(dir) = named else {
            bail!("--learner: no folder is named\nhint: give --learner DIR, or set AFIELD_LEARNER");
        };
        Ok(dir)
    }

    /// Opens the learner.
    pub fn open(&self, places: &Places) -> Result<Engine> {
        Engine::open_with(self.dir()?, places.engine()).context("--learner")
    }
}

impl Places {
    /// The same options, for the engine.
    pub fn engine(&self) -> EngineOptions {
        EngineOptions {
            cache_dir: self.cache_dir.clone(),
            clock: Clock::SYSTEM,
            published_min_confidence: None,
        }
    }
}

/// Milliseconds of Unix time.
pub fn now_unix_ms() -> i64 {
    Clock::SYSTEM.unix_ms()
}

/// The backbone of `card`, from the program or from the cache.
pub fn load_backbone(card: &Card, places: &Places, mode: Mode) -> Result<Backbone> {
    Ok(afield::engine::load_backbone(card, &places.cache()?, mode)?)
}

/// An accuracy on a learner's own clips, as text.
pub fn accuracy(share: Option<Share>) -> String {
    share.map_or("not known".to_owned(), |share| {
        format!("{:.3}", share.share)
    })
}
