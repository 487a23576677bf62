//! Pending changes: learned, but not yet durable.

use std::time::Duration;

use super::command::Command;
use crate::signal::ClipId;
use crate::store::{Change, Entry, TaughtClip};

/// When a change is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the call that makes it returns.
    #[default]
    Immediate,
    /// At most this much later, measured by the times given with the changes, or at closing. One
    /// write for all of them reduces the write volume. A crash may lose what was taught since
    /// the last write, and nothing else.
    Batched(Duration),
}

/// A change that is not yet stored.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) change: Change,
    /// The command to which it belongs.
    pub(super) command: Command,
}

/// All pending changes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) durability: Durability,
    pub(super) pending: Vec<Pending>,
    since_unix_ms: i64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a change made at `now_unix_ms`.
    pub(super) fn push(&mut self, pending: Pending, now_unix_ms: i64) {
        if self.pending.is_empty() {
            self.since_unix_ms = now_unix_ms;
        }
        self.pending.push(pending);
    }

    /// Whether the oldest change has been pending for long enough.
    pub(super) fn is_due(&self, now_unix_ms: i64) -> bool {
        let Durability::Batched(most) = self.durability else {
            return !self.is_empty();
        };
        // A clock that was set back does not delay the write.
        let waited = now_unix_ms.abs_diff(self.since_unix_ms);
        !self.is_empty() && u128::from(waited) >= most.as_millis()
    }

    /// The clip after the pending changes: `None` if they do not mention it, `Some(None)` if they
    /// unlearn it.
    pub(super) fn taught(&self, id: &ClipId) -> Option<Option<&TaughtClip>> {
        let entries = (self.pending.iter()).flat_map(|pending| &pending.change.entries);
        let last = entries
            .rev()
            .find(|entry| entry.clip().is_some_and(|clip| clip.id == *id))?;
        Some(match last {
            Entry::Learn(clip) => Some(clip),
            _ => None,
        })
    }
}
