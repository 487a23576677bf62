//! Commands: changes that `undo` removes together.

use std::sync::{Arc, OnceLock};

use super::batch::Pending;
use crate::store::{Change, RevisionId};

/// Changes that [`Session::undo`](super::Session::undo) removes as a whole. Pass the same value to
/// every call that belongs to a command; a call without one is a command of its own.
///
/// The number of a command is the revision of its first stored change.
#[derive(Debug, Clone, Default)]
pub struct Command(Arc<OnceLock<RevisionId>>);

impl Command {
    /// A command without changes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its first revision; `None` if nothing of it is stored.
    pub(super) fn first(&self) -> Option<RevisionId> {
        self.0.get().copied()
    }
}

/// The changes as they are stored after revision `at`, each with the number of its command.
pub(super) fn numbered(pending: &[Pending], at: RevisionId) -> Vec<Change> {
    let mut before: Option<(&Command, RevisionId)> = None;
    let mut changes = Vec::with_capacity(pending.len());
    for (id, Pending { change, command }) in (at + 1..).zip(pending) {
        let first = match (command.0.get(), before) {
            (Some(&stored), _) => stored,
            (None, Some((before, first))) if Arc::ptr_eq(&before.0, &command.0) => first,
            (None, _) => id,
        };
        before = Some((command, first));
        let mut change = change.clone();
        change.reason.command = Some(first);
        changes.push(change);
    }
    changes
}

/// Records that the changes are stored.
pub(super) fn note_stored(pending: &[Pending], changes: &[Change]) {
    for (Pending { command, .. }, change) in pending.iter().zip(changes) {
        if let Some(first) = change.reason.command {
            command.0.get_or_init(|| first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reason;

    fn pending(command: &Command) -> Pending {
        Pending {
            change: Change {
                reason: Reason::new("test", 0),
                entries: Vec::new(),
            },
            command: command.clone(),
        }
    }

    fn commands(changes: &[Change]) -> Vec<RevisionId> {
        let commands = changes.iter().filter_map(|change| change.reason.command);
        commands.collect()
    }

    #[test]
    fn changes_of_a_command_name_its_first_revision() {
        let (one, two, three) = (Command::new(), Command::new(), Command::new());
        let batch = [&one, &one, &two, &three].map(pending);
        let changes = numbered(&batch, 10);
        assert_eq!(commands(&changes), [11, 11, 13, 14]);
        // If another session stored revision 11 first, the changes are renumbered.
        let changes = numbered(&batch, 11);
        assert_eq!(commands(&changes), [12, 12, 14, 15]);
        note_stored(&batch, &changes);
        let later = [&one, &three].map(pending);
        assert_eq!(commands(&numbered(&later, 90)), [12, 15]);
    }
}
