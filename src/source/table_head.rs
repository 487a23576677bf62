//! The head of a table: found among the first lines, which may begin with comments, a boot message
//! of a device, or rows without a head.

use super::fields::{self, Fields};
use super::lines::{Line, Lines};
use super::sensor_format::{Cell, Layout, SensorFormat};
use super::sensor_rate::SensorRate;
use super::stamp::TimeUnit;
use super::table::stated_rate;
use super::{SourceError, table};
use crate::signal::{Channel, Unit};

/// The most lines among which the head is looked for.
const MOST_LINES: usize = 16;
/// The most columns.
const MAX_COLUMNS: usize = 4096;

/// The head of a table.
#[derive(Debug)]
pub(super) struct TableHead {
    /// The names of the columns, with their units.
    pub(super) names: Vec<String>,
    pub(super) separator: char,
    /// The rate in a comment.
    pub(super) rate: Option<SensorRate>,
    /// Whether there is none: the columns are called by their numbers.
    pub(super) is_absent: bool,
    /// The line itself.
    pub(super) text: String,
    cells: Vec<Cell>,
    /// The lines before it that are not part of the table.
    pub(super) before: Vec<u64>,
}

impl TableHead {
    /// Reads lines up to the head. Lines after it are given back.
    pub(super) fn read(lines: &mut Lines) -> Result<Self, SourceError> {
        let fault = |lines: &Lines, reason: String| SourceError::sensor_data(lines.what(), reason);
        let (mut rate, mut found) = (None, Vec::<(Line, String)>::new());
        let mut place = None;
        while place.is_none() && found.len() < MOST_LINES {
            let mut line = Line::default();
            if !lines.next(&mut line)? {
                break;
            }
            let text = line.text().map(|text| text.into_owned());
            if line.is_blank() {
                rate = rate.or_else(|| stated_rate(text.as_deref().unwrap_or_default()));
                continue;
            }
            found.push((line, text.unwrap_or_default()));
            place = find(&found);
        }
        let Some((first, text)) = found.first() else {
            return Err(fault(lines, "it is empty".to_owned()));
        };
        let (at, separator, is_absent) = place.unwrap_or((0, fields::of_head(text), false));
        if first.text().is_none() && place.is_none() {
            return Err(fault(lines, "its first line is not text".to_owned()));
        }
        let text = found.get(at).map_or("", |(_, text)| text.as_str());
        let mut split = Fields::default();
        split.split(text, separator);
        if split.len() > MAX_COLUMNS {
            let reason = format!(
                "it has {} columns, at most {MAX_COLUMNS} are allowed",
                split.len()
            );
            return Err(fault(lines, reason));
        }
        let mut names: Vec<String> = match is_absent {
            true => (1..=split.len()).map(|number| number.to_string()).collect(),
            false => split
                .iter(text)
                .map(|name| name.replace("\"\"", "\""))
                .collect(),
        };
        let head_text = text.to_owned();
        let mut rest = found.split_off(if is_absent { at } else { at + 1 });
        let before = found.iter().take(at).map(|(line, _)| line.number);
        let before = before.collect();
        if let Some((_, text)) = rest.first()
            && let Some(united) = with_units(&names, text, separator)
        {
            names = united;
            rest.remove(0);
        }
        // More rows show better what is in a column, if nobody has to wait for them.
        while rest.len() < 8 && lines.is_ready() {
            let mut line = Line::default();
            if !lines.next(&mut line)? {
                break;
            }
            let text = line.text().map(|text| text.into_owned());
            rest.push((line, text.unwrap_or_default()));
        }
        let cells = cells(names.len(), &rest, separator);
        lines.give_back(rest.into_iter().map(|(line, _)| line));
        Ok(Self {
            names,
            separator,
            rate,
            is_absent,
            text: head_text,
            cells,
            before,
        })
    }

    /// Where the channels of `format` are.
    pub(super) fn layout(&self, format: &SensorFormat) -> Result<Layout, String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let by_number = |asked: &String| {
            let (_, column) = asked.split_once('=').unwrap_or(("", asked));
            Channel::parse(column).is_ok_and(|c| self.names.iter().any(|name| name == c.name()))
        };
        if self.is_absent && !format.columns.is_empty() && !format.columns.iter().all(by_number) {
            if format.columns.len() != names.len() {
                return Err(format!(
                    "it has no head and {} columns, but {} are named",
                    names.len(),
                    format.columns.len()
                ));
            }
            // Without a head, the columns asked for are its head.
            let asked = format.columns.iter();
            let named = |asked: &String| match asked.split_once('=') {
                Some((name, column)) => match column.split_once('[') {
                    Some((_, unit)) => format!("{} [{unit}", name.trim()),
                    None => name.trim().to_owned(),
                },
                None => asked.clone(),
            };
            let head: Vec<String> = asked.map(named).collect();
            let head: Vec<&str> = head.iter().map(String::as_str).collect();
            let all = SensorFormat {
                columns: Vec::new(),
                ..format.clone()
            };
            return all.layout(&head, &self.cells);
        }
        format.layout(&names, &self.cells)
    }
}

/// The line with the head among the first lines, the separator, and whether there is no head and
/// the line is the first row.
pub(super) fn find(found: &[(Line, String)]) -> Option<(usize, char, bool)> {
    let (_, latest) = found.last()?;
    for (at, (_, head)) in found.iter().enumerate().take(found.len() - 1) {
        if let Some(separator) = fields::separator(head, latest) {
            return Some((at, separator, false));
        }
        if at + 2 == found.len()
            && let Some(separator) = fields::headless(head, latest)
        {
            // A head with fewer or more names than the rows have fields is still the head.
            let is_named = |(_, text): &(Line, String)| fields::is_head(text, separator);
            return Some(match found.iter().take(at).position(is_named) {
                Some(head) => (head, separator, false),
                None => (at, separator, true),
            });
        }
    }
    None
}

/// The names with the units in `text`, if it is a line of units below the names.
pub(super) fn with_units(names: &[String], text: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = Fields::default();
    fields.split(text, separator);
    let unit = |field: &str| {
        let unit = field.trim_matches(['[', ']', '(', ')', ' ']).to_owned();
        let is_known = TimeUnit::parse(&unit).is_some()
            || Unit::new(unit.as_str()).is_ok_and(|unit| unit.quantity().is_some());
        (unit.is_empty() || is_known).then_some(unit)
    };
    let units: Option<Vec<String>> = fields.iter(text).map(unit).collect();
    let units = units.filter(|units| units.len() == names.len())?;
    let is_any = units.iter().any(|unit| !unit.is_empty());
    let united = names
        .iter()
        .zip(&units)
        .map(|(name, unit)| match unit.as_str() {
            "" => name.clone(),
            unit => format!("{name} [{unit}]"),
        });
    is_any.then(|| united.collect())
}

/// What the rows have in each of `columns` columns. A number in any row makes it one of numbers.
fn cells(columns: usize, rows: &[(Line, String)], separator: char) -> Vec<Cell> {
    let mut cells = vec![Cell::Empty; columns];
    let mut fields = Fields::default();
    for (_, text) in rows.iter().filter(|(line, _)| !line.is_blank()) {
        fields.split(text, separator);
        if fields.len() < columns {
            continue;
        }
        for (known, field) in cells.iter_mut().zip(fields.iter(text)) {
            match (*known, table::cell(field, separator)) {
                (Cell::Empty, new) => *known = new,
                (Cell::Text, new @ (Cell::Number(_) | Cell::Date)) => *known = new,
                _ => {}
            }
        }
    }
    cells
}
