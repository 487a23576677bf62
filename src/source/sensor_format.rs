//! The rate and columns of sensor data, if the data do not state them.

use super::ChannelChoice;
use super::sensor_rate::SensorRate;
use super::stamp::{TimeName, TimeUnit};
use crate::signal::{Channel, excerpt};

/// The format of sensor data. By default, the data state it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SensorFormat {
    /// Rows per second, instead of what the data state.
    pub rate: Option<SensorRate>,
    /// Columns to use as channels, in this order. Each is `COLUMN`, `COLUMN [UNIT]` or
    /// `CHANNEL=COLUMN [UNIT]`. If empty, all columns except the time are used.
    pub columns: Vec<String>,
    /// The channel of a sound file of several channels.
    pub channel: ChannelChoice,
}

/// What the first rows have in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Empty,
    Number(f64),
    /// A date with a time of day, or a time of day.
    Date,
    /// Any other text.
    Text,
}

/// Where the channels are in a row.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<usize>,
    pub(super) channels: Vec<Channel>,
    pub(super) time: Option<TimeColumn>,
    /// Columns of text, which are no channels.
    pub(super) ignored: Vec<String>,
}

/// The column of the times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TimeColumn {
    pub(super) column: usize,
    /// The unit that the head states.
    pub(super) unit: Option<TimeUnit>,
    /// Whether it is called a time stamp.
    pub(super) is_timestamp: bool,
}

impl SensorFormat {
    /// The layout of rows with this head, or the reason why it cannot be used. `cells` says what
    /// the first rows have in each column.
    pub(super) fn layout(&self, head: &[&str], cells: &[Cell]) -> Result<Layout, String> {
        let parse = |text: &&str| Channel::parse(text).map_err(|e| e.to_string());
        let found: Vec<Result<Channel, String>> = head.iter().map(parse).collect();
        let place = |name: &str| {
            let is = |same: fn(&str, &str) -> bool| {
                let mut channels = found.iter();
                channels.position(|c| c.as_ref().is_ok_and(|c| same(c.name(), name)))
            };
            is(|a, b| a == b).or_else(|| is(str::eq_ignore_ascii_case))
        };
        let time = time_column(&found, cells)?;
        let is_text = |column: usize| matches!(cells.get(column), Some(Cell::Text | Cell::Date));
        let is_value = |column: usize| time.is_none_or(|time| time.column != column);
        let has_numbers = (0..head.len())
            .any(|at| is_value(at) && matches!(cells.get(at), Some(Cell::Number(_) | Cell::Empty)));
        let mut ignored = Vec::new();
        let (mut columns, mut channels) = (Vec::new(), Vec::new());
        if self.columns.is_empty() {
            for (column, channel) in found.iter().enumerate() {
                // A column without a name, such as that of the row's number, is no channel.
                let name = head.get(column).copied().unwrap_or_default().trim();
                if !is_value(column) || name.is_empty() {
                    continue;
                }
                if is_text(column) && has_numbers {
                    ignored.push(excerpt(name));
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
                return Err(format!(
                    "it has no column {:?}; its columns are {}",
                    asked.name(),
                    excerpt(&head.join(", "))
                ));
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
                ignored,
            }),
            0 => Err("it has no column of values".to_owned()),
            n => Err(format!(
                "it has {n} channels, {} at most",
                Channel::MAX_COUNT
            )),
        }
    }
}

/// The column of the times: the one that is understood best, or the first of several.
fn time_column(
    found: &[Result<Channel, String>],
    cells: &[Cell],
) -> Result<Option<TimeColumn>, String> {
    let mut best: Option<((u8, u8), TimeColumn)> = None;
    let mut odd_unit = None;
    for (column, channel) in found.iter().enumerate() {
        let Ok(channel) = channel else { continue };
        let Some(name) = TimeName::of(channel.name()) else {
            continue;
        };
        let text = channel.unit().as_str();
        let unit = TimeUnit::parse(text);
        if unit.is_none() && !text.is_empty() {
            odd_unit.get_or_insert(text);
            continue;
        }
        let unit = unit.or(name.unit);
        let doubt = match cells.get(column) {
            Some(Cell::Text) => 2,
            Some(Cell::Number(first)) if unit.is_none() && first.abs() >= 1e11 => 1,
            _ => 0,
        };
        let is_timestamp = channel.name().to_lowercase().contains("stamp");
        let time = TimeColumn {
            column,
            unit,
            is_timestamp,
        };
        let rank = (doubt, name.rank);
        if best.is_none_or(|(known, _)| rank < known) {
            best = Some((rank, time));
        }
    }
    match (best, odd_unit) {
        (None, Some(unit)) => Err(format!("its times are in {unit:?}, not in s, ms, us or ns")),
        (best, _) => Ok(best.map(|(_, time)| time)),
    }
}
