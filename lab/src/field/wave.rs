//! WAV files of 32-bit floats.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use afield::signal::SampleRate;

/// Writes mono samples to a new file.
pub(crate) fn write_wave(path: &Path, rate: SampleRate, samples: &[f32]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let bytes = u32::try_from(samples.len() * 4).map_err(io::Error::other)?;
    let (rate, format) = (rate.hz(), 3_u16);
    file.write_all(b"RIFF")?;
    file.write_all(&bytes.saturating_add(36).to_le_bytes())?;
    file.write_all(b"WAVEfmt ")?;
    file.write_all(&16_u32.to_le_bytes())?;
    file.write_all(&format.to_le_bytes())?;
    file.write_all(&1_u16.to_le_bytes())?;
    file.write_all(&rate.to_le_bytes())?;
    file.write_all(&rate.saturating_mul(4).to_le_bytes())?;
    file.write_all(&4_u16.to_le_bytes())?;
    file.write_all(&32_u16.to_le_bytes())?;
    file.write_all(b"data")?;
    file.write_all(&bytes.to_le_bytes())?;
    for sample in samples {
        file.write_all(&sample.to_le_bytes())?;
    }
    file.flush()
}
