//! Runs draws: teaches learners with right and wrong labels, and asks them with and without the guard.

use afield::Engine;
use afield::engine::Error;
use afield::signal::Label;

use super::case::{Case, Lessons};
use super::report::{CaseReport, GuardReport};
use super::score::{Counts, GuardScore};
use crate::exam::{ExamError, ExamPlan, ExamProgress, Sitting};

/// The name of a class that is not in the data.
const NEW_NAME: &str = "new name";

/// Runs every case on every split, each with the seed that draws the wrong labels.
/// `progress` is called before each learner.
///
/// # Errors
/// [`ExamError`] if too few classes are there, or a learner cannot be taught.
pub fn examine_guard(
    plan: &ExamPlan,
    progress: &mut dyn FnMut(ExamProgress),
) -> Result<GuardReport, ExamError> {
    let mut right = 0;
    let run = plan.run(
        "guard",
        &Case::ALL,
        progress,
        &mut |sitting, engine, case| {
            let mut counts = Run::of(sitting).learner(engine, case)?;
            if case == Case::Right {
                right = counts.right_unguarded;
            }
            // A class of few clips has another measure.
            counts.right = match case {
                Case::LateClass => counts.right_unguarded,
                _ => right,
            };
            Ok(counts)
        },
    )?;
    let cases = Case::ALL.into_iter().zip(&run.answers).map(|(case, of)| {
        let scores: Vec<GuardScore> = of.iter().map(|draw| GuardScore::of(draw)).collect();
        CaseReport {
            case,
            summary: GuardScore::spread(&scores),
            scores,
        }
    });
    Ok(GuardReport {
        cases: cases.collect(),
        examined: run.examined,
        seeds: run.seeds,
    })
}

/// The training recordings of one split.
struct Run<'a> {
    sitting: &'a Sitting<'a>,
    /// The clips of each.
    clips: Vec<Vec<usize>>,
    /// Their classes.
    truth: Vec<usize>,
}

impl<'a> Run<'a> {
    fn of(sitting: &'a Sitting<'a>) -> Self {
        let recordings = sitting.by_recording(sitting.split.train());
        let (clips, truth) = recordings.into_iter().unzip();
        Self {
            sitting,
            clips,
            truth,
        }
    }

    /// Teaches a learner the lessons of the case, and asks it without and with the guard.
    fn learner(&self, engine: &Engine, case: Case) -> Result<Counts, ExamError> {
        let classes = self.sitting.classes();
        let Lessons {
            one_by_one,
            at_once,
        } = case.lessons(&self.truth, classes, self.sitting.seed);
        if one_by_one.is_empty() {
            let classes = classes.len();
            return Err(ExamError::TooFewForWrongLabel { classes });
        }
        self.teach(engine, &one_by_one)?;
        let mut counts = Counts::default();
        let mut refused = None;
        if !at_once.is_empty() {
            counts.changes = 1;
            refused = self.teach(engine, &at_once)?;
            counts.refused = usize::from(refused.is_some());
        }
        let doubts = engine.doubts(&|_, _| {})?;
        for (position, &(recording, label)) in one_by_one.iter().chain(&at_once).enumerate() {
            let is_refused = refused.is_some() && position >= one_by_one.len();
            let is_wrong = label != self.truth[recording];
            for &clip in &self.clips[recording] {
                let id = &self.sitting.embeddings(clip).clip_sha256;
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
        counts.asked = self.sitting.split.test().len();
        counts.right_unguarded = self.right(engine)?;
        if refused.is_some() {
            engine.roll_back(last)?;
        }
        counts.right_guarded = counts.right_unguarded;
        if refused.is_some() || !doubts.is_empty() {
            engine.set_aside(&doubts)?;
            counts.right_guarded = self.right(engine)?;
        }
        debug_assert!(!case.is_right() || counts.wrong == 0);
        Ok(counts)
    }

    /// Teaches recordings as one change. Returns the revision with it if it was refused.
    fn teach(
        &self,
        engine: &Engine,
        labelled: &[(usize, usize)],
    ) -> Result<Option<i64>, ExamError> {
        let mut lesson = self.sitting.lesson(engine)?;
        for &(recording, label) in labelled {
            let label = match self.sitting.classes().get(label) {
                Some(label) => label.clone(),
                None => Label::new(NEW_NAME)?,
            };
            for &clip in &self.clips[recording] {
                self.sitting.teach(&mut lesson, clip, &label)?;
            }
        }
        match lesson.finish() {
            Ok(()) => Ok(None),
            // The revision before the one that takes it back.
            Err(Error::Harmful(_)) => Ok(Some(engine.status().revision - 1)),
            Err(error) => Err(error.into()),
        }
    }

    /// How many test clips are right.
    fn right(&self, engine: &Engine) -> Result<usize, ExamError> {
        let mut right = 0;
        for &clip in self.sitting.split.test() {
            let prediction = self.sitting.ask(engine, clip)?;
            right += usize::from(self.sitting.is_right(clip, &prediction));
        }
        Ok(right)
    }
}
