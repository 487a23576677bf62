//! What learns: from fixed-point features and a class index to probabilities.
//!
//! `ncm`, `lda` and `ridge` keep one exact [`Statistic`] and derive everything from it,
//! so no order of teaching, no crash and no merge can change a bit of them, and
//! a new class never moves an old one. `linear` and `mlp` are trained by gradient
//! descent and shown rehearsal rows with every example; `knn` looks its answer up
//! among these rows; `auto` lets five of them learn and the best answer. `finetune` shows what happens without, and `ewc`, `lwf` and
//! `l2sp` how far regularisation alone mends it.
//!
//! Heads know nothing of labels, of pooling, or of where replayed rows come
//! from; the learner hands these in.

mod auto;
mod centring;
mod closed_form;
mod covariance;
mod deferred;
mod discriminant;
mod error;
mod factor;
mod kind;
mod knn;
mod lda;
mod loss;
mod means;
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
mod trained;
mod trained_state;
mod training;

use std::fmt;

pub use auto::Auto;
pub use deferred::{Job, Solution};
pub use error::HeadError;
pub use kind::HeadKind;
pub use knn::Knn;
pub use lda::{Lda, LdaOptions, Priors};
pub use ncm::{Distance, Ncm};
pub use ridge::Ridge;
pub use selection::{Score, Selection};
pub use shrinkage::Shrinkage;
pub use statistic::{Moments, Statistic};
pub use trained::Trained;
pub use training::{Loss, Optimiser, Training};

/// Something that learns one example at a time.
///
/// Classes are `0..counts().len()`, in the order in which they were first
/// learned. A class whose last example is unlearned is gone, and those after it
/// move down by one. Every error leaves the head as it was.
pub trait Head: fmt::Debug + Send + Sync {
    /// Examples learned of each class, all at least 1.
    fn counts(&self) -> &[u64];

    /// Learns one example. `class` equal to the number of classes starts a new
    /// one. `replay` holds earlier examples that this head asked for with
    /// [`HeadKind::replay_rows`]; it may be empty.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::Full`].
    fn learn_one(
        &mut self,
        features: &[i16],
        class: usize,
        replay: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Takes one example back. `kept` holds everything that the rehearsal memory
    /// still has, for heads that asked for replay.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::NeverLearned`],
    /// [`HeadError::CannotUnlearn`].
    fn unlearn_one(
        &mut self,
        features: &[i16],
        class: usize,
        kept: Replay<'_>,
    ) -> Result<(), HeadError>;

    /// Is handed all that the rehearsal memory holds, after every example learned
    /// and after loading (unlearning hands it over by itself); only heads that
    /// [`HeadKind::recalls`] names care.
    fn recall(&mut self, _kept: Replay<'_>) {}

    /// Overwrites `probabilities` with one per class: none when there is no
    /// class, else in `[0, 1]` and summing to 1.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn predict_into(&self, features: &[i16], probabilities: &mut Vec<f32>)
    -> Result<(), HeadError>;

    /// As [`Self::predict_into`], without waiting for a factorisation as long as
    /// an earlier one is at hand: returns how many of the latest examples are
    /// taken in only approximately. 0 means exact.
    ///
    /// `lda` answers with the exact class means under the covariance of the last
    /// solve, `ridge` with the penalty of the last solve and the recursive
    /// least-squares update of its weights. After 256 such examples without
    /// [`Self::adopt`], or after a class went, it solves exactly first.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn predict_now(
        &mut self,
        features: &[i16],
        probabilities: &mut Vec<f32>,
    ) -> Result<u64, HeadError> {
        self.predict_into(features, probabilities)?;
        Ok(0)
    }

    /// Does now the work that the next prediction would otherwise start with.
    fn solve(&self);

    /// The same work, to be done elsewhere; `None` where none is due.
    fn job(&mut self) -> Option<Job> {
        None
    }

    /// Takes what a [`Job`] of this head came to. One that is out of date serves
    /// [`Self::predict_now`] at most.
    fn adopt(&mut self, solution: Solution) {
        let _ = solution;
    }

    /// Which head answers, of a head that is several.
    fn selection(&self) -> Option<&Selection> {
        None
    }

    /// The sums that an exact head is a function of.
    fn statistic(&self) -> Option<&Statistic> {
        None
    }

    /// Learns all that another head of this kind has learned. `classes[i]` is
    /// what its class `i` is called here; those beyond the last are new.
    ///
    /// # Errors
    /// [`HeadError::CannotMerge`] for a head that is not exact, and those of
    /// [`Statistic::merge`].
    fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        let _ = (other, classes);
        Err(HeadError::CannotMerge)
    }

    /// Takes back what [`Self::merge`] learned. Classes left empty are gone, and
    /// those after them move down.
    ///
    /// # Errors
    /// [`HeadError::CannotMerge`] for a head that is not exact, and those of
    /// [`Statistic::unmerge`].
    fn unmerge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        let _ = (other, classes);
        Err(HeadError::CannotMerge)
    }

    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    fn save_into(&self, out: &mut Vec<u8>);

    /// Bytes that [`Self::save_into`] appends.
    fn saved_bytes(&self) -> usize;
}

/// Earlier examples, shown again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replay<'a> {
    /// Row-major features, `[classes.len(), width]`.
    pub features: &'a [i16],
    /// The class of each row.
    pub classes: &'a [usize],
    /// Where each row comes from (a speaker, a place), 0 where unknown; empty
    /// where nothing is known of any.
    pub groups: &'a [u64],
}
