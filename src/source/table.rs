//! Sensor recordings as tables: CSV with a head, one column a channel.
//!
//! ```text
//! # rate: 50 Hz
//! time [s],ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]
//! 0.00,0.12,0.98,0.03,1.5,-0.2,0.0
//! ```
//!
//! A column called `time` or `t` holds times in its unit: s, ms, us or ns, or seconds if it has
//! none. Columns that the caller does not ask for may hold anything. The rate comes from the
//! caller, or from a first line `# rate: N Hz`, or from the times. Rows are streamed: a table of a
//! month needs no more memory than one of a second.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::StringRecord;

use super::rows::Row;
use super::sensor_format::SensorFormat;
use super::sensor_rows::{RowReader, SensorRows};
use super::{Note, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// The longest line that is searched for a rate, in bytes.
const MAX_COMMENT_BYTES: usize = 4096;
/// The most columns.
const MAX_COLUMNS: usize = 4096;
/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// A table of sensor values, read as a stream.
pub(super) struct SensorTable(SensorRows<TableReader>);

impl SensorTable {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// [`SourceError::Io`], and as [`Self::new`].
    pub(super) fn open(path: impl AsRef<Path>, format: &SensorFormat) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let io = |error| SourceError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let what = path.display().to_string();
        if file.metadata().map_err(io)?.is_dir() {
            return Err(SourceError::sensor_data(&what, "it is a folder"));
        }
        Self::new(file, &what, format)
    }

    /// Reads a table from `reader`, which messages call `what`.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if the head lacks a column asked for or has too many columns,
    /// or if neither the format nor the table gives the rate.
    pub(super) fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        let fault = |reason: String| SourceError::sensor_data(what, reason);
        let mut reader = BufReader::new(reader);
        let mut comment = Vec::new();
        let unread = |error: std::io::Error| fault(error.to_string());
        if reader.fill_buf().map_err(unread)?.first() == Some(&b'#') {
            let mut line = (&mut reader).take(MAX_COMMENT_BYTES as u64);
            line.read_until(b'\n', &mut comment).map_err(unread)?;
        }
        let reader: Box<dyn Read + Send> = Box::new(Lines { reader, since: 0 });
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(reader);
        let head = reader.headers().map_err(|e| fault(e.to_string()))?.clone();
        if head.len() > MAX_COLUMNS {
            return Err(fault(format!(
                "it has {} columns, at most {MAX_COLUMNS} are allowed",
                head.len()
            )));
        }
        let head: Vec<&str> = head.iter().collect();
        let layout = format.layout(&head).map_err(fault)?;
        let reader = TableReader {
            what: what.to_owned(),
            reader,
            columns: layout.columns,
            time: layout.time,
            record: StringRecord::new(),
        };
        let rate = format.rate.or_else(|| stated_rate(&comment));
        let has_times = reader.time.is_some();
        let rows = SensorRows::new(reader, layout.channels, rate, Vec::new(), has_times, what)?;
        Ok(Self(rows))
    }
}

impl Source for SensorTable {
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

/// Reads records, and converts their columns to rows.
struct TableReader {
    what: String,
    reader: csv::Reader<Box<dyn Read + Send>>,
    columns: Vec<usize>,
    /// The column with the time, and the number of seconds in its unit.
    time: Option<(usize, f64)>,
    record: StringRecord,
}

impl RowReader for TableReader {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let more = self.reader.read_record(&mut self.record);
        if !more.map_err(|e| SourceError::sensor_data(&self.what, e.to_string()))? {
            return Ok(None);
        }
        let number = |column: usize| self.record.get(column)?.parse::<f64>().ok();
        let time = self.time.map(|(column, scale)| {
            // A row is lost if its time is missing or not a number.
            number(column).map_or(f64::NAN, |time| time * scale)
        });
        let numbers = self.columns.iter().map(|&column| number(column));
        Ok(Some(Row::of(time, numbers)))
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// Rejects lines that are so long that they would fill the memory.
struct Lines<R> {
    reader: R,
    /// Bytes since the last end of line.
    since: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(out)?;
        for part in out
            .get(..count)
            .unwrap_or_default()
            .split_inclusive(|&b| b == b'\n')
        {
            self.since += part.len();
            if self.since > MAX_LINE_BYTES {
                let reason = format!("a line is longer than {MAX_LINE_BYTES} bytes");
                return Err(std::io::Error::other(reason));
            }
            if part.last() == Some(&b'\n') {
                self.since = 0;
            }
        }
        Ok(count)
    }
}

/// The rate in a line `# rate: 50 Hz`, or `None` for any other line.
fn stated_rate(comment: &[u8]) -> Option<SampleRate> {
    let text = std::str::from_utf8(comment).ok()?.trim();
    let text = text.strip_prefix('#')?.trim().strip_prefix("rate")?;
    let text = text.trim_start().strip_prefix([':', '='])?.trim();
    let hz = text.strip_suffix("Hz").unwrap_or(text).trim();
    SampleRate::new(hz.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Micros;

    #[test]
    fn times_give_the_rate_and_rows_become_samples() {
        let text = "t [ms],ax [g],ay [g]\n0,0.5,1\n20,0.5,1\n40,0.25,1\n";
        let (table, chunks) = read(text, &SensorFormat::default()).unwrap();
        assert_eq!(table.rate().hz(), 50);
        assert_eq!(table.channels()[1].to_string(), "ay [g]");
        assert_eq!(chunks[0].samples, [0.5, 1.0, 0.5, 1.0, 0.25, 1.0]);
    }

    fn read(
        text: &'static str,
        format: &SensorFormat,
    ) -> Result<(SensorTable, Vec<Chunk>), SourceError> {
        let mut table = SensorTable::new(text.as_bytes(), "test.csv", format)?;
        let (mut chunks, mut chunk) = (Vec::new(), Chunk::default());
        while table.read(&mut chunk)? {
            chunks.push(chunk.clone());
        }
        Ok((table, chunks))
    }

    #[test]
    fn the_rate_comes_from_the_format_then_the_comment_then_the_times() {
        let of = |text, format: &SensorFormat| read(text, format).unwrap().0.rate().hz();
        let own = SensorFormat {
            rate: Some(SampleRate::new(7).unwrap()),
            ..SensorFormat::default()
        };
        let none = SensorFormat::default();
        assert_eq!(of("# rate: 50 Hz\na\n1\n", &own), 7);
        assert_eq!(of("# rate: 50 Hz\na\n1\n", &none), 50);
        assert_eq!(of("time,a\n0,1\n0.1,1\n", &none), 10);
        assert_eq!(of("# a word\nt [ms],a\n0,1\n10,1\n", &none), 100);
        let error = read("a\n1\n", &none).err().unwrap().to_string();
        assert!(error.contains("rate"), "{error}");
    }

    #[test]
    fn rows_without_a_number_count_as_lost_and_leave_a_gap() {
        let text = "# rate: 10\na,b\n1,2\n3,4\nx,5\n,\n6,7,8\n9\n10,11\n";
        let (table, chunks) = read(text, &SensorFormat::default()).unwrap();
        let notes: Vec<String> = table.notes().iter().map(Note::to_string).collect();
        assert_eq!(
            notes,
            ["3 rows skipped: no number for every channel", "2 gaps"]
        );
        let starts: Vec<Micros> = chunks.iter().map(|c| c.start).collect();
        assert_eq!(starts, [Micros(0), Micros(400_000), Micros(600_000)]);
        assert_eq!(chunks[0].samples, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(chunks[2].samples, [10.0, 11.0]);
    }

    #[test]
    fn an_endless_line_is_rejected_without_filling_memory() {
        let endless = std::io::repeat(b'1');
        let format = SensorFormat::default();
        let error = SensorTable::new(endless, "endless", &format).err().unwrap();
        assert!(error.to_string().contains("longer than"), "{error}");
        let text = std::io::Cursor::new("# rate: 1\na\n1\n".to_owned() + &"2\n".repeat(2_000_000));
        let mut long = SensorTable::new(text, "long", &format).unwrap();
        let (mut chunk, mut samples) = (Chunk::default(), 0);
        while long.read(&mut chunk).unwrap() {
            samples += chunk.samples.len();
        }
        assert_eq!(samples, 2_000_001);
    }

    #[test]
    fn text_without_usable_columns_is_rejected() {
        let asked = SensorFormat {
            columns: vec!["c".to_owned()],
            ..SensorFormat::default()
        };
        for (text, format) in [
            ("", SensorFormat::default()),
            ("time\n0\n1\n", SensorFormat::default()),
            ("a,a\n1,1\n", SensorFormat::default()),
            ("# rate: 1\na,b\n1,1\n", asked),
        ] {
            let error = read(text, &format).err().unwrap();
            assert!(matches!(error, SourceError::Unrecognised { .. }), "{error}");
        }
    }
}
