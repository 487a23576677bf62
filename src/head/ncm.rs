//! Nearest class mean.

use std::sync::OnceLock;

use super::discriminant::Discriminant;
use super::statistic_state::damaged;
use super::{Head, HeadError, Moments, Replay, Statistic};

/// Nearest class mean under the Euclidean distance (Mensink et al. 2013), right
/// from the first example of a class.
#[derive(Debug)]
pub struct Ncm {
    steps: Vec<f32>,
    statistic: Statistic,
    solved: OnceLock<Discriminant>,
}

impl Ncm {
    /// A head without classes; one unit of feature `i` is worth `steps[i]`.
    pub fn new(steps: &[f32]) -> Self {
        Self {
            steps: steps.to_vec(),
            statistic: Statistic::new(steps.len(), Moments::Diagonal),
            solved: OnceLock::new(),
        }
    }

    /// The head that [`Head::save_into`] wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub fn load(steps: &[f32], mut bytes: &[u8]) -> Result<Self, HeadError> {
        let statistic = Statistic::take(steps.len(), Moments::Diagonal, &mut bytes)?;
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        Ok(Self {
            steps: steps.to_vec(),
            statistic,
            solved: OnceLock::new(),
        })
    }

    /// The statistic everything follows from.
    pub fn statistic(&self) -> &Statistic {
        &self.statistic
    }

    fn solved(&self) -> &Discriminant {
        self.solved
            .get_or_init(|| discriminant(&self.statistic, &self.steps))
    }
}

impl Head for Ncm {
    fn counts(&self) -> &[u64] {
        self.statistic.counts()
    }

    fn learn_one(&mut self, x: &[i16], class: usize, _: Replay<'_>) -> Result<(), HeadError> {
        self.statistic.add(x, class)?;
        self.solved.take();
        Ok(())
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize, _: Replay<'_>) -> Result<(), HeadError> {
        self.statistic.remove(x, class)?;
        self.solved.take();
        Ok(())
    }

    fn predict_into(&self, x: &[i16], probabilities: &mut Vec<f32>) -> Result<(), HeadError> {
        self.statistic.check_width(x)?;
        self.solved().predict_into(x, probabilities);
        Ok(())
    }

    fn solve(&self) {
        self.solved();
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        self.statistic.save_into(out);
    }

    fn saved_bytes(&self) -> usize {
        self.statistic.saved_bytes()
    }
}

/// Logits `-sharpness |x - mu_k|^2 / 2`, less what all classes share.
fn discriminant(statistic: &Statistic, steps: &[f32]) -> Discriminant {
    let width = statistic.width();
    let classes = statistic.counts().len();
    let order = statistic.canonical_order();
    let steps: Vec<f64> = steps.iter().map(|&step| f64::from(step)).collect();
    let mean = |class: usize, j: usize| {
        statistic.sum(class)[j] as f64 / statistic.counts()[class] as f64 * steps[j]
    };
    let mut centre = vec![0.0; width];
    for &class in &order {
        for (j, centre) in centre.iter_mut().enumerate() {
            *centre += mean(class, j) / classes as f64;
        }
    }
    let sharpness = 1.0;
    let mut weights = vec![0.0; classes * width];
    let mut biases = vec![0.0; classes];
    for class in 0..classes {
        let mut bias = 0.0;
        for j in 0..width {
            let offset = mean(class, j) - centre[j];
            bias -= offset * (centre[j] + offset / 2.0);
            weights[class * width + j] = (sharpness * offset * steps[j]) as f32;
        }
        biases[class] = (sharpness * bias) as f32;
    }
    Discriminant::new(weights, biases)
}
