//! The front end for sensors. It turns samples of several channels into the frames that a
//! backbone was trained on.
//!
//! It converts units, standardises each channel with the card's mean and deviation, resamples to
//! the card's rate, and removes gravity if the card says so.
//!
//! The means and deviations are part of the card, and so of the learner's contract. Only the
//! gravity filter follows the signal, and it restarts with every segment. The resampler
//! continues a segment before its first value and after its last value with that value, because
//! 0 does not mean silence for a sensor. The caller detects gaps and ends each segment with
//! [`SensorFrontend::finish`].

use super::{FrontendError, Resampler};
use crate::model::{Sensor, SensorChannel};
use crate::resample::append_repaired;
use crate::signal::{Channel, Quantity, SampleRate};

/// Shortest block of the resampler on the slower side, in samples. At higher rates a block
/// lasts half a second. The resampler delays by a block and a half.
const LEAST_BLOCK_SAMPLES: usize = 16;
const BLOCKS_A_SECOND: usize = 2;
/// Longest block, in samples. The audio resampler uses the same length.
const MOST_BLOCK_SAMPLES: usize = 512;

/// An incremental front end for samples of several channels.
///
/// The input is row-major `[n, channels of the source]`. The output is row-major
/// `[n, channels of the card]`, one frame per sample at the card's rate. The sizes of the
/// pushes do not change a bit of the output.
#[derive(Debug)]
pub struct SensorFrontend {
    source_channels: usize,
    lanes: Vec<Lane>,
    repaired_samples: u64,
}

/// The conversion of one channel of the card.
#[derive(Debug)]
struct Lane {
    /// The index of the channel in the source.
    place: usize,
    /// Each source value becomes `x * gain + shift`.
    gain: f32,
    shift: f32,
    resampler: Resampler,
    /// The first value of the segment; set only if the rate changes.
    rest: Option<f32>,
    /// The latest finite value.
    last: f32,
    samples_in: u64,
    frames_out: u64,
    gravity: Option<Gravity>,
    raw: Vec<f32>,
    sound: Vec<f32>,
    resampled: Vec<f32>,
}

/// The slow part of an acceleration, tracked by a one-pole low-pass filter.
#[derive(Debug)]
struct Gravity {
    share: f32,
    level: Option<f32>,
}

impl SensorFrontend {
    /// The front end of `card` at the rate `to`, for a source with `channels` at the rate
    /// `from`.
    ///
    /// The card's channels are matched by name, and other channels of the source are ignored. If
    /// the source has none of the card's names but the same number of channels, they are matched
    /// in order.
    ///
    /// # Errors
    /// [`FrontendError::Channels`] if a channel cannot be matched, [`FrontendError::Unit`] if a
    /// channel measures a different quantity, and [`FrontendError::Resampler`].
    pub fn new(
        card: &Sensor,
        to: SampleRate,
        from: SampleRate,
        channels: &[Channel],
    ) -> Result<Self, FrontendError> {
        let places = places(&card.channels, channels)?;
        let lanes = (card.channels.iter().zip(places))
            .map(|(wanted, (place, given))| Lane::new(card, wanted, place, given, from, to));
        Ok(Self {
            source_channels: channels.len(),
            lanes: lanes.collect::<Result<_, _>>()?,
            repaired_samples: 0,
        })
    }

    /// Numbers in a frame.
    pub fn bands(&self) -> usize {
        self.lanes.len()
    }

    /// Number of repaired values so far. A non-finite value is replaced by the last finite one;
    /// a value of extreme magnitude is clamped.
    pub fn repaired_samples(&self) -> u64 {
        self.repaired_samples
    }

    /// Reads samples of all channels and appends the frames that are ready.
    pub fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        for lane in &mut self.lanes {
            self.repaired_samples += lane.push(samples, self.source_channels);
        }
        self.give(frames);
    }

    /// Ends the segment and appends its remaining frames. `n` samples give
    /// `round(n * to / from)` frames in all. The next push starts a new segment.
    pub fn finish(&mut self, frames: &mut Vec<f32>) {
        self.lanes.iter_mut().for_each(Lane::finish);
        self.give(frames);
        self.lanes.iter_mut().for_each(Lane::reset);
    }

    /// Interleaves the channels into frames.
    fn give(&mut self, frames: &mut Vec<f32>) {
        let count = self.lanes.iter().map(|lane| lane.resampled.len()).min();
        for frame in 0..count.unwrap_or(0) {
            let of = |lane: &Lane| lane.resampled.get(frame).copied().unwrap_or(0.0);
            frames.extend(self.lanes.iter().map(of));
        }
        for lane in &mut self.lanes {
            lane.resampled.clear();
        }
    }
}

/// For each channel of the card, the index of its channel in the source.
fn places<'a>(
    wanted: &[SensorChannel],
    given: &'a [Channel],
) -> Result<Vec<(usize, &'a Channel)>, FrontendError> {
    let by_name = |name: &str| {
        let mut found = given.iter().enumerate();
        found.find(|(_, channel)| channel.name().eq_ignore_ascii_case(name))
    };
    let named: Option<Vec<_>> = wanted.iter().map(|c| by_name(&c.name)).collect();
    let nameless = || wanted.iter().all(|c| by_name(&c.name).is_none());
    match named {
        Some(places) => Ok(places),
        None if given.len() == wanted.len() && nameless() => Ok(given.iter().enumerate().collect()),
        None => Err(FrontendError::Channels {
            expected: list(wanted.iter().map(|c| c.name.as_str())),
            actual: list(given.iter().map(Channel::name)),
        }),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Lane {
    fn new(
        card: &Sensor,
        wanted: &SensorChannel,
        place: usize,
        given: &Channel,
        from: SampleRate,
        to: SampleRate,
    ) -> Result<Self, FrontendError> {
        let factor = given.unit().factor_to(&wanted.unit);
        let factor = factor.ok_or_else(|| FrontendError::Unit {
            channel: given.to_string(),
            expected: wanted.unit.to_string(),
        })?;
        let slower = from.hz().min(to.hz()) as usize;
        let block = (slower / BLOCKS_A_SECOND).clamp(LEAST_BLOCK_SAMPLES, MOST_BLOCK_SAMPLES);
        let accelerates = wanted.unit.quantity() == Some(Quantity::Acceleration);
        let gravity = card.gravity_seconds.filter(|_| accelerates);
        let deviation = f64::from(wanted.deviation);
        Ok(Self {
            place,
            gain: (factor / deviation) as f32,
            shift: (-f64::from(wanted.mean) / deviation) as f32,
            resampler: Resampler::with_block(from, to, block)?,
            rest: None,
            last: 0.0,
            samples_in: 0,
            frames_out: 0,
            gravity: gravity.map(|seconds| Gravity {
                share: -(-1.0 / (seconds * f64::from(to.hz()))).exp_m1() as f32,
                level: None,
            }),
            raw: Vec::new(),
            sound: Vec::new(),
            resampled: Vec::new(),
        })
    }

    /// Reads this channel's values from `samples`. Returns how many were repaired.
    fn push(&mut self, samples: &[f32], channels: usize) -> u64 {
        let mut held = 0;
        self.raw.clear();
        for &sample in samples.iter().skip(self.place).step_by(channels.max(1)) {
            let value = sample * self.gain + self.shift;
            if value.is_finite() {
                self.last = value;
            } else {
                held += 1;
            }
            self.raw.push(self.last);
        }
        let mut sound = std::mem::take(&mut self.sound);
        sound.clear();
        let clamped = append_repaired(&self.raw, &mut sound);
        self.samples_in += sound.len() as u64;
        if self.resampler.from() != self.resampler.to()
            && let Some(&first) = sound.first()
        {
            let rest = *self.rest.get_or_insert(first);
            sound.iter_mut().for_each(|value| *value -= rest);
        }
        self.resample(&sound, u64::MAX);
        self.sound = sound;
        held + clamped
    }

    /// Resamples `samples` and keeps at most `most` new frames.
    fn resample(&mut self, samples: &[f32], most: u64) {
        let before = self.resampled.len();
        self.resampler.push(samples, &mut self.resampled);
        let fresh = (self.resampled.len() - before) as u64;
        let surplus = fresh.saturating_sub(most) as usize;
        self.resampled.truncate(self.resampled.len() - surplus);
        let rest = self.rest.unwrap_or(0.0);
        for value in self.resampled.iter_mut().skip(before) {
            if rest != 0.0 {
                *value += rest;
            }
            if let Some(gravity) = &mut self.gravity {
                *value = gravity.removed(*value);
            }
        }
        self.frames_out += (self.resampled.len() - before) as u64;
    }

    fn finish(&mut self) {
        let (from, to) = (self.resampler.from().hz(), self.resampler.to().hz());
        let (from, to) = (u128::from(from), u128::from(to));
        let due = (u128::from(self.samples_in) * to + from / 2) / from;
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        let still = self.sound.last().copied().unwrap_or(0.0);
        // Each block that goes in produces one block.
        let block = vec![still; self.resampler.latency_samples().max(1)];
        while self.frames_out < due {
            self.resample(&block, due - self.frames_out);
        }
    }

    fn reset(&mut self) {
        self.resampler.reset();
        self.rest = None;
        self.last = 0.0;
        (self.samples_in, self.frames_out) = (0, 0);
        self.sound.clear();
        if let Some(gravity) = &mut self.gravity {
            gravity.level = None;
        }
    }
}

impl Gravity {
    fn removed(&mut self, value: f32) -> f32 {
        let level = self.level.get_or_insert(value);
        *level += self.share * (value - *level);
        value - *level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Unit;

    #[test]
    fn channels_are_found_converted_and_normalised() {
        let channel = SensorChannel {
            name: "ax".into(),
            unit: Unit::new("g").unwrap(),
            mean: 0.0,
            deviation: 2.0,
        };
        let card = Sensor {
            gravity_seconds: None,
            channels: vec![channel],
        };
        let source = ["t2 [K]", "ax [m/s2]"].map(|text| Channel::parse(text).unwrap());
        let mut front = SensorFrontend::new(&card, rate(50), rate(50), &source).unwrap();
        let mut frames = Vec::new();
        front.push(&[293.0, 9.80665, 294.0, -9.80665], &mut frames);
        assert_eq!(frames, [0.5, -0.5]);
    }

    fn rate(hz: u32) -> SampleRate {
        SampleRate::new(hz).unwrap()
    }

    fn card(gravity_seconds: Option<f64>) -> Sensor {
        let channel = |name: &str, unit: &str| SensorChannel {
            name: name.into(),
            unit: Unit::new(unit).unwrap(),
            mean: 0.0,
            deviation: 1.0,
        };
        Sensor {
            gravity_seconds,
            channels: vec![channel("ax", "g"), channel("wx", "rad/s")],
        }
    }

    fn channels(texts: &[&str]) -> Vec<Channel> {
        let parse = |text: &&str| Channel::parse(text).unwrap();
        texts.iter().map(parse).collect()
    }

    fn frames_of(front: &mut SensorFrontend, pushes: &[&[f32]]) -> Vec<f32> {
        let mut frames = Vec::new();
        for push in pushes {
            front.push(push, &mut frames);
        }
        front.finish(&mut frames);
        frames
    }

    #[test]
    fn channels_are_matched_by_name_and_converted() {
        let given = channels(&["wx [deg/s]", "note", "AX [m/s2]"]);
        let mut front = SensorFrontend::new(&card(None), rate(50), rate(50), &given).unwrap();
        let frames = frames_of(&mut front, &[&[180.0, 7.0, -9.806_65]]);
        assert!((frames[0] + 1.0).abs() < 1e-6, "{frames:?}");
        assert!(
            (frames[1] - std::f32::consts::PI).abs() < 1e-6,
            "{frames:?}"
        );
        let nameless = channels(&["1 [g]", "2"]);
        assert!(SensorFrontend::new(&card(None), rate(50), rate(50), &nameless).is_ok());
    }

    #[test]
    fn sources_with_other_channels_or_units_are_rejected() {
        for (given, word) in [
            (&["ax", "ay"][..], "ax, wx"),
            (&["x"][..], "ax, wx"),
            (&["ax [rad/s]", "wx"][..], "ax [rad/s]"),
            (&["ax", "wx [bar]"][..], "rad/s"),
        ] {
            let given = channels(given);
            let error = SensorFrontend::new(&card(None), rate(50), rate(50), &given).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn a_still_sensor_gives_zeros_at_any_rate() {
        let given = channels(&["ax", "wx"]);
        for hz in [26, 50, 100, 104, 1_000] {
            let still: Vec<f32> = [1.0, -0.25].repeat(hz as usize * 3 + 1);
            for gravity in [None, Some(1.0)] {
                let card = card(gravity);
                let mut front = SensorFrontend::new(&card, rate(50), rate(hz), &given).unwrap();
                let frames = frames_of(&mut front, &[&still]);
                let due = (f64::from(hz * 3 + 1) * 50.0 / f64::from(hz)).round() as usize;
                assert_eq!(frames.len(), 2 * due, "{hz} Hz");
                let level = if gravity.is_some() { 0.0 } else { 1.0 };
                for frame in frames.chunks_exact(2) {
                    assert!((frame[0] - level).abs() < 1e-6, "{hz} Hz {frame:?}");
                    assert!((frame[1] + 0.25).abs() < 1e-6, "{hz} Hz {frame:?}");
                }
            }
        }
    }

    #[test]
    fn resampling_keeps_a_slow_sine() {
        let given = channels(&["ax", "wx"]);
        for hz in [26, 100, 208, 1_000] {
            let at = |i: usize, hz: u32| (std::f32::consts::TAU * 2.0 * i as f32 / hz as f32).sin();
            let samples: Vec<f32> = (0..hz as usize * 6)
                .flat_map(|i| [at(i, hz), 0.0])
                .collect();
            let mut front = SensorFrontend::new(&card(None), rate(50), rate(hz), &given).unwrap();
            let frames = frames_of(&mut front, &[&samples]);
            for (i, frame) in frames.chunks_exact(2).enumerate().skip(50).take(200) {
                assert!((frame[0] - at(i, 50)).abs() < 0.01, "{hz} Hz at {i}");
            }
        }
    }

    #[test]
    fn push_sizes_change_no_bit_and_finish_forgets() {
        let given = channels(&["ax", "wx"]);
        let samples: Vec<f32> = (0..2_000).map(|i| ((i * 37) % 101) as f32 / 50.0).collect();
        for hz in [50, 119] {
            let card = card(Some(0.5));
            let mut front = SensorFrontend::new(&card, rate(50), rate(hz), &given).unwrap();
            let at_once = frames_of(&mut front, &[&samples]);
            for cut in [2, 14, 998] {
                let parts: Vec<&[f32]> = samples.chunks(cut).collect();
                assert_eq!(frames_of(&mut front, &parts), at_once, "{hz} Hz by {cut}");
            }
        }
    }

    #[test]
    fn a_non_finite_value_repeats_the_one_before_and_is_counted() {
        let given = channels(&["ax", "wx"]);
        let mut front = SensorFrontend::new(&card(None), rate(50), rate(50), &given).unwrap();
        let samples = [0.5, 0.0, f32::NAN, f32::INFINITY, 1e9, 0.0];
        let frames = frames_of(&mut front, &[&samples]);
        assert_eq!(frames, [0.5, 0.0, 0.5, 0.0, 64.0, 0.0]);
        assert_eq!(front.repaired_samples(), 3);
    }
}
