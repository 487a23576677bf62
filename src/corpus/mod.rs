//! Which data sets of recordings can be had, from where, and whether what came
//! is what its card says.
//!
//! A data set is fetched by the user's own package manager, as a package that
//! every Debian release carries, and its clips are verified by content, so that
//! the check holds whatever release they come from. Nothing is installed, and
//! nothing here opens a network connection.

mod apt;
mod card;
mod error;
mod fetch;

pub use card::{CorpusCard, built_in, find};
pub use error::CorpusError;
pub use fetch::{Corpus, fetch, place_of};
