//! The settings of a learner that a user can choose.

use serde::{Deserialize, Serialize};

use crate::head::HeadKind;
use crate::rehearsal::{Capacity, Plan};

/// The head, the rehearsal memory, and the seed of all random numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// The head.
    pub head: HeadKind,
    /// The rehearsal memory; heads that need none keep none.
    pub rehearsal: Plan,
    /// Seeds the choice of examples kept and replayed, and the initial weights of networks.
    pub seed: u64,
}

impl Settings {
    /// Whether a learner can tell how unlike everything taught an example is: see
    /// [`HeadKind::judges_novelty`]. A head that measures in the rehearsal memory needs one.
    pub fn judges_novelty(&self) -> bool {
        let measures = self.head.is_exact() || self.rehearsal.capacity != Capacity::None;
        self.head.judges_novelty() && measures
    }

    pub(super) fn keeps_rehearsal(&self) -> bool {
        self.head.keeps_rehearsal() && self.rehearsal.capacity != Capacity::None
    }
}
