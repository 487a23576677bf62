//! A segment: the windows of one sound, as a value; and what it is made from.

use super::{AnswerFrom, Probabilities};
use crate::signal::{Label, Micros};

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// A taught class.
    Known,
    /// No taught class, or none with enough confidence.
    Unknown,
    /// No event: the class [`background`](Label::BACKGROUND), or too quiet for the gate.
    /// A [`Segmenter`](super::Segmenter) gives none; a single window may be one.
    Background,
}

impl SegmentKind {
    /// The name: `known`, `unknown` or `background`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::Background => "background",
        }
    }
}

/// Options of a [`Segmenter`](super::Segmenter).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmenterOptions {
    /// The margin over the background, as a difference of log scores, that an event reaches at
    /// least once.
    pub enter: f32,
    /// The margin over the background that a window of an event has.
    pub leave: f32,
    /// The p-value below which a segment is unknown.
    pub unknown_below: f32,
    /// The confidence below which a segment is unknown.
    pub min_confidence: f32,
    /// The longest gap between two segments of one class that are given as one.
    pub join: Micros,
    /// The longest segment. What lasts longer is given in several.
    pub longest: Micros,
}

impl Default for SegmenterOptions {
    fn default() -> Self {
        Self {
            enter: 15.0,
            leave: 2.5,
            unknown_below: 0.05,
            min_confidence: 0.5,
            join: Micros(3_000_000),
            longest: Micros(60_000_000),
        }
    }
}

/// One window and its scores, as input of a [`Segmenter`](super::Segmenter).
#[derive(Debug, Clone, Copy)]
pub struct ScoredWindow<'a> {
    /// Stream time at which the window starts.
    pub start: Micros,
    /// Stream time at which it ends.
    pub end: Micros,
    /// The classes, in the order of the scores.
    pub classes: &'a [Label],
    /// The probabilities of the classes.
    pub probabilities: &'a Probabilities,
    /// The squared distance to the mean of each class; empty if the head has none.
    pub squared_distances: &'a [f32],
}

/// One sound: where it begins and ends, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Stream time at which it begins: of its first window, the end of the first quarter. Windows
    /// overlap, and a sound seldom fills its first one.
    pub start: Micros,
    /// Stream time at which it ends: of its last window, the beginning of the last quarter. A
    /// segment of one window that overlaps no other has the times of the window.
    pub end: Micros,
    /// Stream time at which it is clearest: the middle of the window with the largest margin.
    pub peak: Micros,
    /// What it is.
    pub kind: SegmentKind,
    /// The class; `None` unless it is known.
    pub label: Option<Label>,
    /// The classes that the label comes from, if published classes take part.
    pub from: Option<AnswerFrom>,
    /// The probability of the most probable class but the background, in `[0, 1]`; 0 if there is
    /// none. Of joined segments, it and the p-value are those of the clearer one.
    pub confidence: f32,
    /// The p-value that it is of that class, as [`Novelty::p_value`](super::Novelty::p_value) defines it; `None` if the
    /// head has no distances, or too few clips were taught.
    pub p_value: Option<f32>,
}
