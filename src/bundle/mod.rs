//! A learner in one signed file, to go from one machine to another.
//!
//! A bundle holds what a learner is (card, contract, settings) and what it knows: the
//! clips it was taught, as integers, or the state alone. It holds no sound, no weights
//! and nothing that could be executed. [`seal`] signs one; [`Sealed::read`] looks at the
//! outside of one, and [`Sealed::open`] at the inside, once the signature of a trusted
//! key has held. [`Imports`] remembers the latest revision that came of each learner,
//! so that an old bundle cannot be passed off as news.
//!
//! docs/BUNDLES.md gives the layout byte by byte. What contents mean to a learner is
//! `control`'s business.

mod contents;
mod error;
mod file;
mod imports;
mod key;
mod key_folder;

pub use contents::{Clip, Contents, Part};
pub use error::BundleError;
pub use file::{MAX_BYTES, Sealed, read, seal};
pub use imports::Imports;
pub use key::{PublicKey, SecretKey};
pub use key_folder::KeyFolder;
