//! One head's course through a stream: it is taught one task after another, tested after each task,
//! and timed.
//!
//! [`super::run`] decides what is taught and tested, so all heads get the same clips.

use std::time::Instant;

use afield::learner::{Learner, Settings};

use super::encoded::Encoded;
use super::error::EvaluateError;
use super::metrics::{Continual, DriftAccuracy, Percentiles, Stage, Tally, microseconds_since};
use super::progress::TaskAccuracy;
use super::report::HeadReport;
use super::rows::Row;
use crate::data::Clips;
use crate::streams::{ExampleStream, Task};

/// The data that all courses of a run share.
pub(crate) struct Setting<'a> {
    /// The clips.
    pub clips: &'a Clips,
    /// What is taught and tested.
    pub stream: &'a ExampleStream,
    /// The unit of every clip; see [`super::metrics`].
    pub unit_of: &'a [usize],
    /// The task that first taught each unit.
    pub taught: &'a [Option<usize>],
}

/// One head during a stream.
pub(crate) struct Course<'a> {
    setting: &'a Setting<'a>,
    row: &'a Row,
    encoded: &'a Encoded,
    learner: Learner,
    learn: Vec<f64>,
    predict: Vec<f64>,
    solve: Vec<f64>,
    stages: Vec<Stage>,
    /// For each class, at the latest stage.
    classes: Vec<Tally>,
    /// For each stage of a drifting stream: the drifting class, and the rest.
    drift: Vec<(Tally, Tally)>,
}

impl<'a> Course<'a> {
    pub fn new(
        row: &'a Row,
        settings: Settings,
        encoded: &'a Encoded,
        setting: &'a Setting<'a>,
    ) -> Result<Self, EvaluateError> {
        Ok(Self {
            setting,
            row,
            encoded,
            learner: Learner::new(encoded.contract.clone(), settings)?,
            learn: Vec::new(),
            predict: Vec::new(),
            solve: Vec::new(),
            stages: Vec::new(),
            classes: Vec::new(),
            drift: Vec::new(),
        })
    }

    /// Teaches a task in its order, then solves. `learned` is called after each clip, outside the
    /// timing.
    pub fn teach(&mut self, task: &Task, learned: &mut dyn FnMut()) -> Result<(), EvaluateError> {
        let classes = self.setting.clips.classes();
        for (&clip, &label) in task.clips.iter().zip(&task.labels) {
            let origin = self.setting.clips.origin(clip);
            let begin = Instant::now();
            self.learner
                .learn_from(&self.encoded.examples[clip], &classes[label], origin)?;
            self.learn.push(microseconds_since(begin));
            learned();
        }
        let begin = Instant::now();
        self.learner.solve();
        self.solve.push(microseconds_since(begin));
        Ok(())
    }

    /// Tests on the test clips of the task and closes the stage.
    pub fn test(&mut self, task: &Task) -> Result<TaskAccuracy, EvaluateError> {
        let Setting { stream, clips, .. } = self.setting;
        let mut units = vec![Tally::default(); self.setting.taught.len()];
        self.classes = vec![Tally::default(); clips.classes().len()];
        for &clip in &task.tested {
            let truth = stream.truth()[clip];
            let begin = Instant::now();
            let scores = self.learner.predict_one(&self.encoded.examples[clip])?;
            self.predict.push(microseconds_since(begin));
            let answer = scores
                .best()
                .and_then(|(class, _)| self.learner.classes().get(class));
            let right = answer == clips.classes().get(truth);
            units[self.setting.unit_of[clip]].count(right);
            self.classes[truth].count(right);
        }
        if let Some(drift) = stream.drift() {
            let sum = |drifting: bool| {
                (self.classes.iter().enumerate())
                    .filter(|(class, _)| (*class == drift.class) == drifting)
                    .map(|(_, tally)| *tally)
                    .sum()
            };
            self.drift.push((sum(true), sum(false)));
        }
        let first: Tally = (units.iter().zip(self.setting.taught))
            .filter(|(_, taught)| **taught == Some(0))
            .map(|(unit, _)| *unit)
            .sum();
        let stage = Stage { units };
        let accuracy = stage.accuracy();
        self.stages.push(stage);
        Ok(TaskAccuracy {
            accuracy,
            on_first_task: first.accuracy(),
        })
    }

    /// The head's report.
    pub fn report(mut self) -> HeadReport {
        let drift = self.setting.stream.drift();
        HeadReport {
            drift: drift.map(|drift| DriftAccuracy::of(&self.drift, drift.task)),
            head: self.row.name.clone(),
            asked: self.row.asked.clone(),
            transform: self.encoded.transform(),
            selection: self.learner.selection().cloned(),
            continual: Continual::of(&self.stages, self.setting.taught),
            learn_us: Percentiles::of(&mut self.learn),
            predict_us: Percentiles::of(&mut self.predict),
            solve_us: Percentiles::of(&mut self.solve),
            state_bytes: self.learner.state_bytes(),
            accuracy_after: self.stages.iter().map(Stage::accuracy).collect(),
            class_accuracy: self.classes.into_iter().map(Tally::accuracy).collect(),
        }
    }
}
