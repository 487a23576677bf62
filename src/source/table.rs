//! Recordings of sensors as tables: CSV with a head, one column a channel.
//!
//! ```text
//! # rate: 50 Hz
//! time [s],ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]
//! 0.00,0.12,0.98,0.03,1.5,-0.2,0.0
//! ```
//!
//! A column called `time` or `t` holds times in its unit (s, ms, us or ns; seconds
//! without one); columns that are not asked for may hold anything. The rate comes
//! from the caller, or a first line `# rate: N Hz`, or the times. Rows are streamed:
//! a table of a month costs no more memory than one of a second.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::rows::{Grid, RATE_ROWS, Row, RowFaults, rate_of};
use super::sensor_format::SensorFormat;
use super::{Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// Samples a chunk.
const CHUNK_SAMPLES: usize = 256;
/// The longest line that is looked at for a rate, in bytes.
const MAX_COMMENT_BYTES: usize = 4096;
/// The most columns.
const MAX_COLUMNS: usize = 4096;
/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// A table of sensor values, read as a stream.
///
/// ```
/// use afield::signal::Chunk;
/// use afield::source::{SensorFormat, SensorTable, Source};
///
/// let text = "t [ms],ax [g],ay [g]\n0,0.5,1\n20,0.5,1\n40,0.25,1\n";
/// let mut table = SensorTable::new(text.as_bytes(), "demo", &SensorFormat::default())?;
/// assert_eq!(table.rate().hz(), 50);
/// assert_eq!(table.channels()[1].to_string(), "ay [g]");
/// let mut chunk = Chunk::default();
/// assert!(table.read(&mut chunk)?);
/// assert_eq!(chunk.samples, [0.5, 1.0, 0.5, 1.0, 0.25, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SensorTable {
    what: String,
    reader: csv::Reader<Box<dyn Read + Send>>,
    columns: Vec<usize>,
    time: Option<(usize, f64)>,
    channels: Vec<Channel>,
    grid: Grid,
    /// Rows read to learn the rate, the next one last.
    ahead: Vec<Row>,
    record: StringRecord,
    ended: bool,
}

impl SensorTable {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// [`SourceError::Io`], and as [`Self::new`].
    pub fn open(path: impl AsRef<Path>, format: &SensorFormat) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let io = |error| SourceError::Io {
            path: PathBuf::from(path),
            error,
        };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(SourceError::IsFolder { path: path.into() });
        }
        Self::new(file, &path.display().to_string(), format)
    }

    /// A table out of `reader`, which messages call `what`.
    ///
    /// # Errors
    /// [`SourceError::Table`] for a head that does not have the columns asked for, or
    /// too many; [`SourceError::NoRate`] where neither the format nor the table says
    /// what the rate is.
    pub fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        let fault = |reason: String| SourceError::Table {
            what: what.to_owned(),
            reason,
        };
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
                "{} columns, {MAX_COLUMNS} at most",
                head.len()
            )));
        }
        let head: Vec<&str> = head.iter().collect();
        let layout = format.layout(&head).map_err(fault)?;
        let mut table = Self {
            what: what.to_owned(),
            reader,
            columns: layout.columns,
            time: layout.time,
            channels: layout.channels,
            // Until the rate is known.
            grid: Grid::new(SampleRate::ONE_HZ),
            ahead: Vec::new(),
            record: StringRecord::new(),
            ended: false,
        };
        let rate = match (format.rate, stated_rate(&comment)) {
            (Some(rate), _) | (None, Some(rate)) => rate,
            (None, None) => {
                while table.ahead.len() < RATE_ROWS
                    && let Some(row) = table.next_row()?
                {
                    table.ahead.push(row);
                }
                rate_of(&table.ahead, what)?
            }
        };
        table.ahead.reverse();
        table.grid = Grid::new(rate);
        Ok(table)
    }

    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let more = self.reader.read_record(&mut self.record);
        let more = more.map_err(|error| SourceError::Table {
            what: self.what.clone(),
            reason: error.to_string(),
        })?;
        if !more {
            return Ok(None);
        }
        let number = |column: usize| self.record.get(column)?.parse::<f64>().ok();
        let time = self.time.map(|(column, scale)| {
            // A row without its time has none of its own: it is lost.
            number(column).map_or(f64::NAN, |time| time * scale)
        });
        let numbers = self.columns.iter().map(|&column| number(column));
        Ok(Some(Row::of(time, numbers)))
    }
}

impl Source for SensorTable {
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
                None => match self.next_row() {
                    Ok(Some(row)) => row,
                    Ok(None) => {
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

/// Refuses lines that would fill the memory.
struct Lines<R> {
    reader: R,
    /// Bytes since the last end of a line.
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

/// The rate in a line `# rate: 50 Hz`, if it is one.
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
    fn the_rate_is_the_formats_else_the_tables_else_that_of_its_times() {
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
        assert!(
            error.contains("--rate") && error.contains("\nhint: "),
            "{error}"
        );
    }

    #[test]
    fn rows_without_a_number_are_lost_and_leave_a_gap() {
        let text = "# rate: 10\na,b\n1,2\n3,4\nx,5\n,\n6,7,8\n9\n10,11\n";
        let (table, chunks) = read(text, &SensorFormat::default()).unwrap();
        let faults = table.faults();
        assert_eq!((faults.lost, faults.gaps), (3, 2));
        let starts: Vec<Micros> = chunks.iter().map(|c| c.start).collect();
        assert_eq!(starts, [Micros(0), Micros(400_000), Micros(600_000)]);
        assert_eq!(chunks[0].samples, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(chunks[2].samples, [10.0, 11.0]);
    }

    #[test]
    fn a_line_without_an_end_fills_no_memory() {
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
    fn tables_that_are_none_are_refused_with_a_hint() {
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
            let error = read(text, &format).err().unwrap().to_string();
            assert!(error.contains("\nhint: "), "{error}");
        }
    }
}
