//! What a caller may choose: where things lie, how a learner is made, how it listens; and
//! which choices contradict each other.

use std::path::PathBuf;

use super::Clock;
use crate::head::HeadKind;
use crate::learner::{Pool, Transform};
use crate::rehearsal::Plan;
use crate::signal::ErrorKind;
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

/// Choices that contradict each other, the backbone or the learner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// Backbones have been fetched, and none was chosen.
    #[error("several backbones are available and none was chosen: {}", names.join(", "))]
    WhichBackbone {
        /// Their names.
        names: Vec<String>,
    },
    /// The learner listens through another backbone than the one asked for.
    #[error("the learner in {} listens through {found}, not through {expected}", dir.display())]
    OtherBackbone {
        /// The learner's folder.
        dir: PathBuf,
        /// Its backbone.
        found: String,
        /// The one that was asked for.
        expected: String,
    },
    /// The transform `standardise` without recordings.
    #[error("the transform standardise needs recordings to take its means and deviations from")]
    NothingToCalibrate,
    /// Recordings for a transform that takes nothing from them.
    #[error("recordings for calibration have no effect without the transform standardise")]
    CalibratedInVain,
    /// Recordings to normalise the channels of a backbone for sound.
    #[error("normalisation is for backbones of sensors; {backbone} takes sound")]
    NormalisedSound {
        /// The backbone.
        backbone: String,
    },
    /// Recordings to normalise by in which a channel is constant.
    #[error("a channel never changes in the recordings to normalise by")]
    ChannelAtRest,
    /// A gate on a sensor.
    #[error("a gate is for sound; {backbone} takes a sensor")]
    GateOfSensor {
        /// The backbone.
        backbone: String,
    },
}

impl OptionError {
    /// The sort of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OtherBackbone { .. } => ErrorKind::Mismatch,
            Self::NormalisedSound { .. } | Self::GateOfSensor { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::InvalidInput,
        }
    }
}
