//! Bundles: a learner in one signed file, for another machine.
//!
//! A bundle holds a learner's card, contract and settings, and either its clips as features or
//! its state alone. It holds no audio, no weights and nothing executable. [`Contents::seal`] signs a
//! bundle. [`Sealed::read`] parses its envelope. [`Sealed::open`] returns its contents if a
//! trusted key signed them. [`Imports`] records the latest revision of each learner, so that an
//! old bundle cannot replace a newer one.
//!
//! docs/BUNDLES.md gives the layout byte by byte. `engine` makes learners from the contents.

mod contents;
mod error;
mod file;
mod imports;
mod key;
mod key_error;
mod key_folder;

pub use contents::Contents;
pub use error::BundleError;
pub use file::{Sealed, read};
pub use imports::Imports;
pub use key::{PublicKey, SecretKey};
pub use key_error::KeyError;
pub use key_folder::KeyFolder;
