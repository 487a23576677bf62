//! The vibration of a pump, simulated.

use std::f64::consts::TAU;

use afield::signal::{Channel, Chunk, Micros, SampleRate, SignalError, Unit};
use afield::source::{Source, SourceError};

/// Samples a second: those of the backbone `imu`.
const HZ: usize = 50;
/// Samples of a chunk.
const CHUNK: u64 = 10 * HZ as u64;

/// Revolutions a second without load, and the share that they fall by at full load.
const SHAFT_HZ: f64 = 2.0;
const SLIP: f64 = 0.04;
/// Seconds in which the load changes.
const LOAD_SECONDS: f64 = 240.0;

/// See [`HARMONICS`].
type Harmonic = (f64, f64, f64, [f64; 3], [f64; 3]);

/// Harmonics of the shaft: order, amplitude in g at half load, the share of it that follows the
/// load, and the amplitude along and phase of each axis. Order 5 is that of the vanes.
const HARMONICS: [Harmonic; 5] = [
    (1.0, 0.020, 0.3, [0.62, 0.71, 0.33], [0.3, 1.9, 4.0]),
    (2.0, 0.012, 0.5, [0.40, 0.85, 0.35], [5.1, 0.7, 2.2]),
    (3.0, 0.006, 0.6, [0.80, 0.33, 0.50], [2.6, 3.9, 1.0]),
    (5.0, 0.010, 0.8, [0.55, 0.48, 0.68], [0.9, 5.5, 3.1]),
    (10.0, 0.004, 1.0, [0.35, 0.60, 0.72], [4.4, 1.3, 5.9]),
];

/// The noise of the flow in g at half load, and of the gyroscope in rad/s.
const FLOW: f64 = 0.006;
const GYRO: f64 = 0.002;

/// Impacts of a damaged outer race for each revolution, the frequency that they excite, the seconds
/// in which it fades, and its direction.
const IMPACTS: f64 = 3.58;
const RINGING_HZ: f64 = 17.0;
const FADES_SECONDS: f64 = 0.08;
const DIRECTION: [f64; 3] = [0.3, 0.6, 0.74];

/// A fault of a bearing that grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// When it begins, in seconds of the stream.
    pub onset: f64,
    /// The amplitude of an impact at the onset, in g.
    pub amplitude: f64,
    /// The seconds in which the amplitude doubles.
    pub doubles: f64,
}

impl Fault {
    /// The amplitude of an impact in g, `seconds` into the stream.
    pub fn amplitude_at(&self, seconds: f64) -> f64 {
        match seconds < self.onset {
            true => 0.0,
            false => self.amplitude * ((seconds - self.onset) / self.doubles).exp2().min(1e3),
        }
    }
}

/// A slow pump with an accelerometer and a gyroscope on its bearing: harmonics of the shaft speed
/// that follow a changing load, noise of the flow, and perhaps a fault.
///
/// A fast pump would need a faster sensor: at 50 samples a second, vibration above 25 Hz is not
/// seen.
#[derive(Debug, Clone)]
pub struct Pump {
    noise: Noise,
    channels: Vec<Channel>,
    rate: SampleRate,
    fault: Option<Fault>,
    at: u64,
    end: u64,
    load: f64,
    revolutions: f64,
    /// The last two values of the ringing.
    ringing: [f64; 2],
}

impl Pump {
    /// `seconds` of a pump; the seed decides its load and noise.
    ///
    /// # Errors
    /// [`SignalError`]: never, as the names of the channels are valid.
    pub fn new(seed: u64, seconds: f64, fault: Option<Fault>) -> Result<Self, SignalError> {
        let units = [("a", Unit::new("g")?), ("w", Unit::new("rad/s")?)];
        let mut channels = Vec::new();
        for (name, unit) in units {
            for axis in ["x", "y", "z"] {
                channels.push(Channel::new(format!("{name}{axis}"), unit.clone())?);
            }
        }
        let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let load = noise.normal();
        Ok(Self {
            noise,
            channels,
            rate: SampleRate::new(HZ as u32)?,
            fault,
            at: 0,
            end: (seconds.max(0.0) * HZ as f64) as u64,
            load,
            revolutions: 0.0,
            ringing: [0.0; 2],
        })
    }

    /// Adds one sample of all channels.
    fn sample(&mut self, samples: &mut Vec<f32>) {
        let seconds = self.at as f64 / HZ as f64;
        if self.at.is_multiple_of(HZ as u64) {
            let stays = (-1.0 / LOAD_SECONDS).exp();
            self.load = stays * self.load + (1.0 - stays * stays).sqrt() * self.noise.normal();
        }
        let load = 1.0 / (1.0 + (-self.load).exp());
        let before = self.revolutions;
        self.revolutions += SHAFT_HZ * (1.0 - SLIP * load) / HZ as f64;
        let mut acceleration = [0.0; 3];
        for (order, amplitude, follows, along, phase) in &HARMONICS {
            let amplitude = amplitude * (1.0 - follows + follows * 2.0 * load);
            for axis in 0..3 {
                let angle = TAU * (order * self.revolutions).fract() + phase[axis];
                acceleration[axis] += amplitude * along[axis] * angle.sin();
            }
        }
        let is_hit = (before * IMPACTS).floor() < (self.revolutions * IMPACTS).floor();
        let ringing = self.ring(is_hit, seconds);
        for axis in 0..3 {
            let flow = FLOW * (0.6 + 0.8 * load) * self.noise.normal();
            let gravity = f64::from(u8::from(axis == 2));
            let value = acceleration[axis] + flow + gravity + DIRECTION[axis] * ringing;
            samples.push(value as f32);
        }
        for _ in 0..3 {
            samples.push((GYRO * self.noise.normal()) as f32);
        }
        self.at += 1;
    }

    /// A damped oscillation that each impact excites anew.
    fn ring(&mut self, is_hit: bool, seconds: f64) -> f64 {
        let Some(fault) = &self.fault else {
            return 0.0;
        };
        let mut hit = 0.0;
        if is_hit {
            // No impact is like the other.
            let strength = (0.25 * self.noise.normal()).exp();
            hit = fault.amplitude_at(seconds) * strength;
        }
        let fades = (-1.0 / (FADES_SECONDS * HZ as f64)).exp();
        let turn = TAU * RINGING_HZ / HZ as f64;
        let [latest, earlier] = self.ringing;
        let value = 2.0 * fades * turn.cos() * latest - fades * fades * earlier + hit * turn.sin();
        self.ringing = [value, latest];
        value
    }
}

impl Source for Pump {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = Micros::from_samples(self.at, self.rate);
        let until = (self.at + CHUNK).min(self.end);
        while self.at < until {
            self.sample(&mut chunk.samples);
        }
        Ok(!chunk.samples.is_empty())
    }
}

/// Random numbers (SplitMix64).
#[derive(Debug, Clone)]
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Nearly a normal number: the sum of eight uniform ones.
    fn normal(&mut self) -> f64 {
        let sum = |word: u64| -> f64 {
            let part = |at: u64| f64::from((word >> (16 * at)) as u16) / 65_536.0;
            (0..4).map(part).sum()
        };
        let sum = sum(self.next()) + sum(self.next());
        (sum - 4.0) * (12.0_f64 / 8.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(seed: u64, seconds: f64, fault: Option<Fault>) -> Vec<f32> {
        let mut pump = Pump::new(seed, seconds, fault).unwrap();
        let (mut chunk, mut all) = (Chunk::default(), Vec::new());
        while pump.read(&mut chunk).unwrap() {
            all.extend_from_slice(&chunk.samples);
        }
        all
    }

    fn deviation(samples: &[f32], channel: usize) -> f64 {
        let values: Vec<f64> = samples
            .iter()
            .skip(channel)
            .step_by(6)
            .map(|&x| x.into())
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        (squares / values.len() as f64).sqrt()
    }

    #[test]
    fn the_seed_decides_the_vibration() {
        let one = samples(1, 600.0, None);
        assert_eq!(one.len(), 600 * HZ * 6);
        assert_eq!(one, samples(1, 600.0, None));
        assert_ne!(one, samples(2, 600.0, None));
        for axis in 0..3 {
            let deviation = deviation(&one, axis);
            assert!((0.005..0.03).contains(&deviation), "{axis}: {deviation}");
        }
        let mean: f32 = one.iter().skip(2).step_by(6).sum::<f32>() / (600 * HZ) as f32;
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn a_fault_begins_faintly_and_grows() {
        let fault = Fault {
            onset: 300.0,
            amplitude: 0.004,
            doubles: 100.0,
        };
        // Impacts without strength draw the same noise.
        let none = Fault {
            amplitude: 0.0,
            ..fault
        };
        let sound = samples(1, 1200.0, Some(none));
        let broken = samples(1, 1200.0, Some(fault));
        let before = 300 * HZ * 6;
        assert!(sound[..before] == broken[..before]);
        let faint = before..before + 60 * HZ * 6;
        let ratio = deviation(&broken[faint.clone()], 0) / deviation(&sound[faint], 0);
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
        let late = sound.len() - 60 * HZ * 6;
        let ratio = deviation(&broken[late..], 0) / deviation(&sound[late..], 0);
        assert!(ratio > 3.0, "{ratio}");
        assert_eq!(fault.amplitude_at(500.0), 0.016);
    }
}
