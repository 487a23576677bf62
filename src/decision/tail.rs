//! p-values beyond the largest score that was taught.

/// The tail of the scores of taught blocks, for p-values that are smaller than one over their
/// number.
///
/// A conformal p-value of `n` scores is never below `1 / (n + 1)`: with eight taught hours, that is
/// three alarms a day. Above the fifth largest share of the scores, the p-value is therefore that of
/// a generalised Pareto distribution (Pickands 1975), fitted by probability-weighted moments
/// (Hosking and Wallis 1987). Below, it is the conformal one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    /// Ascending.
    scores: Vec<f32>,
    /// The score from which on the tail is fitted, and the number of scores above it.
    from: f64,
    above: usize,
    scale: f64,
    shape: f64,
}

/// The share of scores that the tail is fitted to.
const SHARE: usize = 5;

/// The range of shapes: a few dozen scores give no better one.
const SHAPES: std::ops::RangeInclusive<f64> = -0.3..=0.3;

impl Tail {
    /// The fewest scores that a tail is fitted to.
    pub const FEWEST: usize = 40;

    /// The tail of scores, of which those that are not finite are left out. `None` for fewer than
    /// [`Self::FEWEST`].
    ///
    /// ```
    /// use afield::decision::Tail;
    /// // Quantiles of an exponential distribution.
    /// let scores = (1..=400).map(|i| -(1.0 - i as f32 / 401.0).ln()).collect();
    /// let tail = Tail::fitted(scores).unwrap();
    /// for (score, p_value) in [(0.7, 0.5_f32), (5.3, 0.005), (7.0, 0.0009)] {
    ///     let ratio = tail.p_value(score) / p_value;
    ///     assert!((0.5..2.0).contains(&ratio), "{ratio}");
    /// }
    /// ```
    pub fn fitted(mut scores: Vec<f32>) -> Option<Self> {
        scores.retain(|score| score.is_finite());
        scores.sort_by(f32::total_cmp);
        let all = scores.len();
        if all < Self::FEWEST {
            return None;
        }
        let above = all / SHARE;
        let from = f64::from(scores[all - above - 1]);
        let beyond = scores[all - above..].iter();
        let beyond: Vec<f64> = beyond.map(|&score| f64::from(score) - from).collect();
        let count = above as f64;
        let mean = beyond.iter().sum::<f64>() / count;
        // Each excess weighted by the share of the others above it.
        let weighted = (0..above).map(|i| beyond[i] * (count - i as f64 - 0.65) / count);
        let weighted = weighted.sum::<f64>() / count;
        let shape = 2.0 - mean / (mean - 2.0 * weighted);
        let shape = match shape.is_finite() {
            true => shape.clamp(*SHAPES.start(), *SHAPES.end()),
            false => 0.0,
        };
        Some(Self {
            scores,
            from,
            above,
            scale: (mean * (1.0 - shape)).max(f64::MIN_POSITIVE),
            shape,
        })
    }

    /// The share of taught blocks that score at least `score`: in `[0, 1]`. 1 for NaN.
    pub fn p_value(&self, score: f32) -> f32 {
        let all = self.scores.len();
        let excess = f64::from(score) - self.from;
        if excess > 0.0 {
            let relative = excess / self.scale;
            let survival = match self.shape.abs() < 1e-6 {
                true => (-relative).exp(),
                false => (1.0 + self.shape * relative)
                    .max(0.0)
                    .powf(-1.0 / self.shape),
            };
            return (survival * self.above as f64 / all as f64) as f32;
        }
        let below = self.scores.partition_point(|&other| other < score);
        (1 + all - below) as f32 / (1 + all) as f32
    }

    /// The number of scores.
    pub fn scores(&self) -> usize {
        self.scores.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_fall_with_the_score_and_beyond_all_scores() {
        // Sums of three uniform numbers: a tail that ends.
        let uniform = |i: u32, k: u32| {
            let mixed = (i * 3 + k).wrapping_mul(2_654_435_761);
            (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) as f32 / u32::MAX as f32
        };
        let scores: Vec<f32> = (0..240)
            .map(|i| (0..3).map(|k| uniform(i, k)).sum())
            .collect();
        let tail = Tail::fitted(scores).unwrap();
        let p_values: Vec<f32> = (0..40).map(|i| tail.p_value(i as f32 / 10.0)).collect();
        assert!(
            p_values.windows(2).all(|p| p[0] + 0.01 >= p[1]),
            "{p_values:?}"
        );
        assert_eq!(p_values[0], 1.0);
        assert!(tail.p_value(2.9) < 1.0 / 241.0, "{}", tail.p_value(2.9));
        assert_eq!(tail.p_value(f32::NAN), 1.0);
    }

    #[test]
    fn few_or_equal_scores_give_no_surprise() {
        assert_eq!(Tail::fitted(vec![1.0; 39]), None);
        assert_eq!(Tail::fitted(vec![f32::NAN; 100]), None);
        let tail = Tail::fitted(vec![1.0; 50]).unwrap();
        assert_eq!(tail.p_value(1.0), 1.0);
        assert!(tail.p_value(1.1) < 1e-6);
    }
}
