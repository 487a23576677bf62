//! Merging: one new learner that was taught what several others were.
//!
//! Logs are merged, not states. So merging works with every head, a clip that two learners
//! share counts once, and the result can be corrected clip by clip. Entries keep the replica
//! and the sequence number that they have.

use std::collections::HashMap;
use std::path::Path;

use super::{Error, Session};
use crate::learner::{LearnError, Learner};
use crate::signal::{ClipId, Group, Label};
use crate::store::{ClipFilter, Entry, NewEntry, Reason, Stored, TaughtClip};

/// What merging came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Clips that the new learner was taught.
    pub clips: usize,
    /// Clips that more than one learner had been taught, alike.
    pub shared: usize,
    /// Clips that learners had been taught differently; the latest teaching won.
    pub contested: usize,
}

/// Makes the folder `into` a learner that was taught what `parts` were, in the order of
/// teaching, with card and settings of the first one. The latest teaching of a clip holds;
/// if it names no group, the latest group that another teaching names is used. Checkpoints
/// are merged as they are: whether another part was taught the same clips can no longer be
/// told.
///
/// # Errors
/// [`LearnError::OtherContract`] names the first field in which a part differs
/// from the first one; other [`Error`]s when a part cannot be read or
/// `into` not be made, which is no learner then. The parts are only read.
pub fn merge(parts: &[Session], into: &Path, now_unix_ms: i64) -> Result<Merged, Error> {
    let Some(first) = parts.first() else {
        return Ok(Merged::default());
    };
    let contract = first.learner().contract();
    for part in parts {
        if let Some(difference) = contract.difference(part.learner().contract()) {
            return Err(LearnError::OtherContract(Box::new(difference)).into());
        }
    }
    let mut merged = Merged::default();
    let mut latest: HashMap<ClipId, Stored<TaughtClip>> = HashMap::new();
    // Of every clip the group that was named last, and when.
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
            // Label, features and group settle a tie, so that parts may come in any order.
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
    let empty = Learner::new(contract.clone(), *first.learner().settings())?;
    let reason = Reason::new(format!("merge {} learners", parts.len()), now_unix_ms);
    let card = first.card().clone();
    let made = Session::create_from(into, card, empty, &entries, &reason)?;
    made.close()?;
    Ok(merged)
}

/// The teaching of the highest rank holds.
fn rank(clip: &TaughtClip) -> (i64, &Label, &[i16], Option<&Group>) {
    (
        clip.taught_unix_ms,
        &clip.label,
        &clip.features,
        clip.group.as_ref(),
    )
}
