//! Signals made by formula: tones, chirps, noise, silence.
//!
//! For tests that must not depend on recordings. The same segments, seed and chunk size give
//! the same samples on every run.

use std::f64::consts::TAU;

use afield::signal::{Chunk, Micros, SampleRate};
use afield::source::{Source, SourceError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a segment sounds like. Amplitudes are peaks, full scale 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sound {
    /// Zeros.
    Silence,
    /// A sine.
    Tone {
        /// Frequency in Hz.
        hz: f64,
        /// Peak.
        amplitude: f32,
    },
    /// A sine whose frequency moves evenly over the segment.
    Chirp {
        /// Frequency at the start, in Hz.
        from_hz: f64,
        /// Frequency at the end, in Hz.
        to_hz: f64,
        /// Peak.
        amplitude: f32,
    },
    /// Uniform white noise.
    Noise {
        /// Peak.
        amplitude: f32,
    },
}

/// A stretch of one sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// What is heard.
    pub sound: Sound,
    /// For how many samples.
    pub samples: u64,
}

/// A [`Source`] that plays segments one after another.
#[derive(Debug, Clone)]
pub struct Synthetic {
    rate: SampleRate,
    segments: Vec<Segment>,
    chunk_samples: usize,
    noise: ChaCha8Rng,
    /// Segment and sample in it that come next.
    segment: usize,
    sample: u64,
    samples_out: u64,
}

impl Synthetic {
    /// Plays `segments` at `rate` in chunks of `chunk_samples` (at least 1);
    /// `seed` decides the noise.
    pub fn new(rate: SampleRate, segments: Vec<Segment>, chunk_samples: usize, seed: u64) -> Self {
        Self {
            rate,
            segments,
            chunk_samples: chunk_samples.max(1),
            noise: ChaCha8Rng::seed_from_u64(seed),
            segment: 0,
            sample: 0,
            samples_out: 0,
        }
    }

    fn next_sample(&mut self) -> Option<f32> {
        let segment = loop {
            let segment = *self.segments.get(self.segment)?;
            if self.sample < segment.samples {
                break segment;
            }
            self.segment += 1;
            self.sample = 0;
        };
        let seconds = self.sample as f64 / f64::from(self.rate.hz());
        self.sample += 1;
        Some(match segment.sound {
            Sound::Silence => 0.0,
            Sound::Tone { hz, amplitude } => amplitude * sine(hz * seconds),
            Sound::Chirp {
                from_hz,
                to_hz,
                amplitude,
            } => {
                let length = segment.samples as f64 / f64::from(self.rate.hz());
                let slope = (to_hz - from_hz) / length;
                amplitude * sine((from_hz + slope * seconds / 2.0) * seconds)
            }
            Sound::Noise { amplitude } => amplitude * (self.noise.random::<f32>() * 2.0 - 1.0),
        })
    }
}

fn sine(cycles: f64) -> f32 {
    (TAU * cycles.fract()).sin() as f32
}

impl Source for Synthetic {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = Micros::from_samples(self.samples_out, self.rate);
        while chunk.samples.len() < self.chunk_samples {
            let Some(sample) = self.next_sample() else {
                break;
            };
            chunk.samples.push(sample);
        }
        self.samples_out += chunk.samples.len() as u64;
        Ok(!chunk.samples.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(seed: u64, chunk_samples: usize) -> Vec<f32> {
        let (amplitude, samples) = (0.5, 1_600);
        let sounds = [
            Sound::Tone {
                hz: 1_000.0,
                amplitude,
            },
            Sound::Silence,
            Sound::Noise { amplitude },
            Sound::Chirp {
                from_hz: 100.0,
                to_hz: 4_000.0,
                amplitude,
            },
        ];
        let segments = sounds.map(|sound| Segment { sound, samples }).to_vec();
        let rate = SampleRate::new(16_000).unwrap();
        let mut source = Synthetic::new(rate, segments, chunk_samples, seed);
        let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
        while source.read(&mut chunk).unwrap() {
            assert_eq!(
                chunk.start,
                Micros::from_samples(samples.len() as u64, rate)
            );
            samples.extend_from_slice(&chunk.samples);
        }
        samples
    }

    #[test]
    fn the_seed_changes_the_noise_and_nothing_else() {
        let (a, b, c) = (play(1, 400), play(1, 333), play(2, 400));
        assert_eq!(a, b);
        assert_eq!(a.len(), 6_400);
        assert_eq!(a[..3_200], c[..3_200]);
        assert_ne!(a[3_200..4_800], c[3_200..4_800]);
        assert_eq!(a[4_800..], c[4_800..]);
    }

    #[test]
    fn each_sound_has_its_frequency_and_power() {
        let samples = play(1, 400);
        // A tone of 1 kHz crosses zero upwards a hundred times in 0.1 s.
        let rises = |part: &[f32]| {
            part.windows(2)
                .filter(|w| w[0] < 0.0 && w[1] >= 0.0)
                .count()
        };
        assert!((99..=100).contains(&rises(&samples[..1_600])));
        assert!(samples[1_600..3_200].iter().all(|&s| s == 0.0));
        let noise = &samples[3_200..4_800];
        let power = noise.iter().map(|s| s * s).sum::<f32>() / 1_600.0;
        assert!(
            (power - 0.25 / 3.0).abs() < 0.01,
            "uniform noise has a third of its peak power"
        );
        let chirp = &samples[4_800..];
        assert!(rises(&chirp[..400]) * 4 < rises(&chirp[1_200..]));
    }
}
