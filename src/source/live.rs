//! What sources share that go on until they are stopped: devices.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Source;

/// After so long without samples a device's source hands out an empty chunk, so that its caller
/// can look to other things.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How often a device that is gone is looked for.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A device, which sends without end, loses samples and says how many.
pub trait LiveSource: Source {
    /// What it is, in a few words.
    fn introduction(&self) -> String;

    /// How it fares.
    fn health(&self) -> Health;

    /// All that is known of how it fares, in a line for people.
    fn account(&self) -> String;

    /// Has the device show a decision and its probability in percent, where it can.
    fn show(&self, _label: &str, _percent: u8) {}
}

/// How a device fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it is there and sends.
    pub connected: bool,
    /// Samples that are known to have been lost, for whatever reason.
    pub lost_samples: u64,
    /// Times that the system's buffer overflowed before we came to it, which loses samples that
    /// nobody counts; `None` of a device that counts its own.
    pub overruns: Option<u64>,
    /// All that went wrong, counted together: it grows whenever something does.
    pub troubles: u64,
    /// Median of the latest latencies, in microseconds.
    pub latency_us: u64,
}

/// A clock's drift, for people.
pub(super) fn drift(ppm: Option<f64>) -> String {
    match ppm {
        Some(ppm) => format!("{ppm:+.0} ppm"),
        None => "unknown yet".to_owned(),
    }
}
