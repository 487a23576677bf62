//! How unlike everything taught an example is.

use super::auroc;

/// Judges whether an example belongs to any taught class, by conformal prediction (Vovk, Gammerman
/// and Shafer 2005).
///
/// An example has a score: high if it lies far from the mean of its class, in the covariance within
/// classes, and no farther from the mean of another class. The same scores of taught clips, each
/// computed without the clip itself, give the p-value of an example. If its class is a taught one,
/// the p-value is below `a` with a probability of about `a`.
///
/// The taught clips also choose how much the other class counts: see [`Self::calibrated`].
#[derive(Debug, Clone, PartialEq)]
pub struct Novelty {
    /// The weight of the ratio of distances in a score.
    ratio_weight: f32,
    /// Scores of taught clips, ascending.
    scores: Vec<f32>,
}

/// The evidence for a taught clip, as if the clip had not been taught.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOutClip {
    /// The class that it was taught as, by its position in the list of classes.
    pub class: usize,
    /// The squared distance to the mean of each class, in the order of the classes.
    pub squared_distances: Vec<f32>,
    /// The log score of each class.
    pub log_scores: Vec<f32>,
}

/// The weights to choose from, the simplest score first.
const RATIO_WEIGHTS: [f32; 4] = [0.0, 1.0, 2.0, 4.0];

/// The weight where the taught clips cannot choose: with fewer than three classes.
const RATIO_WEIGHT: f32 = 4.0;

/// A weight must be better than a lower one by this, as an area under the receiver operating
/// characteristic.
const CLEARLY: f64 = 0.02;

/// The fewest taught clips from which p-values are computed: with fewer none is below .1.
const FEWEST: usize = 9;

impl Default for Novelty {
    fn default() -> Self {
        Self {
            ratio_weight: RATIO_WEIGHT,
            scores: Vec::new(),
        }
    }
}

impl Novelty {
    /// Computes p-values from taught clips, and chooses the weight of the ratio in a score.
    ///
    /// Each clip is judged twice: as a clip of its class, and as if its class had not been taught.
    /// The weight is the lowest of 0, 1, 2 and 4 that tells the two apart about as well as the best
    /// one does. `background` is the position of the class that is no event: no clip is judged to be
    /// of it. Clips without a finite score are left out.
    ///
    /// ```
    /// use afield::decision::{LeftOutClip, Novelty};
    /// // Two clips of three classes; a clip may lie far from its class, but farther from others.
    /// let clips = [[1.0, 400.0, 500.0], [30.0, 9000.0, 9000.0]].map(|d: [f32; 3]| d.to_vec());
    /// let clip = |squared_distances| LeftOutClip { class: 0, squared_distances, log_scores: vec![] };
    /// let clips = clips.map(clip);
    /// assert_eq!(Novelty::calibrated(&clips, None).ratio_weight(), 0.0);
    /// ```
    pub fn calibrated(clips: &[LeftOutClip], background: Option<usize>) -> Self {
        let ratio_weight = chosen_weight(clips, background).unwrap_or(RATIO_WEIGHT);
        let score = |clip: &LeftOutClip| score(clip.class, &clip.squared_distances, ratio_weight);
        let mut scores: Vec<f32> = clips.iter().filter_map(score).collect();
        scores.sort_by(f32::total_cmp);
        Self {
            ratio_weight,
            scores,
        }
    }

    /// The weight `w` of the ratio in a score: 0, 1, 2 or 4.
    pub fn ratio_weight(&self) -> f32 {
        self.ratio_weight
    }

    /// The number of taught clips that have a score.
    pub fn clips(&self) -> usize {
        self.scores.len()
    }

    /// The score of an example of class `class`, from its squared distance to the mean of each
    /// class: `ln a - w ln (b / a)`, where `a` is the distance to its class and `b` the smallest
    /// to another class, which counts only if there is one. `None` if there is no such class or
    /// distance.
    ///
    /// ```
    /// use afield::decision::Novelty;
    /// let novelty = Novelty::default();
    /// let near = novelty.score(0, &[1.0, 50.0]).unwrap();
    /// let between = novelty.score(0, &[25.0, 26.0]).unwrap();
    /// let far = novelty.score(0, &[900.0, 910.0]).unwrap();
    /// assert!(near < between && between < far);
    /// ```
    pub fn score(&self, class: usize, squared_distances: &[f32]) -> Option<f32> {
        score(class, squared_distances, self.ratio_weight)
    }

    /// The share of taught clips, the example included, that score at least `score`: in `(0, 1]`.
    /// `None` if too few clips were taught to say so.
    ///
    /// ```
    /// use afield::decision::{LeftOutClip, Novelty};
    /// let clip = |n: u8| LeftOutClip {
    ///     class: 0,
    ///     squared_distances: vec![n.into()],
    ///     log_scores: vec![0.0],
    /// };
    /// let novelty = Novelty::calibrated(&(1..20).map(clip).collect::<Vec<_>>(), None);
    /// assert_eq!(novelty.p_value(99.0), Some(0.05));
    /// assert_eq!(novelty.p_value(-1.0), Some(1.0));
    /// assert_eq!(Novelty::default().p_value(0.0), None);
    /// ```
    pub fn p_value(&self, score: f32) -> Option<f32> {
        let all = self.scores.len();
        if all < FEWEST {
            return None;
        }
        let below = self.scores.partition_point(|&other| other < score);
        Some((1 + all - below) as f32 / (1 + all) as f32)
    }
}

fn score(class: usize, squared_distances: &[f32], ratio_weight: f32) -> Option<f32> {
    let own = squared_distances.get(class)?.max(f32::MIN_POSITIVE);
    let others = squared_distances.iter().enumerate();
    let others = others.filter(|&(other, _)| other != class);
    let next = others.map(|(_, &d)| d).min_by(f32::total_cmp);
    let ratio = next.map_or(0.0, |next| (next.max(f32::MIN_POSITIVE) / own).ln());
    let score = own.ln() - ratio_weight * ratio;
    score.is_finite().then_some(score)
}

/// The lowest weight that tells clips from the same clips without their class about as well as the
/// best one does. `None` if no clip has two other classes.
fn chosen_weight(clips: &[LeftOutClip], background: Option<usize>) -> Option<f32> {
    // Each clip without its class, as an example of the nearest class that is left.
    let without = |clip: &LeftOutClip| {
        let mut left = clip.squared_distances.clone();
        if left.len() < 3 || clip.class >= left.len() {
            return None;
        }
        let removed = |other: usize| other - usize::from(other > clip.class);
        let background = background.filter(|&class| class != clip.class).map(removed);
        left.remove(clip.class);
        let events = left.iter().enumerate();
        let events = events.filter(|&(class, _)| Some(class) != background);
        let (class, _) = events.min_by(|a, b| a.1.total_cmp(b.1))?;
        Some(LeftOutClip {
            class,
            squared_distances: left,
            log_scores: Vec::new(),
        })
    };
    let never_taught: Vec<LeftOutClip> = clips.iter().filter_map(without).collect();
    let areas = RATIO_WEIGHTS.map(|weight| {
        let score = |clip: &LeftOutClip| score(clip.class, &clip.squared_distances, weight);
        let high: Vec<f32> = never_taught.iter().filter_map(score).collect();
        let low: Vec<f32> = clips.iter().filter_map(score).collect();
        auroc(&high, &low)
    });
    let best = areas.into_iter().flatten().reduce(f64::max)?;
    let mut choices = RATIO_WEIGHTS.into_iter().zip(areas);
    let close = |area: Option<f64>| area.is_some_and(|area| area >= best - CLEARLY);
    choices
        .find(|&(_, area)| close(area))
        .map(|(weight, _)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clips whose own and next distances are given; a third class is as far as the second.
    fn clips(distances: &[(f32, f32)]) -> Vec<LeftOutClip> {
        let clip = |(at, &(own, next)): (usize, &(f32, f32))| {
            let class = at % 3;
            let mut squared_distances = vec![next; 3];
            squared_distances[class] = own;
            LeftOutClip {
                class,
                squared_distances,
                log_scores: Vec::new(),
            }
        };
        distances.iter().enumerate().map(clip).collect()
    }

    #[test]
    fn the_plain_distance_is_chosen_where_it_suffices() {
        let near: Vec<(f32, f32)> = (0..12).map(|n| (10.0 + n as f32, 400.0)).collect();
        assert_eq!(Novelty::calibrated(&clips(&near), None).ratio_weight(), 0.0);
    }

    #[test]
    fn the_ratio_is_chosen_where_distances_alone_do_not_tell() {
        // All distances of a clip grow with its noise; their ratio stays.
        let noisy: Vec<(f32, f32)> = (0..12)
            .map(|n| 1.5_f32.powi(n))
            .map(|noise| (noise, 1.4 * noise))
            .collect();
        let novelty = Novelty::calibrated(&clips(&noisy), None);
        assert!(novelty.ratio_weight() >= 2.0, "{novelty:?}");
    }

    #[test]
    fn two_classes_leave_no_choice() {
        let two = |squared_distances: [f32; 2]| LeftOutClip {
            class: 0,
            squared_distances: squared_distances.to_vec(),
            log_scores: Vec::new(),
        };
        let novelty = Novelty::calibrated(&[two([1.0, 9.0]), two([2.0, 8.0])], None);
        assert_eq!(novelty.ratio_weight(), RATIO_WEIGHT);
        assert_eq!(Novelty::calibrated(&[], None), Novelty::default());
    }

    #[test]
    fn the_background_is_no_class_of_a_clip() {
        // Without its class, each clip would be of the background, which is near to everything.
        let clip = |own: f32| LeftOutClip {
            class: 0,
            squared_distances: vec![own, 3.0 * own, 1.02 * own],
            log_scores: Vec::new(),
        };
        let clips: Vec<LeftOutClip> = (0..20).map(|n| clip(1.5_f32.powi(n))).collect();
        assert!(Novelty::calibrated(&clips, Some(2)).ratio_weight() >= 2.0);
        assert_eq!(Novelty::calibrated(&clips, None).ratio_weight(), 0.0);
    }
}
