//! The rate and columns of sensor data, if the data do not state them.

use super::ChannelChoice;
use crate::signal::{Channel, SampleRate};

/// Names of columns that hold times, in lower case.
const TIMES: [&str; 4] = ["time", "t", "timestamp", "seconds"];

/// The format of sensor data. By default, the data state it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SensorFormat {
    /// Samples per second, instead of what the data state.
    pub rate: Option<SampleRate>,
    /// Columns to use as channels, in this order. Each is `COLUMN`, `COLUMN [UNIT]` or
    /// `CHANNEL=COLUMN [UNIT]`. If empty, all columns except the time are used.
    pub columns: Vec<String>,
    /// The channel of a sound file of several channels.
    pub channel: ChannelChoice,
}

/// Where the channels are in a row.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<usize>,
    pub(super) channels: Vec<Channel>,
    /// The column of the time, and the number of seconds in its unit.
    pub(super) time: Option<(usize, f64)>,
}

impl SensorFormat {
    /// The layout of rows with this head, or the reason why it cannot be used.
    pub(super) fn layout(&self, head: &[&str]) -> Result<Layout, String> {
        let parse = |text: &&str| Channel::parse(text).map_err(|e| e.to_string());
        let found: Vec<Result<Channel, String>> = head.iter().map(parse).collect();
        let place = |name: &str| {
            found
                .iter()
                .position(|c| c.as_ref().is_ok_and(|c| c.name() == name))
        };
        let is_time =
            |channel: &Channel| TIMES.iter().any(|t| channel.name().eq_ignore_ascii_case(t));
        let time = found
            .iter()
            .enumerate()
            .find_map(|(column, c)| c.as_ref().ok().filter(|c| is_time(c)).map(|c| (column, c)));
        let time = match time {
            Some((column, channel)) => Some((column, seconds(channel)?)),
            None => None,
        };
        let (mut columns, mut channels) = (Vec::new(), Vec::new());
        if self.columns.is_empty() {
            for (column, channel) in found.iter().enumerate() {
                if time.is_some_and(|(at, _)| at == column) {
                    continue;
                }
                columns.push(column);
                channels.push(channel.clone()?);
            }
        }
        for asked in &self.columns {
            let (name, asked) = match asked.split_once('=') {
                Some((name, column)) => (Some(name.trim()), column),
                None => (None, asked.as_str()),
            };
            let asked = Channel::parse(asked).map_err(|e| e.to_string())?;
            let Some(column) = place(asked.name()) else {
                return Err(format!("it has no column {:?}", asked.name()));
            };
            // The unit that the caller asked for overrides the unit of the head.
            let stated = found.get(column).and_then(|c| c.as_ref().ok());
            let unit = match (asked.unit().as_str(), stated) {
                ("", Some(stated)) => stated.unit().clone(),
                _ => asked.unit().clone(),
            };
            let name = name.unwrap_or(asked.name());
            columns.push(column);
            channels.push(Channel::new(name, unit).map_err(|e| e.to_string())?);
        }
        for (index, channel) in channels.iter().enumerate() {
            if channels
                .iter()
                .take(index)
                .any(|c| c.name() == channel.name())
            {
                return Err(format!("two columns are called {:?}", channel.name()));
            }
        }
        match channels.len() {
            1..=Channel::MAX_COUNT => Ok(Layout {
                columns,
                channels,
                time,
            }),
            0 => Err("it has no column of values".to_owned()),
            n => Err(format!(
                "it has {n} channels, {} at most",
                Channel::MAX_COUNT
            )),
        }
    }
}

/// The number of seconds in the unit of a time column.
fn seconds(time: &Channel) -> Result<f64, String> {
    match time.unit().as_str() {
        "" | "s" => Ok(1.0),
        "ms" => Ok(1e-3),
        "us" | "µs" | "μs" => Ok(1e-6),
        "ns" => Ok(1e-9),
        other => Err(format!(
            "its times are in {other:?}, not in s, ms, us or ns"
        )),
    }
}
