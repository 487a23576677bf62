//! The report of an evaluation with classes left out.

use afield::signal::Label;
use serde::Serialize;

use super::score::UnknownScore;
use super::teaching::Teaching;
use crate::exam::{Examined, by_name};
use crate::field::Spread;

/// Draws, and how learners did in each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnknownReport {
    /// What was examined.
    #[serde(flatten)]
    pub examined: Examined,
    /// The draws, one a seed.
    pub draws: Vec<DrawReport>,
    /// The ways of teaching, each in every draw.
    pub teachings: Vec<TeachingReport>,
}

/// A draw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrawReport {
    /// The seed.
    pub seed: u64,
    /// The classes that were not taught.
    pub never_taught: Vec<Label>,
}

/// A way of teaching in all draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeachingReport {
    /// The way of teaching.
    #[serde(serialize_with = "by_name")]
    pub teaching: Teaching,
    /// The scores over all draws.
    pub summary: UnknownScore<Option<Spread>>,
    /// The scores of each draw, in the order of [`UnknownReport::draws`].
    pub scores: Vec<UnknownScore>,
}
