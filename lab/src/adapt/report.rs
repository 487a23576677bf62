//! The report of an evaluation of learning without labels.

use afield::signal::Label;
use serde::Serialize;

use super::hearing::Hearing;
use super::score::{AdaptCounts, AdaptScore};
use crate::exam::{Examined, by_name};
use crate::field::Spread;

/// Cases, and what learners gained in each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdaptReport {
    /// What was examined.
    #[serde(flatten)]
    pub examined: Examined,
    /// The seeds of the draws.
    pub seeds: Vec<u64>,
    /// The cases, each in every draw.
    pub cases: Vec<HearingReport>,
}

/// A case in all draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HearingReport {
    /// The case.
    #[serde(serialize_with = "by_name")]
    pub case: Hearing,
    /// The scores over all learners.
    pub summary: AdaptScore<Option<Spread>>,
    /// The learners, one a seed and held-out set of groups.
    pub learners: Vec<AdaptedLearner>,
}

/// A learner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdaptedLearner {
    /// The seed of the draw.
    pub seed: u64,
    /// The held-out groups; none if no whole group was held out.
    pub held_out: Vec<String>,
    /// The classes that were not taught.
    pub never_taught: Vec<Label>,
    /// What was counted.
    pub counts: AdaptCounts,
    /// The scores.
    pub scores: AdaptScore,
}
