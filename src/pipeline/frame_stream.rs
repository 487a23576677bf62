//! From samples at any rate to log-mel frames.

use super::PipelineError;
use crate::frontend::{LogMelFrontend, Resampler};
use crate::model::{Align, Card, Fill, Padding};
use crate::signal::SampleRate;

/// One signal on its way to frames: resampled to the card's rate, lengthened by
/// the card's rule where it ends before it fills one receptive field.
pub(super) struct FrameStream {
    resampler: Resampler,
    frontend: LogMelFrontend,
    padding: Padding,
    hop_samples: usize,
    receptive_field_samples: usize,
    /// The start of the signal, until it is known to fill a receptive field.
    start: Option<Vec<f32>>,
    resampled: Vec<f32>,
}

impl FrameStream {
    pub(super) fn new(card: &Card, rate: SampleRate) -> Result<Self, PipelineError> {
        Ok(Self {
            resampler: Resampler::new(rate, card.sample_rate)?,
            frontend: LogMelFrontend::new(&card.frontend, card.sample_rate)?,
            padding: card.padding.clone(),
            hop_samples: card.hop_samples(),
            receptive_field_samples: card.receptive_field_samples(),
            start: Some(Vec::new()),
            resampled: Vec::new(),
        })
    }

    /// Takes mono samples in `[-1, 1]` and appends each frame that they complete.
    pub(super) fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        self.resampled.clear();
        self.resampler.push(samples, &mut self.resampled);
        self.advance(frames);
    }

    /// Ends the signal: appends what is still due and starts afresh.
    pub(super) fn finish(&mut self, frames: &mut Vec<f32>) {
        self.resampled.clear();
        self.resampler.finish(&mut self.resampled);
        self.advance(frames);
        if let Some(short) = self.start.take()
            && !short.is_empty()
        {
            let windows = self.padding.windows.max(1);
            let len = self.receptive_field_samples + (windows - 1) * self.hop_samples;
            (self.frontend).push(&lengthened(&short, len, &self.padding), frames);
        }
        self.frontend.reset();
        self.start = Some(Vec::new());
    }

    /// Moves on what was just resampled.
    fn advance(&mut self, frames: &mut Vec<f32>) {
        match &mut self.start {
            Some(start) => {
                start.extend_from_slice(&self.resampled);
                if start.len() >= self.receptive_field_samples {
                    self.frontend.push(start, frames);
                    self.start = None;
                }
            }
            None => self.frontend.push(&self.resampled, frames),
        }
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
