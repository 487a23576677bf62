//! The sizes of a graph's input and output, and frames as its input.

#[cfg(feature = "tract")]
use tract_onnx::prelude::{Tensor, TractResult};

use super::BackboneError;
use crate::model::Card;

/// The sizes that both executions, and the frames, use.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The shape of the input for one window.
    pub(super) input: Vec<usize>,
    pub(super) frames_axis: usize,
    pub(super) bands_axis: usize,
    /// Values of a frame: bands, each of as many `channels`.
    pub(super) bands: usize,
    pub(super) channels: usize,
    pub(super) window_frames: usize,
    pub(super) hop_frames: usize,
    pub(super) size: usize,
}

impl Layout {
    pub(super) fn of(card: &Card) -> Self {
        let shape = &card.input.shape;
        let at = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        // A graph without an axis of bands takes one number a frame.
        let bands_axis = card.input.bands_axis.unwrap_or(usize::MAX);
        let (frames, bands) = (at(card.input.frames_axis), at(bands_axis));
        // The third axis, of a card with spectrograms.
        let channels = shape.iter().product::<usize>() / (frames * bands).max(1);
        let needs_windows = card.waveform().is_some_and(|spec| spec.needs_windows());
        Self {
            input: shape.clone(),
            frames_axis: card.input.frames_axis,
            bands_axis,
            bands: bands * channels,
            channels,
            window_frames: frames,
            // Computed windows share no frames.
            hop_frames: if needs_windows {
                frames
            } else {
                card.embedding.hop_frames
            },
            size: card.embedding.size,
        }
    }

    /// Rows of frames as an input tensor for tract. All its axes except frames, bands and channels
    /// have length 1.
    #[cfg(feature = "tract")]
    pub(super) fn tensor(&self, frames: &[f32]) -> TractResult<Tensor> {
        let rows = frames.len() / self.bands;
        let mut shape = self.input.clone();
        shape[self.frames_axis] = rows;
        if self.channels > 1 {
            return self.tensor_of_channels(&shape, frames);
        }
        if self.frames_axis < self.bands_axis {
            return Tensor::from_shape(&shape, frames);
        }
        let mut transposed = vec![0.0; frames.len()];
        for (row, frame) in frames.chunks_exact(self.bands).enumerate() {
            for (band, &value) in frame.iter().enumerate() {
                transposed[band * rows + row] = value;
            }
        }
        Tensor::from_shape(&shape, &transposed)
    }

    /// As [`Self::tensor`], for frames of several channels, which are innermost.
    #[cfg(feature = "tract")]
    fn tensor_of_channels(&self, shape: &[usize], frames: &[f32]) -> TractResult<Tensor> {
        let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let (row_step, band_step) = (step(self.frames_axis), step(self.bands_axis));
        let others =
            (0..shape.len()).filter(|axis| ![self.frames_axis, self.bands_axis].contains(axis));
        let channel_step = others
            .filter(|&axis| shape[axis] > 1)
            .map(step)
            .next()
            .unwrap_or(0);
        let mut values = vec![0.0; frames.len()];
        for (row, frame) in frames.chunks_exact(self.bands).enumerate() {
            for (band, channels) in frame.chunks_exact(self.channels).enumerate() {
                for (channel, &value) in channels.iter().enumerate() {
                    values[row * row_step + band * band_step + channel * channel_step] = value;
                }
            }
        }
        Tensor::from_shape(shape, &values)
    }

    pub(super) fn check_whole_frames(&self, frames: &[f32]) -> Result<(), BackboneError> {
        if frames.len().is_multiple_of(self.bands) {
            Ok(())
        } else {
            Err(BackboneError::PartialFrame {
                values: frames.len(),
                bands: self.bands,
            })
        }
    }
}
