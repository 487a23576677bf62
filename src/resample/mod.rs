//! Streaming conversion from one sample rate to another.
//!
//! The front end brings a source's rate to the backbone's with it, and a sound file whose rate
//! changes half way to its first rate. It is a room of its own because both use it. It knows
//! nothing of files, cards or time.

mod repair;
mod resampler;

pub(crate) use repair::append_repaired;
pub use resampler::Resampler;

use crate::signal::{ErrorKind, SampleRate};

/// The resampling library cannot convert between two rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from} to {to}: {reason}")]
#[non_exhaustive]
pub struct ResampleError {
    /// Rate of the input.
    pub from: SampleRate,
    /// Rate of the output.
    pub to: SampleRate,
    /// The message of the resampling library.
    pub reason: String,
}

impl ResampleError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unsupported
    }
}
