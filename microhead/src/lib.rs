//! Nearest class mean and linear discriminant analysis in fixed memory.
//!
//! This crate does what `afield::head` does, for numbers of features and classes that are known at
//! compile time: no std, no allocation, no unsafe code. The integers of a [`Statistic`] are the
//! same to the bit as the host's for the same examples. Each side loads what the other saved. The
//! scores of [`Ncm`] equal the host's to the bit. [`Lda`] solves without the host's SIMD library,
//! so its rounding differs; its bits are the same on every processor.
//!
//! The host's heads use [`arithmetic`], too.
//!
//! ```
//! use microhead::{Lda, Statistic, triangle};
//!
//! const FEATURES: usize = 2;
//! const CLASSES: usize = 3;
//! let mut statistic = Statistic::<FEATURES, CLASSES, { triangle(FEATURES) }>::new();
//! for example in [[300, 10], [290, -20], [320, 0]] {
//!     statistic.add(&example, 0)?;
//! }
//! // One example of a new class is enough, and moves no other class.
//! statistic.add(&[-100, 200], 1)?;
//! let lda = Lda::solve(&statistic, &[0.01; FEATURES]);
//! let scores = lda.scores(&[-80, 190]);
//! assert!(scores[1] > scores[0]);
//! # Ok::<(), microhead::Refusal>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod arithmetic;
mod discriminant;
mod lda;
mod means;
mod ncm;
mod saved;
mod statistic;

pub use lda::Lda;
pub use ncm::Ncm;
pub use saved::SavedBytes;
pub use statistic::{Refusal, Statistic, triangle};
