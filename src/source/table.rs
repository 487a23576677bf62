//! Sensor recordings as tables: CSV with a head, one column a channel.
//!
//! ```text
//! # rate: 50 Hz
//! time [s],ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]
//! 0.00,0.12,0.98,0.03,1.5,-0.2,0.0
//! ```
//!
//! A column called `time`, `t`, `timestamp` and the like holds times. Columns that the caller does
//! not ask for may hold anything. Fields are separated by commas, semicolons, tabs or blanks, as
//! the head and the first row show. The rate comes from the caller, or from a line
//! `# rate: N Hz` before the head, or from the times. Rows are streamed: a table of a month needs
//! no more memory than one of a second.

use std::fs::File;
#[cfg(test)]
use std::io::Read;
use std::path::Path;

use super::comeback::{self, Comeback, Format, listed};
use super::fields::{self, Fields, is_missing, number};
use super::lines::{Line, Lines};
use super::rows::{Row, Skipped};
use super::sensor_format::{Cell, SensorFormat};
use super::sensor_rate::SensorRate;
use super::sensor_rows::{RowReader, SensorRows, Setup};
use super::stamp::{StampReader, TimeUnit};
use super::table_head::{self, TableHead};
use super::{Note, SkippedRow, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate, excerpt};

/// The most lines that a field in quotes may span.
const MOST_QUOTED_LINES: usize = 4;
/// The most lines after a loss of the port among which the head is looked for.
const MOST_COMPARED: usize = 64;
/// The number of rows after which the last row is compared with them.
const ROWS_TO_COMPARE: u64 = 3;

/// A table of sensor values, read as a stream.
pub(super) struct SensorTable(SensorRows<TableReader>);

impl SensorTable {
    /// Reads a table from `reader`, which messages call `what`.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if the head lacks a column asked for or has too many columns,
    /// if neither the format nor the table gives the rate, or if no row can be used.
    #[cfg(test)]
    pub(super) fn new(
        reader: impl Read + Send + 'static,
        what: &str,
        format: &SensorFormat,
    ) -> Result<Self, SourceError> {
        Self::of(Lines::new(reader, what), format)
    }

    pub(super) fn of(mut lines: Lines, format: &SensorFormat) -> Result<Self, SourceError> {
        let fault = |lines: &Lines, reason| SourceError::sensor_data(lines.what(), reason);
        let head = TableHead::read(&mut lines)?;
        lines.is_strict = false;
        let layout = head
            .layout(format)
            .map_err(|reason| fault(&lines, reason))?;
        let mut skipped = Skipped::default();
        for line in &head.before {
            skipped.count(SkippedRow::BeforeHead, *line);
        }
        let mut notes = Vec::new();
        if !layout.ignored.is_empty() {
            notes.push(Note::ColumnsIgnored {
                columns: layout.ignored,
            });
        }
        let setup = Setup {
            what: lines.what().to_owned(),
            channels: layout.channels,
            rate: format.rate.or(head.rate),
            has_times: layout.time.is_some(),
            is_timestamp: layout.time.is_some_and(|time| time.is_timestamp),
            skipped,
            notes,
        };
        let reader = TableReader {
            lines,
            separator: head.separator,
            head: head.names,
            head_text: head.text,
            is_headless: head.is_absent,
            columns: layout.columns,
            time: layout.time.map(|time| (time.column, time.unit)),
            stamps: StampReader::default(),
            fields: Fields::default(),
            line: Line::default(),
            joined: String::new(),
            before: LastField::default(),
            first_odd: None,
        };
        Ok(Self(SensorRows::new(reader, setup)?))
    }
}

/// Opens the file at `path`, which must not be a folder.
pub(super) fn open_file(path: &Path) -> Result<File, SourceError> {
    let io = |error| SourceError::io(path, error);
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        let what = path.display().to_string();
        return Err(SourceError::sensor_data(&what, "it is a folder"));
    }
    Ok(file)
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

/// Reads lines, and converts their columns to rows.
struct TableReader {
    lines: Lines,
    separator: char,
    head: Vec<String>,
    /// The line with the head, or the first row if there is none.
    head_text: String,
    is_headless: bool,
    columns: Vec<usize>,
    /// The column with the time, and its unit if it is stated.
    time: Option<(usize, Option<TimeUnit>)>,
    stamps: StampReader,
    fields: Fields,
    line: Line,
    /// The text of a row that spans several lines.
    joined: String,
    before: LastField,
    first_odd: Option<String>,
}

/// The last fields of the rows so far, with which a row is compared that may be cut short.
#[derive(Debug, Default)]
struct LastField {
    rows: u64,
    fields: usize,
    /// The fewest digits after the point.
    decimals: usize,
}

impl LastField {
    fn decimals(field: &str) -> usize {
        field
            .split_once(['.', ','])
            .map_or(0, |(_, rest)| rest.len())
    }

    fn add(&mut self, fields: usize, last: &str) {
        let decimals = Self::decimals(last);
        self.decimals = match self.rows {
            0 => decimals,
            _ => self.decimals.min(decimals),
        };
        self.rows += 1;
        self.fields = fields;
    }

    /// Whether a last row without an end of line seems to be cut.
    fn is_longer_than(&self, fields: usize, last: &str) -> bool {
        let is_compared = self.rows >= ROWS_TO_COMPARE;
        fields < self.fields || is_compared && Self::decimals(last) < self.decimals
    }
}

impl TableReader {
    /// The row in the latest line.
    fn row(&mut self) -> Result<Row, SourceError> {
        let number_of_line = self.line.number;
        let lost = |why| Ok(Row::lost(number_of_line, why));
        if self.line.is_too_long {
            return lost(SkippedRow::TooLong);
        }
        let Some(text) = self.line.text() else {
            return lost(SkippedRow::NotText);
        };
        self.fields.split(&text, self.separator);
        if self.fields.is_open {
            let first = text.into_owned();
            if !self.join(first)? {
                return lost(SkippedRow::NoNumber);
            }
            let text = std::mem::take(&mut self.joined);
            self.fields.split(&text, self.separator);
            let row = self.values(&text, number_of_line);
            self.joined = text;
            return Ok(row);
        }
        let text = text.into_owned();
        Ok(self.values(&text, number_of_line))
    }

    /// Adds lines to `first`, whose last quote is open, until it is closed and the row is complete.
    /// `false`, and no line is used, if it is not closed soon.
    fn join(&mut self, first: String) -> Result<bool, SourceError> {
        let mut used: Vec<Line> = Vec::new();
        self.joined = first;
        while used.len() + 1 < MOST_QUOTED_LINES {
            let mut line = Line::default();
            if !self.lines.next(&mut line)? {
                break;
            }
            let text = line.text().map(|text| text.into_owned());
            used.push(line);
            let Some(text) = text else { break };
            self.joined.push('\n');
            self.joined.push_str(&text);
            let mut fields = Fields::default();
            fields.split(&self.joined, self.separator);
            if !fields.is_open {
                if fields.len() == self.head.len() {
                    return Ok(true);
                }
                break;
            }
        }
        self.lines.give_back(used.into_iter());
        Ok(false)
    }

    /// The row in `text`, which was split.
    fn values(&mut self, text: &str, line: u64) -> Row {
        if self.is_head(text) {
            return Row::lost(line, SkippedRow::Head);
        }
        let count = self.fields.len();
        let last = count
            .checked_sub(1)
            .and_then(|at| self.fields.get(text, at));
        let last = last.unwrap_or_default();
        let is_cut = !self.line.is_ended && self.before.is_longer_than(count, last);
        let mut fault = is_cut.then_some(SkippedRow::CutShort);
        let time = self.time.and_then(|(column, _)| {
            let field = self.fields.get(text, column).unwrap_or_default();
            let time = self.stamps.read(field, number(field, self.separator));
            if time.is_none() && !field.is_empty() {
                self.first_odd.get_or_insert_with(|| excerpt(field));
            }
            time
        });
        let mut values = Vec::with_capacity(self.columns.len());
        for &column in &self.columns {
            let field = self.fields.get(text, column).unwrap_or_default();
            let value = number(field, self.separator).map(|value| value as f32);
            match value.filter(|value| value.is_finite()) {
                Some(value) => values.push(value),
                None if is_missing(field) => values.push(f32::NAN),
                None => {
                    let is_end = !self.line.is_ended;
                    let why = [SkippedRow::NoNumber, SkippedRow::CutShort];
                    fault = fault.or(why.get(usize::from(is_end)).copied());
                    self.first_odd.get_or_insert_with(|| excerpt(field));
                    break;
                }
            }
        }
        if fault.is_none() {
            self.before.add(count, last);
        }
        Row {
            line,
            time,
            values,
            fault,
        }
    }

    /// Whether `text`, which was split, is the head.
    fn is_head(&self, text: &str) -> bool {
        !self.is_headless
            && self.fields.len() == self.head.len()
            && self.head.iter().any(|name| !name.is_empty())
            && self
                .fields
                .iter(text)
                .eq(self.head.iter().map(String::as_str))
    }
}

impl RowReader for TableReader {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        while self.lines.next(&mut self.line)? {
            if self.line.is_loss() {
                self.check_comeback()?;
            } else if !self.line.is_blank() || self.line.is_too_long {
                return self.row().map(Some);
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
            false => self.time.and_then(|(_, unit)| unit),
        }
    }

    fn first_odd(&self) -> Option<&str> {
        self.first_odd.as_deref()
    }
}

impl TableReader {
    /// Compares the lines after a loss of the port with the head.
    fn check_comeback(&mut self) -> Result<(), SourceError> {
        let before = match self.is_headless {
            true => columns(self.head.len()),
            false => listed(self.head.iter().map(String::as_str)),
        };
        let (head, text) = (&self.head, &self.head_text);
        let known = Known {
            head,
            text,
            separator: self.separator,
            is_headless: self.is_headless,
        };
        comeback::check(&mut self.lines, &before, MOST_COMPARED, |seen| {
            known.compare(seen)
        })
    }
}

/// The head of a table before its port was lost.
struct Known<'a> {
    head: &'a [String],
    text: &'a str,
    separator: char,
    is_headless: bool,
}

impl Known<'_> {
    /// Compares lines with the head. The first may be the rest of a line.
    fn compare(&self, seen: &[Line]) -> Option<Comeback> {
        if let Some(found) = comeback::other_format(seen, Format::Table) {
            return Some(Comeback::Other(found));
        }
        let text = |line: &Line| line.text().map(|text| text.into_owned());
        let texts: Vec<(Line, String)> = seen
            .iter()
            .map(|line| (line.clone(), text(line).unwrap_or_default()))
            .collect();
        let ((_, first), whole) = texts.split_first()?;
        let (_, latest) = texts.last()?;
        if !self.is_headless && whole.iter().any(|(_, text)| *text == self.text) {
            return Some(Comeback::Same);
        }
        let is_number = |text: &str| number(text, self.separator).is_some();
        if let [.., (_, before), _] = whole
            && is_number(before)
            && is_number(latest)
        {
            return Some(self.compare_width(1));
        }
        if let Some((at, separator, is_absent)) = table_head::find(whole) {
            let (_, head) = whole.get(at)?;
            let names = names(head, separator);
            if is_absent {
                return Some(self.compare_width(names.len()));
            }
            // Units below a head that is the first line.
            let is_units = table_head::with_units(&names, head, separator).is_some();
            if at == 0 && is_units {
                return Some(match whole_head(first, separator, names.len()) {
                    Some(names) => self.compare_first(first, names, head, separator),
                    None => self.compare_width(names.len()),
                });
            }
            let units = whole.get(at + 1).map_or("", |(_, text)| text);
            return Some(self.compare_names(names, units, separator));
        }
        // The first line may be a head, right before the first row.
        let (_, row) = whole.first()?;
        let separator = fields::separator(first, row)?;
        let head = whole_head(first, separator, names(row, separator).len())?;
        Some(self.compare_first(first, head, row, separator))
    }

    /// Compares the names in the first line, which may lack its beginning.
    fn compare_first(
        &self,
        first: &str,
        names: Vec<String>,
        units: &str,
        separator: char,
    ) -> Comeback {
        match *first != *self.text && self.text.ends_with(first) {
            true => self.compare_width(names.len()),
            false => self.compare_names(names, units, separator),
        }
    }

    /// Compares rows without a head, of so many columns.
    fn compare_width(&self, width: usize) -> Comeback {
        // A row may lack its last, empty field, or have a comma at its end.
        let most = usize::from(self.head.len() > 2);
        match self.head.len().abs_diff(width) <= most {
            true => Comeback::Same,
            false => Comeback::Other(columns(width)),
        }
    }

    fn compare_names(&self, names: Vec<String>, units: &str, separator: char) -> Comeback {
        if self.is_headless {
            return self.compare_width(names.len());
        }
        let names = table_head::with_units(&names, units, separator).unwrap_or(names);
        match names == self.head {
            true => Comeback::Same,
            false => Comeback::Other(listed(names.iter().map(String::as_str))),
        }
    }
}

/// The names in a line that may lack its beginning, if it seems to be a whole head of rows of so
/// many fields.
fn whole_head(text: &str, separator: char, width: usize) -> Option<Vec<String>> {
    let names = names(text, separator);
    let is_begun = names.first().is_some_and(|name| !name.is_empty());
    (fields::is_head(text, separator) && names.len() == width && is_begun).then_some(names)
}

fn names(text: &str, separator: char) -> Vec<String> {
    let mut fields = Fields::default();
    fields.split(text, separator);
    fields
        .iter(text)
        .map(|name| name.replace("\"\"", "\""))
        .collect()
}

fn columns(count: usize) -> String {
    match count {
        1 => "1 column".to_owned(),
        _ => format!("{count} columns"),
    }
}

/// The kind of a field, for the layout.
pub(super) fn cell(field: &str, separator: char) -> Cell {
    match number(field, separator) {
        Some(number) => Cell::Number(number),
        None if is_missing(field) => Cell::Empty,
        None if StampReader::default().read(field, None).is_some() => Cell::Date,
        None => Cell::Text,
    }
}

/// The rate in a line such as `# rate: 50 Hz`, or `None` for any other line.
pub(super) fn stated_rate(comment: &str) -> Option<SensorRate> {
    const NAMES: [&str; 9] = [
        "rate",
        "sample rate",
        "sampling rate",
        "samplerate",
        "frequency",
        "sampling frequency",
        "sample frequency",
        "odr",
        "fs",
    ];
    let text = comment.trim().strip_prefix('#')?;
    let (name, value) = text.split_once([':', '='])?;
    let name = name.trim_matches(['#', ' ']).to_lowercase();
    let name = name.replace(['_', '-'], " ");
    let is_rate = NAMES.contains(&name.as_str());
    is_rate.then(|| value.parse().ok()).flatten()
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
            rate: SensorRate::new(7.0).ok(),
            ..SensorFormat::default()
        };
        let none = SensorFormat::default();
        assert_eq!(of("# rate: 50 Hz\na\n1\n", &own), 7);
        assert_eq!(of("# rate: 50 Hz\na\n1\n", &none), 50);
        assert_eq!(of("# by me\n# Sampling_rate = 12.5\na\n1\n", &none), 25);
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
            [
                "3 rows skipped: no number for every channel (first at line 5)",
                "2 gaps"
            ]
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
    fn text_without_usable_columns_or_rows_is_rejected() {
        let asked = SensorFormat {
            columns: vec!["c".to_owned()],
            ..SensorFormat::default()
        };
        for (text, format) in [
            ("", SensorFormat::default()),
            ("time\n0\n1\n", SensorFormat::default()),
            ("a,a\n1,1\n", SensorFormat::default()),
            ("# rate: 1\na,b\n1,1\n", asked),
            ("# rate: 1\na,b\n", SensorFormat::default()),
            ("# rate: 1\na,b\nx,y\n", SensorFormat::default()),
        ] {
            let error = read(text, &format).err().unwrap();
            assert!(matches!(error, SourceError::Unrecognised { .. }), "{error}");
        }
    }

    #[test]
    fn an_open_quote_costs_one_row_and_a_quoted_line_break_none() {
        let text = "# rate: 10\na,n\n1,\"x\ny\"\n2,z\n3,\"open\n4,z\n5,z\n6,z\n7,z\n";
        let format = SensorFormat {
            columns: vec!["a".to_owned()],
            ..SensorFormat::default()
        };
        let (table, chunks) = read(text, &format).unwrap();
        let samples: Vec<f32> = chunks.into_iter().flat_map(|chunk| chunk.samples).collect();
        assert_eq!(samples, [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(table.notes().len(), 2, "{:?}", table.notes());
    }

    /// The samples before and after a loss of the port, or why it is not the same table.
    fn come_back(before: &str, after: &str, columns: &[&str]) -> Result<Vec<f32>, String> {
        let loss = std::str::from_utf8(crate::source::lines::LOSS).unwrap();
        let text = std::io::Cursor::new([before, "0.", loss, after].concat());
        let format = SensorFormat {
            rate: SensorRate::new(10.0).ok(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            ..SensorFormat::default()
        };
        let mut table = SensorTable::new(text, "port", &format).unwrap();
        let (mut samples, mut chunk) = (Vec::new(), Chunk::default());
        loop {
            match table.read(&mut chunk) {
                Ok(true) => samples.extend_from_slice(&chunk.samples),
                Ok(false) => return Ok(samples),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn the_same_table_goes_on_after_a_loss_of_the_port() {
        let head = "t,ax [g],ay [g]\n";
        let rows = "0,1,2\n1,3,4\n";
        let before = [head, rows].concat();
        let all = [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0];
        let columns = ["ax", "ay"];
        for (name, after) in [
            ("within a row", [",7,7\n", rows].concat()),
            ("the head again", ["x\n", head, rows].concat()),
            ("the head is the first line", [head, rows].concat()),
            ("the head is cut", [",ax [g],ay [g]\n", rows].concat()),
            (
                "after a boot message",
                ["ot\nrst:0x1 (POWERON),boot:0x8\nready\n", head, rows].concat(),
            ),
            ("after sentences", ["$\nboot ok\n", rows].concat()),
            ("commas at the end", ["\n", "0,1,2,\n1,3,4,\n"].concat()),
        ] {
            assert_eq!(come_back(&before, &after, &columns).unwrap(), all, "{name}");
        }
        // The head is cut within its first name, and units are below it.
        let units = "ax,ay\ng,g\n1,2\n";
        for after in ["x,ay\ng,g\n5,6\n5,6\n", "ax,ay\ng,g\n5,6\n5,6\n"] {
            let samples = come_back(units, after, &[]).unwrap();
            assert_eq!(samples, [1.0, 2.0, 5.0, 6.0, 5.0, 6.0], "{after:?}");
        }
        // Without a head at first.
        let samples = come_back("1,2\n3,4\n", "\nax,ay\n5,6\n", &["p", "q"]).unwrap();
        assert_eq!(samples, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let samples = come_back("a\n1\n", "\n5\n6\n", &[]).unwrap();
        assert_eq!(samples, [1.0, 5.0, 6.0]);
    }

    #[test]
    fn another_table_after_a_loss_of_the_port_is_an_error() {
        let before = "ax [g],ay [g]\n1,2\n3,4\n";
        for (after, found) in [
            ("x\nbx,by\n5,6\n", "bx, by"),
            ("bx,by\n5,6\n", "bx, by"),
            ("x\nay [g],ax [g]\n5,6\n", "ay [g], ax [g]"),
            ("x\nax [m/s2],ay [m/s2]\n5,6\n", "ax [m/s2], ay [m/s2]"),
            ("x\nax,ay\nm/s2,m/s2\n5,6\n", "ax [m/s2], ay [m/s2]"),
            ("ax,ay\nm/s2,m/s2\n5,6\n", "ax [m/s2], ay [m/s2]"),
            (
                "x\nboot v1\nax [g],ay [g],az [g]\n5,6,7\n",
                "ax [g], ay [g], az [g]",
            ),
            ("x\n5,6,7\n5,6,7\n", "3 columns"),
            ("x\n5;6;7\n5;6;7\n", "3 columns"),
            ("x\n5\n6\n", "1 column"),
            ("\n{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n", "JSON lines"),
        ] {
            let error = come_back(before, after, &[]).unwrap_err();
            let expected =
                format!("port came back with other columns: {found}; expected ax [g], ay [g]");
            assert_eq!(error, expected, "{after:?}");
        }
        let error = come_back("1,2\n3,4\n", "\n5,6,7\n5,6,7\n", &["p", "q"]).unwrap_err();
        assert!(error.ends_with("3 columns; expected 2 columns"), "{error}");
    }

    #[test]
    fn a_row_that_is_cut_short_does_not_count() {
        let of = |end: &'static str| {
            let text = ["# rate: 10\na,b\n1.00,2.00\n1.00,2.00\n1.00,2.00\n", end].concat();
            let text = std::io::Cursor::new(text);
            let mut table = SensorTable::new(text, "x", &SensorFormat::default()).unwrap();
            let (mut chunk, mut samples) = (Chunk::default(), 0);
            while table.read(&mut chunk).unwrap() {
                samples += chunk.samples.len();
            }
            (samples / 2, table.notes())
        };
        let cut = Note::RowsSkipped {
            rows: 1,
            why: SkippedRow::CutShort,
            first_line: Some(6),
        };
        for (end, rows) in [
            ("1.00,2.0", 3),
            ("1.00", 3),
            ("1.00,2.00", 4),
            ("1.0,2.0\n", 4),
        ] {
            let notes = if rows == 3 { vec![cut.clone()] } else { vec![] };
            assert_eq!(of(end), (rows, notes), "{end:?}");
        }
    }
}
