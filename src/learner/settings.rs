//! What a user chooses about a learner.

use serde::{Deserialize, Serialize};

use crate::head::HeadKind;
use crate::rehearsal::{Capacity, Plan};

/// Which head, how much rehearsal, and the seed of everything random.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// The head.
    pub head: HeadKind,
    /// The rehearsal memory; heads that need none keep none.
    pub rehearsal: Plan,
    /// Seeds the choice of what is kept and shown again.
    pub seed: u64,
}

impl Settings {
    pub(super) fn keeps_rehearsal(&self) -> bool {
        self.head.replay_rows() > 0 && self.rehearsal.capacity != Capacity::None
    }
}
