//! Evaluation: teaches one stream to several heads side by side, tests them after every task, and
//! reports them next to the joint offline fit.
//!
//! An [`Evaluation`] is one run over one [`Dataset`](crate::data::Dataset) and gives a [`Report`].
//! A [`SeriesPlan`] repeats it over several seeds or held-out groups. Its reports make a
//! [`Series`]. This room formats nothing.

mod calibration;
mod contracts;
mod course;
mod cross_validation;
mod embedded_clips;
mod encoded;
mod error;
mod estimate;
mod evaluation;
mod fits;
mod head_choice;
mod joint_fit;
mod judged;
mod machine;
mod metrics;
mod progress;
mod report;
mod rows;
mod run;
mod series;
mod series_plan;

pub use calibration::contract_for;
pub use contracts::Contracts;
pub use embedded_clips::{EmbeddedClips, TransformChoice};
pub use error::EvaluateError;
pub use estimate::Estimate;
pub(crate) use estimate::mean_and_variance;
pub use evaluation::Evaluation;
pub use fits::Fits;
pub use head_choice::HeadChoice;
pub use machine::{Machine, peak_rss_bytes};
pub use metrics::{Continual, DriftAccuracy, Percentiles};
pub use progress::{EvaluationProgress, TaskAccuracy};
pub use report::{DriftReport, HeadReport, Report, Tried, TriedTransform, UpperBoundFit};
pub use series::{DriftSummary, HeadSummary, Series, SeriesSummary};
pub use series_plan::SeriesPlan;
