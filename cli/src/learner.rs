//! What the commands on a learner share: where it is, and what it listens
//! through.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use afield::backbone::{Backbone, Mode};
use afield::engine::Session;
use afield::model::{Card, Origin};
use anyhow::{Context, Result};
use clap::Args;

use super::model::Places;

/// The learner to work on.
#[derive(Debug, Args)]
pub struct LearnerPlace {
    /// The learner's folder, made by `afield init`
    #[arg(long, value_name = "DIR", env = "AFIELD_LEARNER")]
    learner: PathBuf,
}

impl LearnerPlace {
    /// The learner, open.
    pub fn open(&self) -> Result<Session> {
        Session::open(&self.learner).context("--learner")
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.learner
    }
}

/// The backbone of `card`, out of the program or from the cache.
pub fn load_backbone(card: &Card, places: &Places, mode: Mode) -> Result<Backbone> {
    if let Origin::BuiltIn { .. } = card.origin {
        let bytes = places.cache()?.model_bytes(card)?;
        return Ok(Backbone::from_bytes(&bytes, card, mode)?);
    }
    let path = places.cache()?.model_path(card)?;
    Ok(Backbone::load(&path, card, mode)?)
}

/// Milliseconds of Unix time; the one place that asks the clock.
pub fn now_unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
