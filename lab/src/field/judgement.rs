//! Which events were found, and what each found event is.

use serde::Serialize;

use super::event::{FoundEvent, TrueEvent, shared};

/// What a found event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// An event of its class that no earlier found event was matched with.
    Right,
    /// A false alarm on the background alone.
    OnBackground,
    /// A false alarm on a sound of a class that was never taught.
    OnUnknown,
    /// A false alarm on an event of another taught class.
    OnOther,
    /// An event of its class that was found already.
    Repeated,
    /// Reported as unknown, whatever it is.
    Unknown,
}

/// The true events of a day beside the events that a learner found.
///
/// A found event is right if it overlaps an event of its class that is not yet matched. Both lists
/// are taken in order of time, one found event for one true event. A false alarm is of the sound that
/// it overlaps longest; of its own class if it overlaps any event of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// For each true event, the position of the found event that is matched with it.
    pub matched: Vec<Option<usize>>,
    /// For each found event, what it is.
    pub verdicts: Vec<Verdict>,
}

impl Judgement {
    /// Judges found events. Both lists may have any order.
    pub fn of(truth: &[TrueEvent], found: &[FoundEvent]) -> Self {
        let mut matched = vec![None; truth.len()];
        let mut verdicts = vec![Verdict::Unknown; found.len()];
        let true_order = in_time(truth.iter().map(TrueEvent::span));
        for position in in_time(found.iter().map(FoundEvent::span)) {
            let event = &found[position];
            let Some(label) = &event.label else { continue };
            let overlap = |at: &usize| shared(truth[*at].span(), event.span());
            let own = |at: &&usize| truth[**at].label == *label && overlap(at) > 0.0;
            let open = |at: &&usize| own(at) && matched[**at].is_none();
            if let Some(&at) = true_order.iter().find(open) {
                matched[at] = Some(position);
                verdicts[position] = Verdict::Right;
                continue;
            }
            let longest = (true_order.iter())
                .filter(|at| overlap(at) > 0.0)
                .max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
            verdicts[position] = match longest {
                _ if true_order.iter().any(|at| own(&at)) => Verdict::Repeated,
                None => Verdict::OnBackground,
                Some(&at) if truth[at].known => Verdict::OnOther,
                Some(_) => Verdict::OnUnknown,
            };
        }
        Self { matched, verdicts }
    }
}

/// Positions in order of beginning, then of end.
fn in_time(spans: impl Iterator<Item = (f64, f64)>) -> Vec<usize> {
    let spans: Vec<(f64, f64)> = spans.collect();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (spans[a], spans[b]);
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    order
}

#[cfg(test)]
mod tests {
    use afield::signal::Label;

    use super::*;

    fn truth() -> Vec<TrueEvent> {
        [
            (10.0, 12.0, "dog", true),
            (20.0, 22.0, "dog", true),
            (30.0, 31.0, "bell", true),
            (40.0, 45.0, "horn", false),
        ]
        .map(|(start, end, label, known)| TrueEvent {
            start,
            end,
            label: Label::new(label).unwrap(),
            known,
            decibels: 10.0,
        })
        .to_vec()
    }

    fn found(start: f64, end: f64, label: &str) -> FoundEvent {
        let label = (!label.is_empty()).then(|| Label::new(label).unwrap());
        FoundEvent { start, end, label }
    }

    #[test]
    fn each_found_event_is_right_or_a_false_alarm_of_one_kind() {
        let found = [
            found(0.0, 1.0, "dog"),
            found(9.0, 10.5, "dog"),
            found(11.0, 13.0, "dog"),
            found(22.0, 23.0, "dog"),
            found(30.5, 35.0, "dog"),
            found(44.0, 46.0, "bell"),
            found(41.0, 42.0, ""),
        ];
        let judged = Judgement::of(&truth(), &found);
        use Verdict::*;
        let expected = [
            OnBackground,
            Right,
            Repeated,
            OnBackground,
            OnOther,
            OnUnknown,
            Unknown,
        ];
        assert_eq!(judged.verdicts, expected);
        assert_eq!(judged.matched, [Some(1), None, None, None]);
    }

    #[test]
    fn one_long_event_is_matched_with_one_true_event() {
        let judged = Judgement::of(&truth(), &[found(0.0, 50.0, "dog")]);
        assert_eq!(judged.matched, [Some(0), None, None, None]);
        // A second one takes the second true event, whatever the order of the list.
        let both = [found(5.0, 50.0, "dog"), found(0.0, 50.0, "dog")];
        let judged = Judgement::of(&truth(), &both);
        assert_eq!(judged.matched, [Some(1), Some(0), None, None]);
    }
}
