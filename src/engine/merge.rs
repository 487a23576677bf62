//! Merging: makes one new learner from the logs of several.
//!
//! Logs are merged, not states. So merging works with every head, a clip that two learners share
//! counts once, and the result can be corrected clip by clip. Entries keep their replica and
//! sequence number.

use std::collections::HashMap;
use std::path::Path;

use super::{Error, Session};
use crate::learner::{LearnError, Learner};
use crate::signal::{ClipId, Group, Label};
use crate::store::{ClipFilter, Entry, NewEntry, Reason, Stored, TaughtClip};

/// The result of a merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// The number of clips in the new learner.
    pub clips: usize,
    /// The number of clips that several learners had with the same label.
    pub shared: usize,
    /// The number of clips that learners had with different labels. The latest label is used.
    pub contested: usize,
}

impl Session {
    /// Creates a learner in the folder `into` from the clips of `parts`, in the order of teaching.
    /// Card and settings come from the first part. The latest label of a clip is used. If the latest
    /// entry has no group, the group of the latest entry that names one is used. Checkpoints are
    /// merged unchanged: it is unknown whether another part contains the same clips. Doubtful clips
    /// that a part has kept, with the label that is used, stay marked.
    ///
    /// # Errors
    /// [`LearnError::OtherContract`] names the first field in which a part differs from the first one.
    /// Other [`Error`]s occur when a part cannot be read or `into` cannot be created; `into` is then
    /// not a learner. The parts are only read.
    pub fn merge(parts: &[Self], into: &Path, now_unix_ms: i64) -> Result<Merged, Error> {
        let Some(first) = parts.first() else {
            return Ok(Merged::default());
        };
        let contract = first.learner().contract();
        let (entries, merged) = Self::merged_entries(parts)?;
        let empty = Learner::new(contract.clone(), *first.learner().settings())?;
        let reason = Reason::new(format!("merge {} learners", parts.len()), now_unix_ms);
        let card = first.card().clone();
        let mut made = Self::create_from(into, card, empty, &entries, &reason)?;
        for part in parts {
            made.keep_again(&part.kept_clips()?, now_unix_ms)?;
        }
        made.close()?;
        Ok(merged)
    }

    /// The entries of a learner that is merged from `parts`.
    ///
    /// # Errors
    /// As [`Self::merge`].
    pub(super) fn merged_entries(parts: &[Self]) -> Result<(Vec<NewEntry>, Merged), Error> {
        let Some(first) = parts.first() else {
            return Ok((Vec::new(), Merged::default()));
        };
        let contract = first.learner().contract();
        for part in parts {
            if let Some(difference) = contract.difference(part.learner().contract()) {
                return Err(LearnError::OtherContract(Box::new(difference)).into());
            }
        }
        let mut merged = Merged::default();
        let mut latest: HashMap<ClipId, Stored<TaughtClip>> = HashMap::new();
        // For every clip, the latest group and its time.
        let mut grouped: HashMap<ClipId, (i64, Group)> = HashMap::new();
        let mut entries: Vec<NewEntry> = Vec::new();
        for part in parts {
            let lineage = &part.memory.lineage;
            let checkpoints = part.store.checkpoints(lineage)?.into_iter();
            entries.extend(checkpoints.map(|checkpoint| checkpoint.again(Entry::Absorb)));
            for clip in part.store.clips(lineage, &ClipFilter::default())? {
                let id = clip.value.id;
                if let Some(group) = &clip.value.group {
                    let named = (clip.value.taught_unix_ms, group.clone());
                    let known = grouped.entry(id).or_insert_with(|| named.clone());
                    if named > *known {
                        *known = named;
                    }
                }
                let Some(known) = latest.get_mut(&id) else {
                    latest.insert(id, clip);
                    continue;
                };
                if known.value.label == clip.value.label {
                    merged.shared += 1;
                } else {
                    merged.contested += 1;
                }
                // Label, features and group break ties, so that the order of parts does not matter.
                if rank(&clip.value) > rank(&known.value) {
                    *known = clip;
                }
            }
        }
        let mut clips: Vec<Stored<TaughtClip>> = latest.into_values().collect();
        for clip in &mut clips {
            if clip.value.group.is_none() {
                let named = grouped.remove(&clip.value.id);
                clip.value.group = named.map(|(_, group)| group);
            }
        }
        clips.sort_by_key(|clip| (clip.value.taught_unix_ms, clip.value.id));
        merged.clips = clips.len();
        entries.extend(clips.into_iter().map(|clip| clip.again(Entry::Learn)));
        Ok((entries, merged))
    }
}

/// The entry with the highest rank is used.
fn rank(clip: &TaughtClip) -> (i64, &Label, &[i16], Option<&Group>) {
    (
        clip.taught_unix_ms,
        &clip.label,
        &clip.features,
        clip.group.as_ref(),
    )
}
