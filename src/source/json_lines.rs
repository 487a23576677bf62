//! Sensor values as JSON lines: one object a moment, one member a channel.
//!
//! ```text
//! {"t":0.00,"ax":0.12,"ay":0.98,"az":0.03,"wx":0.01,"wy":0.0,"wz":-0.02}
//! ```
//!
//! A member called `time` or `t` holds seconds. The channels are those of the first
//! line, or those that were asked for; a line that is no object, or lacks one of
//! them, counts as lost. For pipes: what has arrived is handed out at once.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};

use super::rows::{Grid, RATE_ROWS, Row, RowFaults, rate_of};
use super::sensor_format::SensorFormat;
use super::{Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 16;
/// Most samples a chunk.
const CHUNK_SAMPLES: usize = 256;

/// JSON lines out of a reader.
///
/// ```
/// use afield::signal::{Chunk, SampleRate};
/// use afield::source::{JsonLines, SensorFormat, Source};
///
/// let format = SensorFormat { rate: Some(SampleRate::new(50)?), ..SensorFormat::default() };
/// let lines = "{\"ax\":0.5,\"ay\":1}\n{\"ax\":0.25,\"ay\":1}\n";
/// let mut source = JsonLines::new(lines.as_bytes(), "stdin", &format)?;
/// let mut chunk = Chunk::default();
/// assert!(source.read(&mut chunk)?);
/// assert_eq!(chunk.samples, [0.5, 1.0, 0.25, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonLines {
    what: String,
    reader: BufReader<Box<dyn Read + Send>>,
    members: Vec<String>,
    time: Option<(String, f64)>,
    channels: Vec<Channel>,
    grid: Grid,
    /// Rows read to learn the rate, the next one last.
    ahead: Vec<Row>,
    line: Vec<u8>,
    ended: bool,
}

impl JsonLines {
    /// Lines out of `reader`, which messages call `what`. Waits for the first line,
    /// and where no rate was given for some more.
    ///
    /// # Errors
    /// [`SourceError::Table`] for a first line that is no object with the channels
    /// asked for, [`SourceError::NoRate`] where neither the format nor times say what
    /// the rate is.
    pub fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        let fault = |reason: String| SourceError::Table {
            what: what.to_owned(),
            reason,
        };
        let reader: Box<dyn Read + Send> = Box::new(reader);
        let mut lines = Self {
            what: what.to_owned(),
            reader: BufReader::new(reader),
            members: Vec::new(),
            time: None,
            channels: Vec::new(),
            // Until the rate is known.
            grid: Grid::new(SampleRate::ONE_HZ),
            ahead: Vec::new(),
            line: Vec::new(),
            ended: false,
        };
        if !lines.next_line()? {
            return Err(fault("it has no line".to_owned()));
        }
        let Some(first) = object(&lines.line) else {
            return Err(fault("its first line is no JSON object".to_owned()));
        };
        let head: Vec<&str> = first.keys().map(String::as_str).collect();
        let layout = format.layout(&head).map_err(fault)?;
        let member = |&column: &usize| head.get(column).map(|name| (*name).to_owned());
        lines.members = layout.columns.iter().filter_map(member).collect();
        lines.time = (layout.time).and_then(|(column, scale)| Some((member(&column)?, scale)));
        lines.channels = layout.channels;
        lines.ahead.push(lines.row());
        let rate = match format.rate {
            Some(rate) => rate,
            None => {
                while lines.ahead.len() < RATE_ROWS && lines.time.is_some() && lines.next_line()? {
                    lines.ahead.push(lines.row());
                }
                rate_of(&lines.ahead, what)?
            }
        };
        lines.ahead.reverse();
        lines.grid = Grid::new(rate);
        Ok(lines)
    }

    /// Reads the next line; `false` at the end. One that is too long is cut, and so no
    /// object.
    fn next_line(&mut self) -> Result<bool, SourceError> {
        loop {
            self.line.clear();
            let mut piece = (&mut self.reader).take(MAX_LINE_BYTES);
            let read = piece.read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| SourceError::Table {
                what: self.what.clone(),
                reason: error.to_string(),
            })?;
            if read == 0 {
                return Ok(false);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn row(&self) -> Row {
        let object = object(&self.line);
        let number = |name: &str| object.as_ref()?.get(name)?.as_f64();
        let time = (self.time.as_ref())
            .map(|(name, scale)| number(name).map_or(f64::NAN, |time| time * scale));
        Row::of(time, self.members.iter().map(|name| number(name)))
    }
}

impl Source for JsonLines {
    fn rate(&self) -> SampleRate {
        self.grid.rate()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn faults(&self) -> RowFaults {
        self.grid.faults()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        while !self.ended && chunk.samples.len() < CHUNK_SAMPLES * self.channels.len() {
            let row = match self.ahead.pop() {
                Some(row) => row,
                // Nobody waits for the next line who could have these.
                None if !chunk.samples.is_empty() && !self.reader.buffer().contains(&b'\n') => {
                    break;
                }
                None => match self.next_line() {
                    Ok(true) => self.row(),
                    Ok(false) => {
                        self.ended = true;
                        break;
                    }
                    Err(error) => {
                        self.ended = true;
                        return Err(error);
                    }
                },
            };
            if !self.grid.push(&row, chunk) {
                self.ahead.push(row);
                break;
            }
        }
        Ok(!chunk.samples.is_empty())
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
    fn lines_that_cannot_be_used_are_lost_and_leave_a_gap() {
        let format = SensorFormat {
            rate: Some(SampleRate::new(10).unwrap()),
            columns: vec!["b [m/s2]".to_owned(), "a".to_owned()],
        };
        let text = "{\"a\":1,\"b\":2,\"c\":\"x\"}\nnoise\n{\"a\":3}\n\n[1]\n{\"a\":4,\"b\":5}\n";
        let (lines, chunks) = read(text, &format).unwrap();
        assert_eq!(lines.channels()[0].to_string(), "b [m/s2]");
        assert_eq!((lines.faults().lost, lines.faults().gaps), (3, 1));
        assert_eq!(chunks[0].samples, [2.0, 1.0]);
        assert_eq!(
            (chunks[1].samples[1], chunks[1].start),
            (4.0, Micros(400_000))
        );
    }

    #[test]
    fn times_tell_the_rate_and_where_values_are_missing() {
        let text =
            "{\"t\":5.0,\"a\":1}\n{\"t\":5.1,\"a\":2}\n{\"t\":5.2,\"a\":3}\n{\"t\":6.0,\"a\":9}\n";
        let (lines, chunks) = read(text, &SensorFormat::default()).unwrap();
        assert_eq!((lines.rate().hz(), lines.faults().gaps), (10, 1));
        assert_eq!((chunks.len(), chunks[1].start), (2, Micros(1_000_000)));
    }

    #[test]
    fn what_is_no_stream_is_refused_with_a_hint() {
        for text in ["", "\n", "[]\n", "{}\n", "{\"t\":0}\n", "{\"a\":1}\n"] {
            let error = read(text, &SensorFormat::default())
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains("\nhint: "), "{text:?}: {error}");
        }
    }
}
