//! Knowing the unknown: learners that were not taught some of the classes are asked about all.
//!
//! Accuracy does not say what a learner answers to a sound of no taught class. [`examine_unknown`]
//! leaves classes out by a draw, teaches the others as a user does, asks about every held-out clip,
//! and reports how well novelty tells both sides apart. This room formats nothing.

mod report;
mod run;
mod score;
mod separation;
mod teaching;

pub use report::{DrawReport, TeachingReport, UnknownReport};
pub use run::examine_unknown;
pub use score::UnknownScore;
pub use separation::false_share;
pub use teaching::Teaching;
