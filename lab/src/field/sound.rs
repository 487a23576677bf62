//! A recording in memory at one rate.

use afield::engine::Recording;
use afield::frontend::Resampler;
use afield::signal::{Chunk, SampleRate};

use super::error::FieldError;

/// Reads all samples of a recording and brings them to `rate`.
///
/// # Errors
/// [`FieldError::Engine`] if it cannot be read.
pub(crate) fn read_sound(
    recording: &mut Recording,
    rate: SampleRate,
) -> Result<Vec<f32>, FieldError> {
    let source = recording.source();
    let mut resampler = Resampler::new(source.rate(), rate)?;
    let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
    while source.read(&mut chunk)? {
        resampler.push(&chunk.samples, &mut samples);
    }
    resampler.finish(&mut samples);
    Ok(samples)
}
