//! What a user chooses about a learner.

use serde::{Deserialize, Serialize};

use crate::head::HeadKind;
use crate::rehearsal::Capacity;

/// Which head, how much rehearsal, and the seed of everything random.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// The head.
    pub head: HeadKind,
    /// The limit of the rehearsal memory; heads that need none keep none.
    pub rehearsal: Capacity,
    /// Seeds the choice of what is kept and shown again.
    pub seed: u64,
}

impl Settings {
    pub(super) fn keeps_rehearsal(&self) -> bool {
        self.head.replay_rows() > 0 && self.rehearsal != Capacity::None
    }
}
