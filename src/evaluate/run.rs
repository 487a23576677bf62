//! Teaching a stream to several heads side by side, and testing along the way.
//!
//! Clips are encoded once, under one contract: every head learns the same
//! integers in the same order, and the joint upper bound is fitted to the same
//! integers times their step. Durations are wall-clock, one call each; the
//! deferred solve is timed apart from learning and predicting, never hidden in
//! either or left out.

use std::time::Instant;

use crate::head::HeadKind;
use crate::learner::{Contract, Example, Learner, Settings};
use crate::rehearsal::Capacity;

use super::clips::Clips;
use super::course::{Course, Setting, Standing, microseconds_since};
use super::dataset::Dataset;
use super::error::EvaluateError;
use super::machine::peak_rss_bytes;
use super::metrics::{Percentiles, Tally};
use super::protocol::Protocol;
use super::report::{DriftReport, HeadReport, Report, UpperBoundFit};
use super::stream::{Order, Stream};
use super::upper_bound::{Joint, UpperBound};

/// What to run over a data set.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The stream's order, and what is wrong with it.
    pub order: Order,
    /// The heads, each with a learner of its own.
    pub heads: Vec<HeadKind>,
    /// Rehearsal memory of each learner.
    pub rehearsal: Capacity,
    /// Seeds the order and the learners.
    pub seed: u64,
    /// How embeddings become examples, for every head alike.
    pub contract: Contract,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress<'a> {
    /// Examples are being learned.
    Learning {
        /// The head that learns.
        head: HeadKind,
        /// Examples learned, over all heads.
        done: usize,
        /// Examples to learn, over all heads.
        total: usize,
    },
    /// A task was taught to every head, and every head was tested.
    Taught {
        /// The task's position, from 0.
        stage: usize,
        /// How many tasks there are.
        stages: usize,
        /// The class, the group, or the slice's number.
        task: &'a str,
        /// Where each head stands, in the order of [`Evaluation::heads`].
        standings: &'a [Standing],
    },
    /// The joint upper bound is being fitted.
    UpperBound,
}

impl Evaluation {
    /// Runs the stream past all heads, task by task, then fits the joint upper
    /// bound.
    ///
    /// `on_progress` is called between examples, outside all timing.
    ///
    /// # Errors
    /// Those of [`Stream::draw`] and of [`Joint::upper_bound`];
    /// [`EvaluateError::Learner`] where the learner refuses.
    pub fn run(
        &self,
        dataset: &Dataset,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Report, EvaluateError> {
        let stream = Stream::draw(dataset, self.order, self.seed)?;
        let (examples, encode_us) = self.encode(dataset.clips())?;
        let run = Run {
            plan: self,
            dataset,
            stream: &stream,
            examples: &examples,
        };
        let heads = run.heads(on_progress)?;
        on_progress(Progress::UpperBound);
        let upper_bound_fit = run.upper_bound()?;
        let clips = dataset.clips();
        let values = examples.len() * self.contract.width();
        let saturated: usize = examples.iter().map(Example::saturated).sum();
        Ok(Report {
            upper_bound: upper_bound_fit.chosen.accuracy,
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
            features: self.contract.width(),
            transform: self.contract.transform.to_string(),
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
            encode_us,
            saturated: saturated as f64 / values.max(1) as f64,
        })
    }

    fn encode(&self, clips: &Clips) -> Result<(Vec<Example>, Percentiles), EvaluateError> {
        let settings = Settings {
            seed: self.seed,
            ..Settings::default()
        };
        let encoder = Learner::new(self.contract.clone(), settings)?;
        let mut micros = Vec::with_capacity(clips.len());
        let examples = (0..clips.len()).map(|clip| {
            let begin = Instant::now();
            let example = encoder.encode(clips.windows(clip));
            micros.push(microseconds_since(begin));
            example
        });
        let examples = examples.collect::<Result<Vec<_>, _>>()?;
        Ok((examples, Percentiles::of(&mut micros)))
    }
}

/// What all heads of a run share.
struct Run<'a> {
    plan: &'a Evaluation,
    dataset: &'a Dataset,
    stream: &'a Stream,
    examples: &'a [Example],
}

impl Run<'_> {
    fn heads(
        &self,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<HeadReport>, EvaluateError> {
        let (unit_of, taught) = self.units();
        let setting = Setting {
            clips: self.dataset.clips(),
            stream: self.stream,
            unit_of: &unit_of,
            taught: &taught,
        };
        let mut courses = Vec::with_capacity(self.plan.heads.len());
        for &head in &self.plan.heads {
            let settings = Settings {
                head,
                rehearsal: self.plan.rehearsal,
                seed: self.plan.seed,
            };
            let contract = self.plan.contract.clone();
            courses.push(Course::new(contract, settings, self.examples, &setting)?);
        }
        let tasks = self.stream.tasks();
        let total = courses.len() * self.stream.examples();
        let mut done = 0;
        for (stage, task) in tasks.iter().enumerate() {
            let mut standings = Vec::with_capacity(courses.len());
            for (course, &head) in courses.iter_mut().zip(&self.plan.heads) {
                course.teach(task, &mut || {
                    done += 1;
                    on_progress(Progress::Learning { head, done, total });
                })?;
                standings.push(course.test(task)?);
            }
            on_progress(Progress::Taught {
                stage,
                stages: tasks.len(),
                task: &task.name,
                standings: &standings,
            });
        }
        Ok(courses.into_iter().map(Course::report).collect())
    }

    /// The unit of every clip, and the task that first taught each unit: test
    /// groups where the stream goes by groups that are also tested, else
    /// classes, as they are tested.
    fn units(&self) -> (Vec<usize>, Vec<Option<usize>>) {
        let clips = self.dataset.clips();
        let first_task = |unit_of: &[usize], units: usize| {
            let mut taught = vec![None; units];
            for (stage, task) in self.stream.tasks().iter().enumerate() {
                for &clip in &task.clips {
                    taught[unit_of[clip]].get_or_insert(stage);
                }
            }
            taught
        };
        if self.plan.order.protocol == Protocol::DomainIncremental
            && let Some(groups) = clips.groups()
        {
            let taught = first_task(groups.of(), groups.names().len());
            let tested = self.dataset.test().iter();
            if tested
                .into_iter()
                .any(|&clip| taught[groups.of()[clip]].is_some())
            {
                return (groups.of().to_vec(), taught);
            }
        }
        let taught = first_task(self.stream.truth(), clips.classes().len());
        (self.stream.truth().to_vec(), taught)
    }

    fn upper_bound(&self) -> Result<UpperBoundFit, EvaluateError> {
        let begin = Instant::now();
        let clips = self.dataset.clips();
        let steps = self.plan.contract.fixed_point.steps();
        let lessons = self.stream.valid_clips();
        let tested = self.stream.tasks().last().map(|task| &task.tested[..]);
        let tested = tested.unwrap_or_default();
        let row = |clip: usize| -> Vec<f32> {
            let features = self.examples[clip].features().iter();
            (features.zip(&steps))
                .map(|(&q, step)| f32::from(q) * step)
                .collect()
        };
        let train: Vec<Vec<f32>> = lessons.iter().map(|&(clip, _)| row(clip)).collect();
        let test: Vec<Vec<f32>> = tested.iter().map(|&clip| row(clip)).collect();
        let (train, test) = (slices(&train), slices(&test));
        let labels: Vec<usize> = lessons.iter().map(|&(_, label)| label).collect();
        let truth: Vec<usize> = tested.iter().map(|&c| self.stream.truth()[c]).collect();
        let groups: Option<Vec<usize>> = clips
            .groups()
            .map(|groups| lessons.iter().map(|&(clip, _)| groups.of()[clip]).collect());
        let joint = Joint {
            features: &train,
            labels: &labels,
            groups: groups.as_deref(),
            classes: clips.classes().len(),
        };
        let chosen: UpperBound = joint.upper_bound(&test, &truth, self.plan.seed)?;
        let mut classes = vec![Tally::default(); clips.classes().len()];
        for (&truth, &predicted) in truth.iter().zip(&chosen.predictions) {
            classes[truth].count(truth == predicted);
        }
        let class_accuracy = classes.into_iter().map(Tally::accuracy).collect();
        Ok(UpperBoundFit {
            chosen,
            class_accuracy,
            seconds: begin.elapsed().as_secs_f64(),
        })
    }
}

fn slices(rows: &[Vec<f32>]) -> Vec<&[f32]> {
    rows.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Names, TestSide, contract_for};
    use crate::learner::{Pool, Transform};

    /// Four classes on the axes of a plane, two groups on either side of it.
    fn dataset() -> Dataset {
        let mut state = 3_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.4
        };
        let corners = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
        let classes: Vec<i64> = (0..160).map(|i| i % 4).collect();
        let groups: Vec<i64> = (0..160).map(|i| i / 4 % 2).collect();
        let windows: Vec<f32> = classes
            .iter()
            .zip(&groups)
            .flat_map(|(&class, &group)| {
                let [x, y] = corners[class as usize];
                [x + noise(), y + noise(), group as f32 * 0.2]
            })
            .collect();
        let test = (0..160).map(|i| i >= 120).collect();
        let (classes, groups) = (
            Names::from_integers(&classes),
            Names::from_integers(&groups),
        );
        let clips = Clips::of_rows(3, windows, classes, Some(groups), Some(test)).unwrap();
        Dataset::new(clips, &TestSide::Marked).unwrap()
    }

    fn report(protocol: Protocol, seed: u64) -> Report {
        let dataset = dataset();
        let contract = contract_for(&dataset, Pool::Mean, Transform::None).unwrap();
        let rehearsal = Capacity::Examples(40);
        let heads = HeadKind::ALL.to_vec();
        let evaluation = Evaluation {
            order: protocol.into(),
            heads,
            rehearsal,
            seed,
            contract,
        };
        evaluation.run(&dataset, &mut |_| {}).unwrap()
    }

    #[test]
    fn finetune_forgets_class_after_class_and_the_others_do_not() {
        let report = report(Protocol::ClassIncremental, 0);
        assert_eq!(report.tasks.len(), 4);
        assert!(report.upper_bound > 0.95, "{report:?}");
        for head in &report.heads {
            assert_eq!(head.accuracy_after.len(), 4);
            assert_eq!(head.accuracy_after[0], 1.0, "one class is never mistaken");
            let forgets = head.head == "finetune";
            assert_eq!(head.continual.final_accuracy < 0.6, forgets, "{head:?}");
            assert_eq!(head.continual.forgetting > 0.5, forgets, "{head:?}");
        }
    }

    #[test]
    fn every_stage_is_told_as_it_comes_and_as_it_is_reported() {
        let dataset = dataset();
        let evaluation = Evaluation {
            order: Protocol::ClassIncremental.into(),
            heads: HeadKind::ALL.to_vec(),
            rehearsal: Capacity::Examples(40),
            seed: 0,
            contract: contract_for(&dataset, Pool::Mean, Transform::None).unwrap(),
        };
        let mut told: Vec<(String, Vec<Standing>)> = Vec::new();
        let mut learned = 0;
        let report = evaluation.run(&dataset, &mut |progress| match progress {
            Progress::Learning { done, .. } => {
                assert_eq!(done, learned + 1);
                learned = done;
            }
            Progress::Taught {
                stage,
                task,
                standings,
                ..
            } => {
                assert_eq!(stage, told.len());
                assert_eq!(learned, (stage + 1) * HeadKind::ALL.len() * 30);
                told.push((task.to_owned(), standings.to_vec()));
            }
            Progress::UpperBound => assert_eq!(told.len(), 4),
        });
        let report = report.unwrap();
        for (stage, (task, standings)) in told.iter().enumerate() {
            assert_eq!(task, &report.tasks[stage]);
            for (standing, head) in standings.iter().zip(&report.heads) {
                assert_eq!(standing.accuracy, head.accuracy_after[stage]);
            }
        }
        let first = report
            .class_names
            .iter()
            .position(|name| *name == told[0].0);
        for (standing, head) in told[3].1.iter().zip(&report.heads) {
            assert_eq!(standing.on_first_task, head.class_accuracy[first.unwrap()]);
        }
    }

    #[test]
    fn the_iid_order_forgives_finetune() {
        let report = report(Protocol::Iid, 0);
        assert_eq!(report.tasks.len(), 10);
        for head in &report.heads {
            assert!(head.continual.final_accuracy > 0.85, "{head:?}");
        }
    }

    #[test]
    fn domains_are_scored_by_group_where_the_groups_are_tested() {
        let dataset = dataset();
        let protocol = Protocol::DomainIncremental;
        let stream = Stream::draw(&dataset, protocol.into(), 1).unwrap();
        let contract = contract_for(&dataset, Pool::Mean, Transform::None).unwrap();
        let (heads, rehearsal) = (vec![HeadKind::Ncm], Capacity::None);
        let plan = Evaluation {
            order: protocol.into(),
            heads,
            rehearsal,
            seed: 1,
            contract,
        };
        let run = Run {
            plan: &plan,
            dataset: &dataset,
            stream: &stream,
            examples: &[],
        };
        let (unit_of, taught) = run.units();
        assert_eq!(unit_of, dataset.clips().groups().unwrap().of());
        let mut stages: Vec<_> = taught.into_iter().flatten().collect();
        stages.sort_unstable();
        assert_eq!(stages, [0, 1]);
    }

    #[test]
    fn the_same_seed_gives_the_same_report_but_for_the_clock() {
        let untimed = |seed| {
            let mut report = report(Protocol::ClassIncremental, seed);
            report.peak_rss_bytes = None;
            report.encode_us = Percentiles::default();
            report.upper_bound_fit.seconds = 0.0;
            for head in &mut report.heads {
                head.learn_us = Percentiles::default();
                head.predict_us = Percentiles::default();
                head.solve_us = Percentiles::default();
            }
            report
        };
        assert_eq!(untimed(5), untimed(5));
        assert_ne!(untimed(5), untimed(6));
    }
}
