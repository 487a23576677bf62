//! Heads learn: they turn fixed-point features and a class index into [`Evidence`].
//!
//! `ncm`, `lda` and `ridge` keep one exact `Statistic` and compute everything from it. The order
//! of teaching, a crash or a merge changes no bit, and a new class changes no old class. `linear`
//! and `mlp` are trained by gradient descent on each example and on rehearsal rows. `knn` searches
//! these rows. `auto` runs five heads and answers with the best one. The baseline `finetune`
//! trains without rehearsal; `ewc`, `lwf` and `l2sp` add only regularisation.
//!
//! Heads do not handle labels or pooling and do not compute probabilities: see `decision`.

mod auto;
mod centring;
mod closed_form;
mod covariance;
mod deferred;
mod discriminant;
mod error;
mod evidence;
mod factor;
#[cfg_attr(
    not(feature = "tract"),
    allow(dead_code, reason = "for `export` alone")
)]
mod formula;
mod kind;
mod knn;
mod lda;
mod left_out;
mod loss;
mod means;
#[cfg(test)]
mod microhead_tests;
mod ncm;
mod network;
mod optimiser;
mod options;
mod projection;
mod recipe;
mod regulariser;
mod ridge;
mod selection;
mod shrinkage;
mod statistic;
mod statistic_state;
#[cfg(test)]
mod testing;
mod trained;
mod trained_state;
mod training;

use std::fmt;

pub use deferred::{Job, Solution};
pub(crate) use discriminant::dot;
pub use error::HeadError;
pub use evidence::{Evidence, ScoreKind};
pub(crate) use formula::{Formula, Layer, Neighbours};
pub use kind::HeadKind;
pub(crate) use left_out::LeftOutEvidence;
pub use selection::{Score, Selection};
pub(crate) use statistic::{Moments, Statistic};

/// The interface of every head: learn one example at a time, and return evidence.
///
/// Classes are `0..counts().len()`, in the order in which they were first
/// learned. When the last example of a class is unlearned, the class is removed and
/// the classes after it move down by one. Every error leaves the head unchanged.
pub(crate) trait Head: fmt::Debug + Send + Sync {
    /// Examples learned of each class, all at least 1.
    fn counts(&self) -> &[u64];

    /// Learns one example. If `class` equals the number of classes, it starts a new class. A
    /// memory head learns the example as if its memory were empty.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::Full`].
    fn learn_one(&mut self, features: &[i16], class: usize) -> Result<(), HeadError>;

    /// Unlearns one example. A memory head unlearns it as if its memory were empty.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::NeverLearned`],
    /// [`HeadError::CannotUnlearn`].
    fn unlearn_one(&mut self, features: &[i16], class: usize) -> Result<(), HeadError>;

    /// Overwrites `evidence` with the evidence for one example.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn evidence_into(&self, features: &[i16], evidence: &mut Evidence) -> Result<(), HeadError>;

    /// Overwrites the squared distances of `evidence`, if they are wanted, and nothing else. For
    /// heads that measure without another answer: `knn`.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn distances_into(&self, _features: &[i16], _: &mut Evidence) -> Result<(), HeadError> {
        Ok(())
    }

    /// Overwrites `left_out` with the evidence for each of `rows`, as if the rows had not
    /// been learned; `weights` is how often each was learned as an example of `class`. If
    /// they are the whole class, the distances to it are infinite. Returns whether the head has
    /// an answer: `lda`, `ncm` and `knn` have, if they know other examples.
    fn left_out_into(
        &self,
        _rows: &[i16],
        _class: usize,
        _weights: &[f64],
        _left_out: &mut LeftOutEvidence,
    ) -> bool {
        false
    }

    /// Overwrites `point` with an example relative to the centre of the classes, and `direction`
    /// with the metric of the head times it, so that the product of the point of one example and
    /// the direction of another is their likeness. The metric of `lda` is the inverse covariance
    /// within classes; other heads have none.
    fn metric_into(&self, x: &[i16], point: &mut Vec<f32>, direction: &mut Vec<f32>) {
        plain_metric(x, point, direction);
    }

    /// Whether [`Self::solve`] has nothing to do.
    fn is_solved(&self) -> bool {
        true
    }

    /// Does the work now that the next [`Self::evidence_into`] would otherwise do first.
    fn solve(&self);

    /// The current function of [`Self::evidence_into`]; `None` before anything was learned. May
    /// have to solve.
    #[cfg_attr(
        not(feature = "tract"),
        allow(dead_code, reason = "for `export` alone")
    )]
    fn formula(&self) -> Option<Formula>;

    /// For a head that consists of several, the head that answers and the reason.
    fn selection(&self) -> Option<&Selection> {
        None
    }

    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    fn save_into(&self, out: &mut Vec<u8>);

    /// Bytes that [`Self::save_into`] appends.
    fn saved_bytes(&self) -> usize;

    /// This head as an exact head, if it is one.
    fn exact(&self) -> Option<&dyn ExactHead> {
        None
    }

    /// As [`Self::exact`], mutable.
    fn exact_mut(&mut self) -> Option<&mut dyn ExactHead> {
        None
    }

    /// The head with deferred solves, if this is one or answers by one.
    fn deferred(&mut self) -> Option<&mut dyn DeferredHead> {
        None
    }

    /// This head as a head that reads a rehearsal memory, if it is one.
    fn memory(&mut self) -> Option<&mut dyn MemoryHead> {
        None
    }
}

/// Measures the distance to the nearest direction of each class in a rehearsal memory, for heads
/// that measure none. One unit of feature `i` is worth `steps[i]`.
pub(crate) fn nearest(steps: &[f32], counts: &[u64], kept: Replay<'_>) -> Box<dyn Head> {
    Box::new(knn::Knn::of_memory(steps, counts, kept))
}

/// See [`Head::metric_into`].
fn plain_metric(x: &[i16], point: &mut Vec<f32>, direction: &mut Vec<f32>) {
    point.clear();
    point.extend(x.iter().map(|&x| f32::from(x)));
    direction.clone_from(point);
}

/// Extra methods of an exact head. Its state is a function of sums, which can be merged and
/// subtracted.
pub(crate) trait ExactHead: Head {
    /// The sums.
    fn statistic(&self) -> &Statistic;

    /// Learns everything that another head of this kind has learned. `classes[i]` is the index
    /// here of the other head's class `i`. Indices beyond the last class here are new classes.
    ///
    /// # Errors
    /// Those of [`Statistic::merge`].
    fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError>;

    /// Unlearns what [`Self::merge`] learned. Empty classes are removed, and the classes after
    /// them move down.
    ///
    /// # Errors
    /// Those of [`Statistic::unmerge`].
    fn unmerge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError>;
}

/// Extra methods of a head whose solves take so long that predictions should not wait for them.
pub(crate) trait DeferredHead: Head {
    /// As [`Head::evidence_into`], but does not wait for a factorisation if an earlier one is
    /// available. Returns how many of the latest examples are included only approximately; 0 means
    /// exact.
    ///
    /// `lda` answers with the exact class means under the covariance of the last solve. `ridge`
    /// answers with the penalty of the last solve and a recursive least-squares update of its
    /// weights. After 256 such examples without [`Self::adopt`], or after a class was removed, the
    /// head solves exactly first.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn evidence_now_into(
        &mut self,
        features: &[i16],
        evidence: &mut Evidence,
    ) -> Result<u64, HeadError>;

    /// The work of [`Head::solve`], for another thread; `None` if none is due.
    fn job(&mut self) -> Option<Job>;

    /// Takes the result of a [`Job`] of this head. An outdated result is used by
    /// [`Self::evidence_now_into`] at most.
    fn adopt(&mut self, solution: Solution);
}

/// Extra methods of a head that reads a rehearsal memory.
pub(crate) trait MemoryHead: Head {
    /// Learns one example together with `replay`: earlier examples, at most as many as
    /// [`HeadKind::replay_rows`] asks for.
    ///
    /// # Errors
    /// As [`Head::learn_one`].
    fn learn_with(
        &mut self,
        features: &[i16],
        class: usize,
        replay: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Unlearns one example. `kept` holds everything that remains in the memory.
    ///
    /// # Errors
    /// As [`Head::unlearn_one`].
    fn unlearn_with(
        &mut self,
        features: &[i16],
        class: usize,
        kept: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Replaces the head's copy of the memory by `kept`, the whole content of the memory. For
    /// heads with [`HeadKind::reads_memory`], it is called after every learned example and after
    /// loading.
    fn set_memory(&mut self, _kept: Replay<'_>) {}
}

/// Earlier examples for replay.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Replay<'a> {
    /// Row-major features, `[classes.len(), width]`.
    pub(crate) features: &'a [i16],
    /// The class of each row.
    pub(crate) classes: &'a [usize],
    /// The group of each row (a speaker, a place), 0 if unknown. Empty if no group is known.
    pub(crate) groups: &'a [u64],
}
