//! Bytes in, frames out, back in step after any garbage at the next 0.
//!
//! The decoder unstuffs and sums while bytes come in, so the end of a frame
//! costs no pass over it. Gaps in the sequence are for the caller to judge.

use core::{fmt, mem};

use heapless::Vec;

use crate::cobs::Unstuffer;
use crate::crc::Crc;
use crate::frame::{Frame, HEADER, Kind, TRAILER, VERSION};

/// Finds frames with up to `N` bytes of payload in a stream of bytes.
#[derive(Debug, Clone)]
pub struct Decoder<const N: usize> {
    unstuffer: Unstuffer,
    /// Whether any byte has come since the last 0.
    begun: bool,
    /// Body bytes since the last 0.
    body: usize,
    crc: Crc,
    header: [u8; HEADER],
    payload: Vec<u8, N>,
    /// The latest bytes, oldest lowest: at the end of a frame, its CRC.
    tail: u32,
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Decoder<N> {
    /// A decoder that has seen nothing.
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

    /// Takes one byte; a 0 that ends something yields a frame, or why what it
    /// ended is none. Any number of further 0s yields nothing.
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

    /// Takes bytes off the front of `bytes` up to the end of a frame, and yields
    /// it, or why it is none; what remains is for the next call. `None` when all
    /// bytes are taken and no frame has ended.
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
        // A byte belongs to the CRC until as many have come after it.
        let [settled, ..] = self.tail.to_le_bytes();
        self.tail = self.tail >> 8 | u32::from(byte) << 24;
        if let Some(at) = self.body.checked_sub(TRAILER) {
            self.crc.push(settled);
            match self.header.get_mut(at) {
                Some(place) => *place = settled,
                // Beyond N bytes nothing is kept; `finish` sees it by `body`.
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

/// Why the bytes before a 0 are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The last run announces bytes that did not come.
    Truncated {
        /// How many.
        missing: u8,
    },
    /// Less than a header and a CRC.
    TooShort {
        /// Bytes after unstuffing.
        bytes: usize,
    },
    /// More than this decoder's frames hold.
    TooLong {
        /// The most bytes, after unstuffing.
        limit: usize,
    },
    /// The bytes are not those that were sent.
    Crc {
        /// CRC of what came.
        computed: u32,
        /// The CRC that came with it.
        received: u32,
    },
    /// An intact frame of a version that this crate does not know.
    Version {
        /// That version.
        version: u8,
    },
    /// An intact frame of a kind that this crate does not know.
    Kind {
        /// That kind.
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
