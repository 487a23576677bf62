//! What learns: from fixed-point features and a class index to [`Evidence`].
//!
//! `ncm`, `lda` and `ridge` keep one exact `Statistic` and derive everything from it: the
//! order of teaching, a crash or a merge changes no bit, and a new class moves no old one.
//! `linear` and `mlp` are trained by gradient descent on each example and on rehearsal rows;
//! `knn` searches these rows; `auto` runs five heads and answers with the best. The baseline
//! `finetune` trains without rehearsal; `ewc`, `lwf` and `l2sp` add regularisation alone.
//!
//! Heads know no labels and no pooling, and make no probabilities: see `decision`.

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
pub use error::HeadError;
pub use evidence::{Evidence, ScoreKind};
pub(crate) use formula::{Formula, Layer, Neighbours};
pub use kind::HeadKind;
pub use lda::{LdaOptions, Priors};
pub use ncm::Distance;
pub use selection::{Score, Selection};
pub use shrinkage::Shrinkage;
pub(crate) use statistic::{Moments, Statistic};
pub use training::{Loss, Optimiser, Training};

/// What every head does: learn one example at a time, and give evidence.
///
/// Classes are `0..counts().len()`, in the order in which they were first
/// learned. When the last example of a class is unlearned, the class is removed and
/// the classes after it move down by one. Every error leaves the head unchanged.
pub(crate) trait Head: fmt::Debug + Send + Sync {
    /// Examples learned of each class, all at least 1.
    fn counts(&self) -> &[u64];

    /// Learns one example. `class` equal to the number of classes starts a new one.
    /// A memory head learns it as though its memory were empty.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::Full`].
    fn learn_one(&mut self, features: &[i16], class: usize) -> Result<(), HeadError>;

    /// Unlearns one example. A memory head unlearns it as though its memory were empty.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::NeverLearned`],
    /// [`HeadError::CannotUnlearn`].
    fn unlearn_one(&mut self, features: &[i16], class: usize) -> Result<(), HeadError>;

    /// Overwrites `evidence` with what is known about one example.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn evidence_into(&self, features: &[i16], evidence: &mut Evidence) -> Result<(), HeadError>;

    /// Does now the work that the next [`Self::evidence_into`] would otherwise start with.
    fn solve(&self);

    /// What [`Self::evidence_into`] computes at this moment; `None` before anything was
    /// learned. May have to solve.
    #[cfg_attr(
        not(feature = "tract"),
        allow(dead_code, reason = "for `export` alone")
    )]
    fn formula(&self) -> Option<Formula>;

    /// Which head answers and why, for a head that is several.
    fn selection(&self) -> Option<&Selection> {
        None
    }

    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    fn save_into(&self, out: &mut Vec<u8>);

    /// Bytes that [`Self::save_into`] appends.
    fn saved_bytes(&self) -> usize;

    /// The same head as an exact one, if it is.
    fn exact(&self) -> Option<&dyn ExactHead> {
        None
    }

    /// As [`Self::exact`], to be changed.
    fn exact_mut(&mut self) -> Option<&mut dyn ExactHead> {
        None
    }

    /// The head whose solves can wait, if it is such a head or answers by one.
    fn deferred(&mut self) -> Option<&mut dyn DeferredHead> {
        None
    }

    /// The same head as one that reads a rehearsal memory, if it does.
    fn memory(&mut self) -> Option<&mut dyn MemoryHead> {
        None
    }
}

/// What an exact head adds: it is a function of sums, which can be merged and subtracted.
pub(crate) trait ExactHead: Head {
    /// The sums.
    fn statistic(&self) -> &Statistic;

    /// Learns all that another head of this kind has learned. `classes[i]` is
    /// what its class `i` is called here; those beyond the last are new.
    ///
    /// # Errors
    /// Those of [`Statistic::merge`].
    fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError>;

    /// Unlearns what [`Self::merge`] learned. Classes left empty are removed, and
    /// those after them move down.
    ///
    /// # Errors
    /// Those of [`Statistic::unmerge`].
    fn unmerge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError>;
}

/// What a head adds whose solves take so long that answers should not wait for them.
pub(crate) trait DeferredHead: Head {
    /// As [`Head::evidence_into`], without waiting for a factorisation as long as
    /// an earlier one is available. Returns how many of the latest examples are
    /// included only approximately; 0 means exact.
    ///
    /// `lda` answers with the exact class means under the covariance of the last
    /// solve, `ridge` with the penalty of the last solve and the recursive
    /// least-squares update of its weights. After 256 such examples without
    /// [`Self::adopt`], or after a class was removed, it solves exactly first.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn evidence_now_into(
        &mut self,
        features: &[i16],
        evidence: &mut Evidence,
    ) -> Result<u64, HeadError>;

    /// The work of [`Head::solve`], to be done elsewhere; `None` if none is due.
    fn job(&mut self) -> Option<Job>;

    /// Takes the result of a [`Job`] of this head. One that is out of date is used by
    /// [`Self::evidence_now_into`] at most.
    fn adopt(&mut self, solution: Solution);
}

/// What a head adds that reads a rehearsal memory.
pub(crate) trait MemoryHead: Head {
    /// Learns one example together with `replay`: as many earlier examples as
    /// [`HeadKind::replay_rows`] asks for, or fewer.
    ///
    /// # Errors
    /// As [`Head::learn_one`].
    fn learn_with(
        &mut self,
        features: &[i16],
        class: usize,
        replay: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Unlearns one example. `kept` holds everything that is still in the memory.
    ///
    /// # Errors
    /// As [`Head::unlearn_one`].
    fn unlearn_with(
        &mut self,
        features: &[i16],
        class: usize,
        kept: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Replaces the head's copy of the memory by `kept`, everything that is in it. Called
    /// after every example learned and after loading, for heads that
    /// [`HeadKind::reads_memory`] names.
    fn set_memory(&mut self, _kept: Replay<'_>) {}
}

/// Earlier examples, shown again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Replay<'a> {
    /// Row-major features, `[classes.len(), width]`.
    pub(crate) features: &'a [i16],
    /// The class of each row.
    pub(crate) classes: &'a [usize],
    /// Where each row comes from (a speaker, a place), 0 if unknown; empty if nothing is
    /// known of any row.
    pub(crate) groups: &'a [u64],
}
