//! The status of a learner in numbers, for people and for programs.

use serde::Serialize;

use crate::head::Selection;

/// A learner's state in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Name of the backbone.
    pub backbone: String,
    /// sha256 of its file.
    pub backbone_sha256: String,
    /// sha256 of the contract.
    pub contract: String,
    /// Summary of a clip's windows.
    pub pool: String,
    /// What the summary goes through.
    pub transform: String,
    /// Features of an example.
    pub features: usize,
    /// The head that learns.
    pub head: String,
    /// Which head answers and why, where the head is `auto`.
    pub selection: Option<Selection>,
    /// Seed of everything random.
    pub seed: u64,
    /// Examples learned and not unlearned.
    pub examples: u64,
    /// Entries of the log in effect: clips learned and unlearned, checkpoints.
    pub operations: i64,
    /// The latest revision.
    pub revision: i64,
    /// Classes, in the order they were first taught.
    pub classes: Vec<ClassStatus>,
    /// The rehearsal memory, for heads that keep one.
    pub rehearsal: Option<RehearsalStatus>,
    /// Bytes of the learner's state.
    pub state_bytes: usize,
    /// Bytes of the learner's files.
    pub disk_bytes: u64,
    /// When the learner was made, in milliseconds of Unix time.
    pub created_unix_ms: i64,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassStatus {
    /// Its label.
    pub label: String,
    /// Its examples.
    pub examples: u64,
}

/// One group: a speaker, machine, site or subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: String,
    /// Its examples.
    pub examples: u64,
}

/// Examples of one class that are in the statistic and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompactedStatus {
    /// The class; `None` for all that a whole learner knew.
    pub label: Option<String>,
    /// Examples compacted.
    pub examples: u64,
}

/// The rehearsal memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RehearsalStatus {
    /// The limit, as it was set.
    pub setting: String,
    /// Examples held.
    pub examples: usize,
    /// Examples that fit.
    pub capacity: usize,
    /// Bytes held.
    pub bytes: usize,
}
