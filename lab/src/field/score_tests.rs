use afield::signal::Label;
use serde::Deserialize;

use super::*;

fn truth(start: f64, end: f64, label: &str, known: bool, decibels: f64) -> TrueEvent {
    TrueEvent {
        start,
        end,
        label: Label::new(label).unwrap(),
        known,
        decibels,
    }
}

fn found(start: f64, end: f64, label: &str) -> FoundEvent {
    let label = (!label.is_empty()).then(|| Label::new(label).unwrap());
    FoundEvent { start, end, label }
}

#[test]
fn a_day_is_scored_by_hand() {
    let truth = [
        truth(10.0, 12.0, "dog", true, 6.0),
        truth(20.0, 22.0, "dog", true, 9.0),
        truth(30.0, 31.0, "bell", true, 12.0),
        truth(40.0, 42.0, "bell", true, 19.0),
        truth(50.0, 55.0, "horn", false, 10.0),
        truth(60.0, 65.0, "horn", false, 10.0),
    ];
    let found = [
        found(10.0, 12.0, "dog"),  // right
        found(11.5, 13.0, "dog"),  // repeated
        found(20.0, 22.0, ""),     // known, as unknown
        found(32.5, 33.0, "bell"), // on the background
        found(42.0, 43.0, "bell"), // touches, and does not overlap
        found(50.0, 51.0, "bell"), // on an unknown sound
        found(52.0, 55.0, ""),     // unknown
        found(40.0, 41.0, "dog"),  // on another class
    ];
    let score = Score::of(&truth, &found, 0.5);
    assert_eq!(score.recall, Some(0.25));
    assert_eq!(score.precision, Some(1.0 / 6.0));
    assert_eq!(score.event_f1, Some(0.2));
    let alarms = FalseAlarms {
        all: Some(10.0),
        background: Some(4.0),
        unknown: Some(2.0),
        other: Some(2.0),
        repeated: Some(2.0),
    };
    assert_eq!(score.false_alarms_per_hour, alarms);
    assert_eq!(score.recall_by_level, [Some(0.5), Some(0.0), Some(0.0)]);
    assert_eq!(score.unknown_reported, Some(0.5));
    assert_eq!(score.unknown_not_mistaken, Some(0.5));
    assert_eq!(score.known_as_unknown, Some(0.25));
    assert_eq!(score.onset_f1, Some(0.2));
    // Right: the dog. Not passing: the second dog, three bells, the third dog.
    assert_eq!(score.intersection_precision, Some(1.0 / 6.0));
    assert_eq!(score.intersection_recall, Some(0.25));
}

#[test]
fn a_day_without_findings_has_no_precision() {
    let score = Score::of(&[truth(1.0, 2.0, "dog", true, 6.0)], &[], 1.0);
    assert_eq!((score.event_f1, score.precision), (Some(0.0), None));
    assert_eq!(score.unknown_reported, None);
    assert_eq!(score.recall_by_level, [Some(0.0), None, None]);
}

#[test]
fn a_spread_has_the_deviation_of_a_sample() {
    assert_eq!(Spread::of(&[]), None);
    let one = Spread::of(&[0.5]).unwrap();
    assert_eq!((one.mean, one.deviation), (0.5, None));
    let two = Spread::of(&[1.0, 3.0]).unwrap();
    assert_eq!((two.mean, two.deviation), (2.0, Some(2.0_f64.sqrt())));
}

/// Lists of events with the scores that sed_eval and psds_eval give them; made by
/// `scripts/make_event_scores.py`.
#[derive(Deserialize)]
struct Case {
    truth: Vec<(f64, f64, String)>,
    found: Vec<(f64, f64, String)>,
    /// For each collar in seconds, and whether the offset counts: recall, precision and F1.
    sed_eval: Vec<(f64, bool, [f64; 3])>,
    /// For each criterion, the F1 of each class.
    psds_eval: Vec<(f64, std::collections::BTreeMap<String, f64>)>,
}

#[test]
fn scores_equal_those_of_sed_eval_and_psds_eval() {
    let text = include_str!("event_scores.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 20);
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    for case in &cases {
        let truth: Vec<TrueEvent> = (case.truth.iter())
            .map(|(start, end, label)| truth(*start, *end, label, true, 10.0))
            .collect();
        let found: Vec<FoundEvent> = (case.found.iter())
            .map(|(start, end, label)| found(*start, *end, label))
            .collect();
        for &(seconds, offset, [recall, precision, f1]) in &case.sed_eval {
            let counts = collar_counts(&truth, &found, Collar { seconds, offset });
            assert!(same(counts.recall(), recall), "{counts:?} {recall}");
            assert!(same(counts.precision(), precision), "{counts:?}");
            assert!(same(counts.f1(), f1), "{counts:?} {f1}");
        }
        for (criterion, classes) in &case.psds_eval {
            let counts = intersection_counts(&truth, &found, *criterion);
            for (label, f1) in classes {
                let counts = counts.get(&Label::new(label.as_str()).unwrap());
                let counts = counts.copied().unwrap_or_default();
                assert!(same(counts.f1(), *f1), "{label} {counts:?} {f1}");
            }
        }
    }
}
