//! The scores of one case in one draw, and their spread over several draws.

use crate::exam::scores;

/// What happened to one learner.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counts {
    /// Held-out clips.
    pub asked: usize,
    /// Those that are right if all training labels are right.
    pub right: usize,
    /// Those that are right with the labels of the case.
    pub right_unguarded: usize,
    /// Those that are right with the guard.
    pub right_guarded: usize,
    /// Wrong labels, and those of them that were set aside or refused.
    pub wrong: usize,
    pub wrong_found: usize,
    /// Right labels, and those of them that were set aside or refused.
    pub honest: usize,
    pub honest_found: usize,
    /// Changes at once, and those of them that were refused.
    pub changes: usize,
    pub refused: usize,
}

impl Counts {
    fn sum(all: &[Self]) -> Self {
        all.iter().fold(Self::default(), |sum, of| Self {
            asked: sum.asked + of.asked,
            right: sum.right + of.right,
            right_unguarded: sum.right_unguarded + of.right_unguarded,
            right_guarded: sum.right_guarded + of.right_guarded,
            wrong: sum.wrong + of.wrong,
            wrong_found: sum.wrong_found + of.wrong_found,
            honest: sum.honest + of.honest,
            honest_found: sum.honest_found + of.honest_found,
            changes: sum.changes + of.changes,
            refused: sum.refused + of.refused,
        })
    }
}

scores! {
    /// The scores of one draw, or their spread over several. Shares are in `[0, 1]`; `None` if there was
    /// nothing to count.
    pub struct GuardScore {
        /// Accuracy on held-out clips if all training clips are taught with right labels.
        pub accuracy,
        /// Accuracy with the labels of the case, whatever the guard says.
        pub accuracy_unguarded,
        /// Accuracy with the guard: without a change that it refused, and without the doubtful clips.
        pub accuracy_guarded,
        /// The share of changes at once that were refused.
        pub refused,
        /// The share of wrong labels that were refused or doubted.
        pub recall,
        /// The share of wrong labels among those that were refused or doubted.
        pub precision,
        /// The share of right labels that were refused or doubted.
        pub honest_doubted,
    }
}

impl GuardScore {
    /// The scores of a draw, of the counts of each of its learners.
    pub(crate) fn of(learners: &[Counts]) -> Self {
        let sum = Counts::sum(learners);
        let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
        let found = match sum.wrong {
            0 => 0,
            _ => sum.wrong_found + sum.honest_found,
        };
        Self {
            accuracy: share(sum.right, sum.asked),
            accuracy_unguarded: share(sum.right_unguarded, sum.asked),
            accuracy_guarded: share(sum.right_guarded, sum.asked),
            refused: share(sum.refused, sum.changes),
            recall: share(sum.wrong_found, sum.wrong),
            precision: share(sum.wrong_found, found),
            honest_doubted: share(sum.honest_found, sum.honest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_equal_values_computed_by_hand() {
        let first = Counts {
            asked: 10,
            right: 9,
            right_unguarded: 5,
            right_guarded: 8,
            wrong: 4,
            wrong_found: 3,
            honest: 16,
            honest_found: 1,
            changes: 1,
            refused: 1,
        };
        let second = Counts {
            asked: 10,
            right: 10,
            changes: 1,
            ..Counts::default()
        };
        let score = GuardScore::of(&[first, second]);
        assert_eq!(score.accuracy, Some(0.95));
        assert_eq!(score.accuracy_unguarded, Some(0.25));
        assert_eq!(score.accuracy_guarded, Some(0.4));
        assert_eq!(score.refused, Some(0.5));
        assert_eq!((score.recall, score.precision), (Some(0.75), Some(0.75)));
        assert_eq!(score.honest_doubted, Some(1.0 / 16.0));
        let spread = GuardScore::spread(&[score, score]);
        assert_eq!(spread.recall.unwrap().deviation, Some(0.0));
        // Without wrong labels there is nothing to find.
        let honest = Counts {
            wrong: 0,
            wrong_found: 0,
            ..first
        };
        let score = GuardScore::of(&[honest]);
        assert_eq!((score.recall, score.precision), (None, None));
    }
}
