//! The test side: the clips that are held out.
//!
//! Clips of one speaker, subject or recording must not be on both sides, so the automatic
//! split holds out whole groups where groups are known.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::clips::Clips;
use super::error::SplitFault;

/// Share of each class that the automatic split aims to hold out.
const HELD_OUT: f64 = 0.3;

/// How the test side is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestSide {
    /// The split that the data set marks: [`Clips::marked_test`].
    Marked,
    /// These groups, as a whole.
    Groups(Vec<String>),
    /// About 30 % of each class, in whole groups if groups are known. The same seed gives the same
    /// split.
    Automatic {
        /// Seed of the draw.
        seed: u64,
    },
}

impl TestSide {
    /// For each clip, whether it is a test clip.
    ///
    /// # Errors
    /// [`SplitFault::EmptySide`] if the data set marks nothing; [`SplitFault::NoGroups`] and
    /// [`SplitFault::UnknownGroup`] for groups that do not exist; [`SplitFault::NoGroupSplit`] if
    /// holding out any group would remove a class from training.
    pub fn mark(&self, clips: &Clips) -> Result<Vec<bool>, SplitFault> {
        match self {
            TestSide::Marked => clips
                .marked_test()
                .map(<[bool]>::to_vec)
                .ok_or(SplitFault::EmptySide { side: "test" }),
            TestSide::Groups(wanted) => mark_groups(clips, wanted),
            TestSide::Automatic { seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(*seed);
                match clips.groups() {
                    Some(groups) if groups.names().len() > 1 => {
                        draw_groups(clips, groups.of(), groups.names().len(), &mut rng)
                    }
                    _ => Ok(draw_clips(clips, &mut rng)),
                }
            }
        }
    }
}

fn mark_groups(clips: &Clips, wanted: &[String]) -> Result<Vec<bool>, SplitFault> {
    let groups = clips.groups().ok_or(SplitFault::NoGroups)?;
    let mut held_out = vec![false; groups.names().len()];
    for name in wanted {
        let slot = groups.names().iter().position(|group| group == name);
        match slot.and_then(|group| held_out.get_mut(group)) {
            Some(slot) => *slot = true,
            None => {
                let (unknown, known) = (name.clone(), groups.names().to_vec());
                return Err(SplitFault::UnknownGroup { unknown, known });
            }
        }
    }
    Ok(groups.of().iter().map(|&group| held_out[group]).collect())
}

/// Visits groups in random order. A group is held out if, on average over its clips, the held-out
/// share of their classes is closer to [`HELD_OUT`] with the group than without it.
fn draw_groups(
    clips: &Clips,
    group_of: &[usize],
    groups: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<bool>, SplitFault> {
    let classes = clips.classes().len();
    let mut counts = vec![vec![0_usize; classes]; groups];
    let mut totals = vec![0_usize; classes];
    for (&group, &class) in group_of.iter().zip(clips.labels()) {
        counts[group][class] += 1;
        totals[class] += 1;
    }
    let mut order: Vec<usize> = (0..groups).collect();
    order.shuffle(rng);
    let mut held_out = vec![false; groups];
    let mut taken = vec![0_usize; classes];
    for group in order {
        let here = &counts[group];
        let members: usize = here.iter().sum();
        let share: f64 = (0..classes)
            .map(|c| here[c] as f64 * (taken[c] as f64 + here[c] as f64 / 2.0) / totals[c] as f64)
            .sum();
        let keeps_all = (0..classes).all(|c| here[c] == 0 || taken[c] + here[c] < totals[c]);
        if keeps_all && share <= HELD_OUT * members as f64 {
            held_out[group] = true;
            taken
                .iter_mut()
                .zip(here)
                .for_each(|(taken, here)| *taken += here);
        }
    }
    if !held_out.contains(&true) {
        return Err(SplitFault::NoGroupSplit);
    }
    Ok(group_of.iter().map(|&group| held_out[group]).collect())
}

fn draw_clips(clips: &Clips, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut test = vec![false; clips.len()];
    for class in 0..clips.classes().len() {
        let mut members: Vec<usize> = (0..clips.len())
            .filter(|&clip| clips.label(clip) == class)
            .collect();
        members.shuffle(rng);
        let held_out = match members.len() {
            0 | 1 => 0,
            n => ((n as f64 * HELD_OUT).round() as usize).clamp(1, n - 1),
        };
        for &clip in members.iter().take(held_out) {
            test[clip] = true;
        }
    }
    test
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Names;

    fn clips(classes: &[&str], groups: Option<&[&str]>) -> Clips {
        let groups = groups.map(Names::from_text);
        let windows = vec![0.0; classes.len()];
        Clips::of_rows(1, windows, Names::from_text(classes), groups, None).unwrap()
    }

    #[test]
    fn the_automatic_split_takes_30_percent_of_each_class() {
        let classes: Vec<&str> = ["a"; 10].into_iter().chain(["b"; 20]).collect();
        let marks = TestSide::Automatic { seed: 1 }
            .mark(&clips(&classes, None))
            .unwrap();
        assert_eq!(marks[..10].iter().filter(|&&m| m).count(), 3);
        assert_eq!(marks[10..].iter().filter(|&&m| m).count(), 6);
        assert_eq!(
            marks,
            TestSide::Automatic { seed: 1 }
                .mark(&clips(&classes, None))
                .unwrap()
        );
        assert_ne!(
            marks,
            TestSide::Automatic { seed: 2 }
                .mark(&clips(&classes, None))
                .unwrap()
        );
    }

    #[test]
    fn a_group_is_never_on_both_sides() {
        let classes: Vec<&str> = ["a", "b"].repeat(40);
        for groups in [2, 3, 4, 20] {
            let names: Vec<String> = (0..80).map(|i| (i / 2 % groups).to_string()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for seed in 0..5 {
                let marks = TestSide::Automatic { seed }
                    .mark(&clips(&classes, Some(&names)))
                    .unwrap();
                for (name, mark) in names.iter().zip(&marks) {
                    let first = names.iter().position(|n| n == name).unwrap();
                    assert_eq!(*mark, marks[first]);
                }
                let share = marks.iter().filter(|&&m| m).count() as f64 / 80.0;
                assert!((0.2..=0.5).contains(&share), "{groups} groups: {share}");
            }
        }
    }

    #[test]
    fn groups_that_are_classes_cannot_be_held_out() {
        let fault = TestSide::Automatic { seed: 0 }
            .mark(&clips(&["a", "b", "a"], Some(&["x", "y", "x"])))
            .unwrap_err();
        assert!(matches!(fault, SplitFault::NoGroupSplit));
    }

    #[test]
    fn the_only_group_of_a_class_stays_in_training() {
        let classes: Vec<&str> = ["a"; 20].into_iter().chain(["b"]).collect();
        let groups: Vec<String> = (0..21).map(|i| (i % 20 / 2).to_string()).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        for seed in 0..20 {
            let marks = TestSide::Automatic { seed }
                .mark(&clips(&classes, Some(&groups)))
                .unwrap();
            assert!(marks.contains(&true) && !marks[20], "seed {seed}");
        }
    }

    #[test]
    fn the_error_for_an_unknown_group_lists_the_known_groups() {
        let clips = clips(&["a", "b"], Some(&["anna", "ben"]));
        let fault = TestSide::Groups(vec!["bob".into()])
            .mark(&clips)
            .unwrap_err();
        let expected = SplitFault::UnknownGroup {
            unknown: "bob".to_owned(),
            known: vec!["anna".to_owned(), "ben".to_owned()],
        };
        assert_eq!(fault, expected);
    }
}
