//! Sensor values as JSON lines: one object a row, one member a channel.
//!
//! ```text
//! {"t":0.00,"ax":0.12,"ay":0.98,"az":0.03,"wx":0.01,"wy":0.0,"wz":-0.02}
//! ```
//!
//! A member called `time`, `t`, `timestamp` and the like holds times. The channels are those of the
//! first object, or those that the caller asked for. Members of arrays and objects inside count as
//! `acc_0` or `acc_x`. Lines before the first object, such as a boot message, are skipped. A later
//! line that is not an object, or lacks a channel, counts as lost. For pipes: samples are returned
//! as soon as they arrive.

#[cfg(test)]
use std::io::Read;

use serde_json::{Map, Value};

use super::comeback::{self, Comeback, Format, listed};
use super::fields::is_missing;
use super::lines::{Line, Lines};
use super::rows::{Row, Skipped};
use super::sensor_format::{Cell, SensorFormat};
use super::sensor_rows::{RowReader, SensorRows, Setup};
use super::stamp::{StampReader, TimeUnit};
use super::{Note, SkippedRow, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate, excerpt};

/// The most lines among which the first object is looked for.
const MOST_LINES: usize = 16;
/// The most lines after a loss of the port in which its members are looked for, and the most
/// objects.
const MOST_COMPARED: usize = 256;
const MOST_OBJECTS: usize = 64;

/// JSON lines from a reader.
pub(crate) struct JsonLines(SensorRows<LineReader>);

impl JsonLines {
    /// Reads lines from `reader`, which messages call `what`. Waits for the first object. If the
    /// lines have times, waits for more lines: they give the rate, or confirm it.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if there is no object with the channels asked for among the
    /// first lines, if neither the format nor the times give the rate, or if no line can be used.
    #[cfg(test)]
    pub(crate) fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        Self::of(Lines::new(reader, what), format)
    }

    pub(super) fn of(mut lines: Lines, format: &SensorFormat) -> Result<Self, SourceError> {
        let fault = |lines: &Lines, reason: String| SourceError::sensor_data(lines.what(), reason);
        let (mut line, mut skipped, mut count) = (Line::default(), Skipped::default(), 0);
        let first = loop {
            if !lines.next(&mut line)? {
                let reason = match count {
                    0 => "it has no line",
                    _ => "none of its lines is a JSON object",
                };
                return Err(fault(&lines, reason.to_owned()));
            }
            if line.is_blank() {
                continue;
            }
            if let Some(object) = object(&line) {
                break object;
            }
            count += 1;
            let is_array = line.text().is_some_and(|text| text.starts_with('['));
            if is_array || count == MOST_LINES {
                let reason = match is_array {
                    true => "it is a JSON array, not JSON lines with one object a line".to_owned(),
                    false => format!("none of its first {count} lines is a JSON object"),
                };
                return Err(fault(&lines, reason));
            }
            skipped.count(SkippedRow::BeforeHead, line.number);
        };
        lines.is_strict = false;
        let head: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        let cells: Vec<Cell> = first.iter().map(|(_, value)| cell(value)).collect();
        let layout = format.layout(&head, &cells);
        let layout = layout.map_err(|reason| fault(&lines, reason))?;
        let member = |&column: &usize| head.get(column).map(|name| (*name).to_owned());
        let time = layout.time;
        let setup = Setup {
            what: lines.what().to_owned(),
            channels: layout.channels,
            rate: format.rate,
            has_times: time.is_some(),
            is_timestamp: time.is_some_and(|time| time.is_timestamp),
            skipped,
            notes: match layout.ignored.is_empty() {
                true => Vec::new(),
                false => vec![Note::ColumnsIgnored {
                    columns: layout.ignored,
                }],
            },
        };
        let members = layout.columns.iter().filter_map(member).collect();
        let time = time.and_then(|time| Some((member(&time.column)?, time.unit)));
        lines.give_back([line].into_iter());
        let reader = LineReader {
            lines,
            members,
            time,
            stamps: StampReader::default(),
            line: Line::default(),
            first_odd: None,
        };
        Ok(Self(SensorRows::new(reader, setup)?))
    }
}

impl Source for JsonLines {
    fn rate(&self) -> SampleRate {
        self.0.rate()
    }

    fn channels(&self) -> &[Channel] {
        self.0.channels()
    }

    fn notes(&self) -> Vec<Note> {
        self.0.notes()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        self.0.read(chunk)
    }
}

/// Reads lines, and converts their members to rows.
struct LineReader {
    lines: Lines,
    members: Vec<String>,
    /// The member with the time, and its unit if it is stated.
    time: Option<(String, Option<TimeUnit>)>,
    stamps: StampReader,
    line: Line,
    first_odd: Option<String>,
}

impl LineReader {
    /// The row in the latest line.
    fn row(&mut self) -> Row {
        let line = self.line.number;
        if self.line.is_too_long {
            return Row::lost(line, SkippedRow::TooLong);
        }
        let Some(members) = object(&self.line) else {
            let text = self.line.text();
            let why = match text {
                None => SkippedRow::NotText,
                Some(_) if !self.line.is_ended => SkippedRow::CutShort,
                Some(text) => {
                    self.first_odd.get_or_insert_with(|| excerpt(&text));
                    SkippedRow::NoNumber
                }
            };
            return Row::lost(line, why);
        };
        let member = |name: &str| {
            let found = members.iter().find(|(member, _)| member == name);
            found.map(|(_, value)| value)
        };
        let time = self.time.as_ref().and_then(|(name, _)| {
            let value = member(name)?;
            let time = self
                .stamps
                .read(value.as_str().unwrap_or_default(), number(value));
            if time.is_none() {
                self.first_odd
                    .get_or_insert_with(|| excerpt(&value.to_string()));
            }
            time
        });
        let mut fault = None;
        let mut values = Vec::with_capacity(self.members.len());
        for name in &self.members {
            let value = member(name);
            match value.and_then(number).map(|number| number as f32) {
                Some(number) if number.is_finite() => values.push(number),
                _ if value.is_none_or(is_empty) => values.push(f32::NAN),
                _ => {
                    let text = value.map(Value::to_string).unwrap_or_default();
                    self.first_odd.get_or_insert_with(|| excerpt(&text));
                    fault = Some(SkippedRow::NoNumber);
                    break;
                }
            }
        }
        Row {
            line,
            time,
            values,
            fault,
        }
    }
}

impl LineReader {
    /// Compares the members of the objects after a loss of the port with those that are read.
    fn check_comeback(&mut self) -> Result<(), SourceError> {
        let time = self.time.as_ref().map(|(name, _)| name);
        let known: Vec<&str> = time
            .into_iter()
            .chain(&self.members)
            .map(String::as_str)
            .collect();
        let (mut found, mut objects) = (Vec::<String>::new(), 0);
        let before = listed(known.iter().copied());
        comeback::check(&mut self.lines, &before, MOST_COMPARED, |seen| {
            if seen.len() == 1 {
                (found, objects) = (Vec::new(), 0);
            }
            let Some(members) = seen.last().and_then(object) else {
                return comeback::other_format(seen, Format::Json).map(Comeback::Other);
            };
            objects += 1;
            for (name, _) in members {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
            // A slower sensor is not in each object.
            let are_there = known.iter().filter(|name| found.iter().any(|n| n == *name));
            match are_there.count() {
                count if count == known.len() => Some(Comeback::Same),
                0 if objects >= 3 => {
                    Some(Comeback::Other(listed(found.iter().map(String::as_str))))
                }
                _ if objects >= MOST_OBJECTS => {
                    Some(Comeback::Other(listed(found.iter().map(String::as_str))))
                }
                _ => None,
            }
        })
    }
}

impl RowReader for LineReader {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        while self.lines.next(&mut self.line)? {
            if self.line.is_loss() {
                self.check_comeback()?;
            } else if !self.line.is_blank() || self.line.is_too_long {
                return Ok(Some(self.row()));
            }
        }
        Ok(None)
    }

    fn is_ready(&self) -> bool {
        self.lines.is_ready()
    }

    fn time_unit(&self) -> Option<TimeUnit> {
        match self.stamps.is_date() {
            true => Some(TimeUnit::Seconds),
            false => self.time.as_ref().and_then(|(_, unit)| *unit),
        }
    }

    fn first_odd(&self) -> Option<&str> {
        self.first_odd.as_deref()
    }
}

/// The members of the object in a line, those of arrays and objects inside among them.
pub(super) fn object(line: &Line) -> Option<Vec<(String, Value)>> {
    let text = line.text()?;
    if !text.starts_with('{') {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(&text).ok()?;
    let mut members = Vec::with_capacity(object.len());
    for (name, value) in object {
        flatten(name, value, &mut members);
    }
    Some(members)
}

fn flatten(name: String, value: Value, members: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(values) => {
            for (number, value) in values.into_iter().enumerate() {
                flatten(format!("{name}_{number}"), value, members);
            }
        }
        Value::Object(values) => {
            for (inner, value) in values {
                flatten(format!("{name}_{inner}"), value, members);
            }
        }
        value => members.push((name, value)),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => super::fields::number(text.trim(), ','),
        value => value.as_f64(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| is_missing(text.trim()))
}

fn cell(value: &Value) -> Cell {
    match (number(value), value.as_str()) {
        (Some(number), _) => Cell::Number(number),
        (None, _) if is_empty(value) => Cell::Empty,
        (None, Some(text)) if StampReader::default().read(text, None).is_some() => Cell::Date,
        (None, _) => Cell::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Micros;
    use crate::source::SensorRate;

    #[test]
    fn lines_become_samples_of_all_channels() {
        let rate = Some(SensorRate::new(50.0).unwrap());
        let format = SensorFormat {
            rate,
            ..SensorFormat::default()
        };
        let text = "{\"ax\":0.5,\"ay\":1}\n{\"ax\":0.25,\"ay\":1}\n";
        let (_, chunks) = read(text, &format).unwrap();
        assert_eq!(chunks[0].samples, [0.5, 1.0, 0.25, 1.0]);
    }

    fn read(
        text: &'static str,
        format: &SensorFormat,
    ) -> Result<(JsonLines, Vec<Chunk>), SourceError> {
        let mut lines = JsonLines::new(text.as_bytes(), "stdin", format)?;
        let (mut chunks, mut chunk) = (Vec::new(), Chunk::default());
        while lines.read(&mut chunk)? {
            chunks.push(chunk.clone());
        }
        Ok((lines, chunks))
    }

    #[test]
    fn unusable_lines_count_as_lost_and_leave_a_gap() {
        let format = SensorFormat {
            rate: SensorRate::new(10.0).ok(),
            columns: vec!["b [m/s2]".to_owned(), "a".to_owned()],
            ..SensorFormat::default()
        };
        let text = "{\"a\":1,\"b\":2,\"c\":\"x\"}\nnoise\n{\"a\":3}\n\n[1]\n{\"a\":4,\"b\":5}\n";
        let (lines, chunks) = read(text, &format).unwrap();
        assert_eq!(lines.channels()[0].to_string(), "b [m/s2]");
        let notes: Vec<String> = lines.notes().iter().map(Note::to_string).collect();
        assert_eq!(
            notes,
            [
                "3 rows skipped: no number for every channel (first at line 2)",
                "1 gap"
            ]
        );
        assert_eq!(chunks[0].samples, [2.0, 1.0]);
        assert_eq!(
            (chunks[1].samples[1], chunks[1].start),
            (4.0, Micros(400_000))
        );
    }

    #[test]
    fn times_give_the_rate_and_the_gaps() {
        let text =
            "{\"t\":5.0,\"a\":1}\n{\"t\":5.1,\"a\":2}\n{\"t\":5.2,\"a\":3}\n{\"t\":6.0,\"a\":9}\n";
        let (lines, chunks) = read(text, &SensorFormat::default()).unwrap();
        assert_eq!(
            (lines.rate().hz(), lines.notes()),
            (10, vec![Note::Gaps { gaps: 1 }])
        );
        assert_eq!((chunks.len(), chunks[1].start), (2, Micros(1_000_000)));
    }

    fn come_back(after: &str) -> Result<Vec<f32>, String> {
        let loss = std::str::from_utf8(crate::source::lines::LOSS).unwrap();
        let before = "{\"ax\":1,\"ay\":2}\n{\"ax\":1,\"ay\":2}\n{\"ax\":3";
        let text = std::io::Cursor::new([before, loss, after].concat());
        let format = SensorFormat {
            rate: SensorRate::new(10.0).ok(),
            ..SensorFormat::default()
        };
        let mut lines = JsonLines::new(text, "port", &format).unwrap();
        let (mut samples, mut chunk) = (Vec::new(), Chunk::default());
        loop {
            match lines.read(&mut chunk) {
                Ok(true) => samples.extend_from_slice(&chunk.samples),
                Ok(false) => return Ok(samples),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn objects_after_a_loss_of_the_port_have_the_same_members_or_are_an_error() {
        let row = "{\"ax\":5,\"ay\":6}\n";
        let slower = "{\"ax\":5}\n{\"ax\":5}\n{\"ay\":6,\"ax\":5}\n";
        for (after, rows) in [
            (["y\":2}\n", row, row].concat(), 2),
            (["boot\nok\n", row].concat(), 1),
            ("x\n{\"ax\":5,\"ay\":6,\"new\":1}\n".to_owned(), 1),
            // A row without a value is held only in a regular pattern.
            (["\n", slower].concat(), 1),
        ] {
            let samples = come_back(&after).unwrap();
            assert_eq!(samples.len(), 4 + 2 * rows, "{after:?}: {samples:?}");
            assert_eq!(samples[samples.len() - 2..], [5.0, 6.0], "{after:?}");
        }
        let renamed = "{\"ax\":5,\"az\":6}\n".repeat(80);
        for (after, found) in [
            ("\n{\"bx\":5}\n{\"by\":6}\n{\"bx\":5}\n", "bx, by"),
            (&renamed, "ax, az"),
            ("x\n1,2\n1,2\n1,2\n", "rows of a table"),
        ] {
            let error = come_back(after).unwrap_err();
            let expected = format!("port came back with other columns: {found}; expected ax, ay");
            assert_eq!(error, expected, "{after:?}");
        }
    }

    #[test]
    fn text_without_channels_or_rate_is_rejected() {
        for text in ["", "\n", "[]\n", "{}\n", "{\"t\":0}\n", "{\"a\":1}\n"] {
            let error = read(text, &SensorFormat::default()).err().unwrap();
            assert!(
                matches!(error, SourceError::Unrecognised { .. }),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn lines_before_the_first_object_are_skipped_and_arrays_inside_are_channels() {
        let text = "\u{feff}boot v1.2\r\n{\"t\":0,\n{\"t\":0,\"a\":[1,2],\"s\":\"x\"}\n{\"t\":0.1,\"a\":[3,4]}\n";
        let (lines, chunks) = read(text, &SensorFormat::default()).unwrap();
        let names: Vec<&str> = lines.channels().iter().map(Channel::name).collect();
        assert_eq!(names, ["a_0", "a_1"]);
        assert_eq!(chunks[0].samples, [1.0, 2.0, 3.0, 4.0]);
        let skipped = Note::RowsSkipped {
            rows: 2,
            why: SkippedRow::BeforeHead,
            first_line: Some(1),
        };
        assert!(lines.notes().contains(&skipped), "{:?}", lines.notes());
        let error = read("[{\"t\":0}]", &SensorFormat::default()).err().unwrap();
        assert!(error.to_string().contains("JSON lines"), "{error}");
    }
}
