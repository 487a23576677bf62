//! What a caller may choose: where things lie, how a learner is made, how it listens.

use std::path::PathBuf;

use super::Clock;
use crate::head::HeadKind;
use crate::learner::{Pool, Transform};
use crate::rehearsal::Plan;
use crate::source::SourceOptions;

/// Where an engine finds backbones, and what time it is.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Folder of fetched backbones; `None` means `AFIELD_CACHE`, or `afield` in the user's
    /// cache folder.
    pub cache_dir: Option<PathBuf>,
    /// The clock.
    pub clock: Clock,
}

/// How a new learner is made; the default suits most.
#[derive(Debug, Clone, Default)]
pub struct LearnerOptions {
    /// The backbone, by the name of its card; `None` means the one that is part of the
    /// library, as long as no other has been fetched.
    pub backbone: Option<String>,
    /// The head that learns.
    pub head: HeadKind,
    /// What summarises a clip's windows; `None` means what the backbone's card says.
    pub pool: Option<Pool>,
    /// What the summary goes through; `None` means what the backbone's card says.
    pub transform: Option<Transform>,
    /// Rehearsal memory, for heads that need one.
    pub rehearsal: Plan,
    /// Seed of everything random.
    pub seed: u64,
    /// Most bytes on disk; old examples are compacted into the statistic before more are
    /// taken. For exact heads only.
    pub max_disk: Option<u64>,
    /// Unlabelled recordings, or folders of them, whose means and deviations
    /// [`Transform::Standardise`] uses from then on; required with it, refused without.
    pub calibrate: Vec<PathBuf>,
    /// Recordings of a sensor, or folders of them, whose means and deviations replace those of
    /// the backbone's training.
    pub normalise: Vec<PathBuf>,
    /// How recordings are read.
    pub source: SourceOptions,
}

/// How a source is listened to.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// Seconds that one decision looks back on; `None` means the median length of the taught
    /// clips.
    pub window_seconds: Option<f64>,
    /// Seconds between decisions.
    pub every_seconds: f64,
    /// Probability in `[0, 1]` below which an event has no label.
    pub min_confidence: f32,
    /// Decide only where something is this many decibels louder than the background.
    pub gate_db: Option<f32>,
    /// How the source is read.
    pub source: SourceOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            window_seconds: None,
            every_seconds: 0.5,
            min_confidence: 0.5,
            gate_db: None,
            source: SourceOptions::default(),
        }
    }
}
