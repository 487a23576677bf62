//! Reading a source to its end, through the backbone.

use sha2::{Digest, Sha256};

use super::SessionError;
use crate::backbone::Backbone;
use crate::model::Card;
use crate::pipeline::EmbeddingStream;
use crate::signal::{Chunk, Micros, SampleRate};
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
    let mut hash = ClipHash::new(rate);
    let mut samples = 0;
    while source.read(&mut chunk)? {
        hash.update(&chunk.samples);
        samples += chunk.samples.len() as u64;
        stream.push(&chunk.samples, &mut windows)?;
    }
    stream.finish(&mut windows)?;
    if windows.is_empty() {
        return Err(SessionError::Silent);
    }
    Ok(Heard {
        windows,
        clip_sha256: hash.finish(),
        duration: Micros::from_samples(samples, rate),
    })
}

/// What [`hear`] would call the clip, without hearing it.
///
/// # Errors
/// [`SessionError`] when the source fails.
pub fn clip_sha256(source: &mut dyn Source) -> Result<[u8; 32], SessionError> {
    let mut hash = ClipHash::new(source.rate());
    let mut chunk = Chunk::default();
    while source.read(&mut chunk)? {
        hash.update(&chunk.samples);
    }
    Ok(hash.finish())
}

/// sha256 of the sample rate and of the samples, both little-endian.
struct ClipHash {
    hash: Sha256,
    bytes: Vec<u8>,
}

impl ClipHash {
    fn new(rate: SampleRate) -> Self {
        Self {
            hash: Sha256::new_with_prefix(rate.hz().to_le_bytes()),
            bytes: Vec::new(),
        }
    }

    fn update(&mut self, samples: &[f32]) {
        self.bytes.clear();
        (self.bytes).extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hash.update(&self.bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}
