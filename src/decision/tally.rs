//! Sums of evidence over the windows of one segment, and what they say of the segment as a whole.

use super::Novelty;

/// What a class is given at least, as a probability: its logarithm stays finite.
const LEAST: f32 = 1e-6;

/// The logarithm of a probability, which is at least that of [`LEAST`].
pub(super) fn log(probability: f32) -> f32 {
    probability.max(LEAST).ln()
}

/// Sums over windows, by class.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// The weights of all windows.
    windows: f64,
    logs: Vec<f64>,
    /// Scratch: the mean distances.
    means: Vec<f32>,
    distances: Vec<f64>,
    /// Whether a window had no distances.
    unmeasured: bool,
}

/// What a tally says of its windows as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// The class that was judged.
    pub(super) class: usize,
    /// Its probability among all classes that are not excluded.
    pub(super) confidence: f32,
    /// The p-value that the windows are of that class.
    pub(super) p_value: Option<f32>,
}

impl Tally {
    /// Empties the sums, for `classes` classes.
    pub(super) fn clear(&mut self, classes: usize) {
        (self.windows, self.unmeasured) = (0.0, false);
        for sums in [&mut self.logs, &mut self.distances] {
            sums.clear();
            sums.resize(classes, 0.0);
        }
    }

    /// Adds a window of a weight above 0: the logarithms of its probabilities, and its squared
    /// distances, if any.
    pub(super) fn add(&mut self, weight: f64, logs: &[f32], distances: &[f32]) {
        self.windows += weight;
        let add = |sums: &mut [f64], values: &[f32]| {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += weight * f64::from(value);
            }
        };
        add(&mut self.logs, logs);
        add(&mut self.distances, distances);
        self.unmeasured |= distances.is_empty();
    }

    /// Judges the windows as `class`, or as the class of the highest mean logarithm. The class
    /// `excluded` does not take part. `None` if there is no class.
    pub(super) fn judge(
        &mut self,
        class: Option<usize>,
        excluded: Option<usize>,
        novelty: &Novelty,
    ) -> Option<Verdict> {
        let windows = self.windows.max(f64::MIN_POSITIVE);
        let taking_part = |&class: &usize| Some(class) != excluded;
        let of = |class: usize| self.logs.get(class).map_or(f64::MIN, |sum| sum / windows);
        let mut best: Option<usize> = None;
        for other in (0..self.logs.len()).filter(taking_part) {
            if best.is_none_or(|best| of(other) > of(best)) {
                best = Some(other);
            }
        }
        let top = of(best?);
        let class = class.filter(taking_part).or(best)?;
        let others = (0..self.logs.len()).filter(taking_part);
        let sum: f64 = others.map(|other| (of(other) - top).exp()).sum();
        let confidence = ((of(class) - top).exp() / sum) as f32;
        Some(Verdict {
            class,
            confidence,
            p_value: self.p_value(class, novelty),
        })
    }

    fn p_value(&mut self, class: usize, novelty: &Novelty) -> Option<f32> {
        if self.unmeasured || self.windows == 0.0 {
            return None;
        }
        let windows = self.windows;
        self.means.clear();
        let means = self.distances.iter().map(|sum| (sum / windows) as f32);
        self.means.extend(means);
        p_value(class, &self.means, novelty)
    }
}

/// The p-value that a window at these squared distances is of `class`.
pub(super) fn p_value(class: usize, distances: &[f32], novelty: &Novelty) -> Option<f32> {
    novelty.p_value(novelty.score(class, distances)?)
}
