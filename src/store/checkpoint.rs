//! Checkpoints: learned states without their examples.

use serde::{Deserialize, Serialize};

use crate::signal::Label;

/// The saved state of a learner that was taught some examples. The examples themselves are not
/// kept.
///
/// Compaction makes one checkpoint for each class. A learner that was imported without examples
/// starts from one checkpoint of all classes. A bundle holds checkpoints in this order of fields
/// (postcard).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    /// The one class that the checkpoint contains; forgetting that class removes it. `None` for a
    /// whole learner, of which no part can be removed.
    pub label: Option<Label>,
    /// The number of examples that it replaces.
    pub examples: u64,
    /// The state, in the bytes of `Learner::save`.
    pub state: Vec<u8>,
}
