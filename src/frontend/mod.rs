//! Turns samples at any rate into the frames that a backbone was trained on.
//!
//! [`LogMelFrontend`] is built from the card of a backbone. It replaces the mel graph that some
//! backbones ship: it uses an FFT and a sparse filter bank instead of a dense Fourier transform
//! written as convolutions. [`SensorFrontend`] scales samples of several channels; each sample
//! is one frame. [`Resampler`] converts a source's native rate to the card's rate. All are
//! incremental and exact: the sizes of the pushes do not change a bit of the output. None of
//! them reads files or cuts windows. None normalises loudness, because backbones are trained on
//! absolute levels.

mod hann;
mod log_mel;
mod logarithm;
mod mel;
mod normalisation;
mod sensor;
mod wide;
mod window;

pub use log_mel::LogMelFrontend;
pub(crate) use normalisation::Normalisation;
pub use sensor::SensorFrontend;
#[cfg(feature = "tract")]
pub(crate) use wide::wide;
pub(crate) use window::WindowFrontend;

pub use crate::resample::{ResampleError, Resampler};
use crate::signal::{ErrorKind, SampleRate};

/// Why a front end or a resampler cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontendError {
    /// A size on the card is zero or above the allowed maximum.
    #[error("front end: {field} is {actual}, expected {min}..={max}")]
    Size {
        /// The field's name on the card.
        field: &'static str,
        /// The value found.
        actual: usize,
        /// Lowest value allowed.
        min: usize,
        /// Highest value allowed.
        max: usize,
    },
    /// A number on the card is not finite or lies outside its range.
    #[error("front end: {field} is {actual}, expected {expected}")]
    Value {
        /// The field's name on the card.
        field: &'static str,
        /// The value found.
        actual: f64,
        /// The range allowed, in words.
        expected: &'static str,
    },
    /// The edges of the mel bands do not satisfy `0 <= low < high <= rate / 2`.
    #[error(
        "front end: mel bands from {low_hz} to {high_hz} Hz do not fit into 0 to {nyquist_hz} Hz"
    )]
    BandEdges {
        /// Lower edge of the lowest band, in Hz.
        low_hz: f64,
        /// Upper edge of the highest band, in Hz.
        high_hz: f64,
        /// Half the sample rate, in Hz.
        nyquist_hz: f64,
    },
    /// The source's channels do not match those of the backbone.
    #[error("the backbone reads {expected}, the source has {actual}")]
    Channels {
        /// Channels of the card.
        expected: String,
        /// Channels of the source.
        actual: String,
    },
    /// A channel measures a different quantity from the one that the backbone reads.
    #[error("channel {channel} cannot be brought to {expected}, which the backbone reads")]
    Unit {
        /// The channel, as the source states it.
        channel: String,
        /// The card's unit.
        expected: String,
    },
    /// The resampling library cannot convert between the two rates.
    #[error("cannot resample from {from} to {to}: {reason}")]
    Resampler {
        /// Rate of the input.
        from: SampleRate,
        /// Rate of the output.
        to: SampleRate,
        /// The message of the resampling library.
        reason: String,
    },
}

impl From<ResampleError> for FrontendError {
    fn from(error: ResampleError) -> Self {
        let ResampleError { from, to, reason } = error;
        Self::Resampler { from, to, reason }
    }
}

impl FrontendError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Size { .. } | Self::Value { .. } | Self::BandEdges { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Channels { .. } | Self::Unit { .. } => ErrorKind::Mismatch,
            Self::Resampler { .. } => ErrorKind::Unsupported,
        }
    }
}
