//! The report of an evaluation of the guard.

use afield::signal::Label;
use serde::Serialize;

use super::case::Case;
use super::score::GuardScore;
use crate::field::Spread;

/// Cases, and how learners did in each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardReport {
    /// `guard`.
    pub protocol: &'static str,
    /// The backbone.
    pub backbone: String,
    /// The head.
    pub head: String,
    /// The number of clips, of both sides and all classes.
    pub clips: usize,
    /// The classes, sorted.
    pub classes: Vec<Label>,
    /// The held-out groups, each set once. One empty set if no whole group was held out.
    pub folds: Vec<Vec<String>>,
    /// The seeds of the draws.
    pub seeds: Vec<u64>,
    /// The cases, each in every draw.
    pub cases: Vec<CaseReport>,
}

/// A case in all draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// The case.
    pub case: Case,
    /// The scores over all draws.
    pub summary: GuardScore<Option<Spread>>,
    /// The scores of each draw, in the order of [`GuardReport::seeds`].
    pub scores: Vec<GuardScore>,
}
