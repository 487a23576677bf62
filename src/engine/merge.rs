//! One learner from several: what each of them was taught, taught to a new one.
//!
//! Logs are merged, not states. So it works with every head, a clip that two
//! learners share counts once, and the result can be corrected clip by clip like
//! any other.

use std::collections::HashMap;
use std::path::Path;

use super::{Session, SessionError};
use crate::learner::{LearnError, Learner};
use crate::store::{Operation, Reason, Selection};

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

/// Makes the folder `into` a learner that was taught what `parts` were, in the
/// order of teaching; card and settings are the first one's. The latest teaching
/// of a clip holds, but where it names no group one that does lends it its own.
/// What a part has folded counts as it is: nobody knows any more whether another
/// part was taught the same clips.
///
/// # Errors
/// [`LearnError::OtherContract`] names the first field in which a part differs
/// from the first one; other [`SessionError`]s when a part cannot be read or
/// `into` not be made, which is no learner then. The parts are only read.
pub fn merge(parts: &[Session], into: &Path, now_unix_ms: i64) -> Result<Merged, SessionError> {
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
    let mut latest: HashMap<[u8; 32], Operation> = HashMap::new();
    // Of every clip the group that was named last, and when.
    let mut grouped: HashMap<[u8; 32], (i64, String)> = HashMap::new();
    let mut bases = Vec::new();
    for part in parts {
        bases.extend(part.bases()?);
        for taught in part.taught(&Selection::default())? {
            if let Some(group) = &taught.group {
                let named = (taught.taught_unix_ms, group.clone());
                let known = grouped.entry(taught.clip_sha256).or_default();
                *known = named.max(std::mem::take(known));
            }
            let Some(known) = latest.get_mut(&taught.clip_sha256) else {
                latest.insert(taught.clip_sha256, taught);
                continue;
            };
            match known.label == taught.label {
                true => merged.shared += 1,
                false => merged.contested += 1,
            }
            // Label, features and group settle a tie, so that parts may come in any
            // order.
            if rank(&taught) > rank(known) {
                *known = taught;
            }
        }
    }
    let mut operations: Vec<Operation> = latest.into_values().collect();
    for operation in &mut operations {
        if operation.group.is_none() {
            let named = grouped.remove(&operation.clip_sha256);
            operation.group = named.map(|(_, group)| group);
        }
    }
    operations.sort_by_key(|taught| (taught.taught_unix_ms, taught.clip_sha256));
    merged.clips = operations.len();
    let empty = Learner::new(contract.clone(), *first.learner().settings())?;
    let reason = Reason::new(format!("merge {} learners", parts.len()), now_unix_ms);
    let card = first.card().clone();
    let made = Session::create_from(into, card, empty, &bases, &operations, &reason)?;
    made.close()?;
    Ok(merged)
}

/// The teaching of the highest rank holds.
fn rank(taught: &Operation) -> (i64, &str, &[i16], Option<&str>) {
    (
        taught.taught_unix_ms,
        &taught.label,
        &taught.features,
        taught.group.as_deref(),
    )
}
