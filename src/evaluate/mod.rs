//! Streams, continual-learning metrics, the joint upper bound, and reports.
//!
//! A [`Dataset`] of embedded clips, split by group wherever groups are known,
//! is taught to one head after another in the order of a [`Protocol`]; a
//! [`Report`] says how well each did, what it forgot and what it cost, always
//! beside what a [`Joint`] offline fit makes of the same embeddings.
//!
//! This room computes no embeddings: it takes them from an npz archive, or from
//! whoever embedded the clips of a [`ClipList`] (an [`EmbeddingCache`] saves
//! doing that twice).

mod cache;
mod calibration;
mod chart;
mod clip_list;
mod course;
mod dataset;
mod error;
mod html;
mod lbfgs;
mod logistic;
mod machine;
mod manifest;
mod metrics;
mod names;
mod npy;
mod npz;
mod npz_writer;
mod report;
mod run;
mod split;
mod stream;
mod table;
mod upper_bound;

pub use cache::{CacheKey, EmbeddingCache};
pub use calibration::contract_for;
pub use clip_list::{Clip, ClipList};
pub use course::Standing;
pub use dataset::{Clips, Dataset};
pub use error::{ArrayFault, EvaluateError};
pub use html::{Provenance, html};
pub use logistic::Scaling;
pub use machine::{Machine, peak_rss_bytes};
pub use manifest::{decode_manifest, read_manifest};
pub use metrics::{Continual, Percentiles, Stage, Tally};
pub use names::Names;
pub use npz::{decode_npz, read_npz};
pub use npz_writer::write_npz;
pub use report::{HeadReport, Report, UpperBoundFit};
pub use run::{Evaluation, Progress};
pub use split::TestSide;
pub use stream::{Protocol, Task, tasks};
pub use table::table;
pub use upper_bound::{GRID, Joint, UpperBound};
