//! Afield: a frozen backbone listens, a head learns, nothing is forgotten.
//!
//! The modules below stand in the order in which data flows; ARCHITECTURE.md
//! draws the map and `tests/architecture.rs` keeps it true.
//!
//! | module | what happens there |
//! |---|---|
//! | [`signal`] | the nouns that travel between stages: rates, times, chunks, labels, scores |
//! | [`model`] | which backbones there are; fetched, verified, described by cards |
//! | [`source`] | samples in: audio files, folders, raw PCM, microphones, serial lines; synthetic signals and faults |
//! | [`frontend`] | samples at any rate become log-mel frames |
//! | [`backbone`] | frames become embeddings, through the frozen graph |
//! | [`head`] | what learns: class means, discriminants, softmax |
//! | [`rehearsal`] | a bounded memory of past examples |
//! | [`learner`] | embeddings become examples, examples knowledge: contract, head and rehearsal joined |
//! | [`decision`] | probabilities become decisions |
//! | [`pipeline`] | samples become events: front end, backbone, learner and decision joined |
//! | [`store`] | what was taught, on disk |
//! | [`bundle`] | a learner in one signed file, to go from one machine to another |
//! | [`export`] | a learner as one ONNX graph, for programs that have no Afield |
//! | [`engine`] | a learner at work: what it hears, what it is taught, what it keeps |
//!
//! In fifteen lines, on embeddings that could come from anywhere:
//!
//! ```
//! use afield::learner::{Contract, Learner, Pool, Settings, Transform};
//! use afield::signal::Label;
//!
//! // Two numbers a window, up to 8 in magnitude; a clip is the mean of its windows.
//! let contract =
//!     Contract::for_backbone("toy", "00ff", "none", 2, 8.0, Pool::Mean, Transform::None)?;
//! let mut learner = Learner::new(contract, Settings::default())?;
//! let (kettle, rain) = (Label::new("kettle")?, Label::new("rain")?);
//! for clip in [[3.0, 0.1], [2.9, -0.2], [3.2, 0.0]] {
//!     learner.learn_one(&learner.encode(&clip)?, &kettle)?;
//! }
//! // One example of a new class is enough, and moves no other class.
//! learner.learn_one(&learner.encode(&[-1.0, 2.0])?, &rain)?;
//! let scores = learner.predict_one(&learner.encode(&[-0.8, 1.9])?)?;
//! let (class, _) = scores.best().unwrap();
//! assert_eq!(learner.classes()[class], rain);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod signal;

pub mod model;

pub mod source;

pub mod frontend;

pub mod backbone;

pub mod head;

pub mod rehearsal;

pub mod learner;

pub mod decision;

pub mod pipeline;

pub mod store;

pub mod bundle;

#[cfg(feature = "tract")]
pub mod export;

pub mod engine;

pub use engine::{Engine, Error, Event, Prediction, Recording};
pub use source::SourceSpec;

/// What the front door returns.
pub type Result<T> = std::result::Result<T, Error>;
