//! Clips as the log stores them, and filters that select clips.

use serde::{Deserialize, Serialize};

use crate::signal::{ClipId, ClipIdPrefix, Group, Label, Micros};

/// One labelled clip: an example, and its source.
///
/// A bundle holds clips in this order of fields (postcard). A change of the order changes the
/// bundle format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaughtClip {
    /// Its label.
    pub label: Label,
    /// Its features, in the contract's fixed point.
    pub features: Vec<i16>,
    /// The hash of its samples.
    pub id: ClipId,
    /// Its length.
    pub duration: Micros,
    /// The file, folder or device it came from.
    pub source: String,
    /// Its speaker, machine, site or subject, where known.
    pub group: Option<Group>,
    /// When it was taught (or unlearned), in milliseconds of Unix time.
    pub taught_unix_ms: i64,
}

/// Selects clips; all conditions that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipFilter {
    /// Clips of this class.
    pub label: Option<Label>,
    /// Clips whose identity begins with these digits.
    pub clip: Option<ClipIdPrefix>,
    /// Clips from this source: its exact name, a folder above it, or a pattern with `*` and `?`.
    pub source: Option<String>,
    /// Clips of this group.
    pub group: Option<Group>,
    /// Clips taught at this time or later, in milliseconds of Unix time.
    pub since_unix_ms: Option<i64>,
}

impl ClipFilter {
    /// The class, if the filter selects one whole class; `None` if any other condition is given.
    pub fn whole_class(&self) -> Option<&Label> {
        let Self {
            label,
            clip,
            source,
            group,
            since_unix_ms,
        } = self;
        let narrowed =
            clip.is_some() || source.is_some() || group.is_some() || since_unix_ms.is_some();
        label.as_ref().filter(|_| !narrowed)
    }
}
