//! A head that is a function of an exact [`Statistic`]. Learning adds to sums, and solving is
//! deferred. Between two solves, the last solution is updated approximately.
//!
//! `ncm`, `lda` and `ridge` differ only in their [`Method`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;

use super::deferred::{Job, Solution, Version};
use super::left_out::LeftOutEvidence;
use super::plain_metric;
use super::statistic_state::damaged;
use super::{DeferredHead, Evidence, ExactHead, Formula, Head, HeadError, Moments, Statistic};

/// Computes a classifier from a statistic.
pub(crate) trait Method: Clone + fmt::Debug + Send + Sync + 'static {
    /// The result of a solve. Predictions use it.
    type Solved: fmt::Debug + Send + Sync + 'static;

    /// Which second moments the statistic keeps.
    const MOMENTS: Moments;

    /// Whether a solve takes so long that predictions should not wait for it.
    const DEFERRED: bool;

    /// Number of features of an example.
    fn inputs(&self) -> usize;

    /// Number of features of an example in the statistic.
    fn width(&self) -> usize {
        self.inputs()
    }

    /// Calls `then` with the features of an example as the statistic stores them.
    fn seen<R>(&self, x: &[i16], then: impl FnOnce(&[i16]) -> R) -> R {
        then(x)
    }

    /// Solves exactly; there is at least one class.
    fn solve(&self, statistic: &Statistic) -> Self::Solved;

    /// Overwrites `scores` with the log score of each class.
    fn scores_into(&self, solved: &Self::Solved, x: &[i16], scores: &mut Vec<f32>);

    /// Overwrites `distances` with the squared distance to the mean of each class, for
    /// methods that compare distances. `scratch` is a buffer to use.
    fn distances_into(
        &self,
        _solved: &Self::Solved,
        _statistic: &Statistic,
        _x: &[i16],
        _distances: &mut Vec<f32>,
        _scratch: &mut Vec<f32>,
    ) {
    }

    /// See [`Head::left_out_into`].
    fn left_out_into(
        &self,
        _solved: &Self::Solved,
        _statistic: &Statistic,
        _rows: &[i16],
        _class: usize,
        _weights: &[f64],
        _left_out: &mut LeftOutEvidence,
    ) -> bool {
        false
    }

    /// See [`Head::metric_into`].
    fn metric_into(
        &self,
        _solved: &Self::Solved,
        x: &[i16],
        point: &mut Vec<f32>,
        direction: &mut Vec<f32>,
    ) {
        plain_metric(x, point, direction);
    }

    /// The function that [`Self::scores_into`] computes from an exact solve and the raw features
    /// of an example.
    fn formula(&self, solved: &Self::Solved) -> Formula;

    /// Updates an older solve with later changes, as well as possible without a factorisation.
    /// `statistic` already includes these and all later changes.
    fn follow<'a>(
        &self,
        solved: &mut Self::Solved,
        statistic: &Statistic,
        _: impl Iterator<Item = &'a Change> + Clone,
    ) {
        *solved = self.solve(statistic);
    }
}

/// One example learned or unlearned.
#[derive(Debug)]
pub(crate) struct Change {
    pub(super) features: Vec<i16>,
    pub(super) class: usize,
    /// 1 or -1.
    pub(super) sign: f32,
}

/// A head computed in closed form.
#[derive(Debug)]
pub(crate) struct ClosedForm<M: Method> {
    method: M,
    state: State<M>,
}

/// A statistic and its latest solutions.
#[derive(Debug)]
struct State<M: Method> {
    statistic: Statistic,
    version: Version,
    /// The exact solution for the current statistic.
    exact: OnceLock<M::Solved>,
    /// The exact solution for an earlier statistic, updated since.
    behind: Option<Behind<M>>,
    /// A later solution than `behind`. Each prediction adds a few changes to it, because adding
    /// all of them at once would delay one prediction.
    next: Option<Behind<M>>,
    /// The latest changes, as far back as `behind` or a job may need.
    changes: VecDeque<Change>,
    job_given: bool,
}

#[derive(Debug)]
struct Behind<M: Method> {
    solved: M::Solved,
    /// The version that was solved.
    solved_at: Version,
    /// The number of changes included so far.
    followed_to: u64,
}

impl<M: Method> ClosedForm<M> {
    /// Creates a head without classes.
    pub(super) fn of(method: M) -> Self {
        let statistic = Statistic::new(method.width(), M::MOMENTS);
        Self {
            method,
            state: State::new(statistic),
        }
    }

    /// Loads the head that [`Head::save_into`] wrote.
    pub(super) fn loaded(method: M, mut bytes: &[u8]) -> Result<Self, HeadError> {
        let statistic = Statistic::take(method.width(), M::MOMENTS, &mut bytes)?;
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        Ok(Self {
            method,
            state: State::new(statistic),
        })
    }

    /// This head, with `unit` examples for one independent observation, at least 1.
    pub(super) fn of_units(mut self, unit: u64) -> Self {
        self.state.statistic = self.state.statistic.of_units(unit);
        self
    }

    /// The method of this head.
    #[cfg(test)]
    pub(super) fn method(&self) -> &M {
        &self.method
    }

    /// The method, and the exact solution.
    #[cfg(test)]
    pub(super) fn parts(&self) -> (&M, &M::Solved) {
        (&self.method, self.state.solved(&self.method))
    }

    fn check_width(&self, x: &[i16]) -> Result<(), HeadError> {
        let (expected, actual) = (self.method.inputs(), x.len());
        match expected == actual {
            true => Ok(()),
            false => Err(HeadError::Width { expected, actual }),
        }
    }
}

impl<M: Method> Head for ClosedForm<M> {
    fn counts(&self) -> &[u64] {
        self.state.statistic.counts()
    }

    fn learn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_width(x)?;
        let Self { method, state } = self;
        method.seen(x, |x| state.learn_one(x, class))
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_width(x)?;
        let Self { method, state } = self;
        method.seen(x, |x| state.unlearn_one(x, class))
    }

    fn evidence_into(&self, x: &[i16], evidence: &mut Evidence) -> Result<(), HeadError> {
        self.check_width(x)?;
        let Self { method, state } = self;
        method.seen(x, |x| state.evidence_into(method, x, evidence));
        Ok(())
    }

    fn left_out_into(
        &self,
        rows: &[i16],
        class: usize,
        weights: &[f64],
        left_out: &mut LeftOutEvidence,
    ) -> bool {
        let Self { method, state } = self;
        if state.statistic.counts().is_empty() {
            return false;
        }
        let solved = state.solved(method);
        method.left_out_into(solved, &state.statistic, rows, class, weights, left_out)
    }

    fn metric_into(&self, x: &[i16], point: &mut Vec<f32>, direction: &mut Vec<f32>) {
        let Self { method, state } = self;
        match state.statistic.counts().is_empty() {
            true => plain_metric(x, point, direction),
            false => method.metric_into(state.solved(method), x, point, direction),
        }
    }

    fn is_solved(&self) -> bool {
        self.counts().is_empty() || self.state.exact.get().is_some()
    }

    fn solve(&self) {
        if !self.counts().is_empty() {
            self.state.solved(&self.method);
        }
    }

    fn formula(&self) -> Option<Formula> {
        let known = !self.counts().is_empty();
        known.then(|| self.method.formula(self.state.solved(&self.method)))
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        self.state.statistic.save_into(out);
    }

    fn saved_bytes(&self) -> usize {
        self.state.statistic.saved_bytes()
    }

    fn exact(&self) -> Option<&dyn ExactHead> {
        Some(self)
    }

    fn exact_mut(&mut self) -> Option<&mut dyn ExactHead> {
        Some(self)
    }

    fn deferred(&mut self) -> Option<&mut dyn DeferredHead> {
        Some(self)
    }
}

impl<M: Method> ExactHead for ClosedForm<M> {
    fn statistic(&self) -> &Statistic {
        &self.state.statistic
    }

    fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        self.state.statistic.merge(other, classes)?;
        self.state.invalidate();
        Ok(())
    }

    fn unmerge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        self.state.statistic.unmerge(other, classes)?;
        self.state.invalidate();
        Ok(())
    }
}

impl<M: Method> DeferredHead for ClosedForm<M> {
    fn evidence_now_into(&mut self, x: &[i16], evidence: &mut Evidence) -> Result<u64, HeadError> {
        self.check_width(x)?;
        let Self { method, state } = self;
        Ok(method.seen(x, |x| state.evidence_now_into(method, x, evidence)))
    }

    fn job(&mut self) -> Option<Job> {
        self.state.job(&self.method)
    }

    fn adopt(&mut self, solution: Solution) {
        self.state.adopt(solution);
    }
}

impl<M: Method> Behind<M> {
    /// Includes at most `most` of the missing changes up to `now`.
    fn follow(
        &mut self,
        method: &M,
        statistic: &Statistic,
        changes: &VecDeque<Change>,
        now: u64,
        most: usize,
    ) {
        let unseen = (now - self.followed_to) as usize;
        let taken = unseen.min(most);
        if taken == 0 {
            return;
        }
        let changes = changes.range(changes.len() - unseen..).take(taken);
        method.follow(&mut self.solved, statistic, changes);
        self.followed_to += taken as u64;
    }
}

impl<M: Method> State<M> {
    /// Changes that each prediction adds to the later solution. With only one, the solution would
    /// never catch up with a stream that teaches as often as it predicts.
    const CATCH_UP: usize = 3;

    /// Number of changes after which an updated solution must be replaced by an exact one.
    const MAX_LAG: u64 = 256;

    fn new(statistic: Statistic) -> Self {
        Self {
            statistic,
            version: Version::first(),
            exact: OnceLock::new(),
            behind: None,
            next: None,
            changes: VecDeque::new(),
            job_given: false,
        }
    }

    fn learn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.statistic.add(x, class)?;
        self.changed(x, class, 1.0);
        Ok(())
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        let classes = self.statistic.counts().len();
        self.statistic.remove(x, class)?;
        match self.statistic.counts().len() == classes {
            true => self.changed(x, class, -1.0),
            false => self.invalidate(),
        }
        Ok(())
    }

    fn evidence_into(&self, method: &M, x: &[i16], evidence: &mut Evidence) {
        evidence.start(self.statistic.counts(), self.statistic.unit);
        if !self.statistic.counts().is_empty() {
            self.evidence_by(method, self.solved(method), x, evidence);
        }
    }

    /// Fills `evidence` from one solution, for this statistic or an earlier one updated since.
    /// Counts are already set.
    fn evidence_by(&self, method: &M, solved: &M::Solved, x: &[i16], evidence: &mut Evidence) {
        method.scores_into(solved, x, evidence.log_scores());
        if let Some((distances, scratch)) = evidence.distances() {
            method.distances_into(solved, &self.statistic, x, distances, scratch);
        }
    }

    /// See [`DeferredHead::evidence_now_into`].
    fn evidence_now_into(&mut self, method: &M, x: &[i16], evidence: &mut Evidence) -> u64 {
        if self.exact.get().is_none()
            && let Some(behind) = &mut self.behind
        {
            let (statistic, now) = (&self.statistic, self.version.changes);
            if let Some(mut next) = self.next.take() {
                next.follow(method, statistic, &self.changes, now, Self::CATCH_UP);
                match next.followed_to == now {
                    true => *behind = next,
                    false => self.next = Some(next),
                }
            }
            behind.follow(method, statistic, &self.changes, now, usize::MAX);
            let lag = now - behind.solved_at.changes;
            evidence.start(self.statistic.counts(), self.statistic.unit);
            if let Some(behind) = &self.behind {
                self.evidence_by(method, &behind.solved, x, evidence);
            }
            return lag;
        }
        self.evidence_into(method, x, evidence);
        0
    }

    fn solved(&self, method: &M) -> &M::Solved {
        self.exact.get_or_init(|| method.solve(&self.statistic))
    }

    fn job(&mut self, method: &M) -> Option<Job> {
        let idle = !M::DEFERRED || self.exact.get().is_some() || self.next.is_some();
        if idle || self.statistic.counts().is_empty() {
            return None;
        }
        if self.behind.is_none() {
            self.changes.clear();
        }
        self.job_given = true;
        let (method, statistic) = (method.clone(), self.statistic.clone());
        Some(Job::new(self.version, move || method.solve(&statistic)))
    }

    fn adopt(&mut self, solution: Solution) {
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

    /// Records a change that does not renumber other classes.
    fn changed(&mut self, x: &[i16], class: usize, sign: f32) {
        if let Some(solved) = self.exact.take()
            && M::DEFERRED
        {
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

    /// Records a change that makes all earlier solutions unusable.
    fn invalidate(&mut self) {
        self.version.epoch += 1;
        self.version.changes += 1;
        self.exact.take();
        (self.behind, self.next) = (None, None);
        self.changes.clear();
        self.job_given = false;
    }
}
