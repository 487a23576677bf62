//! A learner at work: the store that remembers it, the backbone it listens
//! through, and the one place where both change together.
//!
//! [`Session`] holds the rule that makes learning safe: what is learned in
//! memory is what the log on disk says, and a caller hears of success only
//! after the disk does. Sources are read here; arguments are parsed and results
//! printed elsewhere.

mod batch;
mod bundle;
mod calibration;
mod clock;
mod contract;
mod doctor;
mod embedding;
#[allow(clippy::module_inception, reason = "the engine's own file")]
mod engine;
mod error;
mod event;
mod folding;
mod hearing;
mod history;
mod lesson;
mod listen;
mod merge;
mod options;
mod prediction;
mod recall;
mod recent;
mod recording;
mod replay;
mod session;
mod solver;
mod status;
mod teaching;
mod watchdog;

pub use batch::Durability;
pub use bundle::{bundled, unbundle};
pub use clock::Clock;
pub use contract::backbone_contract;
pub use doctor::{Diagnosis, Repair, diagnose, repair};
pub use embedding::embed_files;
pub use engine::{Engine, load_backbone, recorded};
pub use error::SessionError;
pub use error::SessionError as Error;
pub use event::{Event, EventId};
pub use folding::Folded;
pub use hearing::{Heard, clip_sha256, hear};
pub use history::{Difference, Differences, Undone};
pub use lesson::Lesson;
pub use listen::Listening;
pub use merge::{Merged, merge};
pub use options::{EngineOptions, LearnerOptions, ListenOptions, OptionError};
pub use prediction::Prediction;
pub use recall::{Lending, ListeningState, Recalled, listening, recall};
pub use recent::{Fares, HeardLess, Recent};
pub use recording::Recording;
pub use session::Session;
pub use solver::Solver;
pub use status::{ClassStatus, FoldedStatus, GroupStatus, RehearsalStatus, Status};
pub use teaching::TaughtAs;
pub use watchdog::Watchdog;
