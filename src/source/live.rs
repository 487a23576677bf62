//! Live sources: devices that send until they are stopped.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Source;

/// If a device sends nothing for this time, its source returns an empty chunk, so that the caller
/// is not blocked.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two attempts to open a lost device.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A source that is a device: it sends without end and may lose samples, which it counts.
pub trait LiveSource: Source {
    /// The name, channels and rate of the device, in one line for people.
    fn introduction(&self) -> String;

    /// Its health: connection, losses and latency.
    fn health(&self) -> Health;

    /// All counts of the device, in one line for people.
    fn report(&self) -> String;

    /// Shows a decision and its probability in percent on the device, if it has a display.
    fn show(&self, _label: &str, _percent: u8) {}
}

/// The health of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it is connected and sends.
    pub connected: bool,
    /// Samples that are known to be lost, for any reason.
    pub lost_samples: u64,
    /// Number of overflows of the system's buffer, each of which loses an unknown number of
    /// samples; `None` for a device that counts its own losses.
    pub overruns: Option<u64>,
    /// Sum of all losses and faults; it grows with each of them.
    pub troubles: u64,
    /// Median of the latest latencies, in microseconds.
    pub latency_us: u64,
}

/// The drift of a clock, in words for people.
pub(super) fn drift(ppm: Option<f64>) -> String {
    match ppm {
        Some(ppm) => format!("{ppm:+.0} ppm"),
        None => "unknown yet".to_owned(),
    }
}
