//! Cuts a signal into windows for graphs that need each window as a whole.

use super::{BackboneError, Mode};
use crate::frontend::WindowFrontend;
use crate::model::Card;

/// Cuts a signal into windows, and computes the graph's input from each.
#[derive(Clone)]
pub(super) struct Windows {
    front: WindowFrontend,
    /// Samples of a window, and between two windows.
    window: usize,
    hop: usize,
    /// Samples from the start of the next window, fewer than a window.
    pending: Vec<f32>,
    input: Vec<f32>,
}

impl Windows {
    /// For a card whose front end needs whole windows.
    pub(super) fn of(card: &Card, mode: Mode) -> Result<Option<Self>, BackboneError> {
        let Some(spec) = card.waveform() else {
            return Ok(None);
        };
        let front = WindowFrontend::new(spec, card.sample_rate)?;
        if front.is_some() && mode == Mode::Streaming {
            let reason = "its front end needs whole windows".to_owned();
            return Err(BackboneError::NotStreamable { reason });
        }
        Ok(front.map(|front| Self {
            front,
            window: card.window_frames(),
            hop: card.embedding.hop_frames,
            pending: Vec::new(),
            input: Vec::new(),
        }))
    }

    /// Takes samples. Gives the graph's input for each window that they complete to `run`.
    pub(super) fn push(
        &mut self,
        samples: &[f32],
        mut run: impl FnMut(&[f32]) -> Result<(), BackboneError>,
    ) -> Result<(), BackboneError> {
        self.pending.extend_from_slice(samples);
        let mut start = 0;
        while let Some(window) = self.pending.get(start..start + self.window) {
            self.input.clear();
            self.front.apply(window, &mut self.input);
            run(&self.input)?;
            start += self.hop;
        }
        self.pending.drain(..start.min(self.pending.len()));
        Ok(())
    }

    pub(super) fn reset(&mut self) {
        self.pending.clear();
    }
}
