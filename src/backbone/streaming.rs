//! Streaming by tract-pulse, for graphs that are not chains: each layer keeps its last rows, and
//! only new frames are computed.
//!
//! A graph can be streamed exactly if nothing in it pads or pools across time. Three checks decide
//! this. First, the number of embeddings must follow the number of frames as that of a sliding
//! window does. Second, tract-pulse must be able to rewrite the graph. Third, the result must agree
//! with the windowed execution on noise.
//!
//! A step computes one hop. Larger steps were measured and gained nothing. If the window is not a
//! whole number of hops, an embedding waits for the rest of its step; `finish` flushes it.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_pulse::internal::{PulsedModel, PulsedModelExt};

use super::graph::Graph;
use super::trial::{compare, noise};
use super::windowed::{self, run_error, run_into};
use super::{BackboneError, Layout};

/// Hops of noise in the trial, after the first window.
const TRIAL_HOPS: usize = 12;

/// The optimised graph for one step.
pub(super) struct Plan {
    graph: Arc<TypedSimplePlan>,
    /// Embeddings that a new state returns before the first valid one.
    warm_up: usize,
}

impl Plan {
    pub(super) fn new(
        graph: &Graph,
        windowed: &windowed::Plan,
        layout: &Layout,
    ) -> Result<Self, BackboneError> {
        let refuse = |e: BackboneError| match e {
            BackboneError::Unsupported { reason, .. } | BackboneError::Run { reason } => {
                BackboneError::NotStreamable { reason }
            }
            BackboneError::Operator {
                operator, reason, ..
            } => BackboneError::NotStreamable {
                reason: format!("operator {operator} {reason}"),
            },
            other => other,
        };
        let (model, frames) = graph.symbolic(layout).map_err(refuse)?;
        slides_like_a_window(&model, &frames, layout)
            .map_err(|reason| BackboneError::NotStreamable { reason })?;
        let (plan, warm_up) = graph
            .guarded(|| {
                let pulsed = PulsedModel::new(&model, frames, &layout.hop_frames.to_dim())?;
                let stream = pulsed.output_fact(0)?.stream.clone();
                let warm_up = stream.context("its output does not depend on time")?.delay;
                Ok((
                    pulsed.into_typed()?.into_optimized()?.into_runnable()?,
                    warm_up,
                ))
            })
            .map_err(refuse)?;
        let plan = Self {
            graph: plan,
            warm_up,
        };
        plan.agrees_with(windowed, layout).map_err(refuse)?;
        Ok(plan)
    }

    pub(super) fn stream(&self, layout: &Layout) -> Result<Stream, BackboneError> {
        Ok(Stream {
            layout: layout.clone(),
            state: self.graph.spawn().map_err(run_error)?,
            plan: Arc::clone(&self.graph),
            warm_up: self.warm_up,
            pending: Vec::new(),
            computed: Vec::new(),
            frames_seen: 0,
            rows_computed: 0,
            rows_given: 0,
        })
    }

    /// Checks that both executions give the same embeddings of noise.
    fn agrees_with(&self, windowed: &windowed::Plan, layout: &Layout) -> Result<(), BackboneError> {
        let frames = noise((layout.window_frames + TRIAL_HOPS * layout.hop_frames) * layout.bands);
        let (mut expected, mut actual) = (Vec::new(), Vec::new());
        windowed.stream(layout)?.push(&frames, &mut expected)?;
        let mut stream = self.stream(layout)?;
        stream.push(&frames, &mut actual)?;
        stream.finish(&mut actual)?;
        compare(&expected, &actual).map_err(|worst| BackboneError::NotStreamable {
            reason: format!(
                "computed incrementally it gives {} values that differ from the windowed {} by up to {worst}",
                actual.len(),
                expected.len()
            ),
        })
    }
}

/// The execution on one signal, step by step.
pub(super) struct Stream {
    layout: Layout,
    plan: Arc<TypedSimplePlan>,
    state: TypedSimpleState,
    warm_up: usize,
    /// Frames that do not fill a step yet.
    pending: Vec<f32>,
    computed: Vec<f32>,
    frames_seen: usize,
    rows_computed: usize,
    rows_given: usize,
}

impl Stream {
    pub(super) fn push(
        &mut self,
        frames: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), BackboneError> {
        self.layout.check_whole_frames(frames)?;
        self.frames_seen += frames.len() / self.layout.bands;
        self.pending.extend_from_slice(frames);
        let step = self.layout.hop_frames * self.layout.bands;
        let mut start = 0;
        while start + step <= self.pending.len() {
            self.step(start, embeddings)?;
            start += step;
        }
        self.pending.drain(..start);
        Ok(())
    }

    pub(super) fn finish(&mut self, embeddings: &mut Vec<f32>) -> Result<(), BackboneError> {
        let step = self.layout.hop_frames * self.layout.bands;
        while self.rows_given < self.rows_due() {
            // Zeros replace the frames to come: no row that is due depends on them.
            self.pending.resize(step, 0.0);
            self.step(0, embeddings)?;
            self.pending.clear();
        }
        let fresh = self.plan.spawn().map_err(run_error)?;
        self.state = fresh;
        self.pending.clear();
        (self.frames_seen, self.rows_computed, self.rows_given) = (0, 0, 0);
        Ok(())
    }

    /// Frames between the end of an embedding's window and the end of the step
    /// that gives it.
    pub(super) fn lag_frames(&self) -> usize {
        ((self.warm_up + 1) * self.layout.hop_frames).saturating_sub(self.layout.window_frames)
    }

    /// Steps that a new state takes before it gives an embedding.
    pub(super) fn restart_rows(&self) -> usize {
        self.warm_up
    }

    /// Embeddings whose frames have all arrived.
    fn rows_due(&self) -> usize {
        match self.frames_seen.checked_sub(self.layout.window_frames) {
            Some(beyond) => beyond / self.layout.hop_frames + 1,
            None => 0,
        }
    }

    fn step(&mut self, start: usize, embeddings: &mut Vec<f32>) -> Result<(), BackboneError> {
        let frames = &self.pending[start..start + self.layout.hop_frames * self.layout.bands];
        self.computed.clear();
        run_into(&mut self.state, &self.layout, frames, &mut self.computed)?;
        let due = self.rows_due();
        for row in self.computed.chunks_exact(self.layout.size) {
            if self.rows_computed >= self.warm_up && self.rows_given < due {
                embeddings.extend_from_slice(row);
                self.rows_given += 1;
            }
            self.rows_computed += 1;
        }
        Ok(())
    }
}

/// Whether `n` hops after the first window give `n + 1` embeddings, one after the other in memory.
fn slides_like_a_window(
    model: &TypedModel,
    frames: &Symbol,
    layout: &Layout,
) -> Result<(), String> {
    let fact = model.output_fact(0).map_err(|e| format!("{e:#}"))?;
    let shape_at = |n: usize| -> Result<Vec<usize>, String> {
        (fact.shape.iter())
            .map(|dim| {
                dim.substitute(frames, &n.to_dim())
                    .and_then(|d| Ok(d.to_usize()?))
            })
            .collect::<TractResult<_>>()
            .map_err(|e| format!("its output shape {:?} cannot be known: {e:#}", fact.shape))
    };
    for hops in [0, 1, 2, 7] {
        let count = layout.window_frames + hops * layout.hop_frames;
        let shape = shape_at(count)?;
        let mut long = shape.iter().filter(|&&dim| dim != 1);
        let rows_then_size = match hops {
            0 => long.eq([layout.size].iter().filter(|&&size| size != 1)),
            _ => {
                long.next() == Some(&(hops + 1))
                    && long.eq([layout.size].iter().filter(|&&size| size != 1))
            }
        };
        if !rows_then_size {
            return Err(format!(
                "{count} frames give an output of {shape:?} where {} embeddings of {} were due, so it pads or pools across time or has another hop",
                hops + 1,
                layout.size
            ));
        }
    }
    Ok(())
}
