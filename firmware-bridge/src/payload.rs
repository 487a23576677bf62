//! The payload between a frame's header and its CRC: the postcard encoding of the type for the
//! frame's kind.
//!
//! Reading also checks what the types cannot express (a rate of 0, a block whose values do not
//! divide by its channels). Every payload that is read is therefore valid.

use core::fmt;

use heapless::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{EncodeError, Frame, Kind};

/// Maximum payload of a frame from the device, in bytes.
pub const MAX_PAYLOAD: usize = 512;

/// Maximum payload of a frame from the host, in bytes.
pub const MAX_REQUEST: usize = 96;

/// A type that is sent in frames of one kind.
pub trait Payload: Serialize + DeserializeOwned {
    /// The kind of these frames.
    const KIND: Kind;

    /// Whether the values are consistent.
    fn is_valid(&self) -> bool {
        true
    }
}

impl<const N: usize> Frame<N> {
    /// Creates a frame around `payload`.
    ///
    /// # Errors
    /// [`EncodeError::Payload`] if it is longer than `N` bytes.
    pub fn carrying<P: Payload>(
        sequence: u16,
        time_us: u64,
        payload: &P,
    ) -> Result<Self, EncodeError> {
        let mut bytes = Vec::<u8, N>::new();
        // Uses the whole capacity; it is truncated after writing.
        let _ = bytes.resize(N, 0);
        let written = match postcard::to_slice(payload, &mut bytes) {
            Ok(written) => written.len(),
            Err(_) => {
                return Err(EncodeError::Payload {
                    limit: N,
                    actual: N + 1,
                });
            }
        };
        bytes.truncate(written);
        Ok(Self {
            kind: P::KIND,
            sequence,
            time_us,
            payload: bytes,
        })
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// [`PayloadError`] for a frame of another kind, and for bytes that no sender
    /// of this version writes.
    pub fn read<P: Payload>(&self) -> Result<P, PayloadError> {
        if self.kind != P::KIND {
            return Err(PayloadError::Kind {
                expected: P::KIND,
                actual: self.kind,
            });
        }
        let (payload, rest) = postcard::take_from_bytes::<P>(&self.payload)
            .map_err(|_| PayloadError::Malformed { kind: self.kind })?;
        match rest.is_empty() && payload.is_valid() {
            true => Ok(payload),
            false => Err(PayloadError::Malformed { kind: self.kind }),
        }
    }
}

/// The reason why an intact frame has no payload of the requested type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// The frame is of another kind.
    Kind {
        /// The requested kind.
        expected: Kind,
        /// The kind of the frame.
        actual: Kind,
    },
    /// This version does not write such bytes.
    Malformed {
        /// The frame's kind.
        kind: Kind,
    },
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { expected, actual } => {
                write!(f, "frame carries {actual:?}, expected {expected:?}")
            }
            Self::Malformed { kind } => write!(f, "payload is no valid {kind:?}"),
        }
    }
}

impl core::error::Error for PayloadError {}
