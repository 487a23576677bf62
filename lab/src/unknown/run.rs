//! Runs draws: teaches a learner the classes that are not left out, and asks about all.

use std::path::Path;
use std::time::Duration;

use afield::engine::{Durability, EngineOptions, LearnerOptions};
use afield::signal::{Group, Label};
use afield::{Engine, Recording};

use super::draw::never_taught;
use super::error::UnknownError;
use super::recordings::EmbeddedRecordings;
use super::report::{DrawReport, TeachingReport, UnknownReport};
use super::score::{Answer, UnknownScore};
use super::teaching::Teaching;
use crate::data::Dataset;

/// What is taught is stored at least this often.
const BATCH: Duration = Duration::from_secs(60);

/// The answers of each learner of a draw.
type OfLearners = Vec<Vec<Answer>>;

/// How learners are created and taught.
#[derive(Debug, Clone)]
pub struct UnknownPlan {
    /// How each learner is created.
    pub learner: LearnerOptions,
    /// The cache of backbones.
    pub engine: EngineOptions,
    /// The ways of teaching to compare.
    pub teachings: Vec<Teaching>,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnknownProgress {
    /// Learners that are done.
    pub done: usize,
    /// All learners: one a split and way of teaching.
    pub total: usize,
    /// The seed of the draw.
    pub seed: u64,
    /// How the next learner is taught.
    pub teaching: Teaching,
}

impl UnknownPlan {
    /// Runs every way of teaching on every split of `recordings`, each with the seed that draws the
    /// classes to leave out. `progress` is called before each learner.
    ///
    /// # Errors
    /// [`UnknownError`] if too few classes are there, or a learner cannot be taught.
    pub fn run(
        &self,
        recordings: &EmbeddedRecordings,
        splits: &[(u64, Dataset)],
        progress: &mut dyn FnMut(UnknownProgress),
    ) -> Result<UnknownReport, UnknownError> {
        let total = splits.len() * self.teachings.len();
        let (mut done, mut draws, mut folds) = (0, Vec::<DrawReport>::new(), Vec::new());
        // By draw and way of teaching.
        let mut answers: Vec<Vec<OfLearners>> = Vec::new();
        let mut classes = Vec::new();
        let mut backbone = String::new();
        for (seed, split) in splits {
            classes = split.clips().classes().to_vec();
            let never = never_taught(&classes, *seed)?;
            if draws.last().is_none_or(|draw| draw.seed != *seed) {
                let left_out = classes.iter().zip(&never).filter(|&(_, &never)| never);
                draws.push(DrawReport {
                    seed: *seed,
                    never_taught: left_out.map(|(label, _)| label.clone()).collect(),
                });
                answers.push(vec![Vec::new(); self.teachings.len()]);
            }
            let groups: Vec<String> = split.test_groups().into_iter().map(str::to_owned).collect();
            if !folds.contains(&groups) {
                folds.push(groups);
            }
            for (position, &teaching) in self.teachings.iter().enumerate() {
                progress(UnknownProgress {
                    done,
                    total,
                    seed: *seed,
                    teaching,
                });
                let folder = tempfile::tempdir()?;
                let engine = self.learner(&folder.path().join("learner"), teaching, *seed)?;
                backbone.clone_from(&engine.card().name);
                let run = Run {
                    recordings,
                    split,
                    never: &never,
                };
                if !run.teach(&engine)? {
                    let never_taught = draws.pop().map(|draw| draw.never_taught);
                    return Err(UnknownError::NothingToTeach {
                        seed: *seed,
                        never_taught: never_taught.unwrap_or_default(),
                    });
                }
                if let Some(of_draw) = answers.last_mut() {
                    of_draw[position].push(run.ask(&engine)?);
                }
                done += 1;
            }
        }
        let teachings = self
            .teachings
            .iter()
            .enumerate()
            .map(|(position, &teaching)| {
                let of_draws = answers.iter().map(|draw| UnknownScore::of(&draw[position]));
                let scores: Vec<UnknownScore> = of_draws.collect();
                TeachingReport {
                    teaching,
                    summary: UnknownScore::spread(&scores),
                    scores,
                }
            });
        Ok(UnknownReport {
            protocol: "unknown",
            backbone,
            head: self.learner.head.to_string(),
            clips: recordings.list().clips.len(),
            classes,
            folds,
            teachings: teachings.collect(),
            draws,
        })
    }

    /// A learner that knows nothing.
    fn learner(&self, dir: &Path, teaching: Teaching, seed: u64) -> Result<Engine, UnknownError> {
        let options = LearnerOptions {
            whole_clips: teaching == Teaching::WholeClips,
            seed,
            ..self.learner.clone()
        };
        Ok(Engine::create_with(
            dir,
            &options,
            self.engine.clone(),
            &|_, _| {},
        )?)
    }
}

/// One learner's lessons and its exam.
struct Run<'a> {
    recordings: &'a EmbeddedRecordings,
    split: &'a Dataset,
    /// By class, whether it is left out.
    never: &'a [bool],
}

impl Run<'_> {
    /// Teaches the training clips of the classes that are not left out. Returns whether there are
    /// any.
    fn teach(&self, engine: &Engine) -> Result<bool, UnknownError> {
        let mut lesson = engine.lesson(Durability::Batched(BATCH))?;
        lesson.despite_doubts();
        let clips = self.split.clips();
        let taught = self.split.train().iter().copied();
        let taught: Vec<usize> = taught
            .filter(|&clip| !self.never[clips.label(clip)])
            .collect();
        for &clip in &taught {
            let listed = &self.recordings.list().clips[clip];
            let mut recording = Recording::open_with(&listed.path, self.recordings.format())?;
            if let Some(group) = listed.group.as_deref().filter(|group| !group.is_empty()) {
                recording = recording.of_group(Group::new(group)?);
            }
            let embeddings = &self.recordings.embeddings()[clip];
            lesson.teach_embeddings(self.label(clip), embeddings, &recording)?;
        }
        lesson.finish()?;
        Ok(!taught.is_empty())
    }

    /// The answers to all test clips.
    fn ask(&self, engine: &Engine) -> Result<Vec<Answer>, UnknownError> {
        let clips = self.split.clips();
        let ask = |&clip: &usize| {
            let prediction = engine.predict_embeddings(&self.recordings.embeddings()[clip])?;
            let best = prediction.best();
            Ok(Answer {
                taught: !self.never[clips.label(clip)],
                right: best.is_some_and(|(label, _)| label == self.label(clip)),
                confidence: best.map_or(0.0, |(_, confidence)| confidence),
                raw_confidence: prediction.raw_confidence().unwrap_or(0.0),
                novelty_score: prediction.novelty_score(),
                p_value: prediction.novelty().map(|novelty| 1.0 - novelty),
            })
        };
        self.split.test().iter().map(ask).collect()
    }

    fn label(&self, clip: usize) -> &Label {
        let clips = self.split.clips();
        &clips.classes()[clips.label(clip)]
    }
}
