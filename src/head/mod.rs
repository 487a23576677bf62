//! What learns: from fixed-point features and a class index to probabilities.
//!
//! `ncm` and `lda` keep one exact [`Statistic`] and derive everything from it,
//! so no order of teaching, no crash and no merge can change a bit of them, and
//! a new class never moves an old one. `linear` and `finetune` are trained by
//! gradient descent; the first is shown rehearsal rows with every example, the
//! second shows what happens without.
//!
//! Heads know nothing of labels, of pooling, or of where replayed rows come
//! from; the learner hands these in.

mod centring;
mod discriminant;
mod error;
mod kind;
mod lda;
mod linear;
mod means;
mod ncm;
mod shrinkage;
mod statistic;
mod statistic_state;

use std::fmt;

pub use error::HeadError;
pub use kind::HeadKind;
pub use lda::Lda;
pub use linear::Linear;
pub use ncm::Ncm;
pub use statistic::{Moments, Statistic};

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

    /// Overwrites `probabilities` with one per class: none when there is no
    /// class, else in `[0, 1]` and summing to 1.
    ///
    /// # Errors
    /// [`HeadError::Width`].
    fn predict_into(&self, features: &[i16], probabilities: &mut Vec<f32>)
    -> Result<(), HeadError>;

    /// Does now the work that the next prediction would otherwise start with.
    fn solve(&self);

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
}
