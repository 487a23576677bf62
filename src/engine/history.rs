//! Going back, and what that changes.
//!
//! Nothing is unlearned on the way: the state of an earlier revision is what its
//! line of the log gives, so it is the earlier one to the bit with every head.

use std::collections::HashMap;

use super::replay::restore;
use super::{Session, SessionError};
use crate::learner::{Example, Learner};
use crate::signal::Label;
use crate::store::{Operation, Reason, Revision, RevisionId, RevisionKind, Selection};

/// What undoing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The first of the revisions that were taken back.
    pub first: Revision,
    /// The last of them.
    pub last: Revision,
    /// The revision that does it.
    pub by: RevisionId,
}

/// A clip on whose label two revisions differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// sha256 of its samples.
    pub clip_sha256: [u8; 32],
    /// Where it came from.
    pub source: String,
    /// What it is taught as in each of them.
    pub taught: [Option<String>; 2],
    /// What each of them says, and how probable it finds that.
    pub said: [Option<(Label, f32)>; 2],
}

/// What two revisions say of all clips that one of them was taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Clips that both were asked about.
    pub asked: usize,
    /// Those whose probabilities are not the same to the bit.
    pub moved: usize,
    /// Those whose label is another one, in the order of teaching.
    pub changed: Vec<Difference>,
}

impl Session {
    /// Every revision that can be gone back to, in order.
    ///
    /// # Errors
    /// [`SessionError`] when they cannot be read.
    pub fn history(&self) -> Result<Vec<Revision>, SessionError> {
        Ok(self.store.history()?)
    }

    /// Goes back to revision `target`; done when it is on disk. The revisions
    /// after it stay in the history, and can be gone to in the same way.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`](crate::store::StoreError::NoRevision) when it is
    /// none or was folded, other [`SessionError`]s when the disk refuses; nothing
    /// has changed then.
    pub fn roll_back(
        &mut self,
        target: RevisionId,
        now_unix_ms: i64,
    ) -> Result<Revision, SessionError> {
        self.go_back(format!("rollback {target}"), target, now_unix_ms)
    }

    /// Takes back the latest command that is not taken back yet; done when it is
    /// on disk.
    ///
    /// # Errors
    /// [`SessionError::NothingToUndo`], other [`SessionError`]s when the disk
    /// refuses; nothing has changed then.
    pub fn undo(&mut self, now_unix_ms: i64) -> Result<Undone, SessionError> {
        self.flush()?;
        self.catch_up()?;
        let mut last = self.at.clone();
        while let RevisionKind::Rollback(target) = last.kind {
            last = self.store.revision(target)?;
        }
        let mut first = last.clone();
        let why = loop {
            if first.kind == RevisionKind::Fold {
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
        let target = why.map_err(|why| SessionError::NothingToUndo { why })?;
        let by = self.go_back(format!("undo {}", first.reason), target, now_unix_ms)?;
        Ok(Undone {
            first,
            last,
            by: by.id,
        })
    }

    /// What the learners at two revisions say of every clip that one of them was
    /// taught.
    ///
    /// # Errors
    /// [`StoreError::NoRevision`](crate::store::StoreError::NoRevision), other
    /// [`SessionError`]s when the log cannot be read.
    pub fn diff(&self, a: RevisionId, b: RevisionId) -> Result<Differences, SessionError> {
        let (before, taught_before) = self.learner_at(a)?;
        let (after, taught_after) = self.learner_at(b)?;
        let label_of = |taught: &[Operation]| -> HashMap<[u8; 32], String> {
            let pair = |op: &Operation| (op.clip_sha256, op.label.clone());
            taught.iter().map(pair).collect()
        };
        let labels = [label_of(&taught_before), label_of(&taught_after)];
        let only_after =
            (taught_after.iter()).filter(|op| !labels[0].contains_key(&op.clip_sha256));
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
                    clip_sha256: clip.clip_sha256,
                    source: clip.source.clone(),
                    taught: [0, 1]
                        .map(|side: usize| labels.get(side)?.get(&clip.clip_sha256).cloned()),
                    said,
                });
            }
        }
        Ok(differences)
    }

    /// The learner as it was at a revision, and the clips it was taught.
    ///
    /// # Errors
    /// As [`Self::diff`].
    pub fn learner_at(&self, id: RevisionId) -> Result<(Learner, Vec<Operation>), SessionError> {
        let line = self.store.line(&self.store.revision(id)?)?;
        let (contract, settings) = (self.learner.contract(), *self.learner.settings());
        let (learner, _) = restore(&self.store, contract, settings, &line)?;
        let taught = self.store.standing(&line, &Selection::default())?;
        Ok((learner, taught))
    }

    fn go_back(
        &mut self,
        why: String,
        target: RevisionId,
        now_unix_ms: i64,
    ) -> Result<Revision, SessionError> {
        self.flush()?;
        self.store.hold(&why)?;
        let reason = Reason::new(why, now_unix_ms);
        let gone = self.retry(|session| {
            let by = session.store.roll_back(session.at.id, target, &reason)?;
            session.go_to_the_log()?;
            Ok(by)
        });
        self.store.let_go();
        gone
    }
}
