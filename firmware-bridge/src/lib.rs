//! Frames between a microcontroller and Afield, over a serial line that may lose, repeat or damage
//! bytes.
//!
//! A [`Frame`] has a kind, a sequence number, the sender's time and a payload. [`Sender`] writes
//! payloads as COBS blocks that end in 0x00. A [`Receiver`] takes bytes as they arrive, yields
//! each frame with a correct CRC, and counts everything else. Payloads are encoded with postcard:
//! the description of a stream ([`StreamInfo`]), blocks of samples ([`Samples`]), a [`Request`]
//! and its answer. `WIRE.md` specifies every byte.
//!
//! For the device there are a [`SampleQueue`] between the interrupt that samples and the loop that
//! sends, [`Blocks`], and [`Answers`]. For the host there is [`Requests`].
//!
//! No std, no allocation. This crate opens no port, reads no clock and does not resend lost
//! samples.
//!
//! ```
//! use firmware_bridge::{Acknowledge, MAX_PAYLOAD, Outcome, Receiver, Sender};
//!
//! let answer = Acknowledge { id: 7, outcome: Outcome::Done };
//! let mut wire = [0; 64];
//! let length = Sender::<MAX_PAYLOAD>::new().write(1_000_000, &answer, &mut wire)?;
//!
//! let mut receiver = Receiver::<MAX_PAYLOAD>::new();
//! let received = wire[..length].iter().find_map(|&byte| receiver.push(byte));
//! let frame = received.expect("a whole frame")?;
//! assert_eq!(frame.time_us, 1_000_000);
//! assert_eq!(frame.read::<Acknowledge>()?, answer);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod blocks;
mod cobs;
mod command;
mod crc;
mod decoder;
mod frame;
mod payload;
mod queue;
mod receiver;
mod request;
mod sender;
mod status;
mod stream;

pub use blocks::Blocks;
pub use command::{Acknowledge, Command, Outcome, Request};
pub use decoder::{DecodeError, Decoder};
pub use frame::{EncodeError, Frame, Kind, VERSION};
pub use payload::{MAX_PAYLOAD, MAX_REQUEST, Payload, PayloadError};
pub use queue::{Sample, SampleConsumer, SampleProducer, SampleQueue};
pub use receiver::{Counts, Receiver};
pub use request::{Answers, Requests};
pub use sender::Sender;
pub use status::{MAX_CLASSES, MAX_FEATURES, State, Status, Window};
pub use stream::{Channel, MAX_CHANNELS, MAX_RATE_MHZ, MAX_VALUES, Samples, StreamInfo};
