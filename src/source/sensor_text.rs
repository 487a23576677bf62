//! Sensor data as text: a table, JSON lines or NMEA sentences, told apart by the first lines.

use std::io::Read;

use super::json_lines::object;
use super::lines::{Line, Lines};
use super::nmea::{self, Nmea};
use super::{JsonLines, SensorFormat, SensorTable, Source, SourceError};

/// The most lines that are looked at.
const MOST_LINES: usize = 16;
/// So many sentences without a row are NMEA.
const SENTENCES: usize = 3;

/// Opens sensor data of `reader`, which messages call `what`. Waits for lines until one of them
/// tells the format.
///
/// # Errors
/// As [`SensorTable::new`], [`JsonLines::new`] and [`Nmea::of`].
pub(super) fn sensor_text(
    reader: impl Read + Send + 'static,
    what: &str,
    format: &SensorFormat,
) -> Result<Box<dyn Source>, SourceError> {
    let mut lines = Lines::new(reader, what);
    let mut first = Vec::new();
    let (mut is_json, mut sentences) = (None, 0);
    while is_json.is_none() && sentences < SENTENCES && first.len() < MOST_LINES {
        let mut line = Line::default();
        if !lines.next(&mut line)? {
            break;
        }
        is_json = is_json_line(&line, first.is_empty());
        let is_sentence = line.text().is_some_and(|text| nmea::is_sentence(&text));
        sentences += usize::from(is_sentence);
        first.push(line);
    }
    // Between the rows of a table, sentences are text.
    let is_nmea = is_json.is_none() && sentences > 0;
    let is_begun = |line: &Line| line.text().is_some_and(|text| text.starts_with(['{', '[']));
    let is_json = is_json.unwrap_or_else(|| first.iter().any(is_begun));
    lines.give_back(first.into_iter());
    if is_nmea {
        return Ok(Box::new(Nmea::of(lines, format)?));
    }
    match is_json {
        true => Ok(Box::new(JsonLines::of(lines, format)?)),
        false => Ok(Box::new(SensorTable::of(lines, format)?)),
    }
}

/// Whether a line is a JSON object, or a row of a table; `None` if it is neither. The first line
/// may be an array.
pub(super) fn is_json_line(line: &Line, is_first: bool) -> Option<bool> {
    let text = line.text()?;
    if object(line).is_some() || (is_first && text.starts_with('[')) {
        return Some(true);
    }
    // A row begins with a number, a date or nothing.
    let field = text.split([',', ';', '\t', '|', ' ']).next()?;
    let field = field.trim_matches('"');
    let is_value = field.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let is_row = is_value || field.is_empty() && text.len() > 1;
    (is_row && !line.is_blank()).then_some(false)
}
