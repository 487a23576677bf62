//! What is taught: all clips with right labels or with wrong ones, one by one or at once.

use afield::signal::Label;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::exam::ExamCase;
use crate::streams::LabelNoise;

/// The recordings of a class that is taught last, one by one.
const FEW: usize = 8;

/// A way of teaching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Every label is right.
    Right,
    /// One label in twenty is wrong.
    Wrong5,
    /// One label in five is wrong.
    Wrong20,
    /// One class is taught last, by eight recordings, one by one; every label is right.
    LateClass,
    /// Half of one class is taught at once, last; every label is right.
    RightBatch,
    /// A whole class is taught at once, last; every label is right.
    NewClass,
    /// Half of one class is taught at once as another class.
    OtherClass,
    /// Half of one class is taught at once as a class of a new name.
    Renamed,
}

impl Case {
    /// All, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Right,
        Self::Wrong5,
        Self::Wrong20,
        Self::LateClass,
        Self::RightBatch,
        Self::NewClass,
        Self::OtherClass,
        Self::Renamed,
    ];

    /// Whether each label is right.
    pub fn is_right(self) -> bool {
        !matches!(
            self,
            Self::Wrong5 | Self::Wrong20 | Self::OtherClass | Self::Renamed
        )
    }
}

impl ExamCase for Case {
    fn name(self) -> &'static str {
        match self {
            Self::Right => "right labels",
            Self::Wrong5 => "5 % wrong labels",
            Self::Wrong20 => "20 % wrong labels",
            Self::LateClass => "right: last class, one by one",
            Self::RightBatch => "right: half a class at once",
            Self::NewClass => "right: a new class at once",
            Self::OtherClass => "wrong: half a class as another",
            Self::Renamed => "wrong: half a class as a new one",
        }
    }
}

/// What is taught of some recordings, whose classes are given: as which class, first one by one and
/// then at once. The class of a new name has the number after all others.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lessons {
    /// Recordings with their labels.
    pub one_by_one: Vec<(usize, usize)>,
    /// The last change.
    pub at_once: Vec<(usize, usize)>,
}

impl Case {
    /// The lessons about recordings of the classes `truth`, drawn by `seed`. The background is taught
    /// rightly.
    pub(crate) fn lessons(self, truth: &[usize], classes: &[Label], seed: u64) -> Lessons {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let is_sound = |class: usize| !classes[class].is_silent();
        let mut sounds: Vec<usize> = (0..classes.len()).filter(|&c| is_sound(c)).collect();
        sounds.retain(|class| truth.contains(class));
        sounds.shuffle(&mut rng);
        let (Some(&first), Some(&second)) = (sounds.first(), sounds.get(1)) else {
            return Lessons::default();
        };
        let mut order: Vec<usize> = (0..truth.len()).collect();
        order.shuffle(&mut rng);
        let of_first = || order.iter().copied().filter(|&at| truth[at] == first);
        let half = || of_first().skip(of_first().count() / 2);
        let noise = |share: f64| {
            let mut labels = truth.to_vec();
            let mut sounding: Vec<&mut usize> = labels
                .iter_mut()
                .filter(|label| is_sound(**label))
                .collect();
            if let Ok(noise) = LabelNoise::new(share) {
                noise.spoil(&mut sounding, &mut rng.clone());
            }
            labels
        };
        let (labels, last): (Vec<usize>, Vec<usize>) = match self {
            Self::Right => (truth.to_vec(), Vec::new()),
            Self::Wrong5 => (noise(0.05), Vec::new()),
            Self::Wrong20 => (noise(0.2), Vec::new()),
            Self::LateClass | Self::NewClass => (truth.to_vec(), of_first().collect()),
            Self::RightBatch | Self::OtherClass | Self::Renamed => {
                (truth.to_vec(), half().collect())
            }
        };
        let label = |at: usize| match self {
            Self::OtherClass => second,
            Self::Renamed => classes.len(),
            _ => labels[at],
        };
        let before = order.iter().filter(|at| !last.contains(at));
        let mut lessons = Lessons {
            one_by_one: before.map(|&at| (at, labels[at])).collect(),
            at_once: last.iter().map(|&at| (at, label(at))).collect(),
        };
        if self == Self::LateClass {
            let last = std::mem::take(&mut lessons.at_once);
            lessons.one_by_one.extend(last.into_iter().take(FEW));
        }
        lessons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lessons(case: Case, seed: u64) -> (Vec<usize>, Lessons) {
        let label = |name: &str| Label::new(name).unwrap();
        let classes = ["a", "b", "c", "background"].map(label);
        let truth: Vec<usize> = (0..160).map(|at| at % 4).collect();
        let lessons = case.lessons(&truth, &classes, seed);
        (truth, lessons)
    }

    #[test]
    fn wrong_labels_are_as_many_as_the_case_says_and_never_of_the_background() {
        for (case, wrong) in [(Case::Right, 0), (Case::Wrong5, 6), (Case::Wrong20, 24)] {
            let (truth, lessons) = lessons(case, 3);
            assert_eq!((lessons.one_by_one.len(), lessons.at_once.len()), (160, 0));
            let not = lessons.one_by_one.iter();
            let not: Vec<_> = not.filter(|&&(at, label)| truth[at] != label).collect();
            assert_eq!(not.len(), wrong, "{case:?}");
            assert!(not.iter().all(|&&(at, label)| truth[at] != 3 && label != 3));
        }
    }

    #[test]
    fn the_last_change_is_of_one_class() {
        for (case, count, wrong) in [
            (Case::RightBatch, 20, 0),
            (Case::NewClass, 40, 0),
            (Case::OtherClass, 20, 20),
            (Case::Renamed, 20, 20),
        ] {
            let (truth, lessons) = lessons(case, 5);
            assert_eq!(lessons.at_once.len(), count, "{case:?}");
            assert_eq!(lessons.one_by_one.len(), 160 - count);
            let class = truth[lessons.at_once[0].0];
            assert!(lessons.at_once.iter().all(|&(at, _)| truth[at] == class));
            let not = lessons
                .at_once
                .iter()
                .filter(|&&(at, label)| truth[at] != label);
            assert_eq!(not.count(), wrong);
            assert_eq!(case.is_right(), wrong == 0);
        }
        let (truth, few) = lessons(Case::LateClass, 5);
        assert_eq!((few.one_by_one.len(), few.at_once.len()), (128, 0));
        let last = &few.one_by_one[120..];
        assert!(
            last.iter()
                .all(|&(at, label)| truth[at] == label && label == last[0].1)
        );
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(lessons(Case::Wrong20, 1), lessons(Case::Wrong20, 1));
        assert_ne!(lessons(Case::Wrong20, 1), lessons(Case::Wrong20, 2));
    }
}
