//! The front end of backbones for sensors: the channels, their units and their scales. It is
//! part of a card, and so of every learner's contract. The divisors never follow the signal.

use serde::{Deserialize, Serialize};

use crate::signal::{Channel, Unit};

/// A front end for samples of several channels. A frame is one sample of all channels at the
/// card's rate. Each value is `(x - mean) / deviation` in the unit of its channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sensor {
    /// Averaging time in seconds of the gravity filter. Gravity, the slow part of every
    /// acceleration, is subtracted. If absent, gravity is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gravity_seconds: Option<f64>,
    /// The channels of a frame, in this order.
    pub(crate) channels: Vec<SensorChannel>,
}

/// One channel of a [`Sensor`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SensorChannel {
    /// The name of the channel in a source.
    pub(crate) name: String,
    /// The unit that the backbone was trained on; sources in other units are converted.
    pub(crate) unit: Unit,
    /// Subtracted from each value, in `unit`.
    pub(crate) mean: f32,
    /// Divisor after the subtraction, in `unit`.
    pub(crate) deviation: f32,
}

impl Sensor {
    /// The channels, with their names and units.
    pub fn stated(&self) -> Vec<Channel> {
        let state = |c: &SensorChannel| Channel::new(c.name.clone(), c.unit.clone()).ok();
        self.channels.iter().filter_map(state).collect()
    }
}
