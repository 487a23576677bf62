//! A stream of samples: its description, and blocks of samples.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::payload::Payload;

/// Maximum number of channels of a stream.
pub const MAX_CHANNELS: usize = 16;

/// Maximum number of values in a block: channels times samples.
pub const MAX_VALUES: usize = 160;

/// The highest rate of a stream, in thousandths of a hertz.
pub const MAX_RATE_MHZ: u32 = 100_000_000;

/// The device and its channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Identifies the device: a serial number, padded with zeros.
    pub device: [u8; 16],
    /// The device's name for people.
    pub name: String<32>,
    /// Samples per second and channel, in thousandths of a hertz,
    /// `1..=`[`MAX_RATE_MHZ`]; by the device's clock.
    pub rate_mhz: u32,
    /// The channels, in the order of the values in a sample.
    pub channels: Vec<Channel, MAX_CHANNELS>,
}

/// One axis of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, such as `acc-x`.
    pub name: String<12>,
    /// The unit of `scale`, as UCUM writes it: `m/s2`, `rad/s`, `uT`, `Pa`.
    pub unit: String<8>,
    /// The value of one count, finite and not 0.
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
    /// Counts the starts of the stream. Samples of different epochs are not contiguous.
    pub epoch: u16,
    /// The number of the first sample since the device started. The device also counts samples
    /// that it took and dropped, so a jump is a gap.
    pub first: u64,
    /// Time of the first sample, by the device's clock, in microseconds; the others follow at the
    /// stream's rate.
    pub time_us: u64,
    /// Number of values in a sample, `1..=`[`MAX_CHANNELS`].
    pub channels: u8,
    /// The values, sample by sample; at least one sample.
    pub values: Vec<i16, MAX_VALUES>,
}

impl Samples {
    /// Number of samples.
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
