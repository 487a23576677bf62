//! The front end of backbones that read sensors: which channels, in which units, on
//! which scale. Part of a card, and so of every learner's contract: what numbers are
//! divided by never follows what is measured.

use serde::{Deserialize, Serialize};

use crate::signal::{Channel, Unit};

/// A front end for samples of several channels. A frame is one sample of all of them
/// at the card's rate, each `(x - mean) / deviation` in the unit stated here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sensor {
    /// Seconds over which gravity, the slow part of every acceleration, is averaged
    /// to be taken away; kept where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gravity_seconds: Option<f64>,
    /// The channels of a frame, in this order.
    pub channels: Vec<SensorChannel>,
}

/// One channel of a [`Sensor`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SensorChannel {
    /// What a source calls it.
    pub name: String,
    /// What the backbone was trained on; sources in other units are converted.
    pub unit: Unit,
    /// Taken away from each number, in `unit`.
    pub mean: f32,
    /// What it is then divided by, in `unit`.
    pub deviation: f32,
}

impl Sensor {
    /// The channels as a source would state them.
    pub fn stated(&self) -> Vec<Channel> {
        let state = |c: &SensorChannel| Channel::new(c.name.clone(), c.unit.clone()).ok();
        self.channels.iter().filter_map(state).collect()
    }
}
