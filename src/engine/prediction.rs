//! The prediction for a recording.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

#[cfg(doc)]
use crate::decision::AnswerRule;
use crate::decision::{Answer, AnswerFrom, Probabilities};
use crate::signal::Label;
use crate::source::Note;

/// The classes of a learner with their probabilities for one recording.
///
/// Displayed as the best class and its probability, such as `kettle (0.97)`; serialised as an
/// object of the taught labels and their probabilities.
///
/// If the learner has published classes, too, one of both speaks: see
/// [`AnswerRule`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prediction {
    scores: Vec<(Label, f32)>,
    raw_confidence: Option<f32>,
    novelty_score: Option<f32>,
    p_value: Option<f32>,
    published: Option<PublishedPart>,
    /// Whether the recording is digital silence.
    silent: bool,
}

/// The part of published classes.
#[derive(Debug, Clone, PartialEq)]
struct PublishedPart {
    /// The most probable ones, in falling order.
    top: Vec<(Label, f32)>,
    answer: Option<Answer>,
}

/// What a session says of a clip.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Judgement {
    /// In the order of the learner's classes.
    pub(super) probabilities: Probabilities,
    /// The highest probability before calibration.
    pub(super) raw_confidence: Option<f32>,
    /// The score of the most probable class, and its p-value; see
    /// [`Novelty`](crate::decision::Novelty).
    pub(super) novelty_score: Option<f32>,
    pub(super) p_value: Option<f32>,
}

impl Prediction {
    /// The p-value below which a recording is of no taught class.
    const UNKNOWN_BELOW: f32 = 0.05;

    pub(super) fn new(classes: &[Label], judgement: &Judgement) -> Self {
        let probabilities = judgement.probabilities.0.iter().copied();
        Self {
            scores: classes.iter().cloned().zip(probabilities).collect(),
            raw_confidence: judgement.raw_confidence,
            novelty_score: judgement.novelty_score,
            p_value: judgement.p_value,
            published: None,
            silent: false,
        }
    }

    /// The same prediction, of a recording with these notes.
    pub(super) fn noting(self, notes: &[Note]) -> Self {
        let silent = notes.contains(&Note::Silence);
        Self { silent, ..self }
    }

    /// The same prediction with the most probable published classes, and the answer of both.
    pub(super) fn answered(self, answer: Option<Answer>, top: Vec<(Label, f32)>) -> Self {
        let published = Some(PublishedPart { top, answer });
        Self { published, ..self }
    }

    /// How unlike everything taught the recording is, in `[0, 1)`: the share of taught clips of
    /// which each, if it had not been taught, would be more like its class. `None` if the head
    /// cannot say so, or too few clips were taught. See [`Novelty`](crate::decision::Novelty).
    pub fn novelty(&self) -> Option<f32> {
        self.p_value.map(|p| 1.0 - p)
    }

    /// The score behind [`Self::novelty`], higher for a recording that is less like its most
    /// probable class. It has no unit: compare it with other recordings of the same learner. `None`
    /// if the head has no distances. See [`Novelty::score`](crate::decision::Novelty::score).
    pub fn novelty_score(&self) -> Option<f32> {
        self.novelty_score
    }

    /// Whether the recording is probably of no taught class: fewer than one in twenty taught clips
    /// is as unlike its own, or it is digital silence, which is of no class but the background.
    /// Otherwise `false` if [`Self::novelty`] is `None`. With published classes: whether
    /// neither these nor the taught ones name a class.
    pub fn is_unknown(&self) -> bool {
        if self.silent {
            return self.best().is_none_or(|(label, _)| !label.is_silent());
        }
        match &self.published {
            Some(published) => published.answer.is_none(),
            None => self.p_value.is_some_and(|p| p < Self::UNKNOWN_BELOW),
        }
    }

    /// The classes that [`Self::best`] comes from; `None` if it is unknown, or if the learner has
    /// no published classes.
    pub fn from(&self) -> Option<AnswerFrom> {
        Some(self.published.as_ref()?.answer.as_ref()?.from)
    }

    /// The most probable published classes with their probabilities in `[0, 1]`, up to five, in
    /// falling order; `None` if the learner has none. What sounds like a taught class is left out.
    pub fn published(&self) -> Option<&[(Label, f32)]> {
        Some(self.published.as_ref()?.top.as_slice())
    }

    /// Every taught class with its probability in `[0, 1]`, in the learner's class order. The
    /// probabilities sum to 1; there are none if no class has been taught. With the head `lda`, the
    /// taught clips calibrate them; see [`Temperature`](crate::decision::Temperature).
    pub fn scores(&self) -> &[(Label, f32)] {
        &self.scores
    }

    /// The highest probability in `[0, 1]` as the head gives it, before calibration. `None` if no
    /// class has been taught.
    pub fn raw_confidence(&self) -> Option<f32> {
        self.raw_confidence
    }

    /// The most probable class and its probability; the first of equally probable ones. `None` if
    /// no class has been taught. With published classes: the class of the taught or the published
    /// ones that the recording belongs to; `None` if it is unknown.
    pub fn best(&self) -> Option<(&Label, f32)> {
        if let Some(published) = &self.published {
            let answer = published.answer.as_ref()?;
            return Some((&answer.label, answer.confidence));
        }
        let mut best: Option<(&Label, f32)> = None;
        for (label, p) in &self.scores {
            if best.is_none_or(|(_, top)| *p > top) {
                best = Some((label, *p));
            }
        }
        best
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.best() {
            Some((label, p)) if self.is_unknown() => {
                write!(f, "unknown (nearest {label}, {p:.2})")
            }
            Some((label, p)) => write!(f, "{label} ({p:.2})"),
            None if self.published.is_some() => f.write_str("unknown"),
            None => f.write_str("no class taught"),
        }
    }
}

impl Serialize for Prediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.scores.len()))?;
        for (label, p) in &self.scores {
            map.serialize_entry(label.as_str(), p)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(labels: &[Label], probabilities: &[f32]) -> Prediction {
        let judgement = Judgement {
            probabilities: Probabilities(probabilities.to_vec()),
            ..Judgement::default()
        };
        Prediction::new(labels, &judgement)
    }

    #[test]
    fn best_is_the_first_of_the_most_probable() {
        let labels = ["a", "b", "c"].map(|text| Label::new(text).unwrap());
        let prediction = prediction(&labels, &[0.2, 0.4, 0.4]);
        assert_eq!(prediction.best(), Some((&labels[1], 0.4)));
        assert_eq!(prediction.to_string(), "b (0.40)");
        assert_eq!(Prediction::default().best(), None);
        assert_eq!(Prediction::default().to_string(), "no class taught");
    }

    #[test]
    fn prediction_serialises_as_an_object_of_labels() {
        let labels = ["rain", "dog"].map(|text| Label::new(text).unwrap());
        let prediction = prediction(&labels, &[0.25, 0.75]);
        let json = serde_json::to_string(&prediction).unwrap();
        assert_eq!(json, r#"{"rain":0.25,"dog":0.75}"#);
    }
}
