//! Windowed execution by tract: at every hop the whole window goes through the graph.
//!
//! This works for any graph. The cost does not depend on how much of the window is new. Recurrent
//! layers start afresh in each window (`recurrent`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::*;

use super::graph::Graph;
use super::trial::{compare, noise};
use super::{BackboneError, Layout, recurrent};

/// Windows of noise that the trial compares.
const TRIAL_WINDOWS: usize = 3;

/// The optimised graph for one window.
pub(super) struct Plan {
    graph: Arc<TypedSimplePlan>,
    /// Whether a run can depend on earlier ones, so that each window needs a new state.
    keeps_state: bool,
}

impl Plan {
    /// Optimises `model`, which is `graph` with the window as its fixed input shape. If tract fails
    /// to optimise it, but runs it as it is, it is run as it is.
    pub(super) fn new(
        graph: &Graph,
        model: TypedModel,
        layout: &Layout,
    ) -> Result<Self, BackboneError> {
        let plain = model.clone();
        let optimised = graph.guarded(|| model.into_decluttered()?.into_optimized());
        let error = match optimised.and_then(|model| Self::of(graph, model)) {
            Ok(plan) => return Ok(plan),
            Err(error) => error,
        };
        let Ok(plan) = Self::of(graph, plain) else {
            return Err(error);
        };
        let frames = noise(layout.window_frames * layout.bands);
        let tried = (plan.stream(layout)).and_then(|mut s| s.push(&frames, &mut Vec::new()));
        tried.map(|()| plan).map_err(|_| error)
    }

    fn of(graph: &Graph, model: TypedModel) -> Result<Self, BackboneError> {
        graph.guarded(|| {
            Ok(Self {
                keeps_state: recurrent::keeps_state(&model),
                graph: model.into_runnable()?,
            })
        })
    }

    pub(super) fn stream(&self, layout: &Layout) -> Result<Stream, BackboneError> {
        Ok(Stream {
            layout: layout.clone(),
            state: self.graph.spawn().map_err(run_error)?,
            renewed: self.keeps_state.then(|| Arc::clone(&self.graph)),
            pending: Vec::new(),
        })
    }

    /// Whether this execution and Afield's kernels give the same embeddings of noise.
    pub(super) fn agrees_with(
        &self,
        layout: &Layout,
        kernels: impl FnOnce(&[f32], &mut Vec<f32>),
    ) -> bool {
        let hops = TRIAL_WINDOWS - 1;
        let frames = noise((layout.window_frames + hops * layout.hop_frames) * layout.bands);
        let (mut expected, mut actual) = (Vec::new(), Vec::new());
        let Ok(mut stream) = self.stream(layout) else {
            return false;
        };
        if stream.push(&frames, &mut expected).is_err() {
            return false;
        }
        kernels(&frames, &mut actual);
        compare(&expected, &actual).is_ok()
    }
}

/// The execution on one signal, divided into overlapping windows.
pub(super) struct Stream {
    layout: Layout,
    state: TypedSimpleState,
    /// The graph, if each window needs a new state.
    renewed: Option<Arc<TypedSimplePlan>>,
    /// Frames from the start of the next window, fewer than a window.
    pending: Vec<f32>,
}

impl Stream {
    pub(super) fn push(
        &mut self,
        frames: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), BackboneError> {
        self.layout.check_whole_frames(frames)?;
        let window = self.layout.window_frames * self.layout.bands;
        let hop = self.layout.hop_frames * self.layout.bands;
        self.pending.extend_from_slice(frames);
        let mut start = 0;
        while let Some(values) = self.pending.get(start..start + window) {
            if let Some(graph) = &self.renewed {
                self.state = graph.spawn().map_err(run_error)?;
            }
            run_into(&mut self.state, &self.layout, values, embeddings)?;
            start += hop;
        }
        self.pending.drain(..start.min(self.pending.len()));
        Ok(())
    }

    pub(super) fn reset(&mut self) {
        self.pending.clear();
    }
}

/// Runs `frames` through the graph, checks that the output is whole embeddings, and appends it.
pub(super) fn run_into(
    state: &mut TypedSimpleState,
    layout: &Layout,
    frames: &[f32],
    embeddings: &mut Vec<f32>,
) -> Result<(), BackboneError> {
    let input = layout.tensor(frames).map_err(run_error)?;
    // The last protection against a graph that tract accepted and cannot run.
    let outputs = catch_unwind(AssertUnwindSafe(|| state.run(tvec!(input.into()))))
        .map_err(|_| BackboneError::Run {
            reason: "tract panicked".to_owned(),
        })?
        .map_err(run_error)?;
    let Some(output) = outputs.first() else {
        return Err(BackboneError::Run {
            reason: "the graph gave no output".to_owned(),
        });
    };
    let plain = output.try_as_plain_ram().map_err(run_error)?;
    let values = plain.as_slice::<f32>().map_err(run_error)?;
    if values.len() % layout.size != 0 {
        let (n, size) = (values.len(), layout.size);
        return Err(BackboneError::Run {
            reason: format!("it gave {n} values, not embeddings of {size}"),
        });
    }
    embeddings.extend_from_slice(values);
    Ok(())
}

pub(super) fn run_error(error: TractError) -> BackboneError {
    BackboneError::Run {
        reason: format!("{error:#}"),
    }
}
