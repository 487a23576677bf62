//! A learner in use. This module is the only one that changes the learner and its store together.
//!
//! [`Session`] guarantees that memory equals the state of the log on disk, and that a call
//! succeeds only after the change is on disk. This module reads sources. Other modules parse
//! arguments and print results.

mod adapt;
mod alarms;
mod arrival;
mod audio_exchange;
mod batch;
mod bundle;

mod calibration;
mod clip_embeddings;
mod clock;
mod command;
mod compaction;
mod contract;
mod corrections;
mod doctor;
mod doubt;
mod embedding;
#[allow(clippy::module_inception, reason = "the engine's own file")]
mod engine;
mod error;
mod event;
mod guard;
mod heard;
mod held_out;
mod history;
mod kept_files;
mod lack;
mod lesson;
mod listen;
mod loudness;
mod memory;
mod merge;
mod novelty;
mod one_class;
mod options;
mod own_recordings;
mod place;
mod pooled_clip;
mod prediction;
mod published;
mod questions;
mod recording;
mod relearn;
mod replay;
mod report;
mod retained_audio;
mod sample_check;
mod session;
#[cfg(test)]
mod session_tests;
mod share;
mod solver;
mod soundscape;
mod status;
mod teaching;
mod watchdog;

pub use adapt::{Adaptation, Adapted};
pub use audio_exchange::{Lending, ListeningState};
use audio_exchange::{latest_audio, listening};
pub use batch::Durability;
pub use clip_embeddings::{ClipEmbeddings, EmbeddedClip, clip_sha256, embed, embed_into};
pub use clock::Clock;
pub use command::Command;
pub use compaction::Compacted;
pub use contract::backbone_contract;
pub(crate) use contract::window_contract;
pub use corrections::Corrections;
pub use doctor::{Diagnosis, Finding, Kept, Lost, Repair, diagnose, repair};
pub use doubt::Doubt;
pub use embedding::embed_files;
pub use engine::{Engine, load_backbone, recorded};
pub use error::Error;
pub use event::{Event, EventId};
pub use guard::{Harm, HarmKind};
pub use history::{Difference, Differences, Undone};
pub use lack::Lack;
pub use lesson::Lesson;
pub use listen::Listening;
pub use merge::Merged;
pub use options::{EngineOptions, LearnerOptions, ListenOptions, OptionError};
pub use place::ChangedPlace;
pub use pooled_clip::PooledClip;
pub use prediction::Prediction;
pub use questions::{AskedSound, OpenQuestions, Question};
pub use recording::Recording;
pub use relearn::Relearned;
pub use report::{ClassReport, HeldOut, LearnerReport, LearningPoint};
pub use retained_audio::{DeviceReport, RetainedAudio};
pub use session::Session;
pub use share::Share;
pub use solver::Solver;
pub use soundscape::Soundscape;
pub use status::{
    ClassStatus, CompactedStatus, GroupStatus, PublishedStatus, RehearsalStatus, Status,
};
pub use teaching::TaughtAs;
pub use watchdog::Watchdog;
