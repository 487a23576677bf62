//! Frames between a microcontroller and Afield, over a serial line that loses,
//! repeats and garbles bytes.
//!
//! A [`Frame`] is a kind, a sequence number, the device's time and a payload of
//! opaque bytes. [`Frame::encode`] writes it as one COBS block that ends in
//! 0x00; a [`Decoder`] is fed bytes as they come and yields frames whose CRC
//! held. `WIRE.md` gives the layout byte by byte.
//!
//! This crate runs on the device and on the host: no std, no allocation. It
//! opens no port, repeats no lost frame and does not look into payloads.
//!
//! ```
//! use firmware_bridge::{Decoder, Frame, Kind};
//!
//! let sent = Frame::<16>::new(Kind::Samples, 7, 1_000_000, &[0, 1, 0, 255])?;
//! let mut wire = [0; Frame::<16>::MAX_ENCODED];
//! let length = sent.encode(&mut wire)?;
//!
//! let mut decoder = Decoder::<16>::new();
//! let mut received = None;
//! for &byte in &wire[..length] {
//!     received = decoder.push(byte);
//! }
//! assert_eq!(received, Some(Ok(sent)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cobs;
mod crc;
mod decoder;
mod frame;

pub use decoder::{DecodeError, Decoder};
pub use frame::{EncodeError, Frame, Kind, VERSION};
