//! Every case of an exam on every split, each with a new learner.

use afield::Engine;
use afield::engine::{EngineOptions, LearnerOptions};
use afield::signal::Label;
use serde::{Serialize, Serializer};

use super::error::ExamError;
use super::recordings::EmbeddedRecordings;
use super::sitting::Sitting;
use crate::data::Dataset;

/// How learners are created, and what they are taught and asked about.
#[derive(Debug)]
pub struct ExamPlan {
    /// How each learner is created.
    pub learner: LearnerOptions,
    /// The cache of backbones.
    pub engine: EngineOptions,
    /// The recordings.
    pub recordings: EmbeddedRecordings,
    /// Their splits, each with the seed of its draws, seed after seed.
    pub splits: Vec<(u64, Dataset)>,
}

/// What an exam compares: ways of teaching, or what is taught.
pub trait ExamCase: Copy {
    /// A short name.
    fn name(self) -> &'static str;

    /// How a learner of this case is created, if others are created by `options`.
    fn learner(self, options: LearnerOptions) -> LearnerOptions {
        options
    }
}

/// Writes a case as its name.
pub(crate) fn by_name<S: Serializer>(
    case: &impl ExamCase,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(case.name())
}

/// One step of an exam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExamProgress {
    /// Learners that are done.
    pub done: usize,
    /// All learners: one a split and case.
    pub total: usize,
    /// The seed of the draw.
    pub seed: u64,
    /// The name of the case of the next learner.
    pub case: &'static str,
}

/// What was examined: the first lines of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examined {
    /// The name of the protocol.
    pub protocol: &'static str,
    /// The backbone.
    pub backbone: String,
    /// The head.
    pub head: String,
    /// The number of clips, of both sides and all classes.
    pub clips: usize,
    /// The classes, sorted.
    pub classes: Vec<Label>,
    /// The held-out groups, each set once; one learner a set, draw and case. One empty set if no
    /// whole group was held out.
    pub folds: Vec<Vec<String>>,
}

/// What came of an exam.
pub(crate) struct Answers<A> {
    pub(crate) examined: Examined,
    /// The seeds, in order.
    pub(crate) seeds: Vec<u64>,
    /// By case, seed and split.
    pub(crate) answers: Vec<Vec<Vec<A>>>,
}

impl ExamPlan {
    /// Gives a new learner to `examine` for every split and case, seed after seed. `progress` is
    /// called before each learner.
    ///
    /// # Errors
    /// Those of `examine`; [`ExamError`] if a learner cannot be created.
    pub(crate) fn run<C: ExamCase, A>(
        &self,
        protocol: &'static str,
        cases: &[C],
        progress: &mut dyn FnMut(ExamProgress),
        examine: &mut dyn FnMut(&Sitting<'_>, &Engine, C) -> Result<A, ExamError>,
    ) -> Result<Answers<A>, ExamError> {
        let mut examined = Examined {
            protocol,
            backbone: String::new(),
            head: self.learner.head.to_string(),
            clips: self.recordings.list().clips.len(),
            classes: Vec::new(),
            folds: Vec::new(),
        };
        let (mut done, mut seeds) = (0, Vec::<u64>::new());
        let mut answers: Vec<Vec<Vec<A>>> = cases.iter().map(|_| Vec::new()).collect();
        for (seed, split) in &self.splits {
            if seeds.last() != Some(seed) {
                seeds.push(*seed);
                answers.iter_mut().for_each(|draws| draws.push(Vec::new()));
            }
            let groups: Vec<String> = split.test_groups().into_iter().map(str::to_owned).collect();
            if !examined.folds.contains(&groups) {
                examined.folds.push(groups);
            }
            let sitting = Sitting {
                recordings: &self.recordings,
                split,
                seed: *seed,
            };
            examined.classes = sitting.classes().to_vec();
            for (&case, draws) in cases.iter().zip(&mut answers) {
                progress(ExamProgress {
                    done,
                    total: self.splits.len() * cases.len(),
                    seed: *seed,
                    case: case.name(),
                });
                let folder = tempfile::tempdir()?;
                let options = case.learner(LearnerOptions {
                    seed: *seed,
                    ..self.learner.clone()
                });
                let dir = folder.path().join("learner");
                let engine = Engine::create_with(dir, &options, self.engine.clone(), &|_, _| {})?;
                examined.backbone.clone_from(&engine.card().name);
                let answer = examine(&sitting, &engine, case)?;
                if let Some(draw) = draws.last_mut() {
                    draw.push(answer);
                }
                done += 1;
            }
        }
        Ok(Answers {
            examined,
            seeds,
            answers,
        })
    }
}
