//! Small recordings for tests that teach and listen: tones in noise, 16-bit WAV. Reads whole
//! audio files.

use std::fs;
use std::path::Path;

use afield::signal::{Chunk, SampleRate};
use afield::source::{AudioFile, Source, SourceError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `seconds` of a tone of `hz` in noise that `seed` decides, as 16-bit samples.
pub fn tone(rate: u32, hz: f64, seconds: f64, seed: u64) -> Vec<i16> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..(f64::from(rate) * seconds) as u32)
        .map(|n| {
            let tone = (std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate)).sin();
            let noise = rng.random::<f64>() - 0.5;
            ((0.5 * tone + 0.1 * noise) * 32_767.0) as i16
        })
        .collect()
}

/// Little-endian bytes of the samples, without a header.
pub fn pcm(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Writes mono samples as a WAV file.
pub fn write_wav(path: &Path, rate: u32, samples: &[i16]) {
    write_wav_of(path, rate, 1, samples);
}

/// Writes samples, `[n, channels]`, as a WAV file.
pub fn write_wav_of(path: &Path, rate: u32, channels: u8, samples: &[i16]) {
    let data = pcm(samples);
    let len = data.len() as u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + len).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1, 0, channels, 0]);
    wav.extend(rate.to_le_bytes());
    let frame = 2 * channels;
    wav.extend((rate * u32::from(frame)).to_le_bytes());
    wav.extend([frame, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(len.to_le_bytes());
    wav.extend(data);
    fs::write(path, wav).unwrap();
}

/// A whole audio file in memory.
pub struct Clip {
    pub rate: SampleRate,
    pub samples: Vec<f32>,
}

impl Clip {
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let mut file = AudioFile::open(path)?;
        let (rate, mut samples, mut chunk) = (file.rate(), Vec::new(), Chunk::default());
        while file.read(&mut chunk)? {
            samples.extend_from_slice(&chunk.samples);
        }
        Ok(Self { rate, samples })
    }

    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.hz())
    }
}
