//! Events as they were composed, and events as a learner found them.

use afield::signal::Label;
use serde::Serialize;

/// An event of a day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrueEvent {
    /// Seconds from the beginning of the day.
    pub start: f64,
    /// See [`Self::start`].
    pub end: f64,
    /// Its class.
    pub label: Label,
    /// Whether the class was taught.
    pub known: bool,
    /// Its level over the soundscape.
    pub decibels: f64,
}

/// An event that a learner found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundEvent {
    /// Seconds from the beginning of the day.
    pub start: f64,
    /// See [`Self::start`].
    pub end: f64,
    /// Its class; `None` if it was reported as unknown.
    pub label: Option<Label>,
}

/// The seconds that two intervals share.
pub(crate) fn shared(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.1.min(b.1) - a.0.max(b.0)).max(0.0)
}

impl TrueEvent {
    /// Its beginning and its end.
    pub(crate) fn span(&self) -> (f64, f64) {
        (self.start, self.end)
    }
}

impl FoundEvent {
    /// Its beginning and its end.
    pub(crate) fn span(&self) -> (f64, f64) {
        (self.start, self.end)
    }
}
