//! The scores of a day, and their spread over several days.

use serde::Serialize;

use super::collar::{Collar, collar_counts};
use super::counts::Counts;
use super::event::{FoundEvent, TrueEvent, shared};
use super::intersection::intersection_counts;
use super::judgement::{Judgement, Verdict};
use crate::evaluate::mean_and_variance;

/// The collar of the onset, and of the offset.
pub(crate) const COLLAR_SECONDS: f64 = 1.0;
/// The criterion of the intersection-based score.
pub(crate) const CRITERION: f64 = 0.5;
/// Levels over the soundscape from one to the next.
pub(crate) const LEVELS_DB: [(f64, f64); 3] = [(5.0, 10.0), (10.0, 15.0), (15.0, 20.0)];

/// False alarms an hour, by what they are of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FalseAlarms<T> {
    /// All of them.
    pub all: T,
    /// On the background alone.
    pub background: T,
    /// On sounds of classes that were never taught.
    pub unknown: T,
    /// On events of another taught class.
    pub other: T,
    /// On events of the class that were found already.
    pub repeated: T,
}

/// The scores of one day, or their spread over several. Shares are in `[0, 1]`; `None` if there was
/// nothing to count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score<T = Option<f64>> {
    /// F1 of the events by overlap; see [`Judgement`].
    pub event_f1: T,
    /// The share of the events of taught classes that were found.
    pub recall: T,
    /// The share of the found events with a label that are right.
    pub precision: T,
    /// Found events that are not right, an hour.
    pub false_alarms_per_hour: FalseAlarms<T>,
    /// Recall of events at 5 to 10, 10 to 15 and 15 to 20 dB over the soundscape.
    pub recall_by_level: [T; 3],
    /// The share of the events of never taught classes that overlap an unknown found event.
    pub unknown_reported: T,
    /// The share of the events of never taught classes that overlap no false alarm.
    pub unknown_not_mistaken: T,
    /// The share of the events of taught classes that were not found, but reported as unknown.
    pub known_as_unknown: T,
    /// F1 with a collar of 1 s on the onset; see [`collar_counts`].
    pub onset_f1: T,
    /// F1 with a collar of 1 s on the onset, and 1 s or half the length on the offset.
    pub onset_offset_f1: T,
    /// Intersection-based scores with a criterion of 0.5; see [`intersection_counts`].
    pub intersection_f1: T,
    /// See [`Self::intersection_f1`].
    pub intersection_recall: T,
    /// See [`Self::intersection_f1`].
    pub intersection_precision: T,
}

/// A mean over days, with its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the sample; `None` for a single day.
    pub deviation: Option<f64>,
}

impl Spread {
    /// The spread of some numbers. `None` without numbers.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (mean, variance) = mean_and_variance(values)?;
        let deviation = variance.map(f64::sqrt);
        Some(Self { mean, deviation })
    }
}

impl Score {
    /// Scores the events found in a day of this many hours.
    pub fn of(truth: &[TrueEvent], found: &[FoundEvent], hours: f64) -> Self {
        let judged = Judgement::of(truth, found);
        let alarms = |kinds: &[Verdict]| {
            let of = judged
                .verdicts
                .iter()
                .filter(|verdict| kinds.contains(verdict));
            Some(of.count() as f64 / hours)
        };
        let share = |of: &dyn Fn(&TrueEvent) -> bool, is: &dyn Fn(usize) -> bool| {
            let chosen: Vec<usize> = (0..truth.len()).filter(|&at| of(&truth[at])).collect();
            let hits = chosen.iter().filter(|&&at| is(at)).count();
            (!chosen.is_empty()).then(|| hits as f64 / chosen.len() as f64)
        };
        let is_found = |at: usize| judged.matched[at].is_some();
        let overlaps = |at: usize, is: &dyn Fn(Verdict) -> bool| {
            let is = |&at: &usize| is(judged.verdicts[at]);
            (0..found.len())
                .filter(is)
                .any(|other| shared(truth[at].span(), found[other].span()) > 0.0)
        };
        let as_unknown = |at: usize| overlaps(at, &|verdict| verdict == Verdict::Unknown);
        let mistaken = |at: usize| {
            overlaps(at, &|verdict| {
                !matches!(verdict, Verdict::Right | Verdict::Unknown)
            })
        };
        let counts = Counts {
            right: judged.matched.iter().flatten().count(),
            found: found.iter().filter(|event| event.label.is_some()).count(),
            truth: truth.iter().filter(|event| event.known).count(),
        };
        let collar = |offset| {
            let seconds = COLLAR_SECONDS;
            Some(collar_counts(truth, found, Collar { seconds, offset }).f1())
        };
        let by_class = intersection_counts(truth, found, CRITERION);
        let intersection: Counts = by_class.into_values().sum();
        use Verdict::{OnBackground, OnOther, OnUnknown, Repeated};
        Self {
            event_f1: Some(counts.f1()),
            recall: Some(counts.recall()),
            precision: (counts.found > 0).then(|| counts.precision()),
            false_alarms_per_hour: FalseAlarms {
                all: alarms(&[OnBackground, OnUnknown, OnOther, Repeated]),
                background: alarms(&[OnBackground]),
                unknown: alarms(&[OnUnknown]),
                other: alarms(&[OnOther]),
                repeated: alarms(&[Repeated]),
            },
            recall_by_level: LEVELS_DB.map(|(from, to)| {
                let at_level = |event: &TrueEvent| {
                    event.known && event.decibels >= from && event.decibels < to
                };
                share(&at_level, &is_found)
            }),
            unknown_reported: share(&|event| !event.known, &as_unknown),
            unknown_not_mistaken: share(&|event| !event.known, &|at| !mistaken(at)),
            known_as_unknown: share(&|event| event.known, &|at| !is_found(at) && as_unknown(at)),
            onset_f1: collar(false),
            onset_offset_f1: collar(true),
            intersection_f1: Some(intersection.f1()),
            intersection_recall: Some(intersection.recall()),
            intersection_precision: (intersection.found > 0).then(|| intersection.precision()),
        }
    }

    /// The spread of each score over several days.
    pub fn spread(days: &[Self]) -> Score<Option<Spread>> {
        let of = |score: &dyn Fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = days.iter().filter_map(score).collect();
            Spread::of(&values)
        };
        let alarms = |kind: &dyn Fn(&FalseAlarms<Option<f64>>) -> Option<f64>| {
            of(&|day| kind(&day.false_alarms_per_hour))
        };
        Score {
            event_f1: of(&|day| day.event_f1),
            recall: of(&|day| day.recall),
            precision: of(&|day| day.precision),
            false_alarms_per_hour: FalseAlarms {
                all: alarms(&|alarms| alarms.all),
                background: alarms(&|alarms| alarms.background),
                unknown: alarms(&|alarms| alarms.unknown),
                other: alarms(&|alarms| alarms.other),
                repeated: alarms(&|alarms| alarms.repeated),
            },
            recall_by_level: [0, 1, 2].map(|level| of(&|day| day.recall_by_level[level])),
            unknown_reported: of(&|day| day.unknown_reported),
            unknown_not_mistaken: of(&|day| day.unknown_not_mistaken),
            known_as_unknown: of(&|day| day.known_as_unknown),
            onset_f1: of(&|day| day.onset_f1),
            onset_offset_f1: of(&|day| day.onset_offset_f1),
            intersection_f1: of(&|day| day.intersection_f1),
            intersection_recall: of(&|day| day.intersection_recall),
            intersection_precision: of(&|day| day.intersection_precision),
        }
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
