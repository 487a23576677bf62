//! How a device fares, and what its head says.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// What the device has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether samples are being sent.
    pub running: bool,
    /// The present epoch.
    pub epoch: u16,
    /// Samples taken, dropped ones included.
    pub samples: u64,
    /// Samples for which the queue had no room.
    pub dropped: u64,
    /// The most samples that waited in the queue.
    pub queue_most: u16,
    /// Frames sent.
    pub frames_sent: u32,
    /// Frames received, repeated ones included.
    pub frames_received: u32,
    /// Frames from the host that were damaged or made no sense.
    pub frames_bad: u32,
    /// Bytes from the host for which there was no room.
    pub bytes_dropped: u32,
    /// Examples that the head on the device has learned.
    pub learned: u32,
}

impl Payload for Status {
    const KIND: Kind = Kind::Status;
}

/// The most features of an example of the head on the device.
pub const MAX_FEATURES: usize = 32;

/// The most classes of the head on the device.
pub const MAX_CLASSES: usize = 8;

/// One window as the head on the device saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Number of the first sample of the window.
    pub first: u64,
    /// When its last sample was taken, by the device's clock, in microseconds.
    pub time_us: u64,
    /// The class that it was taught as, if it was.
    pub taught: Option<u8>,
    /// What the window became.
    pub features: Vec<i16, MAX_FEATURES>,
    /// The score of each class by nearest class mean, in nats up to a common
    /// amount, as of before the window was taught.
    pub ncm: Vec<f32, MAX_CLASSES>,
    /// The same by linear discriminant analysis.
    pub lda: Vec<f32, MAX_CLASSES>,
}

impl Payload for Window {
    const KIND: Kind = Kind::Window;
}

/// A piece of what the head on the device has learned, in the format in which
/// Afield saves an exact statistic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Bytes of the whole.
    pub total: u32,
    /// Where this piece begins.
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
