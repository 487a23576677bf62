//! Turns samples at any rate into embeddings.

use super::PipelineError;
use super::frame_stream::FrameStream;
use crate::backbone::{Backbone, Stream};
use crate::model::Card;
use crate::signal::{Channel, SOUND, SampleRate};

/// Resamples a signal to the card's rate, computes the card's frames and runs them through the
/// backbone.
///
/// Row `i` of the embeddings covers the resampled samples `[i * hop, i * hop + receptive field)`.
/// This does not depend on how the signal was cut into pushes. A signal that ends before it fills
/// one receptive field is padded by the card's rule.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use afield::backbone::{Backbone, Mode};
/// use afield::model::Cache;
/// use afield::pipeline::EmbeddingStream;
/// use afield::signal::SampleRate;
///
/// let cache = Cache::locate(None)?;
/// let card = cache.find("speech-embedding")?;
/// let backbone = Backbone::load(&cache.model_path(&card)?, &card, Mode::Auto)?;
/// let mut stream = EmbeddingStream::new(&card, &backbone, SampleRate::new(44_100)?)?;
/// let mut embeddings = Vec::new();
/// stream.push(&vec![0.1; 44_100], &mut embeddings)?;
/// stream.finish(&mut embeddings)?;
/// assert_eq!(embeddings.len(), 3 * 96);
/// # Ok(())
/// # }
/// ```
pub struct EmbeddingStream {
    signal: FrameStream,
    backbone: Stream,
    frames: Vec<f32>,
}

impl EmbeddingStream {
    /// A stream for mono sound at `rate`.
    ///
    /// # Errors
    /// [`PipelineError::Frontend`] if the card's front end cannot be built,
    /// [`PipelineError::Backbone`] if the graph's state cannot.
    pub fn new(card: &Card, backbone: &Backbone, rate: SampleRate) -> Result<Self, PipelineError> {
        Self::of_channels(card, backbone, rate, &SOUND)
    }

    /// A stream for a source of these channels at `rate`.
    ///
    /// # Errors
    /// As [`Self::new`]; [`PipelineError::Frontend`] also if the channels are not those that
    /// the backbone reads.
    pub(crate) fn of_channels(
        card: &Card,
        backbone: &Backbone,
        rate: SampleRate,
        channels: &[Channel],
    ) -> Result<Self, PipelineError> {
        Ok(Self {
            signal: FrameStream::new(card, rate, channels)?,
            backbone: backbone.stream()?,
            frames: Vec::new(),
        })
    }

    /// Takes samples, row-major `[n, channels]`, and appends each embedding that they complete,
    /// row-major. Sound is mono in `[-1, 1]`.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] if the graph fails.
    pub fn push(
        &mut self,
        samples: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), PipelineError> {
        self.frames.clear();
        self.signal.push(samples, &mut self.frames);
        Ok(self.backbone.push(&self.frames, embeddings)?)
    }

    /// The samples of the latest push at the card's rate, as the front end takes them.
    pub(crate) fn resampled(&self) -> &[f32] {
        self.signal.resampled()
    }

    /// Ends the signal: appends the remaining embeddings and starts a new signal.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] if the graph fails.
    pub fn finish(&mut self, embeddings: &mut Vec<f32>) -> Result<(), PipelineError> {
        self.frames.clear();
        self.signal.finish(&mut self.frames);
        self.backbone.push(&self.frames, embeddings)?;
        Ok(self.backbone.finish(embeddings)?)
    }
}
