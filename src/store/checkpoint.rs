//! Checkpoints: learned states without their examples.

use serde::{Deserialize, Serialize};

use crate::signal::Label;

/// The saved state of a learner that was taught some examples, which are not kept.
///
/// Compaction makes one for each class; a learner that was imported without examples
/// begins from one of all classes. A bundle holds checkpoints in this order of fields
/// (postcard).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The one class that it is of and with which it can be forgotten; `None` for a whole
    /// learner, of which no part can be removed.
    pub label: Option<Label>,
    /// Examples that it stands for.
    pub examples: u64,
    /// The state, as a learner saves it.
    pub state: Vec<u8>,
}
