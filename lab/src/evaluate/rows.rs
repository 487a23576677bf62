//! The rows of a report: one for each requested head. Head and transform are chosen on the training
//! side if the request leaves them open.

use afield::head::HeadKind;

use super::cross_validation::CrossValidation;
use super::encoded::Encoded;
use super::error::EvaluateError;
use super::evaluation::Evaluation;
use super::fits::Fits;
use super::head_choice::HeadChoice;
use super::judged::Judged;
use super::progress::EvaluationProgress;
use super::report::Tried;

/// A row of the report: a head, and the encoding that it learns.
pub(crate) struct Row {
    /// The user's request.
    pub asked: String,
    /// The displayed name: the head, and what was chosen.
    pub name: String,
    pub head: HeadKind,
    /// Position among the encodings of the run.
    pub encoded: usize,
}

/// The rows of a run, and the candidates that were tried.
pub(crate) struct Rows {
    /// In the order of [`Evaluation::heads`].
    pub rows: Vec<Row>,
    /// Every cross-validated candidate, once.
    pub tried: Vec<Tried>,
}

impl Rows {
    /// A row for each head of `plan`.
    pub fn choose(
        plan: &Evaluation,
        validation: &CrossValidation<'_>,
        encoded: &[Encoded],
        fits: &mut Fits,
        on_progress: &mut dyn FnMut(EvaluationProgress<'_>),
    ) -> Result<Self, EvaluateError> {
        let (mut rows, mut tried) = (Vec::with_capacity(plan.heads.len()), Vec::new());
        for &asked in &plan.heads {
            let candidates = match (asked, plan.contracts.fixed_position()) {
                (HeadChoice::Named(head), Some(encoded)) => {
                    let name = asked.to_string();
                    rows.push(Row {
                        asked: name.clone(),
                        name,
                        head,
                        encoded,
                    });
                    continue;
                }
                (HeadChoice::Named(head), None) => vec![head],
                (HeadChoice::Best, _) => HeadChoice::tried(),
            };
            let first = plan.contracts.fixed_position().unwrap_or(0);
            let positions = (0..encoded.len()).filter(|&position| position != first);
            let positions: Vec<usize> = [first].into_iter().chain(positions).collect();
            let mut judged = Vec::new();
            for head in candidates {
                for &position in &positions {
                    let encoded = &encoded[position];
                    let (name, transform) = (head.to_string(), encoded.transform());
                    on_progress(EvaluationProgress::Choosing {
                        head: &name,
                        transform: &transform,
                    });
                    let verdict = validation.accuracy(head, encoded, fits)?;
                    let candidate = Tried {
                        head: name,
                        transform,
                        cross_validated_accuracy: verdict.accuracy,
                    };
                    if !tried.contains(&candidate) {
                        tried.push(candidate);
                    }
                    judged.push((verdict, (head, position)));
                }
            }
            rows.extend(clear_winner(&judged).map(|&(head, position)| {
                let pair = format!("{head} after {}", encoded[position].transform());
                Row {
                    asked: asked.to_string(),
                    name: match asked {
                        HeadChoice::Best => format!("{asked} ({pair})"),
                        HeadChoice::Named(_) => pair,
                    },
                    head,
                    encoded: position,
                }
            }));
        }
        Ok(Self { rows, tried })
    }
}

/// The first candidate, unless others are clearly ahead of it. In that case, the most accurate of
/// the others; among equals, the first.
///
/// The largest of many noisy figures is mostly noise. So the candidate that is known to do well
/// comes first, and it stays unless the data contradict it (compare the standard-error rule of
/// Breiman et al. 1984).
fn clear_winner<T>(judged: &[(Judged, T)]) -> Option<&T> {
    let (first, others) = judged.split_first()?;
    let clear = others
        .iter()
        .filter(|(other, _)| other.clearly_beats(&first.0));
    let winner = clear.fold(first, |best, other| {
        match best.0.accuracy >= other.0.accuracy && !std::ptr::eq(best, first) {
            true => best,
            false => other,
        }
    });
    Some(&winner.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(folds: &[f64]) -> Judged {
        Judged {
            accuracy: folds.iter().sum::<f64>() / folds.len() as f64,
            folds: folds.to_vec(),
        }
    }

    #[test]
    fn the_first_candidate_wins_unless_another_is_clearly_ahead() {
        let first = (judged(&[0.8, 0.9, 0.7]), "first");
        // Better by 0.03 in the mean, but only because of one fold.
        let lucky = (judged(&[0.95, 0.85, 0.7]), "lucky");
        let steady = (judged(&[0.82, 0.93, 0.72]), "steady");
        let more = (judged(&[0.84, 0.94, 0.74]), "more");
        let winner = |judged: &[(Judged, &'static str)]| clear_winner(judged).copied();
        assert_eq!(winner(&[]), None);
        assert_eq!(winner(&[first.clone(), lucky.clone()]), Some("first"));
        let all = [first.clone(), lucky, steady, more.clone(), more];
        assert_eq!(winner(&all), Some("more"));
        let lone = [(judged(&[0.1]), "first"), (judged(&[0.9]), "other")];
        assert_eq!(winner(&lone), Some("first"), "one fold is not enough");
    }
}
