//! What one learner gained, and the spread over several learners.

use serde::Serialize;

use crate::exam::scores;

/// What a learner says of clips: how many there are, and of how many it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AdaptCounts {
    /// Clips of taught classes that were asked about.
    pub known: usize,
    /// Those that were right before, and after.
    pub right_before: usize,
    /// See [`Self::right_before`].
    pub right_after: usize,
    /// Those that were called unknown before, and after.
    pub known_told_unknown_before: usize,
    /// See [`Self::known_told_unknown_before`].
    pub known_told_unknown_after: usize,
    /// Clips of never taught classes that were asked about.
    pub unknown: usize,
    /// Those that were called unknown before, and after.
    pub unknown_told_before: usize,
    /// See [`Self::unknown_told_before`].
    pub unknown_told_after: usize,
    /// Clips that were heard without labels.
    pub heard: usize,
    /// Those of which the learner was sure.
    pub sure: usize,
    /// Those that were learned: all of these, or none.
    pub learned: usize,
    /// Those that were learned with a wrong label.
    pub wrong: usize,
}

scores! {
    /// The scores of one learner, or their spread over several. Shares are in `[0, 1]`; `None` if there
    /// was nothing to count.
    pub struct AdaptScore {
        /// Accuracy on clips of taught classes before.
        pub accuracy_before,
        /// The same after.
        pub accuracy_after,
        /// The difference of the two.
        pub gain,
        /// 1 if accuracy fell, or else 0.
        pub fell,
        /// The share of the clips that were heard and then learned.
        pub learned,
        /// The share of wrong labels among those that were learned.
        pub wrong,
        /// 1 if the learner was sure of clips but learned none, since the taught clips would be known
        /// less well; or else 0. `None` if it was sure of none.
        pub refused,
        /// The share of clips of taught classes that is called unknown before.
        pub known_told_unknown_before,
        /// The same after.
        pub known_told_unknown_after,
        /// The share of clips of never taught classes that is called unknown before.
        pub unknown_told_before,
        /// The same after.
        pub unknown_told_after,
    }
}

impl AdaptScore {
    /// The scores of one learner.
    pub(crate) fn of(counts: &AdaptCounts) -> Self {
        let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
        let before = share(counts.right_before, counts.known);
        let after = share(counts.right_after, counts.known);
        let gain = before.zip(after).map(|(before, after)| after - before);
        let is = |is: bool| f64::from(u8::from(is));
        Self {
            accuracy_before: before,
            accuracy_after: after,
            gain,
            fell: gain.map(|gain| is(gain < 0.0)),
            learned: share(counts.learned, counts.heard),
            wrong: share(counts.wrong, counts.learned),
            refused: (counts.sure > 0).then(|| is(counts.learned == 0)),
            known_told_unknown_before: share(counts.known_told_unknown_before, counts.known),
            known_told_unknown_after: share(counts.known_told_unknown_after, counts.known),
            unknown_told_before: share(counts.unknown_told_before, counts.unknown),
            unknown_told_after: share(counts.unknown_told_after, counts.unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_equal_values_computed_by_hand() {
        let counts = AdaptCounts {
            known: 10,
            right_before: 6,
            right_after: 8,
            known_told_unknown_before: 4,
            known_told_unknown_after: 1,
            unknown: 4,
            unknown_told_before: 3,
            unknown_told_after: 1,
            heard: 20,
            sure: 5,
            learned: 5,
            wrong: 1,
        };
        let score = AdaptScore::of(&counts);
        let near = |value: Option<f64>, expected: f64| {
            assert!(
                (value.unwrap() - expected).abs() < 1e-9,
                "{value:?} {expected}"
            );
        };
        near(score.accuracy_before, 0.6);
        near(score.accuracy_after, 0.8);
        near(score.gain, 0.2);
        near(score.learned, 0.25);
        near(score.wrong, 0.2);
        near(score.known_told_unknown_before, 0.4);
        near(score.known_told_unknown_after, 0.1);
        near(score.unknown_told_before, 0.75);
        near(score.unknown_told_after, 0.25);
        assert_eq!((score.fell, score.refused), (Some(0.0), Some(0.0)));
        let worse = AdaptCounts {
            right_after: 5,
            learned: 0,
            wrong: 0,
            ..counts
        };
        let worse = AdaptScore::of(&worse);
        assert_eq!(
            (worse.fell, worse.refused, worse.wrong),
            (Some(1.0), Some(1.0), None)
        );
        near(
            AdaptScore::spread(&[score, worse])
                .fell
                .map(|fell| fell.mean),
            0.5,
        );
        let unsure = AdaptCounts {
            sure: 0,
            learned: 0,
            unknown: 0,
            ..counts
        };
        let unsure = AdaptScore::of(&unsure);
        assert_eq!((unsure.refused, unsure.unknown_told_after), (None, None));
    }
}
