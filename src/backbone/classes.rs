//! The classes that a backbone was published with: the rest of its graph, from the embedding to
//! the logits, and their labels.
//!
//! The rest is a graph of its own, whose frames are embeddings, so it runs as any backbone does.
//! What it says is not changed by what a learner is taught.

use std::sync::Arc;

use super::{Backbone, BackboneError, Mode, Stream};
use crate::model::{Card, ClassActivation, ClassesSpec, FrontEnd, Normalise, Waveform};
use crate::signal::Label;

/// The classes that a backbone was published with.
pub struct PublishedClasses {
    tail: Backbone,
    labels: Arc<[Label]>,
    spec: ClassesSpec,
}

impl PublishedClasses {
    /// Loads the layer of the classes from the file of the model; `labels` are those of the card.
    /// `None` if the card names no classes.
    ///
    /// # Errors
    /// As [`Backbone::from_bytes`].
    pub fn from_bytes(
        bytes: &[u8],
        card: &Card,
        labels: Vec<Label>,
    ) -> Result<Option<Self>, BackboneError> {
        let Some((spec, tail)) = tail_card(card) else {
            return Ok(None);
        };
        Ok(Some(Self {
            tail: Backbone::from_bytes(bytes, &tail, Mode::Windowed)?,
            labels: labels.into(),
            spec,
        }))
    }

    /// The labels, in the order of the probabilities.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The probability in `(0, 1]` from which on a class is named, as the card states it.
    pub fn min_confidence(&self) -> f32 {
        self.spec.min_confidence
    }

    /// A scorer for embeddings.
    ///
    /// # Errors
    /// [`BackboneError::Run`] if the graph's state cannot be set up.
    pub fn scorer(&self) -> Result<ClassScorer, BackboneError> {
        Ok(ClassScorer {
            stream: self.tail.stream()?,
            labels: Arc::clone(&self.labels),
            activation: self.spec.activation,
            scores: Vec::new(),
        })
    }
}

impl std::fmt::Debug for PublishedClasses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishedClasses")
            .field("count", &self.labels.len())
            .finish_non_exhaustive()
    }
}

/// Scores one embedding after another. Where tract runs the layer, each score allocates a little.
pub struct ClassScorer {
    stream: Stream,
    labels: Arc<[Label]>,
    activation: ClassActivation,
    scores: Vec<f32>,
}

impl ClassScorer {
    /// The probability of each class for an embedding.
    ///
    /// # Errors
    /// [`BackboneError::PartialFrame`] if the embedding has another size, [`BackboneError::Run`].
    pub fn score(&mut self, embedding: &[f32]) -> Result<&[f32], BackboneError> {
        self.scores.clear();
        self.stream.push(embedding, &mut self.scores)?;
        activate(self.activation, &mut self.scores);
        Ok(&self.scores)
    }

    /// The most probable class of the latest embedding, and its probability; `None` before the
    /// first.
    pub fn best(&self) -> Option<(&Label, f32)> {
        let scores = self.scores.iter().copied().enumerate();
        let (class, p) = scores.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((self.labels.get(class)?, p))
    }
}

impl std::fmt::Debug for ClassScorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClassScorer").finish_non_exhaustive()
    }
}

/// The card of the graph from the embedding to the logits: one frame of as many bands as an
/// embedding has numbers.
fn tail_card(card: &Card) -> Option<(ClassesSpec, Card)> {
    let spec = card.classes.clone()?;
    let mut tail = card.clone();
    tail.input.name.clone_from(&card.output.name);
    tail.input.shape.clone_from(&card.output.shape);
    let axes = || card.output.shape.iter();
    // The rules of cards say that both axes are there.
    let bands = axes().position(|&size| size == card.embedding.size)?;
    let frames = (0..axes().len()).find(|&axis| axis != bands)?;
    (tail.input.frames_axis, tail.input.bands_axis) = (frames, Some(bands));
    tail.output.name = Some(spec.name.clone());
    tail.output.shape = vec![1, spec.count];
    (tail.embedding.size, tail.embedding.hop_frames) = (spec.count, 1);
    tail.frontend = FrontEnd::Waveform(Waveform {
        sample_scale: 1.0,
        normalise: Normalise::None,
        window_samples: None,
        spectrogram: Vec::new(),
    });
    tail.classes = None;
    Some((spec, tail))
}

/// Makes probabilities of logits.
fn activate(activation: ClassActivation, scores: &mut [f32]) {
    match activation {
        ClassActivation::Sigmoid => {
            for score in scores {
                *score = 1.0 / (1.0 + (-*score).exp());
            }
        }
        ClassActivation::Softmax => {
            let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for score in &mut *scores {
                *score = (*score - top).exp();
                sum += *score;
            }
            scores.iter_mut().for_each(|score| *score /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoids_are_independent_and_a_softmax_sums_to_one() {
        let mut scores = [0.0, 100.0, -100.0];
        activate(ClassActivation::Sigmoid, &mut scores);
        assert_eq!(scores, [0.5, 1.0, 0.0]);
        let mut scores = [1.0, 1.0, 900.0];
        activate(ClassActivation::Softmax, &mut scores);
        assert_eq!(scores, [0.0, 0.0, 1.0]);
        let mut scores = [3.0, 3.0];
        activate(ClassActivation::Softmax, &mut scores);
        assert_eq!(scores, [0.5, 0.5]);
    }
}
