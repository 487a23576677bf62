//! From probabilities to a decision.
//!
//! One rule so far: the most probable class, if it is probable enough.
//! Calibrated unknowns, smoothing, drift and asking for labels belong here.

use crate::signal::{Decision, Label, Scores};

/// Decides for the most probable class when it reaches a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    min_confidence: f32,
}

impl Threshold {
    /// A threshold; `min_confidence` outside `[0, 1]` is brought inside, and
    /// NaN is 1.
    pub fn new(min_confidence: f32) -> Self {
        let min_confidence = if min_confidence.is_nan() {
            1.0
        } else {
            min_confidence
        };
        Self {
            min_confidence: min_confidence.clamp(0.0, 1.0),
        }
    }

    /// Decides between `classes`, whose order is that of `scores`.
    ///
    /// ```
    /// use afield::decision::Threshold;
    /// use afield::signal::{Decision, Label, Scores};
    /// let classes = [Label::new("kettle")?, Label::new("rain")?];
    /// let scores = Scores(vec![0.2, 0.8]);
    /// let rain = Decision::Known { label: classes[1].clone(), confidence: 0.8 };
    /// assert_eq!(Threshold::new(0.5).decide(&scores, &classes), rain);
    /// assert_eq!(Threshold::new(0.9).decide(&scores, &classes), Decision::Abstain);
    /// # Ok::<(), afield::signal::SignalError>(())
    /// ```
    pub fn decide(&self, scores: &Scores, classes: &[Label]) -> Decision {
        match scores
            .best()
            .and_then(|(class, p)| Some((classes.get(class)?, p)))
        {
            Some((label, confidence)) if confidence >= self.min_confidence => Decision::Known {
                label: label.clone(),
                confidence,
            },
            _ => Decision::Abstain,
        }
    }
}
