//! Runs draws: teaches a learner, lets it hear recordings without labels, and asks it before and
//! after.

use afield::Engine;

use super::halves::Halves;
use super::hearing::Hearing;
use super::report::{AdaptReport, AdaptedLearner, HearingReport};
use super::score::{AdaptCounts, AdaptScore};
use crate::exam::{ExamError, ExamPlan, ExamProgress, Sitting, names_of, never_taught};

/// Runs every case on every split, each with the seed that draws the halves of the
/// test side and the classes that are never taught. `progress` is called before each learner.
///
/// # Errors
/// [`ExamError`] if too few classes or recordings are there, or a learner cannot be taught.
pub fn examine_adapt(
    plan: &ExamPlan,
    progress: &mut dyn FnMut(ExamProgress),
) -> Result<AdaptReport, ExamError> {
    let run = plan.run("adapt", &Hearing::ALL, progress, &mut adapted)?;
    let cases = Hearing::ALL.into_iter().zip(run.answers);
    let cases = cases.map(|(case, draws)| {
        let learners: Vec<AdaptedLearner> = draws.into_iter().flatten().collect();
        let scores: Vec<AdaptScore> = learners.iter().map(|learner| learner.scores).collect();
        HearingReport {
            case,
            summary: AdaptScore::spread(&scores),
            learners,
        }
    });
    Ok(AdaptReport {
        cases: cases.collect(),
        examined: run.examined,
        seeds: run.seeds,
    })
}

/// Teaches the training clips, lets the learner hear half of the test clips without labels, and asks
/// about the other half before and after.
fn adapted(
    sitting: &Sitting<'_>,
    engine: &Engine,
    case: Hearing,
) -> Result<AdaptedLearner, ExamError> {
    let never = never_taught(sitting.classes(), sitting.seed, |all| {
        case.never_taught(all)
    })?;
    let halves = Halves::draw(sitting.by_recording(sitting.split.test()), sitting.seed);
    if halves.heard.is_empty() {
        return Err(ExamError::NothingToHear);
    }
    let train = sitting.split.train().iter().copied();
    let taught: Vec<usize> = train.filter(|&clip| !never[sitting.class(clip)]).collect();
    let never_taught = names_of(&never, sitting.classes());
    if taught.is_empty() {
        let seed = sitting.seed;
        return Err(ExamError::NothingToTeach { seed, never_taught });
    }
    sitting.teach_all(engine, taught)?;
    let before = ask(sitting, engine, &halves.asked, &never)?;
    let mut adaptation = engine.adaptation();
    let (mut sure, mut wrong) = (0, 0);
    for &clip in &halves.heard {
        let recording = sitting.recording(clip)?;
        let assumed = adaptation.hear_embeddings(sitting.embeddings(clip), &recording)?;
        sure += usize::from(assumed.is_some());
        wrong += usize::from(assumed.is_some_and(|label| label != *sitting.label(clip)));
    }
    let is_learned = adaptation.finish(&|_, _| {})?.learned;
    let after = ask(sitting, engine, &halves.asked, &never)?;
    let learned = |count: usize| if is_learned { count } else { 0 };
    let counts = AdaptCounts {
        known: before.known,
        right_before: before.right,
        right_after: after.right,
        known_told_unknown_before: before.known_told_unknown,
        known_told_unknown_after: after.known_told_unknown,
        unknown: halves.asked.len() - before.known,
        unknown_told_before: before.unknown_told,
        unknown_told_after: after.unknown_told,
        heard: halves.heard.len(),
        sure,
        learned: learned(sure),
        wrong: learned(wrong),
    };
    let groups = sitting.split.test_groups();
    Ok(AdaptedLearner {
        seed: sitting.seed,
        held_out: groups.into_iter().map(str::to_owned).collect(),
        never_taught,
        counts,
        scores: AdaptScore::of(&counts),
    })
}

/// What a learner says of some clips.
#[derive(Default)]
struct Said {
    /// Clips of taught classes, those of them that are right, and those that are called unknown.
    known: usize,
    right: usize,
    known_told_unknown: usize,
    /// Clips of never taught classes that are called unknown.
    unknown_told: usize,
}

fn ask(
    sitting: &Sitting<'_>,
    engine: &Engine,
    clips: &[usize],
    never: &[bool],
) -> Result<Said, ExamError> {
    let mut said = Said::default();
    for &clip in clips {
        let prediction = sitting.ask(engine, clip)?;
        let is_unknown = usize::from(prediction.is_unknown());
        if never[sitting.class(clip)] {
            said.unknown_told += is_unknown;
            continue;
        }
        said.known += 1;
        said.right += usize::from(sitting.is_right(clip, &prediction));
        said.known_told_unknown += is_unknown;
    }
    Ok(said)
}
