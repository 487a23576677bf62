//! The report of an evaluation of the guard.

use serde::Serialize;

use super::case::Case;
use super::score::GuardScore;
use crate::exam::{Examined, by_name};
use crate::field::Spread;

/// Cases, and how learners did in each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardReport {
    /// What was examined.
    #[serde(flatten)]
    pub examined: Examined,
    /// The seeds of the draws.
    pub seeds: Vec<u64>,
    /// The cases, each in every draw.
    pub cases: Vec<CaseReport>,
}

/// A case in all draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// The case.
    #[serde(serialize_with = "by_name")]
    pub case: Case,
    /// The scores over all draws.
    pub summary: GuardScore<Option<Spread>>,
    /// The scores of each draw, in the order of [`GuardReport::seeds`].
    pub scores: Vec<GuardScore>,
}
