//! A learner at work: its store, its backbone, and the one place where both change
//! together.
//!
//! [`Session`] holds the rule that makes learning safe: memory holds what the log on disk
//! says, and a call succeeds only after the disk has the change. Sources are read here;
//! arguments are parsed and results printed elsewhere.

mod batch;
mod bundle;
mod command;
mod compaction;
mod contract;
mod doctor;
mod error;
mod hearing;
mod history;
mod memory;
mod merge;
mod recall;
mod recent;
mod replay;
mod session;
mod solver;
mod status;
mod teaching;
mod watchdog;

pub use batch::Durability;
pub use bundle::{bundled, unbundle};
pub use command::Command;
pub use compaction::Compacted;
pub use contract::backbone_contract;
pub use doctor::{Diagnosis, Finding, Kept, Lost, Repair, diagnose, repair};
pub use error::Error;
pub use hearing::{Heard, clip_sha256, hear};
pub use history::{Difference, Differences, Undone};
pub use merge::{Merged, merge};
pub use recall::{Lending, Listening, Recalled, listening, recall};
pub use recent::{Fares, HeardLess, Recent};
pub use session::Session;
pub use solver::Solver;
pub use status::{ClassStatus, CompactedStatus, GroupStatus, RehearsalStatus, Status};
pub use teaching::TaughtAs;
pub use watchdog::Watchdog;

/// The name by which some modules still call it.
use error::Error as SessionError;
