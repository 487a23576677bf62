//! Regularisers against forgetting that store no examples: they pull the network towards earlier
//! weights or earlier outputs.
//!
//! Each regulariser sets its anchor at the last task border. Tasks are not announced, so a border
//! is the first example of a new class. This is exact if classes come one after the other.
//! Otherwise it is at most one class late.

use super::loss::normalise;
use super::network::{Pass, Shape};

/// The kind of regulariser and its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Regulariser {
    /// Elastic weight consolidation (Kirkpatrick et al. 2017) in its online form
    /// (Schwarz et al. 2018): one anchor, and one diagonal Fisher information
    /// that decays by `decay` at every border.
    Ewc { strength: f32, decay: f32 },
    /// Learning without forgetting (Li & Hoiem 2016). On the new example, the old classes keep the
    /// odds that the anchored network gives them. Both networks are softened by `temperature`.
    Lwf { strength: f32, temperature: f32 },
    /// L2-SP (Li et al. 2018): pulls all weights equally towards the anchored weights.
    L2sp { strength: f32 },
}

/// The network at the last border.
#[derive(Debug, Default)]
pub(super) struct Anchor {
    regulariser: Option<Regulariser>,
    /// Empty before the first border.
    pub(super) parameters: Vec<f32>,
    /// Fisher information of the tasks before the border: one value a parameter under `ewc`, else
    /// empty.
    pub(super) fisher: Vec<f32>,
    /// Sum over the examples since the border. It grows with the network.
    pub(super) gathered: Vec<f32>,
    pub(super) examples: u64,
    teacher: Pass,
    softened: Vec<f32>,
}

impl Anchor {
    pub(super) fn new(regulariser: Option<Regulariser>) -> Self {
        Self {
            regulariser,
            ..Self::default()
        }
    }

    /// Whether the regulariser has state.
    pub(super) fn remembers(&self) -> bool {
        self.regulariser.is_some()
    }

    /// Whether the regulariser uses Fisher information.
    pub(super) fn gathers(&self) -> bool {
        matches!(self.regulariser, Some(Regulariser::Ewc { .. }))
    }

    /// Ends a task with these parameters.
    pub(super) fn border(&mut self, parameters: &[f32]) {
        if !self.remembers() {
            return;
        }
        self.parameters.clear();
        self.parameters.extend_from_slice(parameters);
        if let Some(Regulariser::Ewc { decay, .. }) = self.regulariser {
            self.fisher.resize(parameters.len(), 0.0);
            let n = self.examples.max(1) as f32;
            for (fisher, gathered) in self.fisher.iter_mut().zip(&mut self.gathered) {
                *fisher = decay * *fisher + *gathered / n;
                *gathered = 0.0;
            }
            self.examples = 0;
        }
    }

    /// Grows the state to this number of parameters.
    pub(super) fn grow(&mut self, parameters: usize) {
        if self.gathers() {
            self.gathered.resize(parameters, 0.0);
        }
    }

    /// Adds the information that one example gives about each weight of a softmax regression. This
    /// is the expected squared derivative under the network's own probabilities,
    /// `p_k (1 - p_k) x_j^2`.
    pub(super) fn gather(&mut self, row: &[f32], probabilities: &[f32]) {
        let units = self.gathered.chunks_exact_mut(row.len() + 1);
        for (unit, p) in units.zip(probabilities) {
            let certain = p * (1.0 - p);
            for (gathered, x) in unit.iter_mut().zip(row.iter().chain(&[1.0])) {
                *gathered += certain * x * x;
            }
        }
        self.examples += 1;
    }

    /// Adds the derivatives of the distillation loss on `row`, given its `logits`, to `errors`.
    pub(super) fn distil(&mut self, shape: Shape, row: &[f32], logits: &[f32], errors: &mut [f32]) {
        let Some(Regulariser::Lwf {
            strength,
            temperature,
        }) = self.regulariser
        else {
            return;
        };
        if self.parameters.is_empty() {
            return;
        }
        shape.forward(&self.parameters, row, &mut self.teacher);
        let taught = &mut self.teacher.logits;
        self.softened.clear();
        self.softened.extend(logits.iter().take(taught.len()));
        normalise(taught, temperature);
        normalise(&mut self.softened, temperature);
        let pairs = self.softened.iter().zip(&*taught);
        for (error, (now, then)) in errors.iter_mut().zip(pairs) {
            // The loss contains the squared temperature, its derivative the temperature once.
            *error += strength * temperature * (now - then);
        }
    }

    /// One step of `strength / 2 * sum F (w - anchor)^2` at this rate. The exact (proximal) step
    /// does not overshoot at any strength.
    pub(super) fn pull(&self, parameters: &mut [f32], rate: f32) {
        let pairs = parameters.iter_mut().zip(&self.parameters);
        match self.regulariser {
            Some(Regulariser::L2sp { strength }) => {
                let keep = 1.0 / (1.0 + rate * strength);
                for (p, anchor) in pairs {
                    *p = anchor + keep * (*p - anchor);
                }
            }
            Some(Regulariser::Ewc { strength, .. }) => {
                for ((p, anchor), fisher) in pairs.zip(&self.fisher) {
                    *p = anchor + (*p - anchor) / (1.0 + rate * strength * fisher);
                }
            }
            Some(Regulariser::Lwf { .. }) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        inputs: 2,
        hidden: 0,
    };

    #[test]
    fn ewc_holds_the_weights_that_mattered() {
        let mut anchor = Anchor::new(Some(Regulariser::Ewc {
            strength: 100.0,
            decay: 0.5,
        }));
        anchor.grow(6);
        // The second input was always 0.
        anchor.gather(&[2.0, 0.0], &[0.5, 0.5]);
        anchor.gather(&[2.0, 0.0], &[1.0, 0.0]);
        anchor.border(&[1.0; 6]);
        assert_eq!(anchor.fisher, [0.5, 0.0, 0.125, 0.5, 0.0, 0.125]);
        let mut parameters = [3.0; 9];
        anchor.pull(&mut parameters, 1.0);
        assert!(parameters[0] < 1.1, "{parameters:?}");
        assert_eq!((parameters[1], parameters[8]), (3.0, 3.0));
        anchor.grow(9);
        anchor.border(&[1.0; 9]);
        assert_eq!(anchor.fisher[..3], [0.25, 0.0, 0.0625], "decayed");
    }

    #[test]
    fn l2sp_pulls_halfway_and_leaves_new_classes_alone() {
        let mut anchor = Anchor::new(Some(Regulariser::L2sp { strength: 2.0 }));
        anchor.border(&[1.0; 3]);
        let mut parameters = [3.0; 6];
        anchor.pull(&mut parameters, 0.5);
        assert_eq!(parameters, [2.0, 2.0, 2.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn lwf_keeps_the_old_odds_among_old_classes_only() {
        let mut anchor = Anchor::new(Some(Regulariser::Lwf {
            strength: 1.0,
            temperature: 2.0,
        }));
        anchor.border(&[1.0, 0.0, 0.0, -1.0, 0.0, 0.0]);
        let mut errors = [0.0; 3];
        anchor.distil(SHAPE, &[1.0, 0.0], &[0.5, 0.5, 9.0], &mut errors);
        let then = 1.0 / (1.0 + (-1.0_f32).exp());
        let expected = 2.0 * (0.5 - then);
        assert!((errors[0] - expected).abs() < 1e-6, "{errors:?}");
        assert!((errors[0] + errors[1]).abs() < 1e-6);
        assert_eq!(errors[2], 0.0);
        // Outputs that already agree cause no error.
        let mut errors = [0.0; 3];
        anchor.distil(SHAPE, &[1.0, 0.0], &[1.0, -1.0, 9.0], &mut errors);
        assert!(errors.iter().all(|e| e.abs() < 1e-6), "{errors:?}");
    }
}
