//! A head that is a function of an exact [`Statistic`]: learning adds to sums,
//! solving is deferred, and between two solves the last one is kept in step.
//!
//! `lda` and `ridge` differ in their [`Method`] alone.

use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;

use super::deferred::{Job, Solution, Version};
use super::{HeadError, Statistic};

/// From a statistic to a classifier.
pub(super) trait Method: Clone + fmt::Debug + Send + Sync + 'static {
    /// What predictions are made from.
    type Solved: fmt::Debug + Send + Sync + 'static;

    /// The exact solve, of at least one class.
    fn solve(&self, statistic: &Statistic) -> Self::Solved;

    /// Overwrites `probabilities` with one per class.
    fn predict_into(&self, solved: &Self::Solved, x: &[i16], probabilities: &mut Vec<f32>);

    /// Brings an older solve up to date with changes it has not seen, as well as
    /// it can without factorising; `statistic` has seen them all.
    fn follow(&self, solved: &mut Self::Solved, statistic: &Statistic, change: &Change);
}

/// One example learned or unlearned.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) features: Vec<i16>,
    pub(super) class: usize,
    /// 1 or -1.
    pub(super) sign: f32,
}

/// A statistic, the method, and what was solved last.
#[derive(Debug)]
pub(super) struct ClosedForm<M: Method> {
    method: M,
    statistic: Statistic,
    version: Version,
    /// Exact for the statistic as it is.
    exact: OnceLock<M::Solved>,
    /// Exact for an earlier one, and kept in step since.
    behind: Option<Behind<M::Solved>>,
    /// The latest changes, as far back as a base or a job may need.
    changes: VecDeque<Change>,
    job_given: bool,
}

#[derive(Debug)]
struct Behind<S> {
    solved: S,
    /// What the solve has seen.
    solved_at: Version,
    /// What it has been brought up to.
    followed_to: u64,
}

impl<M: Method> ClosedForm<M> {
    /// Changes that an earlier solve is kept in step with before an exact one is
    /// due.
    pub(super) const MAX_LAG: u64 = 256;

    pub(super) fn new(method: M, statistic: Statistic) -> Self {
        Self {
            method,
            statistic,
            version: Version::first(),
            exact: OnceLock::new(),
            behind: None,
            changes: VecDeque::new(),
            job_given: false,
        }
    }

    pub(super) fn statistic(&self) -> &Statistic {
        &self.statistic
    }

    pub(super) fn learn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.statistic.add(x, class)?;
        self.changed(x, class, 1.0);
        Ok(())
    }

    pub(super) fn unlearn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        let classes = self.statistic.counts().len();
        self.statistic.remove(x, class)?;
        match self.statistic.counts().len() == classes {
            true => self.changed(x, class, -1.0),
            false => self.invalidate(),
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        self.statistic.merge(other, classes)?;
        self.invalidate();
        Ok(())
    }

    pub(super) fn predict_into(
        &self,
        x: &[i16],
        probabilities: &mut Vec<f32>,
    ) -> Result<(), HeadError> {
        self.statistic.check_width(x)?;
        probabilities.clear();
        if !self.statistic.counts().is_empty() {
            self.method.predict_into(self.solve(), x, probabilities);
        }
        Ok(())
    }

    /// See [`super::Head::predict_now`].
    pub(super) fn predict_now(
        &mut self,
        x: &[i16],
        probabilities: &mut Vec<f32>,
    ) -> Result<u64, HeadError> {
        self.statistic.check_width(x)?;
        if self.exact.get().is_none()
            && let Some(behind) = &mut self.behind
        {
            let lag = self.version.changes - behind.solved_at.changes;
            let unseen = (self.version.changes - behind.followed_to) as usize;
            for change in self.changes.range(self.changes.len() - unseen..) {
                self.method
                    .follow(&mut behind.solved, &self.statistic, change);
            }
            behind.followed_to = self.version.changes;
            self.method.predict_into(&behind.solved, x, probabilities);
            return Ok(lag);
        }
        self.predict_into(x, probabilities)?;
        Ok(0)
    }

    pub(super) fn solve(&self) -> &M::Solved {
        self.exact
            .get_or_init(|| self.method.solve(&self.statistic))
    }

    pub(super) fn job(&mut self) -> Option<Job> {
        if self.exact.get().is_some() || self.statistic.counts().is_empty() {
            return None;
        }
        if self.behind.is_none() {
            self.changes.clear();
        }
        self.job_given = true;
        let (method, statistic) = (self.method.clone(), self.statistic.clone());
        Some(Job::new(self.version, move || method.solve(&statistic)))
    }

    pub(super) fn adopt(&mut self, solution: Solution) {
        let at = solution.version;
        let Some(solved) = solution.downcast::<M::Solved>() else {
            return;
        };
        if at.comparable(self.version) {
            self.job_given = false;
        }
        let missed = self.version.changes.checked_sub(at.changes);
        let newer = (self.behind.as_ref()).is_none_or(|b| b.solved_at.changes <= at.changes);
        match missed {
            _ if !at.comparable(self.version) || self.exact.get().is_some() => {}
            Some(0) => {
                self.behind = None;
                self.changes.clear();
                self.exact = OnceLock::from(solved);
            }
            Some(missed) if newer && missed <= self.changes.len() as u64 => {
                self.behind = Some(Behind {
                    solved,
                    solved_at: at,
                    followed_to: at.changes,
                });
                let obsolete = self.changes.len() - missed as usize;
                self.changes.drain(..obsolete);
            }
            _ => {}
        }
    }

    /// Notes a change that leaves the other classes where they are.
    fn changed(&mut self, x: &[i16], class: usize, sign: f32) {
        if let Some(solved) = self.exact.take() {
            self.changes.clear();
            self.behind = Some(Behind {
                solved,
                solved_at: self.version,
                followed_to: self.version.changes,
            });
        }
        self.version.changes += 1;
        let lag = |behind: &Behind<_>| self.version.changes - behind.solved_at.changes;
        if self.behind.as_ref().is_some_and(|b| lag(b) > Self::MAX_LAG) {
            self.behind = None;
        }
        if self.behind.is_none() && !self.job_given {
            self.changes.clear();
            return;
        }
        if self.changes.len() as u64 == Self::MAX_LAG {
            self.changes.pop_front();
        }
        self.changes.push_back(Change {
            features: x.to_vec(),
            class,
            sign,
        });
    }

    /// Notes a change after which no earlier solve means anything.
    fn invalidate(&mut self) {
        self.version.epoch += 1;
        self.version.changes += 1;
        self.exact.take();
        self.behind = None;
        self.changes.clear();
        self.job_given = false;
    }
}
