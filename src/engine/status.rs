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
    /// Embeddings in a decision window, if these are the examples; `None` for whole clips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_rows: Option<usize>,
    /// The pooling of the embeddings of an example.
    pub pool: String,
    /// The transform after pooling.
    pub transform: String,
    /// The number of features of an example.
    pub features: usize,
    /// The head that learns.
    pub head: String,
    /// The head that answers and the reason, if the head is `auto`.
    pub selection: Option<Selection>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Examples learned and not unlearned.
    pub examples: u64,
    /// Entries of the log in effect: clips learned and unlearned, checkpoints.
    pub operations: i64,
    /// The latest revision.
    pub revision: i64,
    /// Classes, in the order in which they were first taught.
    pub classes: Vec<ClassStatus>,
    /// The classes that the backbone was published with, if the learner uses them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedStatus>,
    /// The rehearsal memory, for heads that keep one.
    pub rehearsal: Option<RehearsalStatus>,
    /// Bytes of the learner's state.
    pub state_bytes: usize,
    /// Bytes of the learner's files.
    pub disk_bytes: u64,
    /// When the learner was created, in milliseconds of Unix time.
    pub created_unix_ms: i64,
}

/// The classes that a backbone was published with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublishedStatus {
    /// Their number.
    pub classes: usize,
    /// The probability in `(0, 1]` from which on one is named, unless another is asked for.
    pub min_confidence: f32,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassStatus {
    /// The label.
    pub label: String,
    /// The number of its examples.
    pub examples: u64,
}

/// One group: a speaker, machine, site or subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// The name.
    pub group: String,
    /// The number of its examples.
    pub examples: u64,
}

/// Examples of one class that are only in the statistic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompactedStatus {
    /// The class; `None` for all examples of a whole imported learner.
    pub label: Option<String>,
    /// The number of compacted examples.
    pub examples: u64,
}

/// The rehearsal memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RehearsalStatus {
    /// The limit that was set.
    pub setting: String,
    /// The number of examples held.
    pub examples: usize,
    /// The number of examples that fit.
    pub capacity: usize,
    /// The bytes held.
    pub bytes: usize,
}
