//! The report of days in the field.

use afield::signal::Label;
use serde::Serialize;

use super::day::Day;
use super::discovery::Discovery;
use super::event::{FoundEvent, TrueEvent};
use super::score::{Score, Spread};
use super::variant::Variant;

/// Days, and what each variant found in them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldReport {
    /// `field`.
    pub protocol: &'static str,
    /// The backbone.
    pub backbone: String,
    /// The head.
    pub head: String,
    /// The length of each day.
    pub minutes: u32,
    /// The groups whose clips make the days.
    pub test_groups: Vec<String>,
    /// The days, one a seed. Those of a second day are not among them.
    pub days: Vec<DayReport>,
    /// The variants, each on every day.
    pub variants: Vec<VariantReport>,
    /// Groups of unknown sounds, of the days before [`Variant::Answered`]; `None` without that
    /// variant.
    pub discovery: Option<Discovery<Option<Spread>>>,
    /// Changes of the place, of [`Variant::Moved`]; `None` without that variant.
    pub drift: Option<DriftReport>,
}

/// Changes of the place that were told, in streams that go from one place to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DriftReport {
    /// The streams.
    pub streams: usize,
    /// Hours before the change, in all of them.
    pub hours_before: f64,
    /// Changes that were told before it: false alarms.
    pub before: usize,
    /// Streams in which the change was told.
    pub told: usize,
    /// Minutes from the change to that.
    pub delay_minutes: Option<Spread>,
    /// Changes that were told after that, of the same change.
    pub again: usize,
}

impl FieldReport {
    /// The last variant that heard [`Self::days`] themselves.
    pub fn pictured(&self) -> Option<&VariantReport> {
        let same_day = |report: &&VariantReport| report.variant.is_same_day();
        self.variants.iter().rfind(same_day)
    }
}

/// A day without its samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayReport {
    /// The seed.
    pub seed: u64,
    /// The class of the place.
    pub soundscape: Label,
    /// The classes that were taught.
    pub known: Vec<Label>,
    /// The classes that were not.
    pub unknown: Vec<Label>,
    /// The events, in order of time.
    pub events: Vec<TrueEvent>,
}

/// A variant on all days.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantReport {
    /// The variant.
    pub variant: Variant,
    /// How it is taught and how it listens.
    pub about: &'static str,
    /// The scores over all days.
    pub summary: Score<Option<Spread>>,
    /// The scores of each day, in the order of [`FieldReport::days`].
    pub scores: Vec<Score>,
    /// The events found in each day.
    pub found: Vec<Vec<FoundEvent>>,
}

impl From<Day> for DayReport {
    fn from(day: Day) -> Self {
        Self {
            seed: day.seed,
            soundscape: day.soundscape,
            known: day.known,
            unknown: day.unknown,
            events: day.events,
        }
    }
}

impl VariantReport {
    pub(crate) fn new(variant: Variant) -> Self {
        Self {
            variant,
            about: variant.about(),
            summary: Score::spread(&[]),
            scores: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Adds what was found in a day of this many hours.
    pub(crate) fn add(&mut self, day: &Day, found: Vec<FoundEvent>, hours: f64) {
        self.scores.push(Score::of(&day.events, &found, hours));
        self.found.push(found);
        self.summary = Score::spread(&self.scores);
    }
}
