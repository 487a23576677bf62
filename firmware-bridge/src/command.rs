//! Commands from a host to a device, and their acknowledgements.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// A numbered command. Repetitions keep the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The number. The host counts up; 0 follows 65,535.
    pub id: u16,
    /// The command.
    pub command: Command,
}

impl Payload for Request {
    const KIND: Kind = Kind::Command;
}

/// The commands of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Command {
    /// Send a [`StreamInfo`](crate::StreamInfo), and forget the number of the last request,
    /// because a new host may start its own count.
    Identify,
    /// Begin an epoch of samples.
    Start,
    /// Send no more samples.
    Stop,
    /// Use this sampling rate from the next start on.
    SetRate {
        /// In thousandths of a hertz.
        rate_mhz: u32,
    },
    /// Show the host's decision.
    Show {
        /// The decided label, or a label that a person is asked to confirm.
        label: String<64>,
        /// Its probability in percent, `0..=100`.
        percent: u8,
    },
    /// Send a [`Status`](crate::Status).
    ReportStatus,
    /// Teach the head on the device: the current movement belongs to this class.
    Learn {
        /// A known class, or the number of classes for a new one.
        class: u8,
    },
    /// Send the learned statistic of the head on the device, as [`State`](crate::State).
    Export,
}

impl Command {
    /// The command to show `label`, truncated to fit, and a probability in percent.
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

/// The acknowledgement of a request, with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The request's number.
    pub id: u16,
    /// The outcome.
    pub outcome: Outcome,
}

impl Payload for Acknowledge {
    const KIND: Kind = Kind::Acknowledge;
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// The device carried out the command.
    Done,
    /// The device cannot carry out the command with this value.
    Refused,
    /// The device does not know this command.
    Unsupported,
}
