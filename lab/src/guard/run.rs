//! Runs draws: teaches learners with right and wrong labels, and asks them with and without the guard.

use std::path::Path;
use std::time::Duration;

use afield::engine::{Durability, EngineOptions, Error, LearnerOptions};
use afield::signal::{Group, Label};
use afield::{Engine, Recording};

use super::case::{Case, Lessons};
use super::error::GuardError;
use super::report::{CaseReport, GuardReport};
use super::score::{Counts, GuardScore};
use crate::data::Dataset;
use crate::unknown::EmbeddedRecordings;

/// What is taught is stored at least this often.
const BATCH: Duration = Duration::from_secs(60);

/// The name of a class that is not in the data.
const NEW_NAME: &str = "new name";

/// How learners are created and taught.
#[derive(Debug, Clone)]
pub struct GuardPlan {
    /// How each learner is created.
    pub learner: LearnerOptions,
    /// The cache of backbones.
    pub engine: EngineOptions,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardProgress {
    /// Learners that are done.
    pub done: usize,
    /// All learners: one a split and case.
    pub total: usize,
    /// The seed of the draw.
    pub seed: u64,
    /// What the next learner is taught.
    pub case: Case,
}

impl GuardPlan {
    /// Runs every case on every split of `recordings`, each with the seed that draws the wrong labels.
    /// `progress` is called before each learner.
    ///
    /// # Errors
    /// [`GuardError`] if too few classes are there, or a learner cannot be taught.
    pub fn run(
        &self,
        recordings: &EmbeddedRecordings,
        splits: &[(u64, Dataset)],
        progress: &mut dyn FnMut(GuardProgress),
    ) -> Result<GuardReport, GuardError> {
        let total = splits.len() * Case::ALL.len();
        let (mut done, mut seeds, mut folds) = (0, Vec::<u64>::new(), Vec::new());
        // By case and draw, each learner.
        let mut counts: Vec<Vec<Vec<Counts>>> = vec![Vec::new(); Case::ALL.len()];
        let mut classes = Vec::new();
        let mut backbone = String::new();
        for (seed, split) in splits {
            classes = split.clips().classes().to_vec();
            if seeds.last() != Some(seed) {
                seeds.push(*seed);
                counts.iter_mut().for_each(|draws| draws.push(Vec::new()));
            }
            let groups: Vec<String> = split.test_groups().into_iter().map(str::to_owned).collect();
            if !folds.contains(&groups) {
                folds.push(groups);
            }
            let run = Run::of(recordings, split);
            let mut right = 0;
            for (case, draws) in Case::ALL.into_iter().zip(&mut counts) {
                progress(GuardProgress {
                    done,
                    total,
                    seed: *seed,
                    case,
                });
                let folder = tempfile::tempdir()?;
                let engine = self.learner(&folder.path().join("learner"), *seed)?;
                backbone.clone_from(&engine.card().name);
                let lessons = case.lessons(&run.truth, &classes, *seed);
                if lessons.one_by_one.is_empty() {
                    let classes = classes.len();
                    return Err(GuardError::Classes { classes });
                }
                let mut of = run.learner(&engine, case, &lessons)?;
                if case == Case::Right {
                    right = of.right_unguarded;
                }
                // A class of few clips has another measure.
                of.right = match case {
                    Case::LateClass => of.right_unguarded,
                    _ => right,
                };
                if let Some(draw) = draws.last_mut() {
                    draw.push(of);
                }
                done += 1;
            }
        }
        let cases = Case::ALL.into_iter().zip(&counts).map(|(case, draws)| {
            let scores: Vec<GuardScore> = draws.iter().map(|of| GuardScore::of(of)).collect();
            CaseReport {
                case,
                summary: GuardScore::spread(&scores),
                scores,
            }
        });
        Ok(GuardReport {
            protocol: "guard",
            backbone,
            head: self.learner.head.to_string(),
            clips: recordings.list().clips.len(),
            cases: cases.collect(),
            classes,
            folds,
            seeds,
        })
    }

    /// A learner that knows nothing.
    fn learner(&self, dir: &Path, seed: u64) -> Result<Engine, GuardError> {
        let options = LearnerOptions {
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

/// The recordings of one split.
struct Run<'a> {
    recordings: &'a EmbeddedRecordings,
    split: &'a Dataset,
    /// The training recordings: the clips of each, and their class. Pieces of a recording have one
    /// label.
    clips: Vec<Vec<usize>>,
    truth: Vec<usize>,
}

impl<'a> Run<'a> {
    fn of(recordings: &'a EmbeddedRecordings, split: &'a Dataset) -> Self {
        let listed = &recordings.list().clips;
        let mut train = split.train().to_vec();
        train.sort_unstable();
        let same = |a: &usize, b: &usize| listed[*a].path == listed[*b].path;
        let clips: Vec<Vec<usize>> = train.chunk_by(same).map(<[usize]>::to_vec).collect();
        let truth = clips.iter().map(|clips| split.clips().label(clips[0]));
        Self {
            recordings,
            split,
            truth: truth.collect(),
            clips,
        }
    }

    /// Teaches a learner the lessons, and asks it without and with the guard.
    fn learner(
        &self,
        engine: &Engine,
        case: Case,
        lessons: &Lessons,
    ) -> Result<Counts, GuardError> {
        self.teach(engine, &lessons.one_by_one)?;
        let mut counts = Counts::default();
        let mut refused = None;
        if !lessons.at_once.is_empty() {
            counts.changes = 1;
            refused = self.teach(engine, &lessons.at_once)?;
            counts.refused = usize::from(refused.is_some());
        }
        let doubts = engine.doubts(&|_, _| {})?;
        let taught = lessons.one_by_one.iter().chain(&lessons.at_once);
        for (position, &(recording, label)) in taught.enumerate() {
            let is_refused = refused.is_some() && position >= lessons.one_by_one.len();
            let is_wrong = label != self.truth[recording];
            for &clip in &self.clips[recording] {
                let id = &self.recordings.embeddings()[clip].clip_sha256;
                let is_doubted = doubts.iter().any(|doubt| doubt.clip.as_bytes() == id);
                let is_found = usize::from(is_refused || is_doubted);
                let (all, found) = match is_wrong {
                    true => (&mut counts.wrong, &mut counts.wrong_found),
                    false => (&mut counts.honest, &mut counts.honest_found),
                };
                *all += 1;
                *found += is_found;
            }
        }
        let last = engine.status().revision;
        if let Some(with_the_change) = refused {
            engine.roll_back(with_the_change)?;
        }
        (counts.asked, counts.right_unguarded) = self.ask(engine)?;
        if refused.is_some() {
            engine.roll_back(last)?;
        }
        counts.right_guarded = counts.right_unguarded;
        if refused.is_some() || !doubts.is_empty() {
            engine.set_aside(&doubts)?;
            counts.right_guarded = self.ask(engine)?.1;
        }
        debug_assert!(!case.is_right() || counts.wrong == 0);
        Ok(counts)
    }

    /// Teaches recordings as one change. Returns the revision with it if it was refused.
    fn teach(
        &self,
        engine: &Engine,
        labelled: &[(usize, usize)],
    ) -> Result<Option<i64>, GuardError> {
        let mut lesson = engine.lesson(Durability::Batched(BATCH))?;
        for &(recording, label) in labelled {
            let label = self.label(label)?;
            for &clip in &self.clips[recording] {
                let listed = &self.recordings.list().clips[clip];
                let mut recording = Recording::open_with(&listed.path, self.recordings.format())?;
                if let Some(group) = listed.group.as_deref().filter(|group| !group.is_empty()) {
                    recording = recording.of_group(Group::new(group)?);
                }
                let embeddings = &self.recordings.embeddings()[clip];
                lesson.teach_embeddings(&label, embeddings, &recording)?;
            }
        }
        match lesson.finish() {
            Ok(()) => Ok(None),
            // The revision before the one that takes it back.
            Err(Error::Harmful(_)) => Ok(Some(engine.status().revision - 1)),
            Err(error) => Err(error.into()),
        }
    }

    /// The number of test clips, and of those that are right.
    fn ask(&self, engine: &Engine) -> Result<(usize, usize), GuardError> {
        let clips = self.split.clips();
        let mut right = 0;
        for &clip in self.split.test() {
            let prediction = engine.predict_embeddings(&self.recordings.embeddings()[clip])?;
            let truth = &clips.classes()[clips.label(clip)];
            right += usize::from(prediction.best().is_some_and(|(label, _)| label == truth));
        }
        Ok((self.split.test().len(), right))
    }

    fn label(&self, class: usize) -> Result<Label, GuardError> {
        match self.split.clips().classes().get(class) {
            Some(label) => Ok(label.clone()),
            None => Ok(Label::new(NEW_NAME)?),
        }
    }
}
