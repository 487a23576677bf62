//! Hints for errors of heads, rehearsal, contracts and decisions.

use std::error::Error;

use afield::Error as EngineError;
use afield::head::HeadError;
use afield::learner::LearnError;
use afield::pipeline::PipelineError;
use afield::rehearsal::RehearsalError;
use afield_lab::evaluate::EvaluateError;

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return of_learner(error);
    }
    match error.downcast_ref() {
        Some(EngineError::Learn(error))
        | Some(EngineError::Pipeline(PipelineError::Learn(error))) => return of_learner(error),
        _ => {}
    }
    if let Some(PipelineError::Learn(error)) = error.downcast_ref() {
        return of_learner(error);
    }
    if let Some(EvaluateError::Learner(error)) = error.downcast_ref() {
        return of_learner(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_head(error);
    }
    error.downcast_ref().and_then(of_rehearsal)
}

fn of_learner(error: &LearnError) -> Option<String> {
    let hint = match error {
        LearnError::Calibration { .. } => {
            "calibrate by two or more recordings that differ, best some of everything that will be heard"
        }
        LearnError::OtherContract(_) => {
            "use the backbone and pooling it was taught with, or teach a new learner"
        }
        LearnError::OtherSettings { field, .. } => {
            return Some(format!("ask for the same {field}, or teach a new learner"));
        }
        LearnError::Head(error) => return of_head(error),
        LearnError::Rehearsal(error) => return of_rehearsal(error),
        _ => return None,
    };
    Some(hint.to_owned())
}

fn of_head(error: &HeadError) -> Option<String> {
    let hint = match error {
        HeadError::CannotUnlearn { .. } => {
            "`ncm`, `lda` and `ridge` unlearn exactly; heads with a rehearsal memory refit from it"
        }
        HeadError::CannotMerge => "make the learners with the head `ncm`, `lda` or `ridge`",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn of_rehearsal(error: &RehearsalError) -> Option<String> {
    match error {
        RehearsalError::TooSmall { .. } => {
            Some("raise the capacity or set it to `none`".to_owned())
        }
        _ => None,
    }
}
