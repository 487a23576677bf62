//! Turns samples at any rate into a backbone's frames.

use super::PipelineError;
use crate::frontend::{FrontendError, LogMelFrontend, Resampler, SensorFrontend};
use crate::model::{Align, Card, Fill, FrontEnd, Padding};
use crate::signal::{Channel, SampleRate, Unit};

/// Resamples a signal to the card's rate and computes the card's frames. A signal that ends before
/// it fills one receptive field is padded by the card's rule.
pub(super) struct FrameStream {
    front: Front,
    /// Values in a sample, before and after resampling.
    channels: usize,
    width: usize,
    padding: Padding,
    hop_samples: usize,
    receptive_field_samples: usize,
    /// The start of the signal, until the signal fills a receptive field.
    start: Option<Vec<f32>>,
    resampled: Vec<f32>,
}

/// The resampler and front end, by kind of input.
#[allow(clippy::large_enum_variant, reason = "each stream has one")]
enum Front {
    Sound {
        resampler: Resampler,
        frontend: LogMelFrontend,
    },
    /// Samples that are frames, multiplied by a number.
    Waveform {
        resampler: Resampler,
        scale: f32,
    },
    Sensor(SensorFrontend),
}

impl FrameStream {
    pub(super) fn new(
        card: &Card,
        rate: SampleRate,
        channels: &[Channel],
    ) -> Result<Self, PipelineError> {
        let to = card.sample_rate;
        let (front, width) = match &card.frontend {
            FrontEnd::LogMel(front) => {
                check_sound(channels)?;
                let front = Front::Sound {
                    resampler: Resampler::new(rate, to).map_err(FrontendError::from)?,
                    frontend: LogMelFrontend::new(front, to)?,
                };
                (front, 1)
            }
            FrontEnd::Waveform(front) => {
                check_sound(channels)?;
                let front = Front::Waveform {
                    resampler: Resampler::new(rate, to).map_err(FrontendError::from)?,
                    // A front end that takes whole windows scales them itself.
                    scale: if front.needs_windows() {
                        1.0
                    } else {
                        front.sample_scale
                    },
                };
                (front, 1)
            }
            FrontEnd::Sensor(front) => {
                let front = SensorFrontend::new(front, to, rate, channels)?;
                let width = front.bands();
                (Front::Sensor(front), width)
            }
        };
        Ok(Self {
            front,
            channels: channels.len(),
            width,
            padding: card.padding.clone(),
            hop_samples: card.hop_samples(),
            receptive_field_samples: card.receptive_field_samples(),
            start: Some(Vec::new()),
            resampled: Vec::new(),
        })
    }

    /// The number of values in an input sample.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// The samples of the latest push at the card's rate.
    pub(super) fn resampled(&self) -> &[f32] {
        &self.resampled
    }

    /// Takes samples, row-major `[n, channels]`, and appends each frame that they
    /// complete. Sound is mono in `[-1, 1]`.
    pub(super) fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        self.resampled.clear();
        match &mut self.front {
            Front::Sound { resampler, .. } | Front::Waveform { resampler, .. } => {
                resampler.push(samples, &mut self.resampled);
            }
            Front::Sensor(front) => front.push(samples, &mut self.resampled),
        }
        self.advance(frames);
    }

    /// Ends the signal: appends the remaining frames and starts a new signal.
    pub(super) fn finish(&mut self, frames: &mut Vec<f32>) {
        self.resampled.clear();
        match &mut self.front {
            Front::Sound { resampler, .. } | Front::Waveform { resampler, .. } => {
                resampler.finish(&mut self.resampled);
            }
            Front::Sensor(front) => front.finish(&mut self.resampled),
        }
        self.advance(frames);
        if let Some(short) = self.start.take()
            && !short.is_empty()
        {
            let windows = self.padding.windows.max(1);
            let len = self.receptive_field_samples + (windows - 1) * self.hop_samples;
            let long = lengthened(&short, len, self.width, &self.padding);
            self.front.give(&long, frames);
        }
        if let Front::Sound { frontend, .. } = &mut self.front {
            frontend.reset();
        }
        self.start = Some(Vec::new());
    }

    /// Processes the samples that were just resampled.
    fn advance(&mut self, frames: &mut Vec<f32>) {
        match &mut self.start {
            Some(start) => {
                start.extend_from_slice(&self.resampled);
                if start.len() >= self.receptive_field_samples * self.width {
                    self.front.give(start, frames);
                    self.start = None;
                }
            }
            None => self.front.give(&self.resampled, frames),
        }
    }
}

impl Front {
    /// Appends the frames that the resampled samples complete.
    fn give(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        match self {
            Self::Sound { frontend, .. } => frontend.push(samples, frames),
            Self::Waveform { scale, .. } => {
                frames.extend(samples.iter().map(|&x| finite(x) * *scale))
            }
            // The samples are frames already.
            Self::Sensor(_) => frames.extend_from_slice(samples),
        }
    }
}

fn check_sound(channels: &[Channel]) -> Result<(), FrontendError> {
    let of_sound = |c: &Channel| c.unit().factor_to(&Unit::FULL_SCALE).is_some();
    if channels.len() == 1 && channels.iter().all(of_sound) {
        return Ok(());
    }
    let names: Vec<String> = channels.iter().map(ToString::to_string).collect();
    Err(FrontendError::Channels {
        expected: "one channel of sound".to_owned(),
        actual: names.join(", "),
    })
}

/// A sample that is not finite becomes 0, as in the log-mel front end.
fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// `clip`, of `width` values a sample, padded to `len` samples.
fn lengthened(clip: &[f32], len: usize, width: usize, padding: &Padding) -> Vec<f32> {
    let samples = clip.len() / width;
    let missing = len.saturating_sub(samples);
    let before = match padding.align {
        Align::Start => 0,
        Align::Center => missing / 2,
        Align::End => missing,
    };
    match padding.fill {
        Fill::Zeros => {
            let mut long = vec![0.0; before * width];
            long.extend_from_slice(clip);
            long.resize(len * width, 0.0);
            long
        }
        // Repeat the clip on both sides, and cut it at both ends.
        Fill::Repeat => {
            let phase = samples - before % samples;
            let repeated = clip.iter().cycle().skip(phase * width);
            repeated.take(len * width).copied().collect()
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
            1,
            &Padding {
                fill,
                align,
                windows,
            },
        )
    }

    #[test]
    fn padding_is_placed_by_the_card() {
        let zeros = |align| padded(Fill::Zeros, align);
        assert_eq!(zeros(Align::Start), [1., 2., 3., 0., 0., 0., 0., 0.]);
        assert_eq!(zeros(Align::Center), [0., 0., 1., 2., 3., 0., 0., 0.]);
        assert_eq!(zeros(Align::End), [0., 0., 0., 0., 0., 1., 2., 3.]);
    }

    #[test]
    fn padding_keeps_channels_together() {
        let padding = Padding {
            fill: Fill::Repeat,
            align: Align::Center,
            windows: 1,
        };
        let long = lengthened(&[1., -1., 2., -2.], 5, 2, &padding);
        assert_eq!(long, [2., -2., 1., -1., 2., -2., 1., -1., 2., -2.]);
    }

    #[test]
    fn repeated_padding_continues_the_clip() {
        let repeat = |align| padded(Fill::Repeat, align);
        assert_eq!(repeat(Align::Start), [1., 2., 3., 1., 2., 3., 1., 2.]);
        assert_eq!(repeat(Align::Center), [2., 3., 1., 2., 3., 1., 2., 3.]);
        assert_eq!(repeat(Align::End), [2., 3., 1., 2., 3., 1., 2., 3.]);
    }
}
