//! What is inside a bundle, and how much of it there may be.

use serde::{Deserialize, Serialize};

use super::BundleError;

/// A learner, as text and numbers. Nothing here is checked beyond its size; that it
/// makes a learner is found out by making one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Tells this learner's bundles from another's of the same key.
    pub learner: [u8; 16],
    /// Grows with every change of the learner.
    pub revision: u64,
    /// When the bundle was made, in milliseconds of Unix time.
    pub made_unix_ms: i64,
    /// The program that made it.
    pub program: String,
    /// Backbone card, TOML.
    pub card: String,
    /// Contract, JSON.
    pub contract: String,
    /// Head, rehearsal and seed, JSON.
    pub settings: String,
    /// Knowledge without its examples.
    pub parts: Vec<Part>,
    /// Examples, in the order of their teaching.
    pub clips: Vec<Clip>,
}

/// A learner's saved state, or one class of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The class that it is of; `None` for a whole learner.
    pub label: Option<String>,
    /// Examples that it stands for.
    pub examples: u64,
    /// The state, as a learner saves it.
    pub state: Vec<u8>,
}

/// One clip as it was taught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Its label.
    pub label: String,
    /// Its features, in the contract's fixed point.
    pub features: Vec<i16>,
    /// sha256 of its samples.
    pub clip_sha256: [u8; 32],
    /// Its length in microseconds.
    pub clip_micros: u64,
    /// Where it came from.
    pub source: String,
    /// Its speaker, machine, site or subject, where known.
    pub group: Option<String>,
    /// When it was taught, in milliseconds of Unix time.
    pub taught_unix_ms: i64,
}

/// The most clips, and the most parts.
const MAX_CLIPS: usize = 1 << 20;
const MAX_PARTS: usize = 1 << 16;
/// The most features of a clip: the widest fixed point.
const MAX_FEATURES: usize = 1 << 16;
/// The longest texts, in bytes.
const MAX_CARD: usize = 64 << 10;
const MAX_CONTRACT: usize = 8 << 20;
const MAX_SETTINGS: usize = 4 << 10;
const MAX_PROGRAM: usize = 256;
const MAX_NAME: usize = 128;
const MAX_SOURCE: usize = 4 << 10;

impl Contents {
    /// # Errors
    /// [`BundleError::Contents`] names the first thing that there is too much of.
    pub(super) fn check(&self) -> Result<(), BundleError> {
        let name = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let sizes = [
            ("parts", self.parts.len(), MAX_PARTS),
            ("clips", self.clips.len(), MAX_CLIPS),
            ("bytes of card", self.card.len(), MAX_CARD),
            ("bytes of contract", self.contract.len(), MAX_CONTRACT),
            ("bytes of settings", self.settings.len(), MAX_SETTINGS),
            ("bytes of program", self.program.len(), MAX_PROGRAM),
        ];
        let parts = (self.parts.iter()).map(|part| ("bytes of label", name(&part.label), MAX_NAME));
        let clips = self.clips.iter().flat_map(|clip| {
            [
                ("features", clip.features.len(), MAX_FEATURES),
                ("bytes of label", clip.label.len(), MAX_NAME),
                ("bytes of group", name(&clip.group), MAX_NAME),
                ("bytes of source", clip.source.len(), MAX_SOURCE),
            ]
        });
        let mut sizes = sizes.into_iter().chain(parts).chain(clips);
        match sizes.find(|(_, size, limit)| size > limit) {
            Some((what, size, limit)) => Err(BundleError::Contents {
                reason: format!("{size} {what}, {limit} at most"),
            }),
            None => Ok(()),
        }
    }
}
