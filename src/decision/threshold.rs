//! Decides for the most probable class if it is probable enough.

use super::{Decide, Decision, Probabilities, WindowEvidence};

/// Decides for the most probable class if its probability reaches a threshold.
///
/// ```
/// use afield::decision::{Decide, Decision, Probabilities, Threshold, WindowEvidence};
/// use afield::head::Evidence;
/// use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
/// use afield::signal::{Label, Micros};
/// let contract = Contract::new(EmbeddingSpace::new("toy", 2, 4.0), Pool::Mean, Transform::None)?;
/// let mut learner = Learner::new(contract, Settings::default())?;
/// let rain = Label::new("rain")?;
/// learner.learn_one(&learner.encode(&[0.0, 2.0])?, &Label::new("kettle")?)?;
/// learner.learn_one(&learner.encode(&[3.0, 0.0])?, &rain)?;
/// let (mut evidence, mut probabilities) = (Evidence::default(), Probabilities::default());
/// learner.evidence_into(&learner.encode(&[3.0, 1.0])?, &mut evidence)?;
/// let window =
///     WindowEvidence::new(Micros(0), Micros(500_000), learner.classes(), &evidence);
/// let decision = Threshold::new(0.5).step(&window, &mut probabilities);
/// let confidence = probabilities.0[1];
/// assert_eq!(decision, Decision::Known { label: rain, confidence });
/// assert_eq!(Threshold::new(1.0).step(&window, &mut probabilities), Decision::Abstain);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    min_confidence: f32,
}

impl Threshold {
    /// Creates a threshold. `min_confidence` is clamped to `[0, 1]`; NaN becomes 1.
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
}

impl Decide for Threshold {
    fn step(&mut self, window: &WindowEvidence<'_>, probabilities: &mut Probabilities) -> Decision {
        probabilities.set(window.evidence);
        let best = probabilities.best();
        match best.and_then(|(class, p)| Some((window.classes.get(class)?, p))) {
            Some((label, confidence)) if confidence >= self.min_confidence => Decision::Known {
                label: label.clone(),
                confidence,
            },
            _ => Decision::Abstain,
        }
    }

    /// Does nothing, because a threshold stores no windows.
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Evidence;
    use crate::signal::Micros;

    #[test]
    fn a_threshold_is_brought_into_the_unit_interval() {
        for (asked, used) in [(-1.0, 0.0), (0.5, 0.5), (7.0, 1.0), (f32::NAN, 1.0)] {
            assert_eq!(Threshold::new(asked), Threshold::new(used), "{asked}");
        }
    }

    #[test]
    fn without_classes_a_threshold_abstains() {
        let evidence = Evidence::default();
        let window = WindowEvidence::new(Micros(0), Micros(1), &[], &evidence);
        let mut probabilities = Probabilities(vec![0.3]);
        let decision = Threshold::new(0.0).step(&window, &mut probabilities);
        assert_eq!(decision, Decision::Abstain);
        assert!(probabilities.0.is_empty(), "{probabilities:?}");
    }
}
