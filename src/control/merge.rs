//! One learner from several: what each of them was taught, taught to a new one.
//!
//! Logs are merged, not states. So it works with every head, a clip that two
//! learners share counts once, and the result can be corrected clip by clip like
//! any other.

use std::collections::HashMap;
use std::path::Path;

use super::{Session, SessionError};
use crate::learner::LearnError;
use crate::store::{Operation, Selection};

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
/// order of teaching; card and settings are the first one's.
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
    for part in parts {
        for taught in part.taught(&Selection::default())? {
            let Some(known) = latest.get_mut(&taught.clip_sha256) else {
                latest.insert(taught.clip_sha256, taught);
                continue;
            };
            match known.label == taught.label {
                true => merged.shared += 1,
                false => merged.contested += 1,
            }
            // Label and then features settle a tie, so that parts may come in any
            // order.
            if rank(&taught) > rank(known) {
                *known = taught;
            }
        }
    }
    let mut operations: Vec<Operation> = latest.into_values().collect();
    operations.sort_by_key(|taught| (taught.taught_unix_ms, taught.clip_sha256));
    merged.clips = operations.len();
    let (card, settings) = (first.card().clone(), *first.learner().settings());
    let contract = contract.clone();
    let made = Session::create_taught(into, card, contract, settings, &operations, now_unix_ms)?;
    made.close()?;
    Ok(merged)
}

/// The teaching of the highest rank holds.
fn rank(taught: &Operation) -> (i64, &str, &[i16]) {
    (taught.taught_unix_ms, &taught.label, &taught.features)
}
