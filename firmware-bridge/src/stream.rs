//! A stream of samples: what it is, and a block of it.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// The most channels of a stream.
pub const MAX_CHANNELS: usize = 16;

/// The most values of a block: channels times samples.
pub const MAX_VALUES: usize = 160;

/// The highest rate of a stream, in thousandths of a hertz.
pub const MAX_RATE_MHZ: u32 = 100_000_000;

/// Who samples what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Tells devices apart: a serial number, padded with zeros.
    pub device: [u8; 16],
    /// What a person calls the device.
    pub name: String<32>,
    /// Samples per second and channel, in thousandths of a hertz,
    /// `1..=`[`MAX_RATE_MHZ`]; by the device's clock.
    pub rate_mhz: u32,
    /// The channels, in the order in which a sample has them.
    pub channels: Vec<Channel, MAX_CHANNELS>,
}

/// One axis of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, such as `acc-x`.
    pub name: String<12>,
    /// The unit of `scale`, as UCUM writes it: `m/s2`, `rad/s`, `uT`, `Pa`.
    pub unit: String<8>,
    /// What one count is worth, finite and not 0.
    pub scale: f32,
}

impl Payload for StreamInfo {
    const KIND: Kind = Kind::StreamInfo;

    fn is_valid(&self) -> bool {
        (1..=MAX_RATE_MHZ).contains(&self.rate_mhz)
            && !self.channels.is_empty()
            && (self.channels.iter()).all(|c| c.scale.is_finite() && c.scale != 0.0)
    }
}

/// Consecutive samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Counts the starts of the stream: samples of two epochs do not join.
    pub epoch: u16,
    /// The first sample's number, counted since the device started, those
    /// included that the device took and had to drop: a jump is a gap.
    pub first: u64,
    /// When the first sample was taken, by the device's clock, in microseconds;
    /// the others follow at the stream's rate.
    pub time_us: u64,
    /// Values of a sample, `1..=`[`MAX_CHANNELS`].
    pub channels: u8,
    /// Counts, sample by sample; at least one sample.
    pub values: Vec<i16, MAX_VALUES>,
}

impl Samples {
    /// How many samples there are.
    pub fn count(&self) -> usize {
        self.values.len() / usize::from(self.channels).max(1)
    }
}

impl Payload for Samples {
    const KIND: Kind = Kind::Samples;

    fn is_valid(&self) -> bool {
        let channels = usize::from(self.channels);
        (1..=MAX_CHANNELS).contains(&channels)
            && !self.values.is_empty()
            && self.values.len().is_multiple_of(channels)
            && self.first.checked_add(self.values.len() as u64).is_some()
    }
}
