//! The guard against harmful updates: wrong labels taught on purpose, and what the guard does.
//!
//! [`examine_guard`] teaches learners as a user does, with wrong labels of several kinds, and with
//! none. It compares the accuracy on held-out clips with right labels, with the wrong ones, and with
//! the guard: a change that is refused, and doubtful clips that are set aside. This room formats
//! nothing.

mod case;
mod report;
mod run;
mod score;

pub use case::Case;
pub use report::{CaseReport, GuardReport};
pub use run::examine_guard;
pub use score::GuardScore;
