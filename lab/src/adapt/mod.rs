//! What learning without labels gains: recordings of a new speaker, person or place are heard, and
//! learned where the learner is sure.
//!
//! [`examine_adapt`] teaches learners as a user does, lets them hear half of the held-out recordings
//! without labels, and asks about the other half before and after. In some cases, classes that were
//! never taught are heard, too. This room formats nothing.

mod halves;
mod hearing;
mod report;
mod run;
mod score;

pub use hearing::Hearing;
pub use report::{AdaptReport, AdaptedLearner, HearingReport};
pub use run::examine_adapt;
pub use score::{AdaptCounts, AdaptScore};
