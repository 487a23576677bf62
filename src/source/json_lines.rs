//! Sensor values as JSON lines: one object a row, one member a channel.
//!
//! ```text
//! {"t":0.00,"ax":0.12,"ay":0.98,"az":0.03,"wx":0.01,"wy":0.0,"wz":-0.02}
//! ```
//!
//! A member called `time` or `t` holds seconds. The channels are those of the first line, or those
//! that the caller asked for. A line that is not an object, or lacks a channel, counts as lost. For
//! pipes: samples are returned as soon as they arrive.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};

use super::rows::Row;
use super::sensor_format::SensorFormat;
use super::sensor_rows::{RowReader, SensorRows};
use super::{Note, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 16;

/// JSON lines from a reader.
pub(crate) struct JsonLines(SensorRows<LineReader>);

impl JsonLines {
    /// Reads lines from `reader`, which messages call `what`. Waits for the first line. If the
    /// format states no rate, waits for more lines.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if the first line is not an object with the channels asked
    /// for, or if neither the format nor the times give the rate.
    pub(crate) fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        let fault = |reason: String| SourceError::sensor_data(what, reason);
        let reader: Box<dyn Read + Send> = Box::new(reader);
        let mut lines = LineReader {
            what: what.to_owned(),
            reader: BufReader::new(reader),
            members: Vec::new(),
            time: None,
            line: Vec::new(),
        };
        if !lines.next_line()? {
            return Err(fault("it has no line".to_owned()));
        }
        let Some(first) = object(&lines.line) else {
            return Err(fault("its first line is not a JSON object".to_owned()));
        };
        let head: Vec<&str> = first.keys().map(String::as_str).collect();
        let layout = format.layout(&head).map_err(fault)?;
        let member = |&column: &usize| head.get(column).map(|name| (*name).to_owned());
        lines.members = layout.columns.iter().filter_map(member).collect();
        lines.time = (layout.time).and_then(|(column, scale)| Some((member(&column)?, scale)));
        let first = vec![lines.row()];
        let has_times = lines.time.is_some();
        let rows = SensorRows::new(lines, layout.channels, format.rate, first, has_times, what)?;
        Ok(Self(rows))
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
    what: String,
    reader: BufReader<Box<dyn Read + Send>>,
    members: Vec<String>,
    /// The member with the time, and the number of seconds in its unit.
    time: Option<(String, f64)>,
    line: Vec<u8>,
}

impl LineReader {
    /// Reads the next line that is not empty. `false` at the end. A line that is too long is cut,
    /// so that it is not a valid object.
    fn next_line(&mut self) -> Result<bool, SourceError> {
        loop {
            self.line.clear();
            let mut piece = (&mut self.reader).take(MAX_LINE_BYTES);
            let read = piece.read_until(b'\n', &mut self.line);
            let read = read.map_err(|e| SourceError::sensor_data(&self.what, e.to_string()))?;
            if read == 0 {
                return Ok(false);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The row in the latest line.
    fn row(&self) -> Row {
        let object = object(&self.line);
        let number = |name: &str| object.as_ref()?.get(name)?.as_f64();
        let time = (self.time.as_ref())
            .map(|(name, scale)| number(name).map_or(f64::NAN, |time| time * scale));
        Row::of(time, self.members.iter().map(|name| number(name)))
    }
}

impl RowReader for LineReader {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let more = self.next_line()?;
        Ok(more.then(|| self.row()))
    }

    fn is_ready(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

fn object(line: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(line).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Micros;

    #[test]
    fn lines_become_samples_of_all_channels() {
        let rate = Some(SampleRate::new(50).unwrap());
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
            rate: Some(SampleRate::new(10).unwrap()),
            columns: vec!["b [m/s2]".to_owned(), "a".to_owned()],
            ..SensorFormat::default()
        };
        let text = "{\"a\":1,\"b\":2,\"c\":\"x\"}\nnoise\n{\"a\":3}\n\n[1]\n{\"a\":4,\"b\":5}\n";
        let (lines, chunks) = read(text, &format).unwrap();
        assert_eq!(lines.channels()[0].to_string(), "b [m/s2]");
        let notes: Vec<String> = lines.notes().iter().map(Note::to_string).collect();
        assert_eq!(
            notes,
            ["3 rows skipped: no number for every channel", "1 gap"]
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
}
