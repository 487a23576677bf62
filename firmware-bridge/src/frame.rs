//! The frame and its encoding.
//!
//! [`crate::Decoder`] does the decoding. It alone creates frames from bytes, and only if their CRC
//! is correct.

use core::fmt;

use heapless::Vec;

use crate::cobs::{self, Stuffer};
use crate::crc::Crc;

/// The version of the layout. It is the first byte of every frame.
pub const VERSION: u8 = 1;

/// Bytes before the payload: version, kind, sequence, time.
pub(crate) const HEADER: usize = 12;
/// Bytes after the payload: the CRC.
pub(crate) const TRAILER: usize = 4;

/// One message with up to `N` bytes of payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<const N: usize> {
    /// The kind of the payload.
    pub kind: Kind,
    /// Counts the sender's frames; 0 follows 65,535. A jump means lost frames.
    pub sequence: u16,
    /// The sender's clock, in microseconds since it started.
    pub time_us: u64,
    /// The payload. The kind defines its meaning.
    pub payload: Vec<u8, N>,
}

impl<const N: usize> Frame<N> {
    /// Maximum length of an encoded frame, including its final 0.
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

    /// Writes the frame, including its final 0, to the start of `out`. Returns the number of bytes
    /// written, at most [`Self::MAX_ENCODED`].
    ///
    /// # Errors
    /// [`EncodeError::Buffer`] if `out` is too short. `out` then contains no valid frame.
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

/// The kind of a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Device to host: a description of the sample stream.
    StreamInfo = 1,
    /// Device to host: samples.
    Samples = 2,
    /// Host to device: a command.
    Command = 3,
    /// Device to host: the acknowledgement of a command. The first bytes after a reset are easily
    /// lost, so a host repeats a command until it is acknowledged.
    Acknowledge = 4,
    /// Device to host: its status.
    Status = 5,
    /// Device to host: the result of its own head for a window.
    Window = 6,
    /// Device to host: a piece of the learned statistic of its own head.
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

/// The reason why a frame could not be created or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload is too long for the frame.
    Payload {
        /// Maximum length of the payload.
        limit: usize,
        /// Length of the payload.
        actual: usize,
    },
    /// The buffer is too short for the frame.
    Buffer {
        /// Length of the buffer.
        actual: usize,
        /// A length that is enough for every frame.
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
