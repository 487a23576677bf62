//! The joint offline upper bound: what the same embeddings give to a learner
//! that sees all of them at once and as often as it likes.
//!
//! A multinomial logistic regression on standardised features whose penalty is
//! chosen by cross-validation on the training side alone; groups are kept
//! whole in it, since the test side holds groups out, too. Never a strict
//! bound: a head whose assumptions fit the data better may pass it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::error::EvaluateError;
use super::logistic::Problem;

/// Inverse regularisation strengths tried, ascending.
pub const GRID: [f64; 11] = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 1e1, 3e1, 1e2];
/// Folds of the cross-validation; fewer where there are fewer groups.
const FOLDS: usize = 5;
/// Folds are fitted side by side by at most this many threads.
const THREADS: usize = 2;

/// Training examples of a joint fit.
#[derive(Debug, Clone, Copy)]
pub struct Joint<'a> {
    /// Features, one example each, all of one size.
    pub features: &'a [&'a [f32]],
    /// The class of each.
    pub labels: &'a [usize],
    /// The group of each, where groups are known.
    pub groups: Option<&'a [usize]>,
    /// Number of classes.
    pub classes: usize,
}

/// A joint fit's result on the test side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpperBound {
    /// Accuracy on the test side, in `[0, 1]`.
    pub accuracy: f64,
    /// The inverse regularisation strength chosen.
    pub c: f64,
    /// Cross-validated accuracy on the training side at that strength.
    pub cross_validated_accuracy: f64,
    /// Whether folds kept groups whole.
    pub grouped: bool,
    /// Predicted class of each test example.
    #[serde(skip)]
    pub predictions: Vec<usize>,
}

impl Joint<'_> {
    /// Chooses the penalty, fits on all training examples, predicts `test`.
    ///
    /// The seed shuffles examples into folds where there are no groups.
    ///
    /// # Errors
    /// [`EvaluateError::Lengths`] when parts disagree, and
    /// [`EvaluateError::UpperBound`] when the linear algebra fails.
    pub fn upper_bound(
        &self,
        test: &[&[f32]],
        truth: &[usize],
        seed: u64,
    ) -> Result<UpperBound, EvaluateError> {
        let n = self.features.len();
        let groups = self.groups.map_or(n, <[usize]>::len);
        for (what, expected, actual) in [
            ("labels of the joint fit", n, self.labels.len()),
            ("groups of the joint fit", n, groups),
            ("labels of the test side", test.len(), truth.len()),
        ] {
            if expected != actual {
                return Err(EvaluateError::Lengths {
                    what,
                    expected,
                    actual,
                });
            }
        }
        let size = self.features.first().map_or(0, |row| row.len());
        if let Some(row) = self
            .features
            .iter()
            .chain(test)
            .find(|row| row.len() != size)
        {
            let (what, actual) = ("a row of features", row.len());
            return Err(EvaluateError::Lengths {
                what,
                expected: size,
                actual,
            });
        }
        let (fold_of, grouped) = self.folds(seed);
        let (c, cross_validated_accuracy) = self.choose(&fold_of)?;
        let problem = Problem::new(self.features, self.labels.to_vec(), test, self.classes)?;
        let mut weights = problem.zeros();
        // The same ascent as in the folds: each strength starts from the last.
        for step in GRID.into_iter().filter(|&step| step <= c) {
            problem.fit(step, &mut weights);
        }
        let predictions: Vec<usize> = problem
            .predict(&weights, truth)
            .into_iter()
            .map(|(class, _)| class)
            .collect();
        let right = predictions
            .iter()
            .zip(truth)
            .filter(|(a, b)| a == b)
            .count();
        let accuracy = right as f64 / truth.len().max(1) as f64;
        Ok(UpperBound {
            accuracy,
            c,
            cross_validated_accuracy,
            grouped,
            predictions,
        })
    }

    /// The fold of each example: whole groups, largest first into the smallest
    /// fold; without two groups, shuffled and dealt out class by class.
    fn folds(&self, seed: u64) -> (Vec<usize>, bool) {
        let n = self.labels.len();
        let mut sizes: Vec<(usize, usize)> = Vec::new();
        for &group in self.groups.unwrap_or_default() {
            match sizes.iter_mut().find(|(known, _)| *known == group) {
                Some((_, size)) => *size += 1,
                None => sizes.push((group, 1)),
            }
        }
        if sizes.len() < 2 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut rng);
            order.sort_by_key(|&example| self.labels[example]);
            let mut fold_of = vec![0; n];
            for (position, example) in order.into_iter().enumerate() {
                fold_of[example] = position % FOLDS;
            }
            return (fold_of, false);
        }
        sizes.sort_by_key(|&(group, size)| (std::cmp::Reverse(size), group));
        let mut load = vec![0_usize; FOLDS.min(sizes.len())];
        let mut fold_of_group = std::collections::HashMap::new();
        for (group, size) in sizes {
            let smallest = (0..load.len()).min_by_key(|&fold| load[fold]).unwrap_or(0);
            load[smallest] += size;
            fold_of_group.insert(group, smallest);
        }
        let groups = self.groups.unwrap_or_default();
        (
            groups.iter().map(|group| fold_of_group[group]).collect(),
            true,
        )
    }

    /// The strength of the lowest cross-validated cross-entropy. Over few groups
    /// accuracy is too coarse a judge: held out speaker by speaker on FSDD, it
    /// costs 2.6 points against this.
    fn choose(&self, fold_of: &[usize]) -> Result<(f64, f64), EvaluateError> {
        let folds = fold_of.iter().max().map_or(0, |last| last + 1);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let fold = next.fetch_add(1, Ordering::Relaxed);
                if fold >= folds {
                    return done;
                }
                done.push((fold, self.validate(fold_of, fold)));
            }
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(THREADS);
        let mut results = thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut all = work();
            for helper in helpers {
                all.extend(helper.join().unwrap_or_default());
            }
            all
        });
        // Sums of cross-entropies must not depend on which thread was faster.
        results.sort_by_key(|(fold, _)| *fold);
        let mut sums = [(0_usize, 0.0_f64); GRID.len()];
        let mut validated = 0;
        for (_, result) in results {
            let (examples, scores) = result?;
            validated += examples;
            for (sum, score) in sums.iter_mut().zip(scores) {
                sum.0 += score.0;
                sum.1 += score.1;
            }
        }
        let mut best = (GRID[0], sums[0]);
        for (&c, &sum) in GRID.iter().zip(&sums).skip(1) {
            if sum.1 < best.1.1 {
                best = (c, sum);
            }
        }
        Ok((best.0, best.1.0 as f64 / validated.max(1) as f64))
    }

    /// Right answers and summed cross-entropy on one fold, for each strength.
    #[allow(clippy::type_complexity)]
    fn validate(
        &self,
        fold_of: &[usize],
        fold: usize,
    ) -> Result<(usize, Vec<(usize, f64)>), EvaluateError> {
        let side = |held_out: bool| -> (Vec<&[f32]>, Vec<usize>) {
            let members = (0..fold_of.len()).filter(|&i| (fold_of[i] == fold) == held_out);
            members.map(|i| (self.features[i], self.labels[i])).unzip()
        };
        let ((train, labels), (held_out, truth)) = (side(false), side(true));
        if train.is_empty() || held_out.is_empty() {
            return Ok((0, vec![(0, 0.0); GRID.len()]));
        }
        let problem = Problem::new(&train, labels, &held_out, self.classes)?;
        let mut weights = problem.zeros();
        let scores = GRID.map(|c| {
            problem.fit(c, &mut weights);
            let predictions = problem.predict(&weights, &truth);
            let right = predictions
                .iter()
                .zip(&truth)
                .filter(|(p, t)| p.0 == **t)
                .count();
            (right, predictions.iter().map(|p| p.1).sum())
        });
        Ok((truth.len(), scores.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two informative features among noise; groups shift all of them.
    fn examples(n: usize) -> (Vec<Vec<f32>>, Vec<usize>, Vec<usize>) {
        let mut state = 9_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let groups: Vec<usize> = (0..n).map(|i| i / 3 % 4).collect();
        let rows = labels.iter().zip(&groups).map(|(&label, &group)| {
            let mut row: Vec<f32> = (0..8).map(|_| next() + group as f32 * 0.1).collect();
            row[label] += 1.0;
            row
        });
        (rows.collect(), labels, groups)
    }

    #[test]
    fn separable_classes_are_separated_and_shuffled_labels_are_not() {
        let (rows, labels, groups) = examples(240);
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let (train, test) = rows.split_at(180);
        let (features, classes) = (train, 3);
        let joint = Joint {
            features,
            labels: &labels[..180],
            groups: Some(&groups[..180]),
            classes,
        };
        let bound = joint.upper_bound(test, &labels[180..], 0).unwrap();
        assert!(bound.accuracy > 0.95 && bound.grouped, "{bound:?}");
        assert!(bound.c >= 1.0, "clean classes ask for weak ones: {bound:?}");
        assert_eq!(bound, joint.upper_bound(test, &labels[180..], 0).unwrap());

        let wrong: Vec<usize> = (0..180).map(|i| i * i / 7 % 3).collect();
        let joint = Joint {
            features,
            labels: &wrong,
            groups: None,
            classes,
        };
        let bound = joint.upper_bound(test, &labels[180..], 0).unwrap();
        assert!(bound.accuracy < 0.7 && !bound.grouped, "{bound:?}");
        assert!(
            bound.c <= 0.1,
            "wrong labels ask for strong penalties: {bound:?}"
        );
    }

    #[test]
    fn a_fold_holds_whole_groups_or_its_share_of_each_class() {
        let (rows, labels, groups) = examples(120);
        let features: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let joint = |groups| Joint {
            features: &features,
            labels: &labels,
            groups,
            classes: 3,
        };
        let (folds, grouped) = joint(Some(groups.as_slice())).folds(0);
        assert!(grouped);
        for (fold, group) in folds.iter().zip(&groups) {
            let first = groups.iter().position(|g| g == group).unwrap();
            assert_eq!(*fold, folds[first]);
        }
        let (folds, grouped) = joint(None).folds(0);
        assert!(!grouped);
        for class in 0..3 {
            let held_out = (0..120)
                .filter(|&i| labels[i] == class && folds[i] == 0)
                .count();
            assert_eq!(held_out, 8);
        }
    }
}
