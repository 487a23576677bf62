//! How a session changes what is known: in memory first, then on disk, and back
//! in memory where the disk refuses.

use super::batch::Durability;
use super::replay::{absorb, apply, loaded, release};
use super::{ClipEmbeddings, Session, SessionError};
use crate::signal::{Group, Label};
use crate::store::{
    Base, Change, Entry, Line, Operation, OperationKind, Reason, Revision, Selection, StoreError,
    Taught,
};

/// Times to take in another process's changes before giving up.
const ATTEMPTS: usize = 100;

/// What teaching a clip came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaughtAs {
    /// The clip was new.
    New,
    /// The clip had been taught so before; nothing changed.
    Already,
    /// The clip had been taught as another class, which was taken back.
    Corrected {
        /// The label before.
        from: String,
    },
    /// The clip had been taught as this class, but as of another group or of
    /// none, which was taken back.
    Regrouped {
        /// The group before, if there was one.
        from: Option<String>,
    },
}

impl Session {
    /// Learns what was heard as `label`; returns when it is on disk, unless
    /// [`Self::set_durability`] said otherwise.
    ///
    /// A clip that was taught as another class is corrected: the old example
    /// is taken back and the new one learned, both or neither.
    ///
    /// # Errors
    /// [`SessionError`]; nothing has been learned or stored then.
    pub fn teach(
        &mut self,
        label: &Label,
        heard: &ClipEmbeddings,
        source: &str,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, SessionError> {
        self.teach_from(label, heard, source, None, now_unix_ms)
    }

    /// As [`Self::teach`], of a clip whose speaker, machine, site or subject may
    /// be known. A clip keeps the group it was taught with until it is taught
    /// with another one, which corrects it as another label does.
    ///
    /// # Errors
    /// As [`Self::teach`].
    pub fn teach_from(
        &mut self,
        label: &Label,
        heard: &ClipEmbeddings,
        source: &str,
        group: Option<&Group>,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, SessionError> {
        let learn = Operation {
            kind: OperationKind::Learn,
            label: label.to_string(),
            features: self.learner.encode(&heard.windows)?.features().to_vec(),
            clip_sha256: heard.clip_sha256,
            clip_micros: heard.duration.0,
            source: source.to_owned(),
            group: group.map(ToString::to_string),
            taught_unix_ms: now_unix_ms,
        };
        self.retry(|session| {
            let before = session.taught_as(&learn.clip_sha256)?;
            let (outcome, operations) = decide(learn.clone(), before);
            if outcome != TaughtAs::Already {
                let why = match &outcome {
                    TaughtAs::Corrected { from } => format!("teach {label}, was {from}"),
                    _ => format!("teach {label}"),
                };
                session.commit(why, now_unix_ms, entries(operations))?;
            }
            Ok(outcome)
        })
    }

    /// Takes back every selected clip, all or none, and returns them; done when it
    /// is on disk. With an exact head the learner is then, to the bit, one that
    /// was never taught them.
    ///
    /// Examples that were folded are no clips any more: they go with their whole
    /// class, where the selection is just that, and are left alone otherwise
    /// ([`Self::folded`] counts them).
    ///
    /// # Errors
    /// [`SessionError`], [`LearnError::Head`](crate::learner::LearnError::Head)
    /// among them where the head cannot unlearn and [`SessionError::InBase`]
    /// where the class came without its examples; nothing has changed then.
    pub fn forget(
        &mut self,
        which: &Selection,
        now_unix_ms: i64,
    ) -> Result<Vec<Operation>, SessionError> {
        self.flush()?;
        self.retry(|session| {
            let taught = session.store.standing(&session.line, which)?;
            let unlearn = |taught: &Operation| Operation {
                kind: OperationKind::Unlearn,
                taught_unix_ms: now_unix_ms,
                ..taught.clone()
            };
            let mut entries = entries(taught.iter().map(unlearn).collect());
            if let Some(label) = which.whole_class() {
                for (absorbed, base) in session.store.bases(&session.line)? {
                    match &base.label {
                        Some(of) if of == label => entries.push(Entry::Release(absorbed)),
                        Some(_) => {}
                        None => session.refuse_in_base(label, &base)?,
                    }
                }
            }
            if !entries.is_empty() {
                session.commit(forgetting(which, &taught), now_unix_ms, entries)?;
                session.flush()?;
            }
            Ok(taught)
        })
    }

    fn refuse_in_base(&self, label: &str, base: &Base) -> Result<(), SessionError> {
        let part = loaded(&self.learner, base)?;
        match part.classes().iter().any(|class| class.as_str() == label) {
            true => Err(SessionError::InBase {
                label: label.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// When what is taught from now on is durable.
    ///
    /// # Errors
    /// As [`Self::flush`], of what was pending before.
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), SessionError> {
        self.flush()?;
        self.batch.durability = durability;
        Ok(())
    }

    /// All changes from now on are one command, which [`Self::undo`] takes back as
    /// a whole.
    pub fn begin_command(&mut self) {
        self.command = Some(None);
    }

    /// Makes durable what is pending.
    ///
    /// # Errors
    /// [`SessionError`]; what was pending is neither stored nor known then.
    pub fn flush(&mut self) -> Result<(), SessionError> {
        for _ in 0..ATTEMPTS {
            if self.batch.is_empty() {
                return Ok(());
            }
            let mut changes = self.batch.changes.clone();
            self.number(&mut changes);
            match self.store.append(self.at.id, &changes) {
                Ok(latest) => {
                    self.batch.changes.clear();
                    return self.stored(latest);
                }
                Err(StoreError::Behind { .. }) => self.go_to_the_log()?,
                Err(error) => {
                    self.batch.changes.clear();
                    self.go_to_the_log_if_it_can_be_read();
                    return Err(error.into());
                }
            }
        }
        Err(SessionError::Contended)
    }

    /// What `change` does on top of the latest of all revisions, tried again
    /// while others come first.
    pub(super) fn retry<T>(
        &mut self,
        mut change: impl FnMut(&mut Self) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        for _ in 0..ATTEMPTS {
            self.catch_up()?;
            match change(self) {
                Err(SessionError::Store(StoreError::Behind { .. })) => {}
                other => return other,
            }
        }
        Err(SessionError::Contended)
    }

    /// Learns and stores `entries`, all or none.
    ///
    /// They are learned first: an entry that the learner refuses must never reach
    /// the log. When the disk then refuses, the memory goes back to what the disk
    /// says.
    fn commit(
        &mut self,
        why: String,
        now_unix_ms: i64,
        entries: Vec<Entry>,
    ) -> Result<(), SessionError> {
        self.make_room(now_unix_ms)?;
        let reason = Reason::new(why, now_unix_ms);
        let learned = (entries.iter()).try_for_each(|entry| self.learn(entry));
        if let Err(error) = learned {
            self.go_to_the_log_if_it_can_be_read();
            return Err(error);
        }
        let change = Change { reason, entries };
        if self.batch.durability != Durability::Immediate {
            self.batch.push(change, now_unix_ms);
            return match self.batch.is_due(now_unix_ms) {
                true => self.flush(),
                false => Ok(()),
            };
        }
        let mut changes = [change];
        self.number(&mut changes);
        match self.store.append(self.at.id, &changes) {
            Ok(latest) => self.stored(latest),
            Err(error) => {
                self.go_to_the_log_if_it_can_be_read();
                Err(error.into())
            }
        }
    }

    fn learn(&mut self, entry: &Entry) -> Result<(), SessionError> {
        match entry {
            Entry::Operation(operation) => apply(&mut self.learner, operation),
            Entry::Absorb(base) => absorb(&mut self.learner, base),
            Entry::Release(absorbed) => {
                let base = self.store.base(*absorbed)?;
                release(&mut self.learner, &base)
            }
        }
    }

    /// Tells changes of one command to which they belong.
    fn number(&self, changes: &mut [Change]) {
        if let Some(first) = self.command {
            let first = first.unwrap_or(self.at.id + 1);
            for change in changes {
                change.reason.command = Some(first);
            }
        }
    }

    fn stored(&mut self, latest: Revision) -> Result<(), SessionError> {
        if let Some(command) = &mut self.command {
            command.get_or_insert(self.at.id + 1);
        }
        self.line = self.store.line(&latest)?;
        self.at = latest;
        Ok(())
    }

    /// Where the log cannot be read either, memory is left without what the disk
    /// refused: as of no entry, from where the next look at the log goes on.
    fn go_to_the_log_if_it_can_be_read(&mut self) {
        if self.go_to_the_log().is_err()
            && let Ok(empty) = self.empty()
        {
            (self.learner, self.line) = (empty, Line::default());
            // The number of no revision, so that the next look reads the whole log.
            self.at.id = 0;
        }
    }

    /// What the clip is taught as, pending or stored.
    fn taught_as(&self, clip_sha256: &[u8; 32]) -> Result<Option<Taught>, SessionError> {
        match self.batch.taught(clip_sha256) {
            Some(pending) => Ok(pending),
            None => Ok(self.store.taught(&self.line, clip_sha256)?),
        }
    }

    /// Decides anew what is pending, after memory went to a log with other
    /// changes in it.
    pub(super) fn teach_pending_again(&mut self) -> Result<(), SessionError> {
        for change in std::mem::take(&mut self.batch.changes) {
            let learned = change
                .entries
                .into_iter()
                .rev()
                .find_map(|entry| match entry {
                    Entry::Operation(op) if op.kind == OperationKind::Learn => Some(op),
                    _ => None,
                });
            let Some(learn) = learned else { continue };
            let before = self.taught_as(&learn.clip_sha256)?;
            let (_, operations) = decide(learn, before);
            let entries = entries(operations);
            entries.iter().try_for_each(|entry| self.learn(entry))?;
            if !entries.is_empty() {
                let reason = change.reason;
                self.batch.changes.push(Change { reason, entries });
            }
        }
        Ok(())
    }
}

/// What learning a clip comes to that is taught as `before`, and the operations
/// that it takes.
fn decide(mut learn: Operation, before: Option<Taught>) -> (TaughtAs, Vec<Operation>) {
    let Some(before) = before else {
        return (TaughtAs::New, vec![learn]);
    };
    learn.group = learn.group.or_else(|| before.group.clone());
    let outcome = if before.label != learn.label {
        TaughtAs::Corrected {
            from: before.label.clone(),
        }
    } else if before.group != learn.group {
        TaughtAs::Regrouped {
            from: before.group.clone(),
        }
    } else {
        return (TaughtAs::Already, Vec::new());
    };
    let unlearn = Operation {
        kind: OperationKind::Unlearn,
        label: before.label,
        features: before.features,
        group: before.group,
        ..learn.clone()
    };
    (outcome, vec![unlearn, learn])
}

fn entries(operations: Vec<Operation>) -> Vec<Entry> {
    operations.into_iter().map(Entry::Operation).collect()
}

/// Why, in the words of the command.
fn forgetting(which: &Selection, taught: &[Operation]) -> String {
    let mut why = "forget".to_owned();
    let parts = [
        ("class", &which.label),
        ("clip", &which.clip),
        ("source", &which.source),
        ("group", &which.group),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            why += &format!(" --{name} {value}");
        }
    }
    if which.since_unix_ms.is_some() {
        why += " --since";
    }
    format!("{why}: {} clips", taught.len())
}
