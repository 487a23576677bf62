//! Event-based counts with a collar around the onset, and around the offset if wanted.
//!
//! After Mesaros, Heittola & Virtanen (2016), "Metrics for polyphonic sound event detection", as
//! the Python package `sed_eval` 0.2.1 computes them with its matching `optimal`.

use super::counts::Counts;
use super::event::{FoundEvent, TrueEvent};

/// How far a found event may be from a true one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Collar {
    /// Seconds that the onset, and the offset, may be off.
    pub seconds: f64,
    /// Whether the offset counts. It may also be off by half the length of the true event.
    pub offset: bool,
}

/// The share of a true event's length that an offset may be off.
const OF_LENGTH: f64 = 0.5;

/// True positives, found events and true events of the taught classes. A found event and a true
/// one of the same label match if onset and offset are within the collar; of all one-to-one
/// matchings, the largest counts.
pub fn collar_counts(truth: &[TrueEvent], found: &[FoundEvent], collar: Collar) -> Counts {
    let truth: Vec<&TrueEvent> = truth.iter().filter(|event| event.known).collect();
    let found: Vec<&FoundEvent> = found.iter().filter(|event| event.label.is_some()).collect();
    let hits: Vec<Vec<usize>> = (found.iter())
        .map(|found| {
            let is_hit = |at: &usize| is_hit(truth[*at], found, collar);
            (0..truth.len()).filter(is_hit).collect()
        })
        .collect();
    Counts {
        right: largest_matching(&hits, truth.len()),
        found: found.len(),
        truth: truth.len(),
    }
}

fn is_hit(truth: &TrueEvent, found: &FoundEvent, collar: Collar) -> bool {
    let tolerance = collar.seconds.max(OF_LENGTH * (truth.end - truth.start));
    found.label.as_ref() == Some(&truth.label)
        && (truth.start - found.start).abs() <= collar.seconds
        && (!collar.offset || (truth.end - found.end).abs() <= tolerance)
}

/// The size of the largest matching of a bipartite graph: augmenting paths, one for each left
/// vertex.
fn largest_matching(edges: &[Vec<usize>], right: usize) -> usize {
    let mut partner = vec![None; right];
    let mut size = 0;
    for left in 0..edges.len() {
        let mut seen = vec![false; right];
        if augment(left, edges, &mut partner, &mut seen) {
            size += 1;
        }
    }
    size
}

fn augment(
    left: usize,
    edges: &[Vec<usize>],
    partner: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for &right in &edges[left] {
        if std::mem::replace(&mut seen[right], true) {
            continue;
        }
        let free = match partner[right] {
            None => true,
            Some(other) => augment(other, edges, partner, seen),
        };
        if free {
            partner[right] = Some(left);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use afield::signal::Label;

    use super::*;

    fn truth(start: f64, end: f64) -> TrueEvent {
        TrueEvent {
            start,
            end,
            label: Label::new("dog").unwrap(),
            known: true,
            decibels: 10.0,
        }
    }

    fn found(start: f64, end: f64) -> FoundEvent {
        FoundEvent {
            start,
            end,
            label: Some(Label::new("dog").unwrap()),
        }
    }

    fn right(truth: &[TrueEvent], found: &[FoundEvent], offset: bool) -> usize {
        let seconds = 1.0;
        collar_counts(truth, found, Collar { seconds, offset }).right
    }

    #[test]
    fn onsets_count_within_the_collar_and_offsets_within_half_the_length() {
        let one = [truth(10.0, 16.0)];
        assert_eq!(right(&one, &[found(11.0, 11.5)], false), 1);
        assert_eq!(right(&one, &[found(11.25, 16.0)], false), 0);
        assert_eq!(right(&one, &[found(11.0, 13.0)], true), 1);
        assert_eq!(right(&one, &[found(11.0, 12.5)], true), 0);
        // Half of a short event is less than the collar.
        assert_eq!(right(&[truth(10.0, 10.5)], &[found(10.0, 11.5)], true), 1);
    }

    #[test]
    fn the_largest_matching_counts() {
        // Taken greedily, the first found event takes the only partner of the second.
        let truth = [truth(10.0, 11.0), truth(11.5, 12.5)];
        let found = [found(10.75, 11.0), found(9.5, 11.0)];
        assert_eq!(right(&truth, &found, false), 2);
    }

    #[test]
    fn unknown_sounds_and_unknown_classes_do_not_count() {
        let mut never = truth(10.0, 11.0);
        never.known = false;
        let mut unknown = found(10.0, 11.0);
        unknown.label = None;
        let collar = Collar {
            seconds: 1.0,
            offset: false,
        };
        assert_eq!(
            collar_counts(&[never], &[unknown], collar),
            Counts::default()
        );
    }
}
