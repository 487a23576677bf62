//! How well groups of unknown sounds are classes that were never taught.

use afield::engine::Question;
use serde::Serialize;

use super::event::{TrueEvent, shared};
use super::score::Spread;

/// The fewest sounds of a group that is a proposal.
const FEWEST: usize = 2;

/// Groups of unknown sounds of one day, or their spread over several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Discovery<T = Option<f64>> {
    /// The number of groups of at least two unknown sounds.
    pub groups: T,
    /// The share of their sounds that are of the class of most sounds of their group.
    pub purity: T,
    /// The share of the events of never taught classes that are in a group of their class.
    pub coverage: T,
}

impl Discovery {
    /// Compares the groups of a day with its events.
    pub(crate) fn of(questions: &[Question], events: &[TrueEvent]) -> Self {
        let groups: Vec<Vec<Option<usize>>> = (questions.iter())
            .filter(|question| question.unknown() >= FEWEST)
            .map(|question| {
                let sounds = question.sounds();
                sounds
                    .map(|sound| longest(events, (sound.start, sound.end)))
                    .collect()
            })
            .collect();
        Self::of_groups(&groups, events)
    }

    /// The same of groups of the positions of events; `None` for a sound of the background.
    fn of_groups(groups: &[Vec<Option<usize>>], events: &[TrueEvent]) -> Self {
        let (mut sounds, mut pure) = (0, 0);
        let mut covered = vec![false; events.len()];
        for group in groups {
            let label = |sound: &Option<usize>| sound.map(|event| &events[event].label);
            let count = |of| group.iter().filter(|sound| label(sound) == of).count();
            let most = group.iter().map(label).max_by_key(|of| count(*of));
            let Some(most) = most else { continue };
            sounds += group.len();
            pure += count(most);
            for event in group.iter().flatten() {
                covered[*event] |= Some(&events[*event].label) == most;
            }
        }
        let share = |of: usize, all: usize| (all > 0).then(|| of as f64 / all as f64);
        let is_new = |at: &usize| !events[*at].known;
        let new = (0..events.len()).filter(is_new);
        Self {
            groups: Some(groups.len() as f64),
            purity: share(pure, sounds),
            coverage: share(new.clone().filter(|at| covered[*at]).count(), new.count()),
        }
    }

    /// The spread over several days.
    pub(crate) fn spread(days: &[Self]) -> Discovery<Option<Spread>> {
        let of = |figure: &dyn Fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = days.iter().filter_map(figure).collect();
            Spread::of(&values)
        };
        Discovery {
            groups: of(&|day| day.groups),
            purity: of(&|day| day.purity),
            coverage: of(&|day| day.coverage),
        }
    }
}

/// The event that an interval overlaps longest.
pub(crate) fn longest(events: &[TrueEvent], span: (f64, f64)) -> Option<usize> {
    let overlap = |at: &usize| shared(events[*at].span(), span);
    let overlapped = (0..events.len()).filter(|at| overlap(at) > 0.0);
    overlapped.max_by(|a, b| overlap(a).total_cmp(&overlap(b)))
}

#[cfg(test)]
mod tests {
    use afield::signal::Label;

    use super::*;

    #[test]
    fn purity_counts_sounds_and_coverage_counts_events() {
        let event = |start: f64, label: &str, known| TrueEvent {
            start,
            end: start + 1.0,
            label: Label::new(label).unwrap(),
            known,
            decibels: 9.0,
        };
        let events = [
            event(0.0, "horn", false),
            event(2.0, "horn", false),
            event(4.0, "bell", false),
            event(6.0, "dog", true),
            event(8.0, "bell", false),
        ];
        assert_eq!(longest(&events, (1.5, 2.6)), Some(1));
        assert_eq!(longest(&events, (1.1, 1.9)), None);
        let groups = [
            vec![Some(0), Some(0), Some(1), Some(2)],
            vec![Some(3), None, None],
        ];
        let found = Discovery::of_groups(&groups, &events);
        assert_eq!(found.groups, Some(2.0));
        assert_eq!(found.purity, Some(5.0 / 7.0));
        assert_eq!(found.coverage, Some(0.5));
        let none = Discovery::of_groups(&[], &events);
        assert_eq!((none.purity, none.coverage), (None, Some(0.0)));
    }
}
