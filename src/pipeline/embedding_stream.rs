//! From samples at any rate to embeddings.

use super::PipelineError;
use crate::backbone::{Backbone, Stream};
use crate::frontend::{LogMelFrontend, Resampler};
use crate::model::{Align, Card, Fill, Padding};
use crate::signal::SampleRate;

/// One signal on its way to embeddings: resampled to the card's rate, turned
/// into log-mel frames, run through the backbone.
///
/// Row `i` of the embeddings covers the resampled samples
/// `[i * hop, i * hop + receptive field)`, however the signal was cut into
/// pushes. A signal that ends before it fills one receptive field is lengthened
/// by the card's padding rule.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use afield::backbone::{Backbone, Mode};
/// use afield::model::{Cache, find};
/// use afield::pipeline::EmbeddingStream;
/// use afield::signal::SampleRate;
///
/// let cache = Cache::locate(None)?;
/// let card = find("speech-embedding", &cache)?;
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
    resampler: Resampler,
    frontend: LogMelFrontend,
    backbone: Stream,
    padding: Padding,
    hop_samples: usize,
    receptive_field_samples: usize,
    /// The start of the signal, until it is known to fill a receptive field.
    start: Option<Vec<f32>>,
    resampled: Vec<f32>,
    frames: Vec<f32>,
}

impl EmbeddingStream {
    /// A stream for a signal at `rate`.
    ///
    /// # Errors
    /// [`PipelineError::Frontend`] when the card's front end cannot be built,
    /// [`PipelineError::Backbone`] when the graph's state cannot.
    pub fn new(card: &Card, backbone: &Backbone, rate: SampleRate) -> Result<Self, PipelineError> {
        Ok(Self {
            resampler: Resampler::new(rate, card.sample_rate)?,
            frontend: LogMelFrontend::new(&card.frontend, card.sample_rate)?,
            backbone: backbone.stream()?,
            padding: card.padding.clone(),
            hop_samples: card.hop_samples(),
            receptive_field_samples: card.receptive_field_samples(),
            start: Some(Vec::new()),
            resampled: Vec::new(),
            frames: Vec::new(),
        })
    }

    /// Takes mono samples in `[-1, 1]` and appends each embedding that became
    /// computable, row-major.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] when the graph fails.
    pub fn push(
        &mut self,
        samples: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), PipelineError> {
        self.resampled.clear();
        self.resampler.push(samples, &mut self.resampled);
        self.advance(embeddings)
    }

    /// Ends the signal: appends what is still due and starts afresh.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] when the graph fails.
    pub fn finish(&mut self, embeddings: &mut Vec<f32>) -> Result<(), PipelineError> {
        self.resampled.clear();
        self.resampler.finish(&mut self.resampled);
        self.advance(embeddings)?;
        if let Some(short) = self.start.take()
            && !short.is_empty()
        {
            let windows = self.padding.windows.max(1);
            let len = self.receptive_field_samples + (windows - 1) * self.hop_samples;
            self.embed(&lengthened(&short, len, &self.padding), embeddings)?;
        }
        self.backbone.finish(embeddings)?;
        self.frontend.reset();
        self.start = Some(Vec::new());
        Ok(())
    }

    /// Moves on what was just resampled.
    fn advance(&mut self, embeddings: &mut Vec<f32>) -> Result<(), PipelineError> {
        let resampled = std::mem::take(&mut self.resampled);
        if let Some(start) = &mut self.start {
            start.extend_from_slice(&resampled);
        }
        match self.start.take() {
            Some(start) if start.len() >= self.receptive_field_samples => {
                self.embed(&start, embeddings)?;
            }
            Some(start) => self.start = Some(start),
            None => self.embed(&resampled, embeddings)?,
        }
        self.resampled = resampled;
        Ok(())
    }

    fn embed(&mut self, samples: &[f32], embeddings: &mut Vec<f32>) -> Result<(), PipelineError> {
        self.frames.clear();
        self.frontend.push(samples, &mut self.frames);
        Ok(self.backbone.push(&self.frames, embeddings)?)
    }
}

/// `clip`, lengthened to `len` samples.
fn lengthened(clip: &[f32], len: usize, padding: &Padding) -> Vec<f32> {
    let missing = len.saturating_sub(clip.len());
    let before = match padding.align {
        Align::Start => 0,
        Align::Center => missing / 2,
        Align::End => missing,
    };
    match padding.fill {
        Fill::Zeros => {
            let mut long = vec![0.0; before];
            long.extend_from_slice(clip);
            long.resize(len, 0.0);
            long
        }
        // Whole repeats on both sides of the clip, cut where they stick out.
        Fill::Repeat => {
            let phase = clip.len() - before % clip.len();
            (clip.iter().cycle().skip(phase).take(len).copied()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(fill: Fill, align: Align) -> Vec<f32> {
        let windows = 1;
        lengthened(
            &[1.0, 2.0, 3.0],
            8,
            &Padding {
                fill,
                align,
                windows,
            },
        )
    }

    #[test]
    fn padding_lies_where_the_card_says() {
        let zeros = |align| padded(Fill::Zeros, align);
        assert_eq!(zeros(Align::Start), [1., 2., 3., 0., 0., 0., 0., 0.]);
        assert_eq!(zeros(Align::Center), [0., 0., 1., 2., 3., 0., 0., 0.]);
        assert_eq!(zeros(Align::End), [0., 0., 0., 0., 0., 1., 2., 3.]);
    }

    #[test]
    fn repeats_run_through_the_clip_itself() {
        let repeat = |align| padded(Fill::Repeat, align);
        assert_eq!(repeat(Align::Start), [1., 2., 3., 1., 2., 3., 1., 2.]);
        assert_eq!(repeat(Align::Center), [2., 3., 1., 2., 3., 1., 2., 3.]);
        assert_eq!(repeat(Align::End), [2., 3., 1., 2., 3., 1., 2., 3.]);
    }
}
