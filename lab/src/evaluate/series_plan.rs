//! One evaluation over several seeds or held-out groups.

use afield::rehearsal::Plan;

use super::embedded_clips::{EmbeddedClips, TransformChoice};
use super::error::EvaluateError;
use super::evaluation::Evaluation;
use super::fits::Fits;
use super::head_choice::HeadChoice;
use super::progress::EvaluationProgress;
use super::report::Report;
use crate::data::Dataset;
use crate::streams::StreamOrder;

/// The settings that every run of a series shares.
#[derive(Debug, Clone)]
pub struct SeriesPlan {
    /// The order of the stream.
    pub order: StreamOrder,
    /// The heads. A head that is named twice is taught once.
    pub heads: Vec<HeadChoice>,
    /// Rehearsal memory of each learner.
    pub rehearsal: Plan,
    /// The transform of embeddings.
    pub transform: TransformChoice,
    /// Whether to fit the joint upper bound as well.
    pub upper_bound: bool,
}

impl SeriesPlan {
    /// Runs the evaluations one after another and returns one report a run. Concurrent runs would
    /// distort each other's durations.
    ///
    /// `runs` are splits of `clips`, each with its seed. `on_progress` is called with the
    /// position of the run, outside all timing.
    ///
    /// # Errors
    /// As [`Evaluation::run`].
    pub fn run(
        &self,
        clips: &EmbeddedClips,
        runs: &[(u64, Dataset)],
        on_progress: &mut dyn FnMut(usize, EvaluationProgress<'_>),
    ) -> Result<Vec<Report>, EvaluateError> {
        let mut heads: Vec<HeadChoice> = Vec::new();
        for &head in &self.heads {
            if !heads.contains(&head) {
                heads.push(head);
            }
        }
        let choose = heads.contains(&HeadChoice::Best);
        let mut fits = Fits::default();
        let mut reports = Vec::with_capacity(runs.len());
        for (position, (seed, dataset)) in runs.iter().enumerate() {
            let evaluation = Evaluation {
                order: self.order,
                heads: heads.clone(),
                rehearsal: self.rehearsal,
                seed: *seed,
                contracts: clips.contracts(dataset, self.transform, choose)?,
                upper_bound: self.upper_bound,
            };
            let show = &mut |progress: EvaluationProgress<'_>| on_progress(position, progress);
            reports.push(evaluation.run(dataset, &mut fits, show)?);
        }
        Ok(reports)
    }
}
