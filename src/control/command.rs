//! Commands: changes that `undo` removes together.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use super::Session;
use super::batch::Pending;
use crate::store::{Change, RevisionId};

/// A session whose changes are one command for as long as this value lives.
///
/// [`Session::undo`] removes them as a whole. Without one, every change is a command of its
/// own.
pub struct Command<'a> {
    session: &'a mut Session,
}

impl<'a> Command<'a> {
    pub(super) fn of(session: &'a mut Session) -> Self {
        session.command = Some(CommandStart::default());
        Self { session }
    }
}

impl Drop for Command<'_> {
    fn drop(&mut self) {
        self.session.command = None;
    }
}

impl Deref for Command<'_> {
    type Target = Session;
    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for Command<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

/// The first revision of a command, once one is stored. Its changes share it.
#[derive(Debug, Clone, Default)]
pub(super) struct CommandStart(Arc<OnceLock<RevisionId>>);

/// The changes as they are stored after revision `at`, each with its command's number.
pub(super) fn numbered(pending: &[Pending], at: RevisionId) -> Vec<Change> {
    let mut open: Option<(&CommandStart, RevisionId)> = None;
    let mut changes = Vec::with_capacity(pending.len());
    for (id, Pending { change, command }) in (at + 1..).zip(pending) {
        let mut change = change.clone();
        if let Some(start) = command {
            let first = match (start.0.get(), open) {
                (Some(&stored), _) => stored,
                (None, Some((before, first))) if Arc::ptr_eq(&before.0, &start.0) => first,
                (None, _) => id,
            };
            open = Some((start, first));
            change.reason.command = Some(first);
        }
        changes.push(change);
    }
    changes
}

/// Notes that the changes are stored.
pub(super) fn note_stored(pending: &[Pending], changes: &[Change]) {
    for (Pending { command, .. }, change) in pending.iter().zip(changes) {
        if let (Some(start), Some(first)) = (command, change.reason.command) {
            start.0.get_or_init(|| first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reason;

    fn pending(command: Option<&CommandStart>) -> Pending {
        Pending {
            change: Change {
                reason: Reason::new("test", 0),
                entries: Vec::new(),
            },
            command: command.cloned(),
        }
    }

    fn commands(changes: &[Change]) -> Vec<Option<RevisionId>> {
        changes.iter().map(|change| change.reason.command).collect()
    }

    #[test]
    fn changes_of_a_command_name_its_first_revision() {
        let (one, two) = (CommandStart::default(), CommandStart::default());
        let batch = [
            pending(Some(&one)),
            pending(Some(&one)),
            pending(None),
            pending(Some(&two)),
        ];
        let changes = numbered(&batch, 10);
        assert_eq!(commands(&changes), [Some(11), Some(11), None, Some(14)]);
        // If another session stored revision 11 first, they are numbered anew.
        let changes = numbered(&batch, 11);
        assert_eq!(commands(&changes), [Some(12), Some(12), None, Some(15)]);
        note_stored(&batch, &changes);
        let later = [pending(Some(&one)), pending(Some(&two))];
        assert_eq!(commands(&numbered(&later, 90)), [Some(12), Some(15)]);
    }
}
