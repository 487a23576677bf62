//! Reading a source to its end, through the backbone.

use sha2::{Digest, Sha256};

use super::SessionError;
use crate::backbone::Backbone;
use crate::model::Card;
use crate::pipeline::EmbeddingStream;
use crate::signal::{Chunk, Micros};
use crate::source::Source;

/// A clip as the backbone heard it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Embeddings, row-major `[rows, embedding size]`.
    pub windows: Vec<f32>,
    /// sha256 of the sample rate and the samples as they came from the source:
    /// the same recording has the same hash under any name.
    pub clip_sha256: [u8; 32],
    /// The clip's length.
    pub duration: Micros,
}

/// Runs `source` to its end through the backbone.
///
/// # Errors
/// [`SessionError`] when the source or the backbone fails, or when the source
/// held no sample.
pub fn hear(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
) -> Result<Heard, SessionError> {
    let rate = source.rate();
    let mut stream = EmbeddingStream::new(card, backbone, rate)?;
    let mut chunk = Chunk::default();
    let mut windows = Vec::new();
    let mut hash = Sha256::new_with_prefix(rate.hz().to_le_bytes());
    let mut bytes = Vec::new();
    let mut samples = 0;
    while source.read(&mut chunk)? {
        bytes.clear();
        bytes.extend(chunk.samples.iter().flat_map(|s| s.to_le_bytes()));
        hash.update(&bytes);
        samples += chunk.samples.len() as u64;
        stream.push(&chunk.samples, &mut windows)?;
    }
    stream.finish(&mut windows)?;
    if windows.is_empty() {
        return Err(SessionError::Silent);
    }
    Ok(Heard {
        windows,
        clip_sha256: hash.finalize().into(),
        duration: Micros::from_samples(samples, rate),
    })
}
