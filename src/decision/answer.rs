//! One answer of two classifiers: the head that is taught, and classes that a backbone was
//! published with.
//!
//! The taught head speaks first, if a sound belongs to what was taught. So a correction counts at
//! once, and published classes answer for the rest.

use serde::{Serialize, Serializer};

use super::Probabilities;
use crate::signal::Label;

/// The classes that an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFrom {
    /// Those that the learner was taught.
    Taught,
    /// Those that its backbone was published with.
    Published,
}

impl AnswerFrom {
    /// The name: `taught` or `published`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taught => "taught",
            Self::Published => "published",
        }
    }
}

impl Serialize for AnswerFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The class of a sound, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The class.
    pub label: Label,
    /// The classes that it is one of. A label may be taught and published.
    pub from: AnswerFrom,
    /// Its probability in `[0, 1]`, among the taught classes or as the published ones give it.
    pub confidence: f32,
}

/// What is known of one sound.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// The taught classes, in the order of the probabilities.
    pub classes: &'a [Label],
    /// The probabilities of the taught head.
    pub probabilities: &'a Probabilities,
    /// The p-value that the sound is of the most probable taught class; `None` if it is not known, or
    /// too few clips were taught.
    pub p_value: Option<f32>,
    /// The class of the taught sound that is most alike, and the cosine of their angle.
    pub nearest: Option<(&'a Label, f32)>,
    /// The most probable published class.
    pub published: Option<(&'a Label, f32)>,
}

/// When each of the two classifiers speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerRule {
    /// The p-value in `[0, 1]` below which a sound is of no taught class.
    pub unknown_below: f32,
    /// The probability in `[0, 1]` from which on the taught head names a class by its p-value.
    pub min_confidence: f32,
    /// The probability in `[0, 1]` from which on a published class is named.
    pub published_min_confidence: f32,
}

impl AnswerRule {
    /// The cosine from which on a sound is like a taught one. Of sounds of animals that were taught
    /// once, .98 reached it when heard again, and .005 of other sounds did
    /// (docs/decisions/0050-published-classes.md).
    pub const ALIKE: f32 = 0.75;

    /// As [`Self::ALIKE`], for the background: its sound is a part of every other.
    pub const ALIKE_BACKGROUND: f32 = 0.8;

    /// The lowest [`Self::unknown_below`] that leaves most sounds of untaught species to the
    /// published classes.
    pub const UNKNOWN_BELOW: f32 = 0.2;

    /// Whether a sound at this cosine from a taught one of class `label` is of that class.
    pub fn is_alike(label: &Label, cosine: f32) -> bool {
        let least = match label.is_background() {
            true => Self::ALIKE_BACKGROUND,
            false => Self::ALIKE,
        };
        cosine >= least
    }

    /// The class of a sound; `None` if it is unknown.
    ///
    /// ```
    /// use afield::decision::{AnswerFrom, AnswerRule, Findings, Probabilities};
    /// use afield::signal::Label;
    /// let rule =
    ///     AnswerRule { unknown_below: 0.2, min_confidence: 0.5, published_min_confidence: 0.25 };
    /// let (gate, crow) = (Label::new("gate")?, Label::new("Corvus corone_Carrion Crow")?);
    /// let mut findings = Findings {
    ///     classes: std::slice::from_ref(&gate),
    ///     probabilities: &Probabilities(vec![1.0]),
    ///     p_value: None,
    ///     nearest: Some((&gate, 0.5)),
    ///     published: Some((&crow, 0.7)),
    /// };
    /// assert_eq!(rule.answer(&findings).unwrap().label, crow);
    /// // It was the gate, and sounds so again.
    /// findings.nearest = Some((&gate, 0.9));
    /// assert_eq!(rule.answer(&findings).unwrap().from, AnswerFrom::Taught);
    /// # Ok::<(), afield::signal::SignalError>(())
    /// ```
    pub fn answer(&self, findings: &Findings<'_>) -> Option<Answer> {
        self.taught(findings).or_else(|| self.published(findings))
    }

    /// The taught class that the sound belongs to, if it belongs to one.
    pub(crate) fn taught(&self, findings: &Findings<'_>) -> Option<Answer> {
        let Findings {
            classes,
            probabilities,
            ..
        } = *findings;
        let taught = |label: &Label, confidence| Answer {
            label: label.clone(),
            from: AnswerFrom::Taught,
            confidence,
        };
        if let Some((label, cosine)) = findings.nearest
            && Self::is_alike(label, cosine)
        {
            let class = classes.iter().position(|class| class == label);
            let p = class.and_then(|class| probabilities.0.get(class).copied());
            return Some(taught(label, p.unwrap_or(0.0)));
        }
        let (class, p) = probabilities.best()?;
        let belongs = findings.p_value? >= self.unknown_below && p >= self.min_confidence;
        belongs.then(|| Some(taught(classes.get(class)?, p)))?
    }

    fn published(&self, findings: &Findings<'_>) -> Option<Answer> {
        let (label, confidence) = findings.published?;
        (confidence >= self.published_min_confidence).then(|| Answer {
            label: label.clone(),
            from: AnswerFrom::Published,
            confidence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taught_head_speaks_by_its_p_value_or_for_a_sound_that_is_alike() {
        let labels = ["dog", "background", "crow"].map(|text| Label::new(text).unwrap());
        let [dog, background, crow] = &labels;
        let rule = AnswerRule {
            unknown_below: 0.2,
            min_confidence: 0.5,
            published_min_confidence: 0.25,
        };
        let probabilities = Probabilities(vec![0.6, 0.4]);
        let answer = |p_value, nearest, published| {
            let answer = rule.answer(&Findings {
                classes: &labels[..2],
                probabilities: &probabilities,
                p_value,
                nearest,
                published: Some((crow, published)),
            });
            answer.map(|answer| (answer.label, answer.from, answer.confidence))
        };
        use AnswerFrom::{Published, Taught};
        let from_crow = Some((crow.clone(), Published, 0.3));
        assert_eq!(answer(None, None, 0.3), from_crow);
        assert_eq!(answer(Some(0.19), Some((dog, 0.74)), 0.3), from_crow);
        assert_eq!(answer(None, Some((background, 0.79)), 0.3), from_crow);
        assert_eq!(answer(Some(0.19), Some((dog, 0.74)), 0.2), None);
        let from_dog = Some((dog.clone(), Taught, 0.6));
        assert_eq!(answer(Some(0.2), None, 0.9), from_dog);
        assert_eq!(answer(None, Some((dog, 0.75)), 0.9), from_dog);
        let from_background = Some((background.clone(), Taught, 0.4));
        assert_eq!(
            answer(Some(0.9), Some((background, 0.8)), 0.9),
            from_background
        );
    }
}
