//! What the heads asked for come down to: one row each, with everything that
//! was left open chosen on the training side.

use crate::head::HeadKind;

use super::choice::HeadChoice;
use super::cross_validation::CrossValidation;
use super::encoding::Encoded;
use super::error::EvaluateError;
use super::fits::Fits;
use super::report::Tried;
use super::run::{Evaluation, Progress};

/// A row of the report: a head, and the encoding that it learns.
pub(super) struct Row {
    /// What the user asked for.
    pub asked: String,
    /// What is shown: the head, and what was chosen.
    pub name: String,
    pub head: HeadKind,
    /// Position among the encodings of the run.
    pub encoded: usize,
}

/// The rows of a run, and how they were found.
pub(super) struct Rows {
    /// In the order of [`Evaluation::heads`].
    pub rows: Vec<Row>,
    /// Every candidate that was cross-validated, once.
    pub tried: Vec<Tried>,
}

impl Rows {
    /// A row for each head of `plan`.
    pub fn choose(
        plan: &Evaluation,
        validation: &CrossValidation<'_>,
        encoded: &[Encoded],
        fits: &mut Fits,
        on_progress: &mut dyn FnMut(Progress<'_>),
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
            let mut best: Option<(f64, HeadKind, usize)> = None;
            for head in candidates {
                for (position, encoded) in encoded.iter().enumerate() {
                    let (name, transform) = (head.to_string(), encoded.transform());
                    on_progress(Progress::Choosing {
                        head: &name,
                        transform: &transform,
                    });
                    let accuracy = validation.accuracy(head, encoded, fits)?;
                    // The first of equals stays.
                    if best.is_none_or(|(best, ..)| accuracy > best) {
                        best = Some((accuracy, head, position));
                    }
                    let candidate = Tried {
                        head: name,
                        transform,
                        cross_validated_accuracy: accuracy,
                    };
                    if !tried.contains(&candidate) {
                        tried.push(candidate);
                    }
                }
            }
            rows.extend(best.map(|(_, head, position)| {
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
