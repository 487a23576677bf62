//! What stands between a frame's header and its CRC: postcard of the type that
//! the frame's kind names.
//!
//! Reading checks what the types alone cannot (a rate of 0, a block whose values
//! do not divide by its channels), so that a payload that exists makes sense.

use core::fmt;

use heapless::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{EncodeError, Frame, Kind};

/// The most bytes of payload that a frame from the device has.
pub const MAX_PAYLOAD: usize = 512;

/// The most bytes of payload that a frame from the host has.
pub const MAX_REQUEST: usize = 96;

/// A type that travels in frames of one kind.
pub trait Payload: Serialize + DeserializeOwned {
    /// That kind.
    const KIND: Kind;

    /// Whether the values make sense together.
    fn is_valid(&self) -> bool {
        true
    }
}

impl<const N: usize> Frame<N> {
    /// A frame around `payload`.
    ///
    /// # Errors
    /// [`EncodeError::Payload`] when it takes more than `N` bytes.
    pub fn carrying<P: Payload>(
        sequence: u16,
        time_us: u64,
        payload: &P,
    ) -> Result<Self, EncodeError> {
        let mut bytes = Vec::<u8, N>::new();
        // The whole room, to be written into and then cut.
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

    /// What the frame carries.
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

/// Why an intact frame does not hold what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// The frame is of another kind.
    Kind {
        /// The kind asked for.
        expected: Kind,
        /// The frame's.
        actual: Kind,
    },
    /// The bytes are none that this version writes.
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
