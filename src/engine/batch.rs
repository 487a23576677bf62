//! Changes that are learned and not yet durable.

use std::time::Duration;

use crate::store::{Change, Entry, Operation, OperationKind, Taught};

/// When a change is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the call that makes it returns.
    #[default]
    Immediate,
    /// At most so much later, as told by the times that changes come with, or at
    /// closing: one write for all of them, which spares a card. A crash may lose
    /// what was taught meanwhile, and never anything else.
    Batched(Duration),
}

/// What is pending.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) durability: Durability,
    pub(super) changes: Vec<Change>,
    since_unix_ms: i64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a change made at `now_unix_ms`.
    pub(super) fn push(&mut self, change: Change, now_unix_ms: i64) {
        if self.changes.is_empty() {
            self.since_unix_ms = now_unix_ms;
        }
        self.changes.push(change);
    }

    /// Whether something has been pending for long enough.
    pub(super) fn is_due(&self, now_unix_ms: i64) -> bool {
        let Durability::Batched(most) = self.durability else {
            return !self.is_empty();
        };
        // A clock that was set back makes nothing wait for longer.
        let waited = now_unix_ms.abs_diff(self.since_unix_ms);
        !self.is_empty() && u128::from(waited) >= most.as_millis()
    }

    /// What the clip is taught as by what is pending; `None` where that says
    /// nothing of it.
    pub(super) fn taught(&self, clip_sha256: &[u8; 32]) -> Option<Option<Taught>> {
        let last = (self.operations().rev()).find(|op| op.clip_sha256 == *clip_sha256)?;
        Some((last.kind == OperationKind::Learn).then(|| Taught {
            label: last.label.clone(),
            features: last.features.clone(),
            group: last.group.clone(),
        }))
    }

    fn operations(&self) -> impl DoubleEndedIterator<Item = &Operation> {
        let entries = self.changes.iter().flat_map(|change| &change.entries);
        entries.filter_map(|entry| match entry {
            Entry::Operation(operation) => Some(operation),
            _ => None,
        })
    }
}
