//! Runs draws: teaches a learner the classes that are not left out, and asks about all.

use afield::Engine;

use super::report::{DrawReport, TeachingReport, UnknownReport};
use super::score::{Answer, UnknownScore};
use super::teaching::Teaching;
use crate::exam::{ExamError, ExamPlan, ExamProgress, Sitting, names_of, never_taught};

/// Of so many classes, how many are left out: a third, to the nearest whole number.
fn a_third(classes: usize) -> usize {
    (classes + 1) / 3
}

/// Runs each way of teaching that suits the backbone on every split, each with the seed that draws the
/// classes to leave out. `progress` is called before each learner.
///
/// # Errors
/// [`ExamError`] if too few classes are there, or a learner cannot be taught.
pub fn examine_unknown(
    plan: &ExamPlan,
    progress: &mut dyn FnMut(ExamProgress),
) -> Result<UnknownReport, ExamError> {
    let teachings = Teaching::suiting(plan.recordings.card());
    let run = plan.run(
        "unknown",
        &teachings,
        progress,
        &mut |sitting, engine, _| answers(sitting, engine),
    )?;
    let classes = &run.examined.classes;
    let draws = run.seeds.iter().map(|&seed| {
        let never = never_taught(classes, seed, a_third)?;
        Ok(DrawReport {
            seed,
            never_taught: names_of(&never, classes),
        })
    });
    let draws: Result<Vec<DrawReport>, ExamError> = draws.collect();
    let teachings = teachings
        .into_iter()
        .zip(&run.answers)
        .map(|(teaching, of)| {
            let scores: Vec<UnknownScore> = of.iter().map(|draw| UnknownScore::of(draw)).collect();
            TeachingReport {
                teaching,
                summary: UnknownScore::spread(&scores),
                scores,
            }
        });
    Ok(UnknownReport {
        draws: draws?,
        teachings: teachings.collect(),
        examined: run.examined,
    })
}

/// Teaches the training clips of the classes that are not left out, and asks about all test clips.
fn answers(sitting: &Sitting<'_>, engine: &Engine) -> Result<Vec<Answer>, ExamError> {
    let never = never_taught(sitting.classes(), sitting.seed, a_third)?;
    let train = sitting.split.train().iter().copied();
    let taught: Vec<usize> = train.filter(|&clip| !never[sitting.class(clip)]).collect();
    if taught.is_empty() {
        return Err(ExamError::NothingToTeach {
            seed: sitting.seed,
            never_taught: names_of(&never, sitting.classes()),
        });
    }
    sitting.teach_all(engine, taught)?;
    let ask = |&clip: &usize| {
        let prediction = sitting.ask(engine, clip)?;
        Ok(Answer {
            taught: !never[sitting.class(clip)],
            right: sitting.is_right(clip, &prediction),
            confidence: prediction.best().map_or(0.0, |(_, confidence)| confidence),
            raw_confidence: prediction.raw_confidence().unwrap_or(0.0),
            novelty_score: prediction.novelty_score(),
            p_value: prediction.novelty().map(|novelty| 1.0 - novelty),
        })
    };
    sitting.split.test().iter().map(ask).collect()
}
