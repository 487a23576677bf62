//! The scores of one draw, and their spread over several draws.

use afield::decision::{Reliability, auroc};

use super::separation::false_share;
use crate::exam::scores;
use crate::field::Spread;

/// The share of one side that a threshold is set by.
const RECALL: f64 = 0.95;

/// What a learner says of one held-out clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    /// Whether its class was taught.
    pub taught: bool,
    /// Whether its most probable class is its class.
    pub right: bool,
    /// The probability of that class, and what it was before calibration.
    pub confidence: f32,
    pub raw_confidence: f32,
    pub novelty_score: Option<f32>,
    pub p_value: Option<f32>,
}

scores! {
    /// The scores of one draw, or their spread over several. Shares are in `[0, 1]`; `None` if there was
    /// nothing to count.
    ///
    /// Areas and shares at a threshold are means over the learners of a draw, one for each held-out
    /// group, since scores of different learners are not comparable. All others count the clips of all
    /// learners.
    pub struct UnknownScore {
        /// How well the novelty score tells never taught classes from taught ones: the area under the
        /// receiver operating characteristic.
        pub auroc,
        /// The same for the highest probability before calibration, which is low for an unknown clip.
        pub auroc_of_confidence,
        /// The share of taught classes that is called unknown at the threshold where 95 % of the never
        /// taught clips are.
        pub known_lost_at_95_unknown_told,
        /// The share of never taught classes that is called known at the threshold where 95 % of the
        /// clips of taught classes are.
        pub unknown_missed_at_95_known_kept,
        /// The share of clips of taught classes with a p-value below .05.
        pub known_told_unknown_at_05,
        /// The share of clips of never taught classes with a p-value below .05.
        pub unknown_told_at_05,
        /// As the two above, below .1.
        pub known_told_unknown_at_10,
        /// See [`Self::known_told_unknown_at_10`].
        pub unknown_told_at_10,
        /// The share of clips of taught classes whose most probable class is right.
        pub accuracy,
        /// The expected calibration error of the confidence in clips of taught classes, in 15 ranges.
        pub ece,
        /// The same before calibration.
        pub ece_before,
    }
}

impl UnknownScore {
    /// The scores of a draw: the answers of each of its learners.
    pub(crate) fn of(learners: &[Vec<Answer>]) -> Self {
        let all: Vec<&Answer> = learners.iter().flatten().collect();
        let known: Vec<&Answer> = all.iter().copied().filter(|answer| answer.taught).collect();
        let share = |answers: &[&Answer], is: &dyn Fn(&Answer) -> Option<bool>| {
            let said: Vec<bool> = answers.iter().filter_map(|answer| is(answer)).collect();
            let hits = said.iter().filter(|&&said| said).count();
            (!said.is_empty()).then(|| hits as f64 / said.len() as f64)
        };
        let told = |taught: bool, below: f32| {
            let side: Vec<&Answer> = (all.iter().copied())
                .filter(|answer| answer.taught == taught)
                .collect();
            share(&side, &|answer| answer.p_value.map(|p| p < below))
        };
        let mean = |of: &dyn Fn(&Sides) -> Option<f64>, score: &dyn Fn(&Answer) -> Option<f32>| {
            let values = learners
                .iter()
                .filter_map(|answers| of(&Sides::of(answers, score)));
            Some(Spread::of(&values.collect::<Vec<f64>>())?.mean)
        };
        let novelty = |answer: &Answer| answer.novelty_score;
        let doubt = |answer: &Answer| Some(-answer.raw_confidence);
        let sureness = |answer: &Answer| answer.novelty_score.map(|score| -score);
        let area = |sides: &Sides| auroc(&sides.unknown, &sides.known);
        let ece = |confidence: &dyn Fn(&Answer) -> f32| {
            Reliability::of(
                known
                    .iter()
                    .map(|answer| (confidence(answer), answer.right)),
            )
            .ece()
        };
        Self {
            auroc: mean(&area, &novelty),
            auroc_of_confidence: mean(&area, &doubt),
            known_lost_at_95_unknown_told: mean(
                &|sides| false_share(&sides.unknown, &sides.known, RECALL),
                &novelty,
            ),
            unknown_missed_at_95_known_kept: mean(
                &|sides| false_share(&sides.known, &sides.unknown, RECALL),
                &sureness,
            ),
            known_told_unknown_at_05: told(true, 0.05),
            unknown_told_at_05: told(false, 0.05),
            known_told_unknown_at_10: told(true, 0.1),
            unknown_told_at_10: told(false, 0.1),
            accuracy: share(&known, &|answer| Some(answer.right)),
            ece: ece(&|answer| answer.confidence),
            ece_before: ece(&|answer| answer.raw_confidence),
        }
    }
}

/// The scores of one learner's answers that have a score.
struct Sides {
    known: Vec<f32>,
    unknown: Vec<f32>,
}

impl Sides {
    fn of(answers: &[Answer], score: &dyn Fn(&Answer) -> Option<f32>) -> Self {
        let side = |taught: bool| {
            let of = answers.iter().filter(|answer| answer.taught == taught);
            of.filter_map(score).collect()
        };
        Self {
            known: side(true),
            unknown: side(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(taught: bool, right: bool, confidence: f32, score: f32, p: f32) -> Answer {
        Answer {
            taught,
            right,
            confidence: confidence / 2.0,
            raw_confidence: confidence,
            novelty_score: Some(score),
            p_value: Some(p),
        }
    }

    #[test]
    fn scores_equal_values_computed_by_hand() {
        let first = vec![
            answer(true, true, 1.0, 0.0, 0.5),
            answer(true, false, 1.0, 3.0, 0.04),
            answer(false, false, 0.5, 2.0, 0.08),
            answer(false, false, 0.9, 4.0, 0.01),
        ];
        // Another learner, whose scores have another scale.
        let second = vec![
            answer(true, true, 1.0, 100.0, 0.6),
            answer(false, false, 1.0, 200.0, 0.02),
        ];
        let score = UnknownScore::of(&[first, second]);
        let near = |value: Option<f64>, expected: f64| {
            assert!(
                (value.unwrap() - expected).abs() < 1e-9,
                "{value:?} {expected}"
            );
        };
        near(score.auroc, (0.75 + 1.0) / 2.0);
        near(score.auroc_of_confidence, (1.0 + 0.5) / 2.0);
        near(score.known_lost_at_95_unknown_told, (0.5 + 0.0) / 2.0);
        near(score.unknown_missed_at_95_known_kept, (0.5 + 0.0) / 2.0);
        near(score.known_told_unknown_at_05, 1.0 / 3.0);
        near(score.unknown_told_at_05, 2.0 / 3.0);
        near(score.unknown_told_at_10, 1.0);
        near(score.accuracy, 2.0 / 3.0);
        near(score.ece_before, 1.0 / 3.0);
        near(score.ece, 2.0 / 3.0 - 0.5);
        let spread = UnknownScore::spread(&[score, score]);
        assert_eq!(spread.auroc.unwrap().deviation, Some(0.0));
    }

    #[test]
    fn a_head_without_distances_has_no_novelty_but_an_accuracy() {
        let blind = Answer {
            novelty_score: None,
            p_value: None,
            ..answer(true, true, 1.0, 0.0, 0.0)
        };
        let score = UnknownScore::of(&[vec![blind]]);
        assert_eq!((score.auroc, score.unknown_told_at_05), (None, None));
        assert_eq!(score.accuracy, Some(1.0));
    }
}
