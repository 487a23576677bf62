//! WAV files of 32-bit floats.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use afield::signal::SampleRate;
use afield::source::{WaveEncoding, wave_head};

/// Writes mono samples to a new file.
pub(crate) fn write_wave(path: &Path, rate: SampleRate, samples: &[f32]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let head = wave_head(rate.hz(), 1, WaveEncoding::Float32, samples.len() * 4);
    file.write_all(&head.ok_or_else(|| io::Error::other("too long for a WAV file"))?)?;
    for sample in samples {
        file.write_all(&sample.to_le_bytes())?;
    }
    file.flush()
}
