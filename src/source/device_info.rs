//! The information that a device on a serial line reports: its channels, its rate and its counts.

use firmware_bridge::{Status, StreamInfo};

/// The description of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceInfo {
    /// Its name, for people.
    pub name: String,
    /// Its serial number, padded with zeros.
    pub id: [u8; 16],
    /// Samples per second and channel, measured by the device's clock.
    pub hz: f64,
    /// The channels, in the order in which a sample has them.
    pub channels: Vec<DeviceChannel>,
}

/// One channel of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceChannel {
    /// Its name, such as `acc-x`.
    pub name: String,
    /// The unit of `scale`, as UCUM writes it: `m/s2`, `rad/s`, `uT`, `Pa`.
    pub unit: String,
    /// The value of one count, finite and not 0.
    pub scale: f32,
}

/// Counts that a device keeps since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Samples taken, dropped ones included.
    pub samples: u64,
    /// Samples that did not fit into its queue.
    pub dropped: u64,
    /// Frames from the host that were damaged or invalid.
    pub frames_bad: u32,
    /// Bytes from the host that did not fit into its buffer.
    pub bytes_dropped: u32,
}

impl DeviceCounts {
    pub(super) fn of(status: &Status) -> Self {
        Self {
            samples: status.samples,
            dropped: status.dropped,
            frames_bad: status.frames_bad,
            bytes_dropped: status.bytes_dropped,
        }
    }
}

impl DeviceInfo {
    pub(super) fn of(info: &StreamInfo) -> Self {
        let channel = |channel: &firmware_bridge::Channel| DeviceChannel {
            name: channel.name.as_str().to_owned(),
            unit: channel.unit.as_str().to_owned(),
            scale: channel.scale,
        };
        Self {
            name: info.name.as_str().to_owned(),
            id: info.device,
            hz: f64::from(info.rate_mhz) / 1_000.0,
            channels: info.channels.iter().map(channel).collect(),
        }
    }

    /// The names of the channels, and the rate.
    pub(super) fn summary(&self) -> String {
        let names: Vec<&str> = self.channels.iter().map(|c| c.name.as_str()).collect();
        format!("{} at {} Hz", names.join(", "), self.hz)
    }
}
