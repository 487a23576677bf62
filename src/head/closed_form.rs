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
    /// A later solve than that, being brought into step a little with every
    /// answer: all at once it would keep one of them waiting.
    next: Option<Behind<M::Solved>>,
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

impl<S> Behind<S> {
    /// Takes in at most `most` of the changes up to `now` that it has not seen.
    fn follow<M: Method<Solved = S>>(
        &mut self,
        method: &M,
        statistic: &Statistic,
        changes: &VecDeque<Change>,
        now: u64,
        most: usize,
    ) {
        let unseen = (now - self.followed_to) as usize;
        let taken = unseen.min(most);
        for change in changes.range(changes.len() - unseen..).take(taken) {
            method.follow(&mut self.solved, statistic, change);
        }
        self.followed_to += taken as u64;
    }
}

impl<M: Method> ClosedForm<M> {
    /// Changes that a later solve takes in with every answer: more than one, or
    /// it would never be in step with a stream that teaches as often as it asks.
    const CATCH_UP: usize = 3;

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
            next: None,
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
            let (method, statistic, now) = (&self.method, &self.statistic, self.version.changes);
            if let Some(mut next) = self.next.take() {
                next.follow(method, statistic, &self.changes, now, Self::CATCH_UP);
                match next.followed_to == now {
                    true => *behind = next,
                    false => self.next = Some(next),
                }
            }
            behind.follow(method, statistic, &self.changes, now, usize::MAX);
            method.predict_into(&behind.solved, x, probabilities);
            return Ok(now - behind.solved_at.changes);
        }
        self.predict_into(x, probabilities)?;
        Ok(0)
    }

    pub(super) fn solve(&self) -> &M::Solved {
        self.exact
            .get_or_init(|| self.method.solve(&self.statistic))
    }

    pub(super) fn job(&mut self) -> Option<Job> {
        let idle = self.exact.get().is_some() || self.next.is_some();
        if idle || self.statistic.counts().is_empty() {
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
                (self.behind, self.next) = (None, None);
                self.changes.clear();
                self.exact = OnceLock::from(solved);
            }
            Some(missed) if newer && missed <= self.changes.len() as u64 => {
                let solved = Behind {
                    solved,
                    solved_at: at,
                    followed_to: at.changes,
                };
                match self.behind {
                    Some(_) => self.next = Some(solved),
                    None => self.behind = Some(solved),
                }
            }
            _ => {}
        }
    }

    /// Notes a change that leaves the other classes where they are.
    fn changed(&mut self, x: &[i16], class: usize, sign: f32) {
        if let Some(solved) = self.exact.take() {
            self.changes.clear();
            self.next = None;
            self.behind = Some(Behind {
                solved,
                solved_at: self.version,
                followed_to: self.version.changes,
            });
        }
        self.version.changes += 1;
        let lag = |behind: &Behind<_>| self.version.changes - behind.solved_at.changes;
        if self.behind.as_ref().is_some_and(|b| lag(b) > Self::MAX_LAG) {
            self.behind = self.next.take();
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
        (self.behind, self.next) = (None, None);
        self.changes.clear();
        self.job_given = false;
    }
}
