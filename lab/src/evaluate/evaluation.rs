//! The settings of one run.

use afield::rehearsal::Plan;

use super::contracts::Contracts;
use super::head_choice::HeadChoice;
use crate::streams::StreamOrder;

/// One run over a data set.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The order of the stream.
    pub order: StreamOrder,
    /// The heads. Each has its own learner.
    pub heads: Vec<HeadChoice>,
    /// Rehearsal memory of each learner.
    pub rehearsal: Plan,
    /// Seeds the order and the learners.
    pub seed: u64,
    /// How embeddings become examples.
    pub contracts: Contracts,
    /// Whether to fit the joint upper bound as well.
    pub upper_bound: bool,
}
