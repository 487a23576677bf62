//! The status of a device, and the results of its head.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// The counters of the device since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether samples are being sent.
    pub running: bool,
    /// The current epoch.
    pub epoch: u16,
    /// Samples taken, including dropped ones.
    pub samples: u64,
    /// Samples for which the queue had no room.
    pub dropped: u64,
    /// The maximum number of samples that waited in the queue.
    pub queue_most: u16,
    /// Frames sent.
    pub frames_sent: u32,
    /// Frames received, including repeated ones.
    pub frames_received: u32,
    /// Frames from the host that were damaged or invalid.
    pub frames_bad: u32,
    /// Bytes from the host for which there was no room.
    pub bytes_dropped: u32,
    /// Examples that the head on the device has learned.
    pub learned: u32,
}

impl Payload for Status {
    const KIND: Kind = Kind::Status;
}

/// Maximum number of features of an example of the head on the device.
pub const MAX_FEATURES: usize = 32;

/// Maximum number of classes of the head on the device.
pub const MAX_CLASSES: usize = 8;

/// The result of the head on the device for one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Number of the first sample of the window.
    pub first: u64,
    /// Time of the window's last sample, by the device's clock, in microseconds.
    pub time_us: u64,
    /// The class as which the window was taught, if it was taught.
    pub taught: Option<u8>,
    /// The features of the window.
    pub features: Vec<i16, MAX_FEATURES>,
    /// The score of each class by nearest class mean, in nats up to a common constant, before the
    /// window was taught.
    pub ncm: Vec<f32, MAX_CLASSES>,
    /// As `ncm`, by linear discriminant analysis.
    pub lda: Vec<f32, MAX_CLASSES>,
}

impl Payload for Window {
    const KIND: Kind = Kind::Window;
}

/// A piece of the learned statistic of the head on the device. The format is the one in which
/// Afield saves an exact statistic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Total number of bytes.
    pub total: u32,
    /// Offset of this piece.
    pub offset: u32,
    /// The piece.
    pub bytes: Vec<u8, 256>,
}

impl Payload for State {
    const KIND: Kind = Kind::State;

    fn is_valid(&self) -> bool {
        let end = (self.offset as usize).checked_add(self.bytes.len());
        end.is_some_and(|end| end <= self.total as usize)
    }
}
