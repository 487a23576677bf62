//! Data sets: lists of clips, their embeddings, and which clips are held out for testing.
//!
//! Embeddings come from an npz archive, or [`embed_clips`] computes them with a backbone from the
//! files of a [`ClipList`]. A [`Dataset`] is a set of embedded clips with a training and a test
//! side. Clips of one group (speaker, subject, site, recording) stay on one side if groups are
//! known.
//!
//! This room learns nothing and scores nothing.

mod clip_list;
mod clips;
mod dataset;
mod embedding;
mod embedding_cache;
mod error;
mod failed;
mod group_pattern;
mod manifest;
mod names;
mod npy;
mod npz;
mod npz_writer;
mod split;
mod splits;

pub use clip_list::{ClipList, ListedClip};
pub use clips::Clips;
pub use dataset::Dataset;
pub use embedding::{EmbeddedList, FoundClips, embed_clips, list_folder};
pub use error::{
    ArrayFault, ArrayType, DataError, ManifestFault, NpzFault, PatternFault, SplitFault,
};
pub use failed::{EmbedError, FailedRecording};
pub use group_pattern::GroupPattern;
pub use manifest::{decode_manifest, read_manifest};
pub use names::Names;
pub use npz::{decode_npz, read_npy, read_npz};
pub use npz_writer::{NpyWriter, write_npz};
pub use split::TestSide;
pub use splits::splits;
