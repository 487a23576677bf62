//! Rollback to earlier revisions, and comparison of two of them.
//!
//! A rollback unlearns nothing. It restores the state that the lineage of the earlier revision
//! gives. So the result is the earlier state to the bit, with every head.

use std::collections::HashMap;

use super::replay::restore;
use super::{Error, Session};
use crate::learner::{Example, Learner};
use crate::signal::{ClipId, Label};
use crate::store::{ClipFilter, Reason, Revision, RevisionId, RevisionKind, TaughtClip};

/// The result of an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The first undone revision.
    pub first: Revision,
    /// The last undone revision.
    pub last: Revision,
    /// The rollback that undid them.
    pub by: RevisionId,
}

/// A clip for which two revisions predict different classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The hash of its samples.
    pub clip: ClipId,
    /// The file, folder or device it came from.
    pub source: String,
    /// Its label at each revision; `None` if it is not taught there.
    pub taught: [Option<Label>; 2],
    /// The most probable class at each revision, with its probability.
    pub said: [Option<(Label, f32)>; 2],
}

/// How two revisions classify all clips that one of them was taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// The number of clips that both revisions classified.
    pub asked: usize,
    /// The number of clips whose probabilities are not the same to the bit.
    pub moved: usize,
    /// The clips whose most probable class differs, in the order of teaching.
    pub changed: Vec<Difference>,
}

impl Session {
    /// All revisions that a rollback can return to, in order.
    ///
    /// # Errors
    /// [`Error`] when they cannot be read.
    pub fn history(&self) -> Result<Vec<Revision>, Error> {
        Ok(self.store.history()?)
    }

    /// Returns to revision `target`; the rollback is on disk when this returns. The revisions
    /// after the target stay in the history, and a later rollback can return to them.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`](crate::store::StoreError::NoRevision) when the revision does not
    /// exist or was compacted, other [`Error`]s when the write fails; nothing has then changed.
    pub fn roll_back(&mut self, target: RevisionId, now_unix_ms: i64) -> Result<Revision, Error> {
        self.go_back(format!("rollback {target}"), target, now_unix_ms)
    }

    /// Undoes the latest command that is not undone yet; the rollback is on disk when this
    /// returns.
    ///
    /// # Errors
    /// [`Error::NothingToUndo`], other [`Error`]s when the write fails; nothing has then changed.
    pub fn undo(&mut self, now_unix_ms: i64) -> Result<Undone, Error> {
        self.flush()?;
        self.catch_up()?;
        let mut last = self.memory.at.clone();
        while let RevisionKind::Rollback(target) = last.kind {
            last = self.store.revision(target)?;
        }
        let mut first = last.clone();
        let why = loop {
            if first.kind == RevisionKind::Compaction {
                break Err("what came before was folded");
            }
            if first.id == 1 {
                break Err("this is the learner as it was made");
            }
            let before = self.store.revision(first.id - 1)?;
            if before.kind != RevisionKind::Change || before.command != last.command {
                break Ok(before.id);
            }
            first = before;
        };
        let target = why.map_err(|why| Error::NothingToUndo { why })?;
        let by = self.go_back(format!("undo {}", first.reason), target, now_unix_ms)?;
        Ok(Undone {
            first,
            last,
            by: by.id,
        })
    }

    /// Classifies every clip that one of two revisions was taught, with the learners at both.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`](crate::store::StoreError::NoRevision), other
    /// [`Error`]s when the log cannot be read.
    pub fn diff(&self, a: RevisionId, b: RevisionId) -> Result<Differences, Error> {
        let (before, taught_before) = self.learner_at(a)?;
        let (after, taught_after) = self.learner_at(b)?;
        let label_of = |taught: &[TaughtClip]| -> HashMap<ClipId, Label> {
            let pair = |clip: &TaughtClip| (clip.id, clip.label.clone());
            taught.iter().map(pair).collect()
        };
        let labels = [label_of(&taught_before), label_of(&taught_after)];
        let only_after = (taught_after.iter()).filter(|clip| !labels[0].contains_key(&clip.id));
        let mut differences = Differences {
            asked: 0,
            moved: 0,
            changed: Vec::new(),
        };
        for clip in taught_before.iter().chain(only_after) {
            let example = Example::from_fixed(clip.features.clone());
            let scores = [before.predict_one(&example)?, after.predict_one(&example)?];
            differences.asked += 1;
            let bits = |learner: &Learner, scores: &[f32]| {
                let mut bits: Vec<(String, u32)> = (learner.classes().iter().zip(scores))
                    .map(|(label, p)| (label.to_string(), p.to_bits()))
                    .collect();
                bits.sort();
                bits
            };
            if bits(&before, &scores[0].0) != bits(&after, &scores[1].0) {
                differences.moved += 1;
            }
            let said = [(&before, &scores[0]), (&after, &scores[1])].map(|(learner, scores)| {
                let (class, p) = scores.best()?;
                Some((learner.classes().get(class)?.clone(), p))
            });
            let label = |side: usize| said[side].as_ref().map(|(label, _)| label);
            if label(0) != label(1) {
                differences.changed.push(Difference {
                    clip: clip.id,
                    source: clip.source.clone(),
                    taught: [0, 1].map(|side: usize| labels.get(side)?.get(&clip.id).cloned()),
                    said,
                });
            }
        }
        Ok(differences)
    }

    /// The learner at a revision, and the clips that it was taught.
    ///
    /// # Errors
    /// As [`Self::diff`].
    pub fn learner_at(&self, id: RevisionId) -> Result<(Learner, Vec<TaughtClip>), Error> {
        let lineage = self.store.lineage(&self.store.revision(id)?)?;
        let learner = &self.memory.learner;
        let (contract, settings) = (learner.contract(), *learner.settings());
        let (learner, _) = restore(&self.store, contract, settings, &lineage)?;
        let clips = self.store.clips(&lineage, &ClipFilter::default())?;
        Ok((learner, clips.into_iter().map(|clip| clip.value).collect()))
    }

    /// As [`Self::roll_back`], with the reason `why`.
    ///
    /// # Errors
    /// As [`Self::roll_back`].
    pub(super) fn go_back(
        &mut self,
        why: String,
        target: RevisionId,
        now_unix_ms: i64,
    ) -> Result<Revision, Error> {
        self.flush()?;
        let _hold = self.store.hold(&why)?;
        let reason = Reason::new(why, now_unix_ms);
        self.retry(|session| {
            let by = (session.store).roll_back(session.memory.at.id, target, &reason)?;
            session.reload()?;
            Ok(by)
        })
    }
}
