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
    /// Accuracy of the joint offline fit on the same embeddings, in `[0, 1]`;
    /// `None` where it was not asked for.
    pub upper_bound: Option<f64>,
    /// The heads, in the order asked for.
    pub heads: Vec<HeadReport>,
    /// Peak memory of the whole process, joint fit included, in bytes; `None` where the
    /// system does not report it.
    pub peak_rss_bytes: Option<u64>,
    /// The stream's order.
    pub protocol: String,
    /// Share of the taught labels that were replaced by another class.
    pub label_noise: f64,
    /// How many times fewer clips the rarest class kept than it has.
    pub imbalance: f64,
    /// The class whose meaning changed, in a drifting stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftReport>,
    /// Seed of the order, the heads and, where it is drawn, the split.
    pub seed: u64,
    /// Plan of the rehearsal memory.
    pub rehearsal: String,
    /// Embedding size after pooling.
    pub features: usize,
    /// What embeddings go through before they are learned; `auto` where it was
    /// chosen for each head.
    pub transform: String,
    /// Number of classes.
    pub classes: usize,
    /// Distinct training clips.
    pub train: usize,
    /// Examples taught; more than the clips where clips are repeated.
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
    /// Heads and transforms that were tried on the training side, where there
    /// was something to choose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Pooling, transforming and rounding one clip's embeddings, which every
    /// head shares and `learn_us` leaves out.
    pub encode_us: Percentiles,
    /// Share of the features that lay beyond the fixed-point scale and were
    /// clamped, in `[0, 1]`.
    pub saturated: f64,
}

/// One head over the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadReport {
    /// The row's name: the head, and what was chosen, as in `lda after l2` or
    /// `best (lda after l2)`.
    pub head: String,
    /// What was asked for: a head's name, or `best`.
    pub asked: String,
    /// What embeddings went through before this head learned them.
    pub transform: String,
    /// What the head `auto` chose last, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Accuracies, forgetting and transfer.
    #[serde(flatten)]
    pub continual: Continual,
    /// `learn_one` of one example.
    pub learn_us: Percentiles,
    /// `predict_one` of one example, solved.
    pub predict_us: Percentiles,
    /// The deferred solve between learning and predicting, one a stage. It is
    /// part of neither `learn_us` nor `predict_us`.
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
    /// What tables show: final and average incremental accuracy, then what
    /// became of old tasks, or of a drifting class.
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

/// Which class changed into which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// The class whose label changed its meaning.
    pub class: String,
    /// The class whose clips it meant from then on.
    pub becomes: String,
    /// Tasks taught before the change.
    pub after_tasks: usize,
}

/// A head after a transform, tried on the training side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The head.
    pub head: String,
    /// The transform.
    pub transform: String,
    /// Accuracy over the folds of the training side, in `[0, 1]`.
    pub cross_validated_accuracy: f64,
}

/// A transform before the joint fit, tried on the training side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedTransform {
    /// The transform.
    pub transform: String,
    /// The best penalty after it.
    #[serde(flatten)]
    pub penalty: Penalty,
}

/// The joint fit beside the heads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpperBoundFit {
    /// What was chosen, and how.
    #[serde(flatten)]
    pub chosen: UpperBound,
    /// What embeddings went through before the fit.
    pub transform: String,
    /// Accuracy on each class; `None` for a class without test clips.
    pub class_accuracy: Vec<Option<f64>>,
    /// Transforms tried, where there was a choice; the lowest cross-validated
    /// log loss decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedTransform>,
    /// Time that choosing and fitting took, in seconds.
    pub seconds: f64,
}
