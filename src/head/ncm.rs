//! Nearest class mean.

use std::sync::OnceLock;

use super::discriminant::Discriminant;
use super::means::ClassMeans;
use super::statistic_state::damaged;
use super::{Head, HeadError, Moments, Replay, Statistic};

/// Nearest class mean under the Euclidean distance (Mensink et al. 2013), right
/// from the first example of a class.
///
/// Held out, 3 folds of ESC-10 (YAMNet, mean+max, square root) and 4 speakers of
/// FSDD (speech embedding): 0.954 and 0.910; under the cosine distance 0.963 and
/// 0.907, not enough to be worth a setting.
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

fn discriminant(statistic: &Statistic, steps: &[f32]) -> Discriminant {
    let means = ClassMeans::new(statistic, steps);
    means.discriminant(&means.offsets, f64::INFINITY)
}
