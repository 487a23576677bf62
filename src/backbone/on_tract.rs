//! A graph that tract runs: its two executions in one type.

use super::graph::Graph;
use super::{BackboneError, Execution, Layout, Mode, streaming, windowed};

/// A graph and tract's execution of it.
pub(super) enum Plan {
    Windowed(windowed::Plan),
    Streaming(streaming::Plan),
}

impl Plan {
    /// Chooses the execution. If automatic mode could not stream the graph, the reason comes with
    /// it.
    pub(super) fn new(
        graph: &Graph,
        windowed: windowed::Plan,
        layout: &Layout,
        mode: Mode,
    ) -> Result<(Self, Option<String>), BackboneError> {
        match mode {
            Mode::Windowed => Ok((Self::Windowed(windowed), None)),
            _ => match streaming::Plan::new(graph, &windowed, layout) {
                Ok(plan) => Ok((Self::Streaming(plan), None)),
                Err(BackboneError::NotStreamable { reason }) if mode == Mode::Auto => {
                    Ok((Self::Windowed(windowed), Some(reason)))
                }
                Err(other) => Err(other),
            },
        }
    }

    pub(super) fn execution(&self) -> Execution {
        match self {
            Self::Windowed(_) => Execution::Windowed,
            Self::Streaming(_) => Execution::Streaming,
        }
    }

    pub(super) fn stream(&self, layout: &Layout) -> Result<Stream, BackboneError> {
        Ok(match self {
            Self::Windowed(plan) => Stream::Windowed(plan.stream(layout)?),
            Self::Streaming(plan) => Stream::Streaming(plan.stream(layout)?),
        })
    }
}

/// The execution by tract on one signal.
pub(super) enum Stream {
    Windowed(windowed::Stream),
    Streaming(streaming::Stream),
}

impl Stream {
    pub(super) fn push(
        &mut self,
        frames: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), BackboneError> {
        match self {
            Self::Windowed(stream) => stream.push(frames, embeddings),
            Self::Streaming(stream) => stream.push(frames, embeddings),
        }
    }

    pub(super) fn lag_frames(&self) -> usize {
        match self {
            Self::Windowed(_) => 0,
            Self::Streaming(stream) => stream.lag_frames(),
        }
    }

    pub(super) fn restart_rows(&self) -> usize {
        match self {
            Self::Windowed(_) => 0,
            Self::Streaming(stream) => stream.restart_rows(),
        }
    }

    pub(super) fn finish(&mut self, embeddings: &mut Vec<f32>) -> Result<(), BackboneError> {
        match self {
            Self::Windowed(stream) => {
                stream.reset();
                Ok(())
            }
            Self::Streaming(stream) => stream.finish(embeddings),
        }
    }
}
