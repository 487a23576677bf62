//! Options: file locations, creation of a learner and listening; and the errors of contradictory
//! options.

use std::path::PathBuf;

use super::Clock;
use crate::head::HeadKind;
use crate::learner::{Pool, Transform};
use crate::rehearsal::Plan;
use crate::signal::{ErrorKind, Timestamp};
use crate::source::SourceOptions;

/// Options of an engine: the cache of backbones and the clock.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Folder of fetched backbones; `None` means `AFIELD_CACHE`, or `afield` in the user's
    /// cache folder.
    pub cache_dir: Option<PathBuf>,
    /// The clock.
    pub clock: Clock,
    /// The probability in `[0, 1]` from which on a published class is named; `None` means that of
    /// the backbone's card. Only for learners with published classes.
    pub published_min_confidence: Option<f32>,
}

/// How a new learner is created; the defaults suit most uses.
#[derive(Debug, Clone, Default)]
pub struct LearnerOptions {
    /// The backbone, by the name of its card; `None` means one in the library: `imu` if there are
    /// options of a sensor, else `ears`.
    pub backbone: Option<String>,
    /// The head that learns.
    pub head: HeadKind,
    /// How a clip's embeddings are pooled; `None` means the pooling of the backbone's card.
    pub pool: Option<Pool>,
    /// The transform after pooling; `None` means the transform of the backbone's card.
    pub transform: Option<Transform>,
    /// Learn whole clips, each pooled into one example, even if the card names decision windows.
    /// [`Transform::Standardise`] always does.
    pub whole_clips: bool,
    /// Use the classes that the backbone was published with, beside those that are taught.
    pub with_classes: bool,
    /// Rehearsal memory, for heads that need one.
    pub rehearsal: Plan,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The limit of disk use in bytes. Old examples are compacted into the statistic before the
    /// limit is reached. For exact heads only.
    pub max_disk: Option<u64>,
    /// Unlabelled recordings, or folders of them, that provide the means and deviations of
    /// [`Transform::Standardise`]. They are required with it, and rejected without it.
    pub calibrate: Vec<PathBuf>,
    /// Recordings of a sensor, or folders of them, whose means and deviations replace those of
    /// the backbone's training.
    pub normalise: Vec<PathBuf>,
    /// How recordings are read.
    pub source: SourceOptions,
}

impl LearnerOptions {
    /// The name of the backbone.
    pub(super) fn backbone(&self) -> &str {
        let of_sensor = !self.normalise.is_empty() || self.source.is_of_sensor();
        let in_the_library = if of_sensor { "imu" } else { "ears" };
        self.backbone.as_deref().unwrap_or(in_the_library)
    }
}

/// Options of listening to a source.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// Length of the window of one decision, in seconds; `None` means the decision window that the
    /// learner was taught, or the median length of the taught clips.
    pub window_seconds: Option<f64>,
    /// Seconds between decisions; `None` means half a second, or a quarter of the learner's
    /// decision window if that is shorter.
    pub every_seconds: Option<f64>,
    /// Probability in `[0, 1]` below which an event has no label.
    pub min_confidence: f32,
    /// Give each window as an event of its own, instead of one event for each sound.
    pub windows: bool,
    /// Events of sounds that were never taught to take for taught ones, in a day, at most. The
    /// p-value below which an event is unknown follows from it; see
    /// [`FalseAlarms`](crate::decision::FalseAlarms).
    pub false_alarms_per_day: f64,
    /// The p-value below which an event is unknown, instead of one that follows from the false
    /// alarms: about the share of events of taught classes that are given as unknown.
    pub unknown_below: Option<f32>,
    /// Keep the latest samples of files, too: [`Event::recording`](super::Event::recording) need
    /// not read a file again for an event that has just ended. Costs up to 6 MB.
    pub keep_samples: bool,
    /// Keep the quietest moments, four seconds each, in the learner's folder: up to 30, spread over
    /// all of the time. [`Engine::record_soundscape`](super::Engine::record_soundscape) makes a
    /// soundscape of them.
    pub keep_quiet: bool,
    /// Decide only if a sound is this many decibels louder than the background.
    pub gate_db: Option<f32>,
    /// When the recording of a file began, instead of what the file states.
    pub start: Option<Timestamp>,
    /// How the source is read.
    pub source: SourceOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            window_seconds: None,
            every_seconds: None,
            min_confidence: 0.5,
            windows: false,
            false_alarms_per_day: 2.0,
            unknown_below: None,
            keep_samples: false,
            keep_quiet: false,
            gate_db: None,
            start: None,
            source: SourceOptions::default(),
        }
    }
}

/// Options that contradict each other, the backbone or the learner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The learner uses another backbone than the requested one.
    #[error("the learner in {} listens through {found}, not through {expected}", dir.display())]
    OtherBackbone {
        /// The learner's folder.
        dir: PathBuf,
        /// The learner's backbone.
        found: String,
        /// The requested backbone.
        expected: String,
    },
    /// Published classes, of a backbone whose card names none.
    #[error("the card of {backbone} names no published classes")]
    NoPublishedClasses {
        /// The backbone.
        backbone: String,
    },
    /// The transform `standardise` without recordings.
    #[error("the transform standardise needs recordings to take its means and deviations from")]
    NothingToCalibrate,
    /// Recordings for a transform that does not use them.
    #[error("recordings for calibration have no effect without the transform standardise")]
    CalibratedInVain,
    /// Recordings to normalise channels, for a backbone that takes sound.
    #[error("normalisation is for backbones of sensors; {backbone} takes sound")]
    NormalisedSound {
        /// The backbone.
        backbone: String,
    },
    /// Recordings to normalise channels, in which a channel is constant.
    #[error("a channel never changes in the recordings to normalise by")]
    ChannelAtRest,
    /// A start for anything but one file.
    #[error(
        "a start is for one file: several files have several starts, live sources the host's clock"
    )]
    StartOfSeveral,
    /// A soundscape for a sensor.
    #[error("a soundscape is for sound; {backbone} takes a sensor")]
    SoundscapeOfSensor {
        /// The backbone.
        backbone: String,
    },
    /// A soundscape for a learner of whole clips.
    #[error("the learner learns whole clips, which cannot be mixed with a soundscape")]
    SoundscapeOfClips,
    /// A soundscape that is too short.
    #[error("a soundscape needs at least {} s of sound", shortest.as_secs_f64())]
    SoundscapeTooShort {
        /// The shortest.
        shortest: std::time::Duration,
    },
    /// A soundscape of quiet moments, of which none was kept.
    #[error("no quiet moments were kept")]
    NoQuietMoments,
    /// A soundscape of digital silence.
    #[error("the recording of the soundscape is digital silence")]
    SoundscapeSilent,
    /// An upgrade of a learner of decision windows.
    #[error("the learner learns decision windows already")]
    UpgradeOfWindows,
    /// An upgrade of a learner whose backbone names no decision windows.
    #[error("the card of {backbone} names no decision windows")]
    UpgradeWithoutWindows {
        /// The backbone.
        backbone: String,
    },
    /// An upgrade of a learner with which another process listens.
    #[error("another process listens with the learner, to {heard}")]
    UpgradeWhileListening {
        /// What it listens to.
        heard: String,
    },
    /// An upgrade beside an earlier one.
    #[error("an earlier upgrade has kept a learner in {}", kept.display())]
    UpgradedBefore {
        /// The folder.
        kept: PathBuf,
    },
    /// An upgrade that would lose clips.
    #[error(
        "recordings of {} clips are no longer there, such as {}",
        missing.len(),
        missing.first().map_or("", String::as_str)
    )]
    UpgradeLoses {
        /// The names of the recordings.
        missing: Vec<String>,
    },
    /// A gate for a sensor.
    #[error("a gate is for sound; {backbone} takes a sensor")]
    GateOfSensor {
        /// The backbone.
        backbone: String,
    },
}

impl OptionError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OtherBackbone { .. } => ErrorKind::Mismatch,
            Self::NormalisedSound { .. }
            | Self::NoPublishedClasses { .. }
            | Self::GateOfSensor { .. }
            | Self::SoundscapeOfSensor { .. }
            | Self::SoundscapeOfClips
            | Self::UpgradeWithoutWindows { .. } => ErrorKind::Unsupported,
            Self::UpgradeWhileListening { .. } => ErrorKind::Busy,
            _ => ErrorKind::InvalidInput,
        }
    }
}
