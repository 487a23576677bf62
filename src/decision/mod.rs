//! Turns evidence into decisions. A stage has state and is stepped once a window.
//!
//! A [`Threshold`] decides on one window: it returns the most probable class, if it is probable
//! enough. A [`Segmenter`] joins windows to segments, one for each sound, and judges a segment as
//! a whole, also by its [`Novelty`]. [`Drift`] finds when a place begins to sound different. This
//! module does no I/O and reads no clock: each window carries its time.

mod answer;
mod answer_runs;
mod auroc;
mod drift;
mod false_alarms;
mod novelty;
mod probabilities;
mod reliability;
mod segment;
mod segmenter;
mod tail;
mod tally;
mod taught_sounds;
mod temperature;
mod threshold;

use std::fmt;

use crate::head::Evidence;
use crate::signal::{Label, Micros};

pub use answer::{Answer, AnswerFrom, AnswerRule, Findings};
pub(crate) use answer_runs::{AnswerRuns, AnsweredWindow};
pub use auroc::auroc;
pub use drift::{Drift, PlaceChange};
pub use false_alarms::FalseAlarms;
pub use novelty::{LeftOutClip, Novelty};
pub use probabilities::Probabilities;
pub use reliability::{Reliability, ReliabilityBin};
pub use segment::{ScoredWindow, Segment, SegmentKind, SegmenterOptions};
pub use segmenter::Segmenter;
pub use tail::Tail;
pub(crate) use taught_sounds::TaughtSounds;
pub use temperature::Temperature;
pub use threshold::Threshold;

/// The decision about one window of a signal.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// One of the taught classes.
    Known {
        /// The class.
        label: Label,
        /// Its probability, in `[0, 1]`.
        confidence: f32,
    },
    /// No class has been taught, or none is probable enough.
    Abstain,
    /// The window contained only background, so the learner was not called.
    Quiet,
}

/// One window of a signal, as input of a stage.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct WindowEvidence<'a> {
    /// Stream time at which the window starts.
    pub start: Micros,
    /// Stream time at which the window ends.
    pub end: Micros,
    /// The classes, in the order of the evidence.
    pub classes: &'a [Label],
    /// The head's evidence for the window.
    pub evidence: &'a Evidence,
}

impl<'a> WindowEvidence<'a> {
    /// The window from `start` to `end`.
    pub fn new(start: Micros, end: Micros, classes: &'a [Label], evidence: &'a Evidence) -> Self {
        Self {
            start,
            end,
            classes,
            evidence,
        }
    }
}

/// A stage that decides on one window after another.
///
/// A stage may remember earlier windows. Once its buffers have grown, a step allocates
/// nothing.
pub trait Decide: fmt::Debug + Send {
    /// Decides on the next window. Overwrites `probabilities` with those behind the decision, in
    /// the order of the window's classes.
    fn step(&mut self, window: &WindowEvidence<'_>, probabilities: &mut Probabilities) -> Decision;

    /// Forgets earlier windows. Called when the next window follows a gap or starts a stream.
    fn reset(&mut self);
}
