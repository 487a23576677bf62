//! The frame and how it is written.
//!
//! Reading is [`crate::Decoder`]'s: it alone makes frames out of bytes, and
//! only when their CRC held.

use core::fmt;

use heapless::Vec;

use crate::cobs::{self, Stuffer};
use crate::crc::Crc;

/// The version of the layout, first byte of every frame.
pub const VERSION: u8 = 1;

/// Bytes before the payload: version, kind, sequence, time.
pub(crate) const HEADER: usize = 12;
/// Bytes after the payload: the CRC.
pub(crate) const TRAILER: usize = 4;

/// One message with up to `N` bytes of payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<const N: usize> {
    /// What the payload is.
    pub kind: Kind,
    /// Counts the sender's frames, from 65,535 on to 0: a jump is a loss.
    pub sequence: u16,
    /// The sender's clock, in microseconds since it started.
    pub time_us: u64,
    /// Bytes whose meaning the kind decides.
    pub payload: Vec<u8, N>,
}

impl<const N: usize> Frame<N> {
    /// The most bytes that a frame takes on the wire, its final 0 included.
    pub const MAX_ENCODED: usize = cobs::max_encoded(HEADER + N + TRAILER);

    /// A frame that carries `payload`.
    ///
    /// # Errors
    /// [`EncodeError::Payload`] for more than `N` bytes.
    pub fn new(
        kind: Kind,
        sequence: u16,
        time_us: u64,
        payload: &[u8],
    ) -> Result<Self, EncodeError> {
        let too_long = EncodeError::Payload {
            limit: N,
            actual: payload.len(),
        };
        Ok(Self {
            kind,
            sequence,
            time_us,
            payload: Vec::from_slice(payload).map_err(|_| too_long)?,
        })
    }

    /// Writes the frame to the start of `out`, its final 0 included, and
    /// returns how many bytes that took: at most [`Self::MAX_ENCODED`].
    ///
    /// # Errors
    /// [`EncodeError::Buffer`] when `out` is too short; what is in it then is
    /// no frame.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let too_short = EncodeError::Buffer {
            actual: out.len(),
            enough: Self::MAX_ENCODED,
        };
        self.write(out).ok_or(too_short)
    }

    fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut stuffer = Stuffer::new(out);
        let mut crc = Crc::new();
        let head = [VERSION, self.kind as u8];
        let body = head
            .into_iter()
            .chain(self.sequence.to_le_bytes())
            .chain(self.time_us.to_le_bytes())
            .chain(self.payload.iter().copied());
        for byte in body {
            crc.push(byte);
            stuffer.push(byte)?;
        }
        for byte in crc.value().to_le_bytes() {
            stuffer.push(byte)?;
        }
        stuffer.finish()
    }
}

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Device to host: what the samples that follow are.
    StreamInfo = 1,
    /// Device to host: samples.
    Samples = 2,
    /// Host to device: do something.
    Command = 3,
    /// Device to host: a command came in. The first bytes after a reset are
    /// easily lost, so a host repeats a command until then.
    Acknowledge = 4,
    /// Device to host: how it fares.
    Status = 5,
    /// Device to host: what its own head made of a window.
    Window = 6,
    /// Device to host: a piece of what its own head has learned.
    State = 7,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::StreamInfo,
            2 => Self::Samples,
            3 => Self::Command,
            4 => Self::Acknowledge,
            5 => Self::Status,
            6 => Self::Window,
            7 => Self::State,
            _ => return None,
        })
    }
}

/// Why a frame could not be made or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload is too long for the frame.
    Payload {
        /// The most bytes that it holds.
        limit: usize,
        /// Bytes of payload.
        actual: usize,
    },
    /// The buffer is too short for the frame.
    Buffer {
        /// Its length.
        actual: usize,
        /// A length that suffices for every frame.
        enough: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload { limit, actual } => {
                write!(f, "payload of {actual} bytes exceeds the frame's {limit}")
            }
            Self::Buffer { actual, enough } => write!(
                f,
                "buffer of {actual} bytes is too short for the frame; {enough} always suffice"
            ),
        }
    }
}

impl core::error::Error for EncodeError {}
