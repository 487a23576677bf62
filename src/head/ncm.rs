//! Nearest class mean.

use super::closed_form::{ClosedForm, Method};
use super::discriminant::Discriminant;
use super::means::{ClassMeans, sharpness};
use super::{Formula, HeadError, Moments, Statistic};

/// Nearest class mean (Mensink et al. 2013; Hayes & Kanan 2022), right from the
/// first example of a class.
///
/// Held out, 3 folds of ESC-10 (YAMNet, mean+max, square root) and 4 speakers of
/// FSDD (speech embedding): 0.954 and 0.910 under the Euclidean distance, 0.963
/// and 0.907 under the cosine.
pub type Ncm = ClosedForm<Rule>;

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
        Self::of(Rule::new(steps, distance))
    }

    /// The head that [`Head::save_into`](super::Head::save_into) wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub fn load(steps: &[f32], distance: Distance, bytes: &[u8]) -> Result<Self, HeadError> {
        Self::loaded(Rule::new(steps, distance), bytes)
    }
}

/// How [`Ncm`] solves.
#[derive(Debug, Clone)]
pub struct Rule {
    steps: Vec<f32>,
    distance: Distance,
}

impl Rule {
    fn new(steps: &[f32], distance: Distance) -> Self {
        let steps = steps.to_vec();
        Self { steps, distance }
    }

    /// The length of an example, in real units.
    fn length(&self, x: &[i16]) -> f64 {
        let squares = x.iter().zip(&self.steps);
        let squares = squares.map(|(&x, &step)| (f64::from(x) * f64::from(step)).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

impl Method for Rule {
    type Solved = Discriminant;

    const MOMENTS: Moments = Moments::Diagonal;
    const DEFERRED: bool = false;

    fn inputs(&self) -> usize {
        self.steps.len()
    }

    fn solve(&self, statistic: &Statistic) -> Discriminant {
        if self.distance == Distance::Cosine {
            return directions(statistic, &self.steps);
        }
        let means = ClassMeans::new(statistic, &self.steps);
        let no_priors = vec![0.0; statistic.counts().len()];
        means.discriminant(&means.offsets, 0, f64::INFINITY, &no_priors)
    }

    fn predict_into(&self, solved: &Discriminant, x: &[i16], probabilities: &mut Vec<f32>) {
        match self.distance {
            Distance::Euclidean => solved.predict_into(x, probabilities),
            Distance::Cosine => {
                // Silence has no direction: no class is nearer than another.
                let scale = match self.length(x) {
                    length if length > 0.0 => length.recip(),
                    _ => 0.0,
                };
                solved.predict_scaled_into(x, scale, probabilities);
            }
        }
    }

    fn formula(&self, solved: &Discriminant) -> Formula {
        match self.distance {
            Distance::Euclidean => Formula::Linear(solved.layer()),
            Distance::Cosine => Formula::Cosine {
                layer: solved.layer(),
                steps: self.steps.clone(),
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Head, Replay};

    fn answer(distance: Distance, x: [i16; 2]) -> Vec<f32> {
        let mut ncm = Ncm::new(&[0.001; 2], distance);
        // One class near and to the right, one far and above.
        for (i, class) in [(0_i16, 0), (1, 0), (0, 1), (1, 1)] {
            let x = [[1000 + i, 10 * i], [10 * i, 9000 + i]][class];
            ncm.learn_one(&x, class, Replay::default()).unwrap();
        }
        let mut p = Vec::new();
        ncm.predict_into(&x, &mut p).unwrap();
        p
    }

    #[test]
    fn the_cosine_sees_angles_and_the_euclidean_distance_lengths() {
        // Short, yet in the direction of the far class.
        let x = [100, 900];
        let (cosine, euclidean) = (answer(Distance::Cosine, x), answer(Distance::Euclidean, x));
        assert!(
            cosine[1] > 0.9 && euclidean[0] > 0.9,
            "{cosine:?} {euclidean:?}"
        );
        let longer = answer(Distance::Cosine, [1000, 9000]);
        assert!((longer[1] - cosine[1]).abs() < 1e-5);
        assert_eq!(answer(Distance::Cosine, [0, 0]), [0.5, 0.5]);
    }
}
