//! Decodes bytes into frames. After damaged bytes it resynchronises at the next 0.
//!
//! The decoder unstuffs and computes the CRC as bytes arrive, so the end of a frame needs no
//! second pass. The caller handles gaps in the sequence numbers.

use core::{fmt, mem};

use heapless::Vec;

use crate::cobs::Unstuffer;
use crate::crc::Crc;
use crate::frame::{Frame, HEADER, Kind, TRAILER, VERSION};

/// Finds frames with up to `N` bytes of payload in a stream of bytes.
#[derive(Debug, Clone)]
pub struct Decoder<const N: usize> {
    unstuffer: Unstuffer,
    /// Whether any byte has arrived since the last 0.
    begun: bool,
    /// Body bytes since the last 0.
    body: usize,
    crc: Crc,
    header: [u8; HEADER],
    payload: Vec<u8, N>,
    /// The last four bytes, the oldest in the lowest place. At the end of a frame they are its
    /// CRC.
    tail: u32,
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Decoder<N> {
    /// A decoder in its initial state.
    pub const fn new() -> Self {
        Self {
            unstuffer: Unstuffer::new(),
            begun: false,
            body: 0,
            crc: Crc::new(),
            header: [0; HEADER],
            payload: Vec::new(),
            tail: 0,
        }
    }

    /// Takes one byte. A 0 after other bytes yields a frame, or the error in those bytes. Further
    /// 0s yield nothing.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<N>, DecodeError>> {
        if byte != 0 {
            self.begun = true;
            if let Some(byte) = self.unstuffer.push(byte) {
                self.take(byte);
            }
            return None;
        }
        let ended = mem::take(self);
        ended.begun.then(|| ended.finish())
    }

    /// Takes bytes from the front of `bytes` up to the end of a frame. Yields the frame, or the
    /// error in its bytes; the rest of `bytes` is for the next call. Returns `None` if all bytes
    /// are taken and no frame has ended.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Result<Frame<N>, DecodeError>> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if let Some(result) = self.push(byte) {
                return Some(result);
            }
        }
        None
    }

    fn take(&mut self, byte: u8) {
        // A byte may belong to the CRC until four more bytes have arrived.
        let [settled, ..] = self.tail.to_le_bytes();
        self.tail = self.tail >> 8 | u32::from(byte) << 24;
        if let Some(at) = self.body.checked_sub(TRAILER) {
            self.crc.push(settled);
            match self.header.get_mut(at) {
                Some(place) => *place = settled,
                // Bytes beyond N are dropped; `finish` detects this from `body`.
                None => {
                    let _ = self.payload.push(settled);
                }
            }
        }
        self.body = self.body.saturating_add(1);
    }

    fn finish(self) -> Result<Frame<N>, DecodeError> {
        let limit = HEADER + N + TRAILER;
        if self.body > limit {
            return Err(DecodeError::TooLong { limit });
        }
        let missing = self.unstuffer.finish();
        if missing > 0 {
            return Err(DecodeError::Truncated { missing });
        }
        if self.body < HEADER + TRAILER {
            return Err(DecodeError::TooShort { bytes: self.body });
        }
        let (computed, received) = (self.crc.value(), self.tail);
        if computed != received {
            return Err(DecodeError::Crc { computed, received });
        }
        let [version, kind, s0, s1, time @ ..] = self.header;
        if version != VERSION {
            return Err(DecodeError::Version { version });
        }
        Ok(Frame {
            kind: Kind::from_byte(kind).ok_or(DecodeError::Kind { kind })?,
            sequence: u16::from_le_bytes([s0, s1]),
            time_us: u64::from_le_bytes(time),
            payload: self.payload,
        })
    }
}

/// The reason why the bytes before a 0 are not a valid frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The last run announces bytes that did not arrive.
    Truncated {
        /// Number of missing bytes.
        missing: u8,
    },
    /// The bytes are shorter than a header and a CRC.
    TooShort {
        /// Bytes after unstuffing.
        bytes: usize,
    },
    /// The bytes are longer than a frame of this decoder.
    TooLong {
        /// Maximum number of bytes after unstuffing.
        limit: usize,
    },
    /// The bytes were damaged in transit.
    Crc {
        /// CRC of the received bytes.
        computed: u32,
        /// The received CRC.
        received: u32,
    },
    /// An intact frame of an unknown version.
    Version {
        /// The version.
        version: u8,
    },
    /// An intact frame of an unknown kind.
    Kind {
        /// The kind.
        kind: u8,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { missing } => write!(f, "frame lacks {missing} bytes at its end"),
            Self::TooShort { bytes } => write!(
                f,
                "frame of {bytes} bytes is shorter than {}",
                HEADER + TRAILER
            ),
            Self::TooLong { limit } => write!(f, "frame is longer than {limit} bytes"),
            Self::Crc { computed, received } => write!(
                f,
                "frame has CRC {computed:08x}, but says it is {received:08x}"
            ),
            Self::Version { version } => {
                write!(f, "frame has version {version}, expected {VERSION}")
            }
            Self::Kind { kind } => write!(f, "frame has unknown kind {kind}"),
        }
    }
}

impl core::error::Error for DecodeError {}
