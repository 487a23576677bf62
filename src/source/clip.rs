//! A whole recording in memory, of limited length. Long recordings are read as a stream.

use std::path::Path;

use super::{AudioFile, Source, SourceError};
use crate::signal::{Chunk, SampleRate};

/// A short recording: mono samples, full scale `[-1, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Samples per second.
    pub rate: SampleRate,
    /// The samples, at least one.
    pub samples: Vec<f32>,
}

impl Clip {
    /// The clip's length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.hz())
    }
}

/// Reads a whole audio file of at most `max_seconds`. A truncated file gives the samples that
/// could be decoded.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/audio/stereo.wav");
/// let clip = afield::source::read_clip(path, 10.0)?;
/// assert_eq!((clip.rate.hz(), clip.samples.len()), (22_050, 3_675));
/// assert!(afield::source::read_clip(path, 0.1).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SourceError`] as for [`AudioFile`]; [`SourceError::Limit`] beyond `max_seconds`;
/// [`SourceError::Empty`] if there is no sample.
pub fn read_clip(path: impl AsRef<Path>, max_seconds: f64) -> Result<Clip, SourceError> {
    let path = path.as_ref();
    let mut file = AudioFile::open(path)?;
    let mut clip = Clip {
        rate: file.rate(),
        samples: Vec::new(),
    };
    let mut chunk = Chunk::default();
    while file.read(&mut chunk)? {
        clip.samples.extend_from_slice(&chunk.samples);
        if clip.seconds() > max_seconds {
            return Err(SourceError::Limit {
                path: path.to_owned(),
                limit: max_seconds,
                unit: "s",
            });
        }
    }
    if clip.samples.is_empty() {
        return Err(SourceError::Empty {
            path: path.to_owned(),
            endings: &[],
        });
    }
    Ok(clip)
}
