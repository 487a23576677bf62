//! The result of an evaluation, in the form that `--json` prints.
//!
//! For one data set, one seed and one machine type, everything except durations and memory
//! is the same in every run.

use serde::Serialize;

use afield::head::Selection;

use super::metrics::{Continual, DriftAccuracy, Percentiles};
use crate::joint::{Penalty, UpperBound};

/// An evaluation of one or more heads over one stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Accuracy of the joint offline fit on the same embeddings, in `[0, 1]`. `None` if it was not
    /// requested.
    pub upper_bound: Option<f64>,
    /// The heads, in the requested order.
    pub heads: Vec<HeadReport>,
    /// Peak memory of the whole process, joint fit included, in bytes. `None` if the system does
    /// not report it.
    pub peak_rss_bytes: Option<u64>,
    /// The stream's order.
    pub protocol: String,
    /// Share of the taught labels that were replaced by another class.
    pub label_noise: f64,
    /// The rarest class keeps this many times fewer clips than it has.
    pub imbalance: f64,
    /// The class whose meaning changed, in a drifting stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftReport>,
    /// Seed of the order, the heads and, if it is drawn, the split.
    pub seed: u64,
    /// Plan of the rehearsal memory.
    pub rehearsal: String,
    /// Embedding size after pooling.
    pub features: usize,
    /// The transform of embeddings. `auto` if it was chosen for each head.
    pub transform: String,
    /// Number of classes.
    pub classes: usize,
    /// Distinct training clips.
    pub train: usize,
    /// Examples taught. More than the clips if clips are repeated.
    pub examples: usize,
    /// Test clips, after the last task.
    pub test: usize,
    /// Groups that lie wholly on the test side.
    pub test_groups: Vec<String>,
    /// Names of the tasks, in the order in which they were taught.
    pub tasks: Vec<String>,
    /// Classes, in the order of the `class_accuracy` lists.
    pub class_names: Vec<String>,
    /// The joint fit behind the upper bound.
    pub upper_bound_fit: Option<UpperBoundFit>,
    /// Heads and transforms that were tried on the training side, if there was a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Time to pool, transform and round one clip's embeddings. All heads share it, and `learn_us`
    /// excludes it.
    pub encode_us: Percentiles,
    /// Share of the features that were beyond the fixed-point scale and were clamped, in `[0, 1]`.
    pub saturated: f64,
}

/// One head over the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadReport {
    /// The row's name: the head, and what was chosen, as in `lda after l2` or
    /// `best (lda after l2)`.
    pub head: String,
    /// The request: a head's name, or `best`.
    pub asked: String,
    /// The transform of the embeddings that this head learned.
    pub transform: String,
    /// The last choice of the head `auto`, and its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Accuracies, forgetting and transfer.
    #[serde(flatten)]
    pub continual: Continual,
    /// Time of `learn_one` for one example.
    pub learn_us: Percentiles,
    /// Time of `predict_one` for one example, after the solve.
    pub predict_us: Percentiles,
    /// Time of the deferred solve between learning and predicting, once a stage. Neither `learn_us`
    /// nor `predict_us` includes it.
    pub solve_us: Percentiles,
    /// Bytes of the learner's saved state after the stream.
    pub state_bytes: usize,
    /// Accuracy after each task, on the test clips of that stage.
    pub accuracy_after: Vec<f64>,
    /// Accuracy on each class after the last task; `None` for a class without
    /// test clips.
    pub class_accuracy: Vec<Option<f64>>,
    /// The drifting class and the rest, in a drifting stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftAccuracy>,
}

impl HeadReport {
    /// The figures in tables: final and average incremental accuracy, then forgetting and transfer,
    /// or, in a drifting stream, the accuracies of the drifting class and the rest.
    pub(crate) fn accuracies(&self) -> Vec<f64> {
        let of = &self.continual;
        let mut all = vec![of.final_accuracy, of.average_incremental_accuracy];
        all.extend(match &self.drift {
            Some(drift) => vec![drift.drifted_before, drift.drifted, drift.rest],
            None => vec![of.forgetting, of.backward_transfer],
        });
        all
    }
}

/// The class whose label changed, and the class that it changed into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// The class whose label changed its meaning.
    pub class: String,
    /// The class whose clips the label meant from then on.
    pub becomes: String,
    /// Tasks taught before the change.
    pub after_tasks: usize,
}

/// A head with a transform, tried on the training side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The head.
    pub head: String,
    /// The transform.
    pub transform: String,
    /// Accuracy over the folds of the training side, in `[0, 1]`.
    pub cross_validated_accuracy: f64,
}

/// A transform for the joint fit, tried on the training side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedTransform {
    /// The transform.
    pub transform: String,
    /// The best penalty with it.
    #[serde(flatten)]
    pub penalty: Penalty,
}

/// The joint fit that is reported next to the heads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpperBoundFit {
    /// The chosen penalty, and its result.
    #[serde(flatten)]
    pub chosen: UpperBound,
    /// The transform of the embeddings before the fit.
    pub transform: String,
    /// Accuracy on each class; `None` for a class without test clips.
    pub class_accuracy: Vec<Option<f64>>,
    /// Transforms tried, if there was a choice. The one with the lowest cross-validated log loss
    /// was chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedTransform>,
    /// Time for choosing and fitting, in seconds.
    pub seconds: f64,
}
