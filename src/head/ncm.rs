//! Nearest class mean.

use super::closed_form::{ClosedForm, Method};
use super::discriminant::Discriminant;
use super::left_out::LeftOutEvidence;
use super::means::{ClassMeans, sharpness};
use super::{Formula, HeadError, Moments, Statistic};

/// Nearest class mean (Mensink et al. 2013; Hayes & Kanan 2022). It works from the first example
/// of a class.
///
/// Held out, 3 folds of ESC-10 (YAMNet, mean+max, square root) and 4 speakers of FSDD (speech
/// embedding): the Euclidean distance gives 0.954 and 0.910, the cosine 0.963 and 0.907.
pub(crate) type Ncm = ClosedForm<NearestMean>;

/// How the distance to a class mean is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Distance {
    /// The Euclidean distance to a class mean.
    #[default]
    Euclidean,
    /// The angle to a class mean, measured at zero.
    Cosine,
}

impl Ncm {
    /// Creates a head without classes. One unit of feature `i` is worth `steps[i]`.
    pub(crate) fn new(steps: &[f32], distance: Distance) -> Self {
        Self::of(NearestMean::new(steps, distance))
    }

    /// Loads the head that [`Head::save_into`](super::Head::save_into) wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub(crate) fn load(steps: &[f32], distance: Distance, bytes: &[u8]) -> Result<Self, HeadError> {
        Self::loaded(NearestMean::new(steps, distance), bytes)
    }
}

/// How [`Ncm`] solves.
#[derive(Debug, Clone)]
pub(crate) struct NearestMean {
    steps: Vec<f32>,
    distance: Distance,
}

impl NearestMean {
    fn new(steps: &[f32], distance: Distance) -> Self {
        let steps = steps.to_vec();
        Self { steps, distance }
    }

    /// The squared distance from an example to the mean of `n` examples of these sums. Of directions,
    /// `2 - 2 cos`; a zero vector is orthogonal to every other.
    fn squared_distance(&self, x: &[i16], sums: impl Iterator<Item = f64>, n: f64) -> f32 {
        let pairs = sums.zip(x).zip(&self.steps);
        let pairs = pairs.map(|((sum, &x), &step)| {
            let step = f64::from(step);
            (f64::from(x) * step, sum / n * step)
        });
        let squared = match self.distance {
            Distance::Euclidean => pairs.map(|(x, mean)| (x - mean).powi(2)).sum(),
            Distance::Cosine => {
                let products = pairs.fold([0.0; 3], |[xx, xm, mm], (x, mean)| {
                    [xx + x * x, xm + x * mean, mm + mean * mean]
                });
                let [xx, xm, mm] = products;
                let lengths: f64 = (xx * mm).sqrt();
                2.0 - 2.0 * if lengths > 0.0 { xm / lengths } else { 0.0 }
            }
        };
        squared.max(0.0) as f32
    }

    /// See [`sharpness`].
    fn sharpness(&self, statistic: &Statistic) -> f32 {
        let classes = statistic.counts().len();
        let spread = match self.distance {
            Distance::Euclidean => {
                let offsets = ClassMeans::new(statistic, &self.steps).offsets;
                offsets.iter().map(|x| x * x).sum()
            }
            Distance::Cosine => spread(&unit_means(statistic, &self.steps), self.steps.len()),
        };
        sharpness(spread, classes, f64::INFINITY) as f32
    }

    /// The length of an example, in real units.
    fn length(&self, x: &[i16]) -> f64 {
        let squares = x.iter().zip(&self.steps);
        let squares = squares.map(|(&x, &step)| (f64::from(x) * f64::from(step)).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

impl Method for NearestMean {
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

    fn scores_into(&self, solved: &Discriminant, x: &[i16], scores: &mut Vec<f32>) {
        match self.distance {
            Distance::Euclidean => solved.apply_into(x, scores),
            Distance::Cosine => {
                // A zero vector has no direction, so all classes are equally near.
                let scale = match self.length(x) {
                    length if length > 0.0 => length.recip(),
                    _ => 0.0,
                };
                solved.apply_scaled_into(x, scale, scores);
            }
        }
    }

    fn distances_into(
        &self,
        _: &Discriminant,
        statistic: &Statistic,
        x: &[i16],
        distances: &mut Vec<f32>,
        _: &mut Vec<f32>,
    ) {
        distances.clear();
        let classes = statistic.counts().iter().enumerate();
        distances.extend(classes.map(|(class, &n)| {
            let sums = statistic.sum(class).iter().map(|&sum| sum as f64);
            self.squared_distance(x, sums, n as f64)
        }));
    }

    fn left_out_into(
        &self,
        _: &Discriminant,
        statistic: &Statistic,
        rows: &[i16],
        class: usize,
        weights: &[f64],
        left_out: &mut LeftOutEvidence,
    ) -> bool {
        let width = self.steps.len();
        if class >= statistic.counts().len() {
            return false;
        }
        let mut own: Vec<f64> = (statistic.sum(class).iter())
            .map(|&sum| sum as f64)
            .collect();
        for (row, weight) in rows.chunks_exact(width).zip(weights) {
            for (sum, &x) in own.iter_mut().zip(row) {
                *sum -= weight * f64::from(x);
            }
        }
        let rest = statistic.counts()[class] as f64 - weights.iter().sum::<f64>();
        let sharpness = self.sharpness(statistic);
        left_out.squared_distances.clear();
        for row in rows.chunks_exact(width) {
            for (other, &n) in statistic.counts().iter().enumerate() {
                let distance = match other == class {
                    true if rest < 0.5 => f32::INFINITY,
                    true => self.squared_distance(row, own.iter().copied(), rest),
                    false => {
                        let sums = statistic.sum(other).iter().map(|&sum| sum as f64);
                        self.squared_distance(row, sums, n as f64)
                    }
                };
                left_out.squared_distances.push(distance);
            }
        }
        let scores = left_out.squared_distances.iter();
        left_out.log_scores.clear();
        (left_out.log_scores).extend(scores.map(|distance| -sharpness * distance / 2.0));
        true
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

/// The class means scaled to length one, `[classes, width]`, in the canonical order.
fn unit_means(statistic: &Statistic, steps: &[f32]) -> Vec<f64> {
    let order = statistic.canonical_order();
    let mut rows = Vec::with_capacity(order.len() * steps.len());
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
    rows
}

/// The sum of squared distances of rows from their mean.
fn spread(rows: &[f64], width: usize) -> f64 {
    let count = (rows.len() / width.max(1)).max(1);
    let of_column = |j: usize| -> f64 {
        let column = || rows.iter().skip(j).step_by(width.max(1));
        let centre = column().sum::<f64>() / count as f64;
        column().map(|x| (x - centre).powi(2)).sum()
    };
    (0..width).map(of_column).sum()
}

/// The class means scaled to length one, with the same sharpness rule as the Euclidean ones.
fn directions(statistic: &Statistic, steps: &[f32]) -> Discriminant {
    let (width, order) = (steps.len(), statistic.canonical_order());
    let rows = unit_means(statistic, steps);
    let sharpness = sharpness(spread(&rows, width), order.len(), f64::INFINITY);
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
    use crate::head::testing::probabilities;
    use crate::head::{Evidence, Head};

    fn answer(distance: Distance, x: [i16; 2]) -> Vec<f32> {
        let mut ncm = Ncm::new(&[0.001; 2], distance);
        // One class is near and to the right, one is far and above.
        for (i, class) in [(0_i16, 0), (1, 0), (0, 1), (1, 1)] {
            let x = [[1000 + i, 10 * i], [10 * i, 9000 + i]][class];
            ncm.learn_one(&x, class).unwrap();
        }
        probabilities(&ncm, &x)
    }

    #[test]
    fn cosine_ignores_length_and_euclidean_distance_does_not() {
        // A short vector in the direction of the far class.
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

    #[test]
    fn distances_to_the_class_means_are_reported() {
        let mut evidence = Evidence::with_distances();
        for (distance, expected) in [
            (Distance::Euclidean, [36.0, 1.0]),
            // Cosines of -1 / 10^.5 and 3 / 10^.5.
            (Distance::Cosine, [2.632_456, 0.102_633]),
        ] {
            let mut ncm = Ncm::new(&[0.5, 1.0], distance);
            ncm.evidence_into(&[0, 0], &mut evidence).unwrap();
            assert_eq!(
                (evidence.scores(), evidence.squared_distances()),
                (&[][..], None)
            );
            // Means of (4, 2) and (-2, 1) in real units.
            for (x, class) in [([7, 1], 0), ([9, 3], 0), ([-4, 1], 1)] {
                ncm.learn_one(&x, class).unwrap();
            }
            // (-2, 2) in real units.
            ncm.evidence_into(&[-4, 2], &mut evidence).unwrap();
            assert_eq!(evidence.counts(), [2, 1]);
            let mut asked = Evidence::default();
            ncm.evidence_into(&[-4, 2], &mut asked).unwrap();
            assert_eq!(asked.squared_distances(), None, "not asked for");
            assert_eq!(asked.scores(), evidence.scores());
            let distances = evidence.squared_distances().unwrap();
            for (distance, expected) in distances.iter().zip(expected) {
                assert!((distance - expected).abs() < 1e-5, "{distance} {expected}");
            }
        }
    }
}
