//! Several runs of one evaluation, over seeds and over held-out groups.
//!
//! Runs differ in the seed, in the held-out groups, or in both. The summary has means and
//! confidence intervals.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::estimate::Estimate;
use super::metrics::Percentiles;
use super::report::{HeadReport, Report};

/// Reports of several runs, and their summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The reports, in the order in which they were made.
    pub runs: Vec<Report>,
    /// Their summary.
    pub summary: SeriesSummary,
}

/// The summary of several runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesSummary {
    /// How many runs there are.
    pub runs: usize,
    /// Seeds, ascending, each once.
    pub seeds: Vec<u64>,
    /// Groups held out, each set once. One empty set if no whole group was held out.
    pub folds: Vec<Vec<String>>,
    /// Accuracy of the joint fit. `None` if it was not requested.
    pub upper_bound: Option<Estimate>,
    /// The heads, in the order asked for.
    pub heads: Vec<HeadSummary>,
}

/// One head over all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadSummary {
    /// The request: a head's name, or `best`.
    pub head: String,
    /// The heads that were chosen for it, and in how many runs.
    pub chosen: BTreeMap<String, usize>,
    /// See [`Continual`](super::Continual), also for the next three.
    pub final_accuracy: Estimate,
    /// Mean over the stages.
    pub average_incremental_accuracy: Estimate,
    /// Accuracy lost since the best stage.
    pub forgetting: Estimate,
    /// Accuracy gained since the unit was taught.
    pub backward_transfer: Estimate,
    /// The drifting class and the rest, in drifting streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSummary>,
    /// Median of the runs' percentiles, as for all durations here.
    pub learn_us: Percentiles,
    /// `predict_one`, solved.
    pub predict_us: Percentiles,
    /// The deferred solve.
    pub solve_us: Percentiles,
    /// Median of the runs' saved states, in bytes.
    pub state_bytes: usize,
    /// Accuracy after each task that all runs have.
    pub accuracy_after: Vec<Estimate>,
    /// Mean accuracy on each class over the runs that test it. `None` for a class that no run
    /// tests.
    pub class_accuracy: Vec<Option<f64>>,
}

/// A drifting class and the rest, over all runs; see
/// [`DriftAccuracy`](super::DriftAccuracy).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftSummary {
    /// On the drifting class, right before the change.
    pub drifted_before: Estimate,
    /// On the drifting class, at the end.
    pub drifted: Estimate,
    /// On all others, at the end.
    pub rest: Estimate,
    /// On the drifting class, after each task.
    pub drifted_after: Vec<Estimate>,
    /// On all others, after each task.
    pub rest_after: Vec<Estimate>,
}

impl Series {
    /// Summarises runs of one plan. `None` without runs.
    pub fn of(runs: Vec<Report>) -> Option<Self> {
        let heads = runs.first()?.heads.len();
        let seeds: BTreeSet<u64> = runs.iter().map(|run| run.seed).collect();
        let mut folds: Vec<Vec<String>> = Vec::new();
        for run in &runs {
            if !folds.contains(&run.test_groups) {
                folds.push(run.test_groups.clone());
            }
        }
        let bounds: Vec<f64> = runs.iter().filter_map(|run| run.upper_bound).collect();
        let heads = (0..heads).filter_map(|position| {
            let of_head = runs.iter().filter_map(|run| run.heads.get(position));
            HeadSummary::of(&of_head.collect::<Vec<_>>())
        });
        let summary = SeriesSummary {
            runs: runs.len(),
            seeds: seeds.into_iter().collect(),
            folds,
            upper_bound: Estimate::of(&bounds),
            heads: heads.collect(),
        };
        Some(Self { runs, summary })
    }
}

impl HeadSummary {
    fn of(runs: &[&HeadReport]) -> Option<Self> {
        let first = runs.first()?;
        let mut chosen = BTreeMap::new();
        for run in runs {
            *chosen.entry(run.head.clone()).or_default() += 1;
        }
        let over = |of: &dyn Fn(&HeadReport) -> f64| {
            let values: Vec<f64> = runs.iter().map(|run| of(run)).collect();
            Estimate::of(&values)
        };
        let timed = |of: &dyn Fn(&HeadReport) -> Percentiles| {
            let all: Vec<Percentiles> = runs.iter().map(|run| of(run)).collect();
            medians(&all)
        };
        let mut bytes: Vec<usize> = runs.iter().map(|run| run.state_bytes).collect();
        bytes.sort_unstable();
        let classes = (0..first.class_accuracy.len()).map(|class| {
            let known = runs
                .iter()
                .filter_map(|run| *run.class_accuracy.get(class)?);
            Some(Estimate::of(&known.collect::<Vec<_>>())?.mean)
        });
        Some(Self {
            head: first.asked.clone(),
            chosen,
            final_accuracy: over(&|run| run.continual.final_accuracy)?,
            average_incremental_accuracy: over(&|run| run.continual.average_incremental_accuracy)?,
            forgetting: over(&|run| run.continual.forgetting)?,
            backward_transfer: over(&|run| run.continual.backward_transfer)?,
            drift: DriftSummary::of(runs),
            learn_us: timed(&|run| run.learn_us),
            predict_us: timed(&|run| run.predict_us),
            solve_us: timed(&|run| run.solve_us),
            state_bytes: bytes.get(bytes.len() / 2).copied().unwrap_or(0),
            accuracy_after: curve(runs.iter().map(|run| run.accuracy_after.as_slice())),
            class_accuracy: classes.collect(),
        })
    }

    /// As [`HeadReport::accuracies`].
    pub(crate) fn accuracies(&self) -> Vec<Estimate> {
        let mut all = vec![self.final_accuracy, self.average_incremental_accuracy];
        all.extend(match &self.drift {
            Some(drift) => vec![drift.drifted_before, drift.drifted, drift.rest],
            None => vec![self.forgetting, self.backward_transfer],
        });
        all
    }

    /// The row's name: the request, or the one head that was chosen in every run.
    pub fn name(&self) -> &str {
        match self.chosen.iter().next() {
            Some((only, _)) if self.chosen.len() == 1 => only,
            _ => &self.head,
        }
    }
}

impl DriftSummary {
    fn of(runs: &[&HeadReport]) -> Option<Self> {
        let drifts: Vec<_> = runs.iter().filter_map(|run| run.drift.as_ref()).collect();
        let over = |values: Vec<f64>| Estimate::of(&values);
        Some(Self {
            drifted_before: over(drifts.iter().map(|drift| drift.drifted_before).collect())?,
            drifted: over(drifts.iter().map(|drift| drift.drifted).collect())?,
            rest: over(drifts.iter().map(|drift| drift.rest).collect())?,
            drifted_after: curve(drifts.iter().map(|drift| drift.drifted_after.as_slice())),
            rest_after: curve(drifts.iter().map(|drift| drift.rest_after.as_slice())),
        })
    }
}

/// The estimate of each stage, as far as the shortest run goes.
fn curve<'a>(runs: impl Iterator<Item = &'a [f64]> + Clone) -> Vec<Estimate> {
    let stages = runs.clone().map(<[f64]>::len).min().unwrap_or(0);
    (0..stages)
        .filter_map(|stage| {
            let here = runs.clone().filter_map(|run| run.get(stage).copied());
            Estimate::of(&here.collect::<Vec<_>>())
        })
        .collect()
}

/// The median of each percentile.
fn medians(all: &[Percentiles]) -> Percentiles {
    let median = |of: &dyn Fn(&Percentiles) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |position: usize| values.get(position).copied().unwrap_or(0.0);
        match values.len() {
            0 => 0.0,
            n => (at((n - 1) / 2) + at(n / 2)) / 2.0,
        }
    };
    Percentiles {
        p50: median(&|percentiles| percentiles.p50),
        p95: median(&|percentiles| percentiles.p95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_pooled_by_their_medians() {
        let of = |p50, p95| Percentiles { p50, p95 };
        let runs = [of(1.0, 9.0), of(100.0, 5.0), of(2.0, 7.0)];
        assert_eq!(medians(&runs), of(2.0, 7.0));
        assert_eq!(medians(&runs[..2]), of(50.5, 7.0));
    }

    #[test]
    fn a_curve_ends_with_the_shortest_run() {
        let runs: [&[f64]; 2] = [&[1.0, 0.5, 0.2], &[0.8, 0.7]];
        let means: Vec<f64> = curve(runs.into_iter()).iter().map(|e| e.mean).collect();
        assert_eq!(means.len(), 2);
        assert!((means[0] - 0.9).abs() < 1e-12 && (means[1] - 0.6).abs() < 1e-12);
    }
}
