//! What a host asks of a device, and the answer.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// A command under a number, which its repetitions keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The number; the host counts, from 65,535 on to 0.
    pub id: u16,
    /// What to do.
    pub command: Command,
}

impl Payload for Request {
    const KIND: Kind = Kind::Command;
}

/// What a device can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Command {
    /// Send a [`StreamInfo`](crate::StreamInfo), and forget the number of the
    /// last request: a new host may be counting.
    Identify,
    /// Begin an epoch of samples.
    Start,
    /// Send no more samples.
    Stop,
    /// Sample that often from the next start on.
    SetRate {
        /// In thousandths of a hertz.
        rate_mhz: u32,
    },
    /// Show what the host concluded.
    Show {
        /// The decision, or a label that a person is asked to confirm.
        label: String<64>,
        /// How probable it is, in percent, `0..=100`.
        percent: u8,
    },
    /// Send a [`Status`](crate::Status).
    ReportStatus,
    /// Teach the head on the device: what moves right now is of that class.
    Learn {
        /// A class it knows, or the number of classes for a new one.
        class: u8,
    },
    /// Send what the head on the device has learned, as
    /// [`State`](crate::State).
    Export,
}

impl Command {
    /// The command to show `label`, cut to what fits, and a probability in percent.
    pub fn show(label: &str, percent: u8) -> Self {
        let mut cut = String::new();
        for letter in label.chars() {
            if cut.push(letter).is_err() {
                break;
            }
        }
        Self::Show {
            label: cut,
            percent: percent.min(100),
        }
    }
}

/// That a request came in, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The request's number.
    pub id: u16,
    /// What became of it.
    pub outcome: Outcome,
}

impl Payload for Acknowledge {
    const KIND: Kind = Kind::Acknowledge;
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// The device cannot do it with this value.
    Refused,
    /// The device does not know this command.
    Unsupported,
}
