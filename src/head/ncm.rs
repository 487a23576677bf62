//! Nearest class mean.

use std::sync::OnceLock;

use super::discriminant::Discriminant;
use super::means::{ClassMeans, sharpness};
use super::statistic_state::damaged;
use super::{Head, HeadError, Moments, Replay, Statistic};

/// Nearest class mean (Mensink et al. 2013; Hayes & Kanan 2022), right from the
/// first example of a class.
///
/// Held out, 3 folds of ESC-10 (YAMNet, mean+max, square root) and 4 speakers of
/// FSDD (speech embedding): 0.954 and 0.910 under the Euclidean distance, 0.963
/// and 0.907 under the cosine.
#[derive(Debug)]
pub struct Ncm {
    steps: Vec<f32>,
    distance: Distance,
    statistic: Statistic,
    solved: OnceLock<Discriminant>,
}

/// What near means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Distance {
    /// The Euclidean distance to a class mean.
    #[default]
    Euclidean,
    /// The angle to a class mean, seen from zero.
    Cosine,
}

impl Ncm {
    /// A head without classes; one unit of feature `i` is worth `steps[i]`.
    pub fn new(steps: &[f32], distance: Distance) -> Self {
        let statistic = Statistic::new(steps.len(), Moments::Diagonal);
        Self::of(steps, distance, statistic)
    }

    /// The head that [`Head::save_into`] wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub fn load(steps: &[f32], distance: Distance, mut bytes: &[u8]) -> Result<Self, HeadError> {
        let statistic = Statistic::take(steps.len(), Moments::Diagonal, &mut bytes)?;
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        Ok(Self::of(steps, distance, statistic))
    }

    fn of(steps: &[f32], distance: Distance, statistic: Statistic) -> Self {
        Self {
            steps: steps.to_vec(),
            distance,
            statistic,
            solved: OnceLock::new(),
        }
    }

    fn solved(&self) -> &Discriminant {
        self.solved
            .get_or_init(|| discriminant(&self.statistic, &self.steps, self.distance))
    }

    /// The length of an example, in real units.
    fn length(&self, x: &[i16]) -> f64 {
        let squares = x.iter().zip(&self.steps);
        let squares = squares.map(|(&x, &step)| (f64::from(x) * f64::from(step)).powi(2));
        squares.sum::<f64>().sqrt()
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
        match self.distance {
            Distance::Euclidean => self.solved().predict_into(x, probabilities),
            Distance::Cosine => {
                // Silence has no direction: no class is nearer than another.
                let scale = match self.length(x) {
                    length if length > 0.0 => length.recip(),
                    _ => 0.0,
                };
                self.solved().predict_scaled_into(x, scale, probabilities);
            }
        }
        Ok(())
    }

    fn solve(&self) {
        self.solved();
    }

    fn statistic(&self) -> Option<&Statistic> {
        Some(&self.statistic)
    }

    fn merge(&mut self, other: &Statistic, classes: &[usize]) -> Result<(), HeadError> {
        self.statistic.merge(other, classes)?;
        self.solved.take();
        Ok(())
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        self.statistic.save_into(out);
    }

    fn saved_bytes(&self) -> usize {
        self.statistic.saved_bytes()
    }
}

fn discriminant(statistic: &Statistic, steps: &[f32], distance: Distance) -> Discriminant {
    if distance == Distance::Cosine {
        return directions(statistic, steps);
    }
    let means = ClassMeans::new(statistic, steps);
    let no_priors = vec![0.0; statistic.counts().len()];
    means.discriminant(&means.offsets, f64::INFINITY, &no_priors)
}

/// The class means at length one, sharpened as the Euclidean ones are.
fn directions(statistic: &Statistic, steps: &[f32]) -> Discriminant {
    let (width, order) = (steps.len(), statistic.canonical_order());
    let mut rows = Vec::with_capacity(order.len() * width);
    for &class in &order {
        let start = rows.len();
        let mean = statistic.sum(class).iter().zip(steps);
        rows.extend(mean.map(|(&sum, &step)| sum as f64 * f64::from(step)));
        let squares: f64 = rows[start..].iter().map(|x| x * x).sum();
        if squares > 0.0 {
            let length = squares.sqrt();
            rows[start..].iter_mut().for_each(|x| *x /= length);
        }
    }
    let mut spread = 0.0;
    for j in 0..width {
        let column = || rows.iter().skip(j).step_by(width.max(1));
        let centre = column().sum::<f64>() / order.len().max(1) as f64;
        spread += column().map(|x| (x - centre).powi(2)).sum::<f64>();
    }
    let sharpness = sharpness(spread, order.len(), f64::INFINITY);
    let mut weights = vec![0.0; rows.len()];
    for (row, &class) in rows.chunks_exact(width.max(1)).zip(&order) {
        let to = weights[class * width..(class + 1) * width].iter_mut();
        for ((to, x), step) in to.zip(row).zip(steps) {
            *to = (sharpness * x * f64::from(*step)) as f32;
        }
    }
    Discriminant::new(weights, vec![0.0; order.len()])
}
