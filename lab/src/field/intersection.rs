//! Intersection-based counts.
//!
//! After Bilen et al. (2020), "A framework for the robust evaluation of sound event detection", as
//! the Python package `psds_eval` 0.5.3 computes them.

use std::collections::BTreeMap;

use afield::signal::Label;

use super::counts::Counts;
use super::event::{FoundEvent, TrueEvent, shared};

/// The counts of each taught class, or class that was found. `criterion` is both the detection
/// tolerance and the ground-truth tolerance, in `(0, 1]`.
///
/// A found event passes if true events of its class cover at least this share of it. A true event is
/// right if found events that pass cover at least this share of it. A found event that does not pass
/// is a false positive; so `found` is the number of right events and of found events that do not
/// pass.
pub fn intersection_counts(
    truth: &[TrueEvent],
    found: &[FoundEvent],
    criterion: f64,
) -> BTreeMap<Label, Counts> {
    let mut classes: BTreeMap<Label, Counts> = BTreeMap::new();
    let truth = || truth.iter().filter(|event| event.known);
    let covers = |(start, end): (f64, f64), others: &mut dyn Iterator<Item = (f64, f64)>| {
        let covered: f64 = others.map(|other| shared((start, end), other)).sum();
        end > start && covered / (end - start) >= criterion
    };
    let mut passing = Vec::new();
    for event in found {
        let Some(label) = &event.label else { continue };
        let counts = classes.entry(label.clone()).or_default();
        let own = truth().filter(|truth| truth.label == *label);
        match covers(event.span(), &mut own.map(TrueEvent::span)) {
            true => passing.push((label, event.span())),
            false => counts.found += 1,
        }
    }
    for event in truth() {
        let counts = classes.entry(event.label.clone()).or_default();
        counts.truth += 1;
        let own = passing.iter().filter(|(label, _)| **label == event.label);
        if covers(event.span(), &mut own.map(|(_, span)| *span)) {
            counts.right += 1;
            counts.found += 1;
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(truth: &[(f64, f64)], found: &[(f64, f64)]) -> Counts {
        let label = || Label::new("dog").unwrap();
        let truth = truth.iter().map(|&(start, end)| TrueEvent {
            start,
            end,
            label: label(),
            known: true,
            decibels: 10.0,
        });
        let found = found.iter().map(|&(start, end)| FoundEvent {
            start,
            end,
            label: Some(label()),
        });
        let (truth, found): (Vec<_>, Vec<_>) = (truth.collect(), found.collect());
        intersection_counts(&truth, &found, 0.5)[&label()]
    }

    fn of(right: usize, found: usize, truth: usize) -> Counts {
        Counts {
            right,
            found,
            truth,
        }
    }

    #[test]
    fn a_found_event_passes_if_half_of_it_is_true() {
        assert_eq!(counts(&[(0.0, 2.0)], &[(1.0, 3.0)]), of(1, 1, 1));
        assert_eq!(counts(&[(0.0, 2.0)], &[(1.0, 3.5)]), of(0, 1, 1));
    }

    #[test]
    fn a_true_event_is_right_if_half_of_it_is_found_in_one_piece_or_several() {
        // Passes, but covers too little: neither right nor a false positive.
        assert_eq!(counts(&[(0.0, 10.0)], &[(1.0, 3.0)]), of(0, 0, 1));
        let pieces = [(1.0, 3.0), (4.0, 7.0)];
        assert_eq!(counts(&[(0.0, 10.0)], &pieces), of(1, 1, 1));
    }

    #[test]
    fn one_found_event_over_two_true_ones_finds_both() {
        let truth = [(0.0, 2.0), (3.0, 5.0)];
        assert_eq!(counts(&truth, &[(0.0, 5.0)]), of(2, 2, 2));
    }
}
