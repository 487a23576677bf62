//! One head's course through a stream: taught task after task, tested after
//! each, timed throughout.
//!
//! The course decides neither what is taught nor what is tested; [`super::run`]
//! does, so that all heads get the same.

use std::time::Instant;

use crate::learner::{Contract, Example, Learner, Settings};

use super::dataset::Clips;
use super::error::EvaluateError;
use super::metrics::{Continual, Percentiles, Stage, Tally};
use super::report::HeadReport;

/// Where a head stands after a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Accuracy over all test clips of the stage, in `[0, 1]`: with the
    /// class-incremental protocol, those of the classes taught so far.
    pub accuracy: f64,
    /// Accuracy on what the first task taught (its class, or its group), in
    /// `[0, 1]`; `None` where that is not tested.
    pub on_first_task: Option<f64>,
}

/// What all courses of a run go through.
pub(super) struct Stream<'a> {
    /// The clips.
    pub clips: &'a Clips,
    /// The clips, encoded.
    pub examples: &'a [Example],
    /// The unit of every clip; see [`super::metrics`].
    pub unit_of: &'a [usize],
    /// The task that first taught each unit.
    pub taught: &'a [Option<usize>],
}

/// One head on its way.
pub(super) struct Course<'a> {
    stream: &'a Stream<'a>,
    learner: Learner,
    learn: Vec<f64>,
    predict: Vec<f64>,
    solve: Vec<f64>,
    stages: Vec<Stage>,
    /// Per class, of the latest stage.
    classes: Vec<Tally>,
}

impl<'a> Course<'a> {
    pub fn new(
        contract: Contract,
        settings: Settings,
        stream: &'a Stream<'a>,
    ) -> Result<Self, EvaluateError> {
        Ok(Self {
            stream,
            learner: Learner::new(contract, settings)?,
            learn: Vec::new(),
            predict: Vec::new(),
            solve: Vec::new(),
            stages: Vec::new(),
            classes: Vec::new(),
        })
    }

    /// Teaches `clips` in their order, then solves; `learned` is called after
    /// each clip, untimed.
    pub fn teach(
        &mut self,
        clips: &[usize],
        learned: &mut dyn FnMut(),
    ) -> Result<(), EvaluateError> {
        let all = self.stream.clips;
        for &clip in clips {
            let label = &all.classes()[all.label(clip)];
            let begin = Instant::now();
            self.learner.learn_one(&self.stream.examples[clip], label)?;
            self.learn.push(microseconds_since(begin));
            learned();
        }
        let begin = Instant::now();
        self.learner.solve();
        self.solve.push(microseconds_since(begin));
        Ok(())
    }

    /// Tests on `clips` and closes the stage.
    pub fn test(&mut self, clips: &[usize]) -> Result<Standing, EvaluateError> {
        let all = self.stream.clips;
        let mut units = vec![Tally::default(); self.stream.taught.len()];
        self.classes = vec![Tally::default(); all.classes().len()];
        for &clip in clips {
            let truth = all.label(clip);
            let begin = Instant::now();
            let scores = self.learner.predict_one(&self.stream.examples[clip])?;
            self.predict.push(microseconds_since(begin));
            let answer = scores
                .best()
                .and_then(|(class, _)| self.learner.classes().get(class));
            let right = answer == all.classes().get(truth);
            units[self.stream.unit_of[clip]].count(right);
            self.classes[truth].count(right);
        }
        let first = (units.iter().zip(self.stream.taught))
            .filter(|(_, taught)| **taught == Some(0))
            .fold(Tally::default(), |sum, (unit, _)| Tally {
                right: sum.right + unit.right,
                total: sum.total + unit.total,
            });
        let stage = Stage { units };
        let accuracy = stage.accuracy();
        self.stages.push(stage);
        Ok(Standing {
            accuracy,
            on_first_task: first.accuracy(),
        })
    }

    /// What became of the head.
    pub fn report(mut self) -> HeadReport {
        HeadReport {
            head: self.learner.settings().head.to_string(),
            continual: Continual::of(&self.stages, self.stream.taught),
            learn_us: Percentiles::of(&mut self.learn),
            predict_us: Percentiles::of(&mut self.predict),
            solve_us: Percentiles::of(&mut self.solve),
            state_bytes: self.learner.state_bytes(),
            accuracy_after: self.stages.iter().map(Stage::accuracy).collect(),
            class_accuracy: self.classes.into_iter().map(Tally::accuracy).collect(),
        }
    }
}

/// Microseconds, to the nanosecond.
pub(super) fn microseconds_since(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / 1e3
}
