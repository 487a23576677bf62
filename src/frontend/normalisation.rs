//! Measures the means and deviations of a sensor's channels, which replace those of a card.
//!
//! A backbone's card holds the means and deviations of its training data. A different kind of
//! sensor, such as one on a pump instead of a wrist, may have very different values. In that
//! case they are measured on unlabelled recordings when a learner is made, and they become part
//! of its contract. They do not change later, so that the same recording always gives the same
//! embedding.

use super::{FrontendError, SensorFrontend};
use crate::model::Sensor;
use crate::signal::{Channel, SampleRate};

/// Collects sums over recordings, for each channel.
#[derive(Debug)]
pub(crate) struct Normalisation {
    /// The card's channels, with a mean of 0 and a deviation of 1.
    plain: Sensor,
    frames: Vec<f32>,
    /// Sums and sums of squares.
    sums: Vec<(f64, f64)>,
    count: u64,
}

impl Normalisation {
    /// An empty measurement of the channels, units and gravity setting of `card`.
    pub(crate) fn new(card: &Sensor) -> Self {
        let mut plain = card.clone();
        for channel in &mut plain.channels {
            (channel.mean, channel.deviation) = (0.0, 1.0);
        }
        Self {
            sums: vec![(0.0, 0.0); plain.channels.len()],
            plain,
            frames: Vec::new(),
            count: 0,
        }
    }

    /// Starts a recording. `to` is the card's rate; `from` and `channels` are those of the
    /// source.
    ///
    /// # Errors
    /// As [`SensorFrontend::new`].
    pub(crate) fn recording(
        &self,
        to: SampleRate,
        from: SampleRate,
        channels: &[Channel],
    ) -> Result<SensorFrontend, FrontendError> {
        SensorFrontend::new(&self.plain, to, from, channels)
    }

    /// Reads samples of a recording.
    pub(crate) fn push(&mut self, recording: &mut SensorFrontend, samples: &[f32]) {
        let mut frames = std::mem::take(&mut self.frames);
        recording.push(samples, &mut frames);
        self.add(frames);
    }

    /// Ends a recording.
    pub(crate) fn finish(&mut self, mut recording: SensorFrontend) {
        let mut frames = std::mem::take(&mut self.frames);
        recording.finish(&mut frames);
        self.add(frames);
    }

    /// The card's front end with the measured means and deviations. `None` if nothing was
    /// measured or a channel is constant.
    pub(crate) fn measured(self) -> Option<Sensor> {
        let mut measured = self.plain;
        let count = self.count as f64;
        for (channel, (sum, squares)) in measured.channels.iter_mut().zip(self.sums) {
            let mean = sum / count;
            let deviation = (squares / count - mean * mean).max(0.0).sqrt();
            (channel.mean, channel.deviation) = (mean as f32, deviation as f32);
            if !(1e-9..=1e9).contains(&channel.deviation) || !channel.mean.is_finite() {
                return None;
            }
        }
        Some(measured)
    }

    fn add(&mut self, mut frames: Vec<f32>) {
        for frame in frames.chunks_exact(self.sums.len().max(1)) {
            for ((sum, squares), &value) in self.sums.iter_mut().zip(frame) {
                *sum += f64::from(value);
                *squares += f64::from(value) * f64::from(value);
            }
            self.count += 1;
        }
        frames.clear();
        self.frames = frames;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SensorChannel;
    use crate::signal::Unit;

    #[test]
    fn measured_are_the_mean_and_the_deviation_in_the_unit_of_the_card() {
        let unit = Unit::new("m/s2").unwrap();
        let channel = SensorChannel {
            name: "z".into(),
            unit,
            mean: 0.0,
            deviation: 1.0,
        };
        let card = Sensor {
            gravity_seconds: None,
            channels: vec![channel],
        };
        let hz = SampleRate::new(100).unwrap();
        let source = [Channel::parse("z [m/s2]").unwrap()];
        let mut normalisation = Normalisation::new(&card);
        let mut recording = normalisation.recording(hz, hz, &source).unwrap();
        normalisation.push(&mut recording, &[8.0, 12.0, 8.0, 12.0]);
        normalisation.finish(recording);
        let measured = normalisation.measured().unwrap();
        let channel = &measured.channels[0];
        assert_eq!((channel.mean, channel.deviation), (10.0, 2.0));
    }

    #[test]
    fn a_constant_channel_cannot_be_normalised() {
        let channel = SensorChannel {
            name: "z".into(),
            unit: Unit::UNSTATED,
            mean: 3.0,
            deviation: 2.0,
        };
        let card = Sensor {
            gravity_seconds: None,
            channels: vec![channel],
        };
        let hz = SampleRate::new(50).unwrap();
        assert_eq!(Normalisation::new(&card).measured(), None);
        let mut still = Normalisation::new(&card);
        let source = [Channel::parse("z").unwrap()];
        let mut recording = still.recording(hz, hz, &source).unwrap();
        still.push(&mut recording, &[7.0; 100]);
        still.finish(recording);
        assert_eq!(still.measured(), None);
    }
}
