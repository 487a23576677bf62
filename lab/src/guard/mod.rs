//! The guard against harmful updates: wrong labels taught on purpose, and what the guard does.
//!
//! A [`GuardPlan`] teaches learners as a user does, with wrong labels of several kinds, and with none.
//! It compares the accuracy on held-out clips with right labels, with the wrong ones, and with the
//! guard: a change that is refused, and doubtful clips that are set aside. This room formats nothing.

mod case;
mod error;
mod report;
mod run;
mod score;

pub use case::Case;
pub use error::GuardError;
pub use report::{CaseReport, GuardReport};
pub use run::{GuardPlan, GuardProgress};
pub use score::GuardScore;
