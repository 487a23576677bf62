//! The joint upper bound of a run. It is fitted to the clips and labels that the stream taught, as
//! far as they are true at the end.
//!
//! It learns the same integers as the heads, times their step. A clip that was taught with several
//! labels counts with the most frequent one. A class that drifted has only its new clips.

use std::time::Instant;

use super::encoded::Encoded;
use super::error::EvaluateError;
use super::fits::{Fits, Ingredients};
use super::metrics::Tally;
use super::report::{TriedTransform, UpperBoundFit};
use crate::data::Dataset;
use crate::joint::{FOLD_SEED, Joint, Penalty};
use crate::streams::ExampleStream;

/// The training and test data of a joint fit.
pub(crate) struct JointFit<'a> {
    pub dataset: &'a Dataset,
    pub stream: &'a ExampleStream,
    /// The encodings to choose from, at least one.
    pub encoded: &'a [&'a Encoded],
}

/// The parts that do not depend on the encoding.
struct Classes {
    labels: Vec<usize>,
    groups: Option<Vec<usize>>,
    classes: usize,
}

impl Classes {
    fn joint<'a>(&'a self, features: &'a [&'a [f32]]) -> Joint<'a> {
        Joint {
            features,
            labels: &self.labels,
            groups: self.groups.as_deref(),
            classes: self.classes,
        }
    }
}

/// The rows of one encoding.
struct Rows {
    train: Vec<Vec<f32>>,
    test: Vec<Vec<f32>>,
}

impl JointFit<'_> {
    /// The joint fit. A fit in `fits` is not computed again.
    pub fn upper_bound(&self, fits: &mut Fits) -> Result<UpperBoundFit, EvaluateError> {
        let lessons = self.stream.valid_clips();
        let tested = self.stream.tasks().last().map(|task| &task.tested[..]);
        let tested = tested.unwrap_or_default();
        let groups = self.dataset.clips().groups().map(|groups| groups.of());
        let mut ingredients = Ingredients::default();
        for encoded in self.encoded {
            ingredients.contract(&encoded.contract);
            ingredients.number(lessons.len()).number(tested.len());
            for &(clip, label) in &lessons {
                let group = groups.map_or(0, |groups| groups[clip] + 1);
                ingredients.number(group);
                ingredients.example(&encoded.examples[clip], label);
            }
            for &clip in tested {
                ingredients.example(&encoded.examples[clip], self.stream.truth()[clip]);
            }
        }
        let fingerprint = ingredients.fingerprint();
        if let Some(known) = fits.upper_bounds.get(&fingerprint) {
            return Ok(known.clone());
        }
        let fit = self.fit(&lessons, tested)?;
        fits.upper_bounds.insert(fingerprint, fit.clone());
        Ok(fit)
    }

    fn fit(
        &self,
        lessons: &[(usize, usize)],
        tested: &[usize],
    ) -> Result<UpperBoundFit, EvaluateError> {
        let begin = Instant::now();
        let clips = self.dataset.clips();
        let groups = clips.groups().map(|groups| groups.of());
        let known = Classes {
            labels: lessons.iter().map(|&(_, label)| label).collect(),
            groups: groups.map(|of| lessons.iter().map(|&(clip, _)| of[clip]).collect()),
            classes: clips.classes().len(),
        };
        let mut tried = Vec::with_capacity(self.encoded.len());
        let mut best: Option<(Penalty, &Encoded)> = None;
        for &encoded in self.encoded {
            let rows = rows(encoded, lessons, &[]);
            let features = slices(&rows.train);
            let penalty = known.joint(&features).penalty(FOLD_SEED)?;
            tried.push(TriedTransform {
                transform: encoded.transform(),
                penalty,
            });
            let loss = |penalty: &Penalty| penalty.cross_validated_log_loss;
            if best.is_none_or(|(best, _)| loss(&penalty) < loss(&best)) {
                best = Some((penalty, encoded));
            }
        }
        let (penalty, encoded) = best.ok_or(EvaluateError::NoContract)?;
        let rows = rows(encoded, lessons, tested);
        let truth: Vec<usize> = tested.iter().map(|&c| self.stream.truth()[c]).collect();
        let (train, test) = (slices(&rows.train), slices(&rows.test));
        let chosen = known.joint(&train).predict(penalty, &test, &truth)?;
        let mut classes = vec![Tally::default(); known.classes];
        for (&truth, &predicted) in truth.iter().zip(&chosen.predictions) {
            classes[truth].count(truth == predicted);
        }
        Ok(UpperBoundFit {
            chosen,
            transform: encoded.transform(),
            class_accuracy: classes.into_iter().map(Tally::accuracy).collect(),
            tried: if tried.len() > 1 { tried } else { Vec::new() },
            seconds: begin.elapsed().as_secs_f64(),
        })
    }
}

fn rows(encoded: &Encoded, lessons: &[(usize, usize)], tested: &[usize]) -> Rows {
    let steps = encoded.contract.fixed_point().steps();
    let row = |clip: usize| -> Vec<f32> {
        let features = encoded.examples[clip].features().iter();
        (features.zip(&steps))
            .map(|(&q, step)| f32::from(q) * step)
            .collect()
    };
    Rows {
        train: lessons.iter().map(|&(clip, _)| row(clip)).collect(),
        test: tested.iter().map(|&clip| row(clip)).collect(),
    }
}

fn slices(rows: &[Vec<f32>]) -> Vec<&[f32]> {
    rows.iter().map(Vec::as_slice).collect()
}
