//! The contents of a bundle, and their limits.

use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::store::{Checkpoint, ReplicaId, TaughtClip};

/// A learner, as text and numbers. Only sizes, labels and groups are checked here. The rest is
/// checked when a learner is made from the contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Identifies the learner among those whose bundles the same key signs.
    pub(crate) learner: ReplicaId,
    /// Increases with every change of the learner.
    pub revision: u64,
    /// When the bundle was made, in milliseconds of Unix time.
    pub(crate) made_unix_ms: i64,
    /// The program that made it.
    pub program: String,
    /// Backbone card, TOML.
    pub(crate) card: String,
    /// Contract, JSON.
    pub(crate) contract: String,
    /// Head, rehearsal and seed, JSON.
    pub(crate) settings: String,
    /// Learned states without their examples.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// Examples, in the order in which they were taught.
    pub clips: Vec<TaughtClip>,
}

/// The largest numbers of clips and of checkpoints.
const MAX_CLIPS: usize = 1 << 20;
const MAX_CHECKPOINTS: usize = 1 << 16;
/// The largest number of features of a clip, which is that of the widest fixed point.
const MAX_FEATURES: usize = 1 << 16;
/// The longest texts, in bytes.
const MAX_CARD: usize = 64 << 10;
const MAX_CONTRACT: usize = 8 << 20;
const MAX_SETTINGS: usize = 4 << 10;
const MAX_PROGRAM: usize = 256;
const MAX_SOURCE: usize = 4 << 10;

impl Contents {
    /// # Errors
    /// [`BundleError::Contents`] names the first value that exceeds its limit.
    pub(super) fn check(&self) -> Result<(), BundleError> {
        let sizes = [
            ("checkpoints", self.checkpoints.len(), MAX_CHECKPOINTS),
            ("clips", self.clips.len(), MAX_CLIPS),
            ("bytes of card", self.card.len(), MAX_CARD),
            ("bytes of contract", self.contract.len(), MAX_CONTRACT),
            ("bytes of settings", self.settings.len(), MAX_SETTINGS),
            ("bytes of program", self.program.len(), MAX_PROGRAM),
        ];
        // `Label` and `Group` limit their own length.
        let clips = self.clips.iter().flat_map(|clip| {
            [
                ("features", clip.features.len(), MAX_FEATURES),
                ("bytes of source", clip.source.len(), MAX_SOURCE),
            ]
        });
        let mut sizes = sizes.into_iter().chain(clips);
        match sizes.find(|(_, size, limit)| size > limit) {
            Some((what, size, limit)) => Err(BundleError::Contents {
                reason: format!("{size} {what}, {limit} at most"),
            }),
            None => Ok(()),
        }
    }
}
