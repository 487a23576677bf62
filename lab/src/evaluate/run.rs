//! One run: teaches a stream to several heads side by side, and tests them after each task.
//!
//! Clips are encoded once with each contract, so every head learns the same integers in the same
//! order. The joint upper bound is fitted to the same integers times their step. Durations are
//! wall-clock times of one call. The deferred solve is timed separately from learning and
//! predicting.

use afield::learner::Settings;

use super::course::{Course, Setting};
use super::cross_validation::CrossValidation;
use super::encoded::Encoded;
use super::error::EvaluateError;
use super::evaluation::Evaluation;
use super::fits::Fits;
use super::joint_fit::JointFit;
use super::machine::peak_rss_bytes;
use super::progress::EvaluationProgress;
use super::report::{DriftReport, HeadReport, Report};
use super::rows::{Row, Rows};
use crate::data::Dataset;
use crate::streams::ExampleStream;
use crate::streams::Protocol;

impl Evaluation {
    /// Teaches the stream to all heads, task by task, then fits the joint upper bound. Results of
    /// earlier runs in `fits` are not computed again.
    ///
    /// `on_progress` is called between examples, outside all timing.
    ///
    /// # Errors
    /// The errors of [`ExampleStream::draw`] and of `Joint::upper_bound`;
    /// [`EvaluateError::Learner`] if the learner rejects a contract or an example.
    pub fn run(
        &self,
        dataset: &Dataset,
        fits: &mut Fits,
        on_progress: &mut dyn FnMut(EvaluationProgress<'_>),
    ) -> Result<Report, EvaluateError> {
        let stream = ExampleStream::draw(dataset, self.order, self.seed)?;
        let encode = |contract| Encoded::new(contract, dataset.clips());
        let encoded: Vec<Encoded> = (self.contracts.all().iter())
            .map(encode)
            .collect::<Result<_, _>>()?;
        let run = Run {
            plan: self,
            dataset,
            stream: &stream,
            encoded: &encoded,
        };
        let validation = CrossValidation::new(dataset, &stream, self.rehearsal, self.seed);
        let Rows { rows, tried } = Rows::choose(self, &validation, &encoded, fits, on_progress)?;
        let heads = run.heads(&rows, on_progress)?;
        let mut upper_bound_fit = None;
        if self.upper_bound {
            on_progress(EvaluationProgress::UpperBound);
            let fit = JointFit {
                dataset,
                stream: &stream,
                encoded: &run.for_joint(),
            };
            upper_bound_fit = Some(fit.upper_bound(fits)?);
        }
        let fixed = self.contracts.fixed_position();
        let shown = &encoded[fixed.or(rows.first().map(|row| row.encoded)).unwrap_or(0)];
        let used = rows.iter().map(|row| encoded[row.encoded].saturated());
        let clips = dataset.clips();
        Ok(Report {
            upper_bound: upper_bound_fit.as_ref().map(|fit| fit.chosen.accuracy),
            heads,
            peak_rss_bytes: peak_rss_bytes(),
            protocol: self.order.protocol.to_string(),
            label_noise: self.order.label_noise.share(),
            imbalance: self.order.imbalance.ratio(),
            drift: stream.drift().map(|drift| DriftReport {
                class: clips.classes()[drift.class].to_string(),
                becomes: clips.classes()[drift.becomes].to_string(),
                after_tasks: drift.task,
            }),
            seed: self.seed,
            rehearsal: self.rehearsal.to_string(),
            features: shown.contract.width(),
            transform: fixed.map_or_else(|| "auto".to_owned(), |_| shown.transform()),
            classes: clips.classes().len(),
            train: stream.clips().len(),
            examples: stream.examples(),
            test: stream.tasks().last().map_or(0, |task| task.tested.len()),
            test_groups: (dataset.test_groups().into_iter())
                .map(str::to_owned)
                .collect(),
            tasks: (stream.tasks().iter())
                .map(|task| task.name.clone())
                .collect(),
            class_names: clips.classes().iter().map(ToString::to_string).collect(),
            upper_bound_fit,
            tried,
            encode_us: shown.encode_us,
            saturated: used.fold(0.0, f64::max),
        })
    }
}

/// The data that all heads of a run share.
struct Run<'a> {
    plan: &'a Evaluation,
    dataset: &'a Dataset,
    stream: &'a ExampleStream,
    /// In the order of the plan's contracts.
    encoded: &'a [Encoded],
}

impl Run<'_> {
    /// The encodings that the joint fit may choose from.
    fn for_joint(&self) -> Vec<&Encoded> {
        match self.plan.contracts.fixed_position() {
            Some(fixed) => vec![&self.encoded[fixed]],
            None => self.encoded.iter().collect(),
        }
    }

    fn heads(
        &self,
        rows: &[Row],
        on_progress: &mut dyn FnMut(EvaluationProgress<'_>),
    ) -> Result<Vec<HeadReport>, EvaluateError> {
        let (unit_of, taught) = units(self.dataset, self.stream);
        let setting = Setting {
            clips: self.dataset.clips(),
            stream: self.stream,
            unit_of: &unit_of,
            taught: &taught,
        };
        let mut courses = Vec::with_capacity(rows.len());
        for row in rows {
            let settings = Settings {
                head: row.head,
                rehearsal: self.plan.rehearsal,
                seed: self.plan.seed,
            };
            let encoded = &self.encoded[row.encoded];
            courses.push(Course::new(row, settings, encoded, &setting)?);
        }
        let tasks = self.stream.tasks();
        let total = courses.len() * self.stream.examples();
        let mut done = 0;
        for (stage, task) in tasks.iter().enumerate() {
            let mut standings = Vec::with_capacity(courses.len());
            for (course, row) in courses.iter_mut().zip(rows) {
                course.teach(task, &mut || {
                    done += 1;
                    let head = &row.name;
                    on_progress(EvaluationProgress::Learning { head, done, total });
                })?;
                standings.push(course.test(task)?);
            }
            on_progress(EvaluationProgress::Taught {
                stage,
                stages: tasks.len(),
                task: &task.name,
                standings: &standings,
            });
        }
        Ok(courses.into_iter().map(Course::report).collect())
    }
}

/// The unit of every clip, and the task that first taught each unit. Units are test groups if the
/// stream goes by groups that are also tested. Otherwise units are classes, as they are tested.
fn units(dataset: &Dataset, stream: &ExampleStream) -> (Vec<usize>, Vec<Option<usize>>) {
    let clips = dataset.clips();
    let first_task = |unit_of: &[usize], units: usize| {
        let mut taught = vec![None; units];
        for (stage, task) in stream.tasks().iter().enumerate() {
            for &clip in &task.clips {
                taught[unit_of[clip]].get_or_insert(stage);
            }
        }
        taught
    };
    if stream.order().protocol == Protocol::DomainIncremental
        && let Some(groups) = clips.groups()
    {
        let taught = first_task(groups.of(), groups.names().len());
        let tested = dataset.test().iter();
        if tested
            .into_iter()
            .any(|&clip| taught[groups.of()[clip]].is_some())
        {
            return (groups.of().to_vec(), taught);
        }
    }
    let taught = first_task(stream.truth(), clips.classes().len());
    (stream.truth().to_vec(), taught)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Clips, Names, TestSide};

    #[test]
    fn domains_are_scored_by_group_where_the_groups_are_tested() {
        let classes = Names::from_integers(&[0, 1, 0, 1, 0, 1, 0, 1]);
        let groups = Names::from_integers(&[0, 0, 1, 1, 0, 0, 1, 1]);
        let test = (0..8).map(|i| i >= 4).collect();
        let clips = Clips::of_rows(1, vec![0.0; 8], classes, Some(groups), Some(test)).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let order = Protocol::DomainIncremental.into();
        let stream = ExampleStream::draw(&dataset, order, 1).unwrap();
        let (unit_of, taught) = units(&dataset, &stream);
        assert_eq!(unit_of, dataset.clips().groups().unwrap().of());
        let mut stages: Vec<_> = taught.into_iter().flatten().collect();
        stages.sort_unstable();
        assert_eq!(stages, [0, 1]);
    }
}
