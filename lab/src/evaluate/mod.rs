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

mod bursty;
mod cache;
mod calibration;
mod chart;
mod choice;
mod clip_list;
mod clips;
mod course;
mod cross_validation;
mod dataset;
mod drift;
mod encoding;
mod error;
mod estimate;
mod fits;
mod folds;
mod group_pattern;
mod html;
mod imbalance;
mod joint_fit;
mod label_noise;
mod lbfgs;
mod logistic;
mod machine;
mod manifest;
mod metrics;
mod names;
mod npy;
mod npz;
mod npz_writer;
mod page;
mod protocol;
mod report;
mod rows;
mod run;
mod saved_stream;
mod series;
mod split;
mod stream;
mod style;
mod table;
mod upper_bound;

pub use cache::{CacheKey, EmbeddingCache};
pub use calibration::{contract_for, standardised};
pub use choice::HeadChoice;
pub use clip_list::{Clip, ClipList};
pub use clips::Clips;
pub use course::Standing;
pub use dataset::Dataset;
pub use drift::Drift;
pub use encoding::Contracts;
pub use error::{ArrayFault, EvaluateError};
pub use estimate::Estimate;
pub use fits::Fits;
pub use group_pattern::GroupPattern;
pub use html::{Provenance, html, series_html};
pub use imbalance::Imbalance;
pub use label_noise::LabelNoise;
pub use logistic::Scaling;
pub use machine::{Machine, peak_rss_bytes};
pub use manifest::{decode_manifest, read_manifest};
pub use metrics::{Continual, DriftAccuracy, Percentiles, Stage, Tally};
pub use names::Names;
pub use npz::{decode_npz, read_npz};
pub use npz_writer::write_npz;
pub use protocol::Protocol;
pub use report::{DriftReport, HeadReport, Report, Tried, TriedTransform, UpperBoundFit};
pub use run::{Evaluation, Progress};
pub use saved_stream::SavedStream;
pub use series::{DriftSummary, HeadSummary, Series, Summary};
pub use split::TestSide;
pub use stream::{Order, Stream, Task};
pub use table::{series_table, table};
pub use upper_bound::{GRID, Joint, Penalty, UpperBound};
