//! How unlike everything taught an example is.

/// Judges whether an example belongs to any taught class, by conformal prediction (Vovk, Gammerman
/// and Shafer 2005).
///
/// An example has a score: high if it lies far from the mean of its class, in the covariance within
/// classes, and no farther from the mean of another class. The same scores of taught clips, each
/// computed without the clip itself, give the p-value of an example. If its class is a taught one,
/// the p-value is below `a` with a probability of about `a`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Novelty {
    /// Scores of taught clips, ascending.
    scores: Vec<f32>,
}

/// The weight of the ratio of distances in a score; measured on sound, where 2 to 4 were alike.
const RATIO_WEIGHT: f32 = 4.0;

/// The fewest taught clips from which p-values are computed: with fewer none is below .1.
const FEWEST: usize = 9;

impl Novelty {
    /// Computes p-values from the scores of taught clips. Scores that are not finite are left out.
    pub fn new(mut scores: Vec<f32>) -> Self {
        scores.retain(|score| score.is_finite());
        scores.sort_by(f32::total_cmp);
        Self { scores }
    }

    /// The score of an example of class `class`, from its squared distance to the mean of each
    /// class: `ln a - 4 ln (b / a)`, where `a` is the distance to its class and `b` the smallest
    /// to another class, which counts only if there is one. `None` if there is no such class or
    /// distance.
    ///
    /// ```
    /// use afield::decision::Novelty;
    /// let near = Novelty::score(0, &[1.0, 50.0]).unwrap();
    /// let between = Novelty::score(0, &[25.0, 26.0]).unwrap();
    /// let far = Novelty::score(0, &[900.0, 910.0]).unwrap();
    /// assert!(near < between && between < far);
    /// ```
    pub fn score(class: usize, squared_distances: &[f32]) -> Option<f32> {
        let own = squared_distances.get(class)?.max(f32::MIN_POSITIVE);
        let others = squared_distances.iter().enumerate();
        let others = others.filter(|&(other, _)| other != class);
        let next = others.map(|(_, &d)| d).min_by(f32::total_cmp);
        let ratio = next.map_or(0.0, |next| (next.max(f32::MIN_POSITIVE) / own).ln());
        let score = own.ln() - RATIO_WEIGHT * ratio;
        score.is_finite().then_some(score)
    }

    /// The share of taught clips, the example included, that score at least `score`: in `(0, 1]`.
    /// `None` if too few clips were taught to say so.
    ///
    /// ```
    /// use afield::decision::Novelty;
    /// let novelty = Novelty::new((0..19).map(|score| score as f32).collect());
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
