//! From a sensor's samples, in its units at its rate, to the frames that a backbone
//! was trained on: units converted, standardised by the card, resampled, gravity
//! taken away where the card says so.
//!
//! What numbers are divided by stands on the card and so in the learner's contract:
//! nothing here follows the signal but the gravity filter, which starts again with
//! every stretch. Resampling goes on from the first value, and ends on the last, as
//! if the sensor had lain still: a sensor's zero is no silence. Gaps are the
//! caller's: after one, [`SensorFrontend::finish`] ends the stretch.

use super::repair::append_repaired;
use super::{FrontendError, Resampler};
use crate::model::{Sensor, SensorChannel};
use crate::signal::{Channel, Quantity, SampleRate};

/// Least block of the resampler on the slower side, in samples; longer ones last half
/// a second. It delays by a block and a half.
const LEAST_BLOCK_SAMPLES: usize = 16;
const BLOCKS_A_SECOND: usize = 2;
/// Longest block: that of sound.
const MOST_BLOCK_SAMPLES: usize = 512;

/// An incremental front end for samples of several channels.
///
/// Samples come row-major `[n, channels of the source]`, frames go row-major
/// `[n, channels of the card]`, one a sample at the card's rate. How the samples are
/// cut into pushes changes no bit of the output.
///
/// ```
/// use afield::frontend::SensorFrontend;
/// use afield::model::{Sensor, SensorChannel};
/// use afield::signal::{Channel, SampleRate, Unit};
///
/// let (g, hz) = (Unit::new("g")?, SampleRate::new(50)?);
/// let channel = SensorChannel { name: "ax".into(), unit: g, mean: 0.0, deviation: 2.0 };
/// let card = Sensor { gravity_seconds: None, channels: vec![channel] };
/// let source = [Channel::parse("t2 [K]")?, Channel::parse("ax [m/s2]")?];
/// let mut front = SensorFrontend::new(&card, hz, hz, &source)?;
/// let mut frames = Vec::new();
/// front.push(&[293.0, 9.80665, 294.0, -9.80665], &mut frames);
/// assert_eq!(frames, [0.5, -0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SensorFrontend {
    source_channels: usize,
    lanes: Vec<Lane>,
    repaired_samples: u64,
}

/// One channel of the card on its way.
#[derive(Debug)]
struct Lane {
    /// Which channel of the source it is.
    place: usize,
    /// A number of the source becomes `x * gain + shift`.
    gain: f32,
    shift: f32,
    resampler: Resampler,
    /// The first value of the stretch, where the rate changes.
    rest: Option<f32>,
    /// The latest value that was a number.
    last: f32,
    samples_in: u64,
    frames_out: u64,
    gravity: Option<Gravity>,
    raw: Vec<f32>,
    sound: Vec<f32>,
    resampled: Vec<f32>,
}

/// The slow part of an acceleration: a low-pass of one pole.
#[derive(Debug)]
struct Gravity {
    share: f32,
    level: Option<f32>,
}

impl SensorFrontend {
    /// The front end of a card whose rate is `to`, for a source of `channels` at
    /// `from`.
    ///
    /// The card's channels are found by name, whatever else the source has; where
    /// names say nothing, a source with as many channels gives them in order.
    ///
    /// # Errors
    /// [`FrontendError::Channels`] where they cannot be found,
    /// [`FrontendError::Unit`] where one measures something else, and
    /// [`FrontendError::Resampler`].
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

    /// Values so far that were no numbers, and stand as the last one before, or lay
    /// absurdly far out, and were clamped.
    pub fn repaired_samples(&self) -> u64 {
        self.repaired_samples
    }

    /// Takes whole samples in and appends the frames that are ready.
    pub fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        for lane in &mut self.lanes {
            self.repaired_samples += lane.push(samples, self.source_channels);
        }
        self.give(frames);
    }

    /// Ends the stretch: appends the frames still due, `round(n * to / from)` in all
    /// for `n` samples. The next push begins another.
    pub fn finish(&mut self, frames: &mut Vec<f32>) {
        self.lanes.iter_mut().for_each(Lane::finish);
        self.give(frames);
        self.lanes.iter_mut().for_each(Lane::reset);
    }

    /// Lays the lanes side by side.
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

/// Which channel of the source each one of the card is.
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

    /// Takes the lane's part of `samples` in; returns how many were repaired.
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

    /// What `samples` bring out of the resampler, at most `most` frames.
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
        // A block that is fed gives a block.
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
    fn channels_are_found_by_name_and_converted() {
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
