//! Continual-learning metrics, from the accuracy of every unit after every
//! stage.
//!
//! A *unit* is what can be forgotten: a class, or a test group. Average
//! incremental accuracy: Rebuffi et al. (2017), iCaRL. Forgetting: Chaudhry et
//! al. (2018), "Riemannian Walk", eq. 3. Backward transfer: Lopez-Paz & Ranzato
//! (2017), "Gradient Episodic Memory".

use std::iter::Sum;
use std::time::Instant;

use serde::Serialize;

/// The counts after one stage of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    /// Per unit: test examples predicted right, and predicted at all.
    pub units: Vec<Tally>,
}

/// Right answers among answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Examples predicted right.
    pub right: usize,
    /// Examples predicted.
    pub total: usize,
}

impl Tally {
    /// Counts one answer.
    pub fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.total += 1;
    }

    /// Share of right answers in `[0, 1]`; `None` before the first.
    pub fn accuracy(self) -> Option<f64> {
        (self.total > 0).then(|| self.right as f64 / self.total as f64)
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            right: sum.right + tally.right,
            total: sum.total + tally.total,
        })
    }
}

impl Stage {
    /// Accuracy over all test examples of the stage, each weighing the same.
    pub fn accuracy(&self) -> f64 {
        let all: Tally = self.units.iter().copied().sum();
        all.accuracy().unwrap_or(0.0)
    }
}

/// A head's accuracy over a stream. Accuracies are in `[0, 1]`, differences in `[-1, 1]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Continual {
    /// Accuracy on the test examples after the last stage.
    pub final_accuracy: f64,
    /// Mean of the accuracies after each stage.
    pub average_incremental_accuracy: f64,
    /// Mean, over the units taught before the last stage, of the best earlier accuracy minus the
    /// final one. A unit whose final accuracy is its best counts below 0.
    pub forgetting: f64,
    /// Mean, over the same units, of the final accuracy minus the accuracy right after the stage
    /// that taught the unit.
    pub backward_transfer: f64,
}

impl Continual {
    /// Metrics of a stream.
    ///
    /// `taught[k]` is the stage, counted from 0, that first taught unit `k`, or `None` if no stage
    /// did. Units with `None` count in the accuracies only. A stream of one stage has nothing to
    /// forget: both differences are 0.
    pub(crate) fn of(stages: &[Stage], taught: &[Option<usize>]) -> Self {
        let last = stages.len().saturating_sub(1);
        let at = |stage: usize, unit: usize| {
            stages
                .get(stage)
                .and_then(|stage| stage.units.get(unit)?.accuracy())
        };
        let (mut forgotten, mut transferred, mut units) = (0.0, 0.0, 0_usize);
        for (unit, taught) in taught.iter().enumerate() {
            let Some(first) = taught.filter(|&stage| stage < last) else {
                continue;
            };
            let (Some(start), Some(end)) = (at(first, unit), at(last, unit)) else {
                continue;
            };
            let best = (first..last)
                .filter_map(|stage| at(stage, unit))
                .fold(start, f64::max);
            forgotten += best - end;
            transferred += end - start;
            units += 1;
        }
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        Self {
            final_accuracy: stages.last().map_or(0.0, Stage::accuracy),
            average_incremental_accuracy: mean(
                stages.iter().map(Stage::accuracy).sum(),
                stages.len(),
            ),
            forgetting: mean(forgotten, units),
            backward_transfer: mean(transferred, units),
        }
    }
}

/// Accuracy on a class whose meaning changes, and on all others, each in `[0, 1]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftAccuracy {
    /// On the drifting class with its old meaning, right before the change.
    pub drifted_before: f64,
    /// On the drifting class with its new meaning, at the end.
    pub drifted: f64,
    /// On all other classes, at the end.
    pub rest: f64,
    /// On the drifting class with its meaning at the time, after each task.
    pub drifted_after: Vec<f64>,
    /// On all other classes, after each task.
    pub rest_after: Vec<f64>,
}

impl DriftAccuracy {
    /// Computes the accuracies from the tallies of each stage, on the drifting class and on the
    /// rest. `change` is the first stage after the change.
    pub(crate) fn of(stages: &[(Tally, Tally)], change: usize) -> Self {
        let share = |tally: &Tally| tally.accuracy().unwrap_or(0.0);
        let drifted_after: Vec<f64> = stages.iter().map(|stage| share(&stage.0)).collect();
        let rest_after: Vec<f64> = stages.iter().map(|stage| share(&stage.1)).collect();
        let before = change.checked_sub(1).and_then(|at| drifted_after.get(at));
        Self {
            drifted_before: before.copied().unwrap_or(0.0),
            drifted: drifted_after.last().copied().unwrap_or(0.0),
            rest: rest_after.last().copied().unwrap_or(0.0),
            drifted_after,
            rest_after,
        }
    }
}

/// Two percentiles of a duration, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the samples took no longer.
    pub p50: f64,
    /// 95 % of the samples took no longer.
    pub p95: f64,
}

impl Percentiles {
    /// Percentiles by nearest rank: the smallest sample that at least p % of the samples do not
    /// exceed. Sorts the samples. Returns zeros without samples.
    ///
    /// ```
    /// use afield_lab::evaluate::Percentiles;
    /// let mut samples: Vec<f64> = (1..=20).map(f64::from).collect();
    /// assert_eq!(Percentiles::of(&mut samples), Percentiles { p50: 10.0, p95: 19.0 });
    /// ```
    pub fn of(samples: &mut [f64]) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| {
            let position = (samples.len() * percent).div_ceil(100).saturating_sub(1);
            samples.get(position).copied().unwrap_or(0.0)
        };
        Self {
            p50: rank(50),
            p95: rank(95),
        }
    }
}

/// Microseconds since `begin`, to the nanosecond.
pub(crate) fn microseconds_since(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(rows: &[&[Option<usize>]]) -> Vec<Stage> {
        let unit = |right: &Option<usize>| {
            right.map_or(Tally::default(), |right| Tally { right, total: 10 })
        };
        rows.iter()
            .map(|row| Stage {
                units: row.iter().map(unit).collect(),
            })
            .collect()
    }

    #[test]
    fn metrics_equal_values_computed_by_hand() {
        let stages = stages(&[
            &[Some(8), None, None],
            &[Some(9), Some(7), None],
            &[Some(5), Some(6), Some(10)],
        ]);
        let metrics = Continual::of(&stages, &[Some(0), Some(1), Some(2)]);
        assert!((metrics.final_accuracy - 0.7).abs() < 1e-12);
        // (0.8 + 16/20 + 21/30) / 3
        assert!((metrics.average_incremental_accuracy - (0.8 + 0.8 + 0.7) / 3.0).abs() < 1e-12);
        // unit 0: best 0.9, end 0.5; unit 1: best 0.7, end 0.6
        assert!((metrics.forgetting - (0.4 + 0.1) / 2.0).abs() < 1e-12);
        // unit 0: 0.5 - 0.8; unit 1: 0.6 - 0.7
        assert!((metrics.backward_transfer - (-0.3 - 0.1) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_drifting_class_is_scored_apart_from_the_rest() {
        let tally = |right| Tally { right, total: 4 };
        let stages = [
            (tally(4), tally(2)),
            (tally(0), tally(3)),
            (tally(1), tally(3)),
        ];
        let drift = DriftAccuracy::of(&stages, 1);
        assert_eq!(
            (drift.drifted_before, drift.drifted, drift.rest),
            (1.0, 0.25, 0.75)
        );
        assert_eq!(drift.drifted_after, [1.0, 0.0, 0.25]);
    }

    #[test]
    fn forgetting_and_transfer_of_two_classes() {
        let stages = stages(&[&[Some(10), None], &[Some(4), Some(10)]]);
        let metrics = Continual::of(&stages, &[Some(0), Some(1)]);
        assert_eq!(metrics.final_accuracy, 0.7);
        assert_eq!(metrics.average_incremental_accuracy, 0.85);
        assert_eq!(metrics.forgetting, 0.6);
        assert_eq!(metrics.backward_transfer, -0.6);
    }

    #[test]
    fn stages_before_a_unit_is_taught_do_not_count_as_its_best() {
        // A test group is scored from the start, before it is taught.
        let stages = stages(&[
            &[Some(10), Some(9)],
            &[Some(2), Some(4)],
            &[Some(2), Some(3)],
        ]);
        let metrics = Continual::of(&stages, &[Some(0), Some(1)]);
        assert!((metrics.forgetting - (0.8 + 0.1) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn improvement_is_negative_forgetting_and_positive_transfer() {
        let stages = stages(&[&[Some(5)], &[Some(9)]]);
        let metrics = Continual::of(&stages, &[Some(0)]);
        assert!((metrics.forgetting + 0.4).abs() < 1e-12);
        assert!((metrics.backward_transfer - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_unit_never_taught_or_taught_last_is_left_out() {
        let stages = stages(&[&[Some(5), None, None], &[Some(5), Some(0), Some(9)]]);
        let metrics = Continual::of(&stages, &[Some(0), None, Some(1)]);
        assert_eq!((metrics.forgetting, metrics.backward_transfer), (0.0, 0.0));
        assert!((metrics.final_accuracy - 14.0 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn nearest_rank_never_interpolates() {
        assert_eq!(
            Percentiles::of(&mut [3.0, 1.0, 2.0]),
            Percentiles { p50: 2.0, p95: 3.0 }
        );
        assert_eq!(
            Percentiles::of(&mut [7.0]),
            Percentiles { p50: 7.0, p95: 7.0 }
        );
        assert_eq!(Percentiles::of(&mut []), Percentiles::default());
    }
}
