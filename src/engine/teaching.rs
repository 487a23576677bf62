//! Teaching and forgetting: first in memory, then on disk. If the write fails, memory is restored
//! from the log.

use super::adapt::is_assumed;
use super::batch::{Durability, Pending};
use super::command::{Command, note_stored, numbered};
use super::replay::loaded;
use super::{ClipEmbeddings, Error, Session};
use crate::signal::{ClipId, Group, Label};
use crate::store::{
    Change, Checkpoint, ClipFilter, Entry, Reason, Revision, StoreError, TaughtClip,
};

/// The most attempts to apply another process's changes before the call fails.
const ATTEMPTS: usize = 100;

/// The result of teaching a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaughtAs {
    /// The clip was new.
    New,
    /// The clip had been taught with the same label and group; nothing changed.
    Already,
    /// The clip had been taught as another class; that example was unlearned.
    Corrected {
        /// The previous label.
        from: Label,
    },
    /// The clip had been taught as this class with another group or none; that example was
    /// unlearned.
    Regrouped {
        /// The previous group, if there was one.
        from: Option<Group>,
    },
}

impl Session {
    /// Learns a clip as `label`. The example is on disk when this returns, unless
    /// [`Self::set_durability`] said otherwise.
    ///
    /// A clip that was taught as another class is corrected: the old example is unlearned
    /// and the new one learned, both or neither.
    ///
    /// # Errors
    /// [`Error`]; nothing has then been learned or stored.
    pub fn teach(
        &mut self,
        label: &Label,
        heard: &ClipEmbeddings,
        source: &str,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, Error> {
        self.teach_from(label, heard, source, None, now_unix_ms)
    }

    /// As [`Self::teach`], with the clip's speaker, machine, site or subject if it is known. A
    /// clip keeps its group until it is taught with another one. A new group corrects the clip, as
    /// a new label does.
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
    ) -> Result<TaughtAs, Error> {
        self.teach_in(&Command::new(), label, heard, source, group, now_unix_ms)
    }

    /// As [`Self::teach_from`], as a part of `command`.
    ///
    /// # Errors
    /// As [`Self::teach`].
    pub fn teach_in(
        &mut self,
        command: &Command,
        label: &Label,
        heard: &ClipEmbeddings,
        source: &str,
        group: Option<&Group>,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, Error> {
        let clip = TaughtClip {
            label: label.clone(),
            features: self
                .encode(heard, !label.is_background())?
                .features()
                .to_vec(),
            id: ClipId::from(heard.clip_sha256),
            duration: heard.duration,
            source: source.to_owned(),
            group: group.cloned(),
            taught_unix_ms: now_unix_ms,
        };
        self.learn_clip(command, clip, format!("teach {label}"))
    }

    /// Learns a clip, in place of the class that it was taught before, if there is one.
    pub(super) fn learn_clip(
        &mut self,
        command: &Command,
        clip: TaughtClip,
        why: String,
    ) -> Result<TaughtAs, Error> {
        self.retry(|session| {
            let before = session.memory.taught(&session.store, &clip.id)?;
            let (outcome, entries) = decide(clip.clone(), before);
            if outcome != TaughtAs::Already {
                let why = match &outcome {
                    TaughtAs::Corrected { from } => format!("{why}, was {from}"),
                    _ => why.clone(),
                };
                session.commit(why, clip.taught_unix_ms, entries, command)?;
            }
            Ok(outcome)
        })
    }

    /// Unlearns every selected clip, all or none, and returns them. The change is on disk when
    /// this returns. With an exact head the learner then equals, to the bit, one that was never
    /// taught these clips.
    ///
    /// Compacted examples are no longer clips. They are removed with their whole class, if the
    /// filter selects exactly that class; otherwise they stay ([`Self::compacted`] counts them).
    ///
    /// # Errors
    /// [`Error`], among them [`LearnError::Head`](crate::learner::LearnError::Head) if the head
    /// cannot unlearn, and [`Error::InCheckpoint`] if the class was imported without its examples.
    /// Nothing has then changed.
    pub fn forget(
        &mut self,
        which: &ClipFilter,
        now_unix_ms: i64,
    ) -> Result<Vec<TaughtClip>, Error> {
        self.forget_in(&Command::new(), which, now_unix_ms)
    }

    /// As [`Self::forget`], as a part of `command`.
    pub(super) fn forget_in(
        &mut self,
        command: &Command,
        which: &ClipFilter,
        now_unix_ms: i64,
    ) -> Result<Vec<TaughtClip>, Error> {
        self.flush()?;
        self.retry(|session| {
            let clips = session.clips(which)?;
            let unlearn = |clip: &TaughtClip| {
                Entry::Unlearn(TaughtClip {
                    taught_unix_ms: now_unix_ms,
                    ..clip.clone()
                })
            };
            let mut entries: Vec<Entry> = clips.iter().map(unlearn).collect();
            if let Some(label) = which.whole_class() {
                for checkpoint in session.store.checkpoints(&session.memory.lineage)? {
                    match &checkpoint.value.label {
                        Some(of) if of == label => entries.push(Entry::Release(checkpoint.id)),
                        Some(_) => {}
                        None => session.refuse_in_checkpoint(label, &checkpoint.value)?,
                    }
                }
            }
            if !entries.is_empty() {
                let why = forgetting(which, &clips);
                session.commit(why, now_unix_ms, entries, command)?;
                session.flush()?;
            }
            Ok(clips)
        })
    }

    fn refuse_in_checkpoint(&self, label: &Label, checkpoint: &Checkpoint) -> Result<(), Error> {
        let part = loaded(&self.memory.learner, checkpoint)?;
        if part.classes().contains(label) {
            return Err(Error::InCheckpoint {
                label: label.to_string(),
            });
        }
        Ok(())
    }

    /// Sets when later changes become durable.
    ///
    /// # Errors
    /// As [`Self::flush`], for earlier pending changes.
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), Error> {
        self.flush()?;
        self.memory.batch.durability = durability;
        Ok(())
    }

    /// Makes pending changes durable.
    ///
    /// # Errors
    /// [`Error`]; the pending changes are then neither stored nor learned.
    pub fn flush(&mut self) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if self.memory.batch.is_empty() {
                return Ok(());
            }
            let changes = numbered(&self.memory.batch.pending, self.memory.at.id);
            match self.store.append(self.memory.at.id, &changes) {
                Ok(latest) => {
                    let pending = std::mem::take(&mut self.memory.batch.pending);
                    note_stored(&pending, &changes);
                    return self.stored(latest);
                }
                Err(StoreError::Behind { .. }) => self.reload()?,
                Err(error) => {
                    self.memory.batch.pending.clear();
                    self.reload_if_possible();
                    return Err(error.into());
                }
            }
        }
        Err(Error::Contended)
    }

    /// Applies `change` on top of the latest revision. Tries again if another session stores a
    /// revision first.
    pub(super) fn retry<T>(
        &mut self,
        mut change: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            self.catch_up()?;
            match change(self) {
                Err(Error::Store(StoreError::Behind { .. })) => {}
                other => return other,
            }
        }
        Err(Error::Contended)
    }

    /// Learns and stores `entries`, all or none.
    ///
    /// They are learned first: an entry that the learner rejects must never reach the log. If the
    /// write then fails, memory is restored from the log.
    pub(super) fn commit(
        &mut self,
        why: String,
        now_unix_ms: i64,
        entries: Vec<Entry>,
        command: &Command,
    ) -> Result<(), Error> {
        self.make_room(now_unix_ms)?;
        self.learn_and_store(why, now_unix_ms, entries, command)
    }

    /// As [`Self::commit`], without making room.
    pub(super) fn learn_and_store(
        &mut self,
        why: String,
        now_unix_ms: i64,
        entries: Vec<Entry>,
        command: &Command,
    ) -> Result<(), Error> {
        let reason = Reason::new(why, now_unix_ms);
        let learned = (entries.iter()).try_for_each(|entry| self.memory.learn(&self.store, entry));
        if let Err(error) = learned {
            self.reload_if_possible();
            return Err(error);
        }
        let pending = Pending {
            change: Change { reason, entries },
            command: command.clone(),
        };
        let batch = &mut self.memory.batch;
        if batch.durability != Durability::Immediate {
            batch.push(pending, now_unix_ms);
            if batch.is_due(now_unix_ms) {
                self.flush()?;
            }
            return Ok(());
        }
        let pending = [pending];
        let changes = numbered(&pending, self.memory.at.id);
        match self.store.append(self.memory.at.id, &changes) {
            Ok(latest) => {
                note_stored(&pending, &changes);
                self.stored(latest)
            }
            Err(error) => {
                self.reload_if_possible();
                Err(error.into())
            }
        }
    }

    fn stored(&mut self, latest: Revision) -> Result<(), Error> {
        self.memory.lineage = self.store.lineage(&latest)?;
        self.memory.at = latest;
        Ok(())
    }

    /// Restores memory from the log. If the log cannot be read either, memory is left empty, so
    /// that it does not contain changes that are not stored. The next catch-up reads the whole
    /// log.
    fn reload_if_possible(&mut self) {
        if self.reload().is_err() {
            // This cannot fail: a learner with this contract exists.
            let _ = self.memory.clear();
        }
    }
}

/// The result of teaching a clip whose current example is `before`, and the entries to store.
pub(super) fn decide(mut clip: TaughtClip, before: Option<TaughtClip>) -> (TaughtAs, Vec<Entry>) {
    let Some(before) = before else {
        return (TaughtAs::New, vec![Entry::Learn(clip)]);
    };
    clip.group = clip.group.or_else(|| before.group.clone());
    let outcome = if before.label != clip.label {
        TaughtAs::Corrected {
            from: before.label.clone(),
        }
    } else if before.group != clip.group {
        TaughtAs::Regrouped {
            from: before.group.clone(),
        }
    } else if is_assumed(&before) && !is_assumed(&clip) {
        // A label that was assumed is now given.
        TaughtAs::New
    } else {
        return (TaughtAs::Already, Vec::new());
    };
    let unlearn = TaughtClip {
        label: before.label,
        features: before.features,
        group: before.group,
        ..clip.clone()
    };
    (outcome, vec![Entry::Unlearn(unlearn), Entry::Learn(clip)])
}

/// The reason, in the words of the command.
fn forgetting(which: &ClipFilter, clips: &[TaughtClip]) -> String {
    let mut why = "forget".to_owned();
    let parts = [
        ("class", which.label.as_ref().map(ToString::to_string)),
        ("clip", which.clip.as_ref().map(ToString::to_string)),
        ("source", which.source.clone()),
        ("group", which.group.as_ref().map(ToString::to_string)),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            why += &format!(" --{name} {value}");
        }
    }
    if which.since_unix_ms.is_some() {
        why += " --since";
    }
    format!("{why}: {} clips", clips.len())
}
