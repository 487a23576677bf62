//! NMEA 0183 sentences as rows of sensor values: GPS receivers, compasses, wind and depth sensors,
//! transducers (`XDR`) and the sentences of makers (`$P...`).
//!
//! ```text
//! $GPRMC,123519.00,A,4807.038,N,01131.000,E,022.4,084.4,230394,,*1D
//! $IIXDR,A,171.2,D,PITCH,A,-37.1,D,ROLL*0B
//! ```
//!
//! A column is called `RMC.speed`, `XDR.PITCH` or, where this module knows no name, `PASHR.2`: the
//! kind without the talker, and the field's number. A row holds one sentence of each kind that has a
//! chosen column. Its time is the time of day in the sentences, if they have one. A checksum that is
//! wrong costs a row. Lists, as of satellites in view, are not read.

use super::comeback::{self, Comeback, Format, listed};
use super::lines::{Line, Lines};
use super::rows::{Row, Skipped};
use super::sensor_format::{Cell, SensorFormat};
use super::sensor_rows::{RowReader, SensorRows, Setup};
use super::stamp::TimeUnit;
use super::{Note, SkippedRow, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate, excerpt};

/// The most lines that are read to find the columns.
const MOST_LINES: usize = 256;
/// So many sentences without any of the columns are those of another device.
const MOST_OTHERS: usize = 32;
/// So often the first kind comes before all kinds are known.
const CYCLES: usize = 3;
/// Kinds that are lists or text.
const NOT_READ: [&str; 9] = [
    "GSV", "GSA", "TXT", "VDM", "VDO", "ALM", "RTE", "WPL", "PUBX",
];
const DAY_S: f64 = 86_400.0;

/// A name for the number in a field, with its unit: kind, field, name.
const NAMED: [(&str, usize, &str); 21] = [
    ("RMC", 7, "speed [kn]"),
    ("RMC", 8, "course [deg]"),
    ("GGA", 7, "satellites"),
    ("GGA", 8, "hdop"),
    ("GGA", 9, "altitude [m]"),
    ("GNS", 7, "satellites"),
    ("GNS", 8, "hdop"),
    ("GNS", 9, "altitude [m]"),
    ("VTG", 1, "course [deg]"),
    ("VTG", 7, "speed [km/h]"),
    ("HDT", 1, "heading [deg]"),
    ("HDM", 1, "heading [deg]"),
    ("HDG", 1, "heading [deg]"),
    ("ROT", 1, "rate [deg/min]"),
    ("MWV", 1, "angle [deg]"),
    ("MWV", 3, "speed"),
    ("DPT", 1, "depth [m]"),
    ("DBT", 3, "depth [m]"),
    ("MTW", 1, "temperature [C]"),
    ("VHW", 5, "speed [kn]"),
    ("VHW", 1, "heading [deg]"),
];
/// The fields of latitude and longitude, and of the time of day, from 1.
const POSITIONS: [(&str, usize); 4] = [("RMC", 3), ("GGA", 2), ("GNS", 2), ("GLL", 1)];
const TIMES: [(&str, usize); 6] = [
    ("RMC", 1),
    ("GGA", 1),
    ("GNS", 1),
    ("GLL", 5),
    ("GST", 1),
    ("ZDA", 1),
];
/// The field that says whether there is a position, and its text if there is none.
const VALID: [(&str, usize, &str); 3] = [("RMC", 2, "V"), ("GLL", 6, "V"), ("GGA", 6, "0")];

/// Sentences from a reader.
pub(super) struct Nmea(SensorRows<SentenceReader>);

impl Nmea {
    /// Reads sentences until their columns are known.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if they have no column asked for, or if neither the format nor
    /// the sentences give the rate.
    pub(super) fn of(mut lines: Lines, format: &SensorFormat) -> Result<Self, SourceError> {
        let fault = |lines: &Lines, reason| SourceError::sensor_data(lines.what(), reason);
        lines.is_strict = false;
        let (mut found, mut first, mut skipped) =
            (Found::default(), Vec::new(), Skipped::default());
        while first.len() < MOST_LINES && !found.is_enough() {
            let mut line = Line::default();
            if !lines.next(&mut line)? {
                break;
            }
            match line.text().as_deref().and_then(|text| sentence(text).ok()) {
                Some(sentence) => found.add(&sentence),
                None if first.is_empty() => {
                    if !line.is_blank() {
                        skipped.count(SkippedRow::BeforeHead, line.number);
                    }
                    continue;
                }
                None => {}
            }
            first.push(line);
        }
        let head: Vec<&str> = found
            .columns
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let cells: Vec<Cell> = found.columns.iter().map(|(_, cell)| *cell).collect();
        let layout = format.layout(&head, &cells);
        let layout = layout.map_err(|reason| fault(&lines, reason))?;
        let chosen = layout.columns.iter().filter_map(|&column| head.get(column));
        let names: Vec<String> = chosen.map(|name| (*name).to_owned()).collect();
        let columns: Vec<String> = names.iter().map(|name| bare(name).to_owned()).collect();
        let kind = |column: &String| column.split('.').next().unwrap_or_default().to_owned();
        let kinds: Vec<String> = columns.iter().map(kind).collect();
        let is_read = |kind: &String| kinds.contains(kind);
        let unread = found.kinds.iter().filter(|kind| !is_read(kind));
        let unread: Vec<&str> = unread.map(String::as_str).collect();
        let notes = match unread.as_slice() {
            [] => Vec::new(),
            unread => vec![Note::PartsIgnored {
                what: format!(
                    "sentences {}, which are lists or have no chosen column",
                    unread.join(", ")
                ),
            }],
        };
        lines.give_back(first.into_iter());
        let setup = Setup {
            what: lines.what().to_owned(),
            channels: layout.channels,
            rate: format.rate,
            has_times: TIMES.iter().any(|(kind, _)| is_read(&(*kind).to_owned())),
            is_timestamp: false,
            skipped,
            notes,
        };
        let reader = SentenceReader {
            lines,
            row: Cycle::new(columns.len()),
            columns,
            names,
            kinds,
            line: Line::default(),
            latest: None,
            days: 0.0,
            first_odd: None,
        };
        Ok(Self(SensorRows::new(reader, setup)?))
    }
}

impl Source for Nmea {
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

/// Whether a line is an intact sentence with a checksum.
pub(super) fn is_sentence(text: &str) -> bool {
    text.contains('*') && sentence(text).is_ok()
}

/// A sentence with its address and fields.
struct Sentence<'a> {
    /// Its kind without the talker; for a maker's sentence, its whole address.
    kind: &'a str,
    /// The fields after the address.
    fields: Vec<&'a str>,
}

impl Sentence<'_> {
    /// A field, from 1.
    fn field(&self, number: usize) -> &str {
        let field = self.fields.get(number.saturating_sub(1));
        field.copied().unwrap_or_default()
    }

    /// Its columns and their values; NaN for text, `None` if empty.
    fn values(&self) -> Vec<(String, Option<f64>)> {
        let kind = self.kind;
        let number = |field: &str| match field.trim() {
            "" => None,
            text => Some(text.parse::<f64>().unwrap_or(f64::NAN)),
        };
        if NOT_READ.contains(&kind) {
            return Vec::new();
        }
        if kind == "XDR" {
            // Type, value, unit and name of each transducer.
            let parts = self.fields.chunks_exact(4);
            return parts
                .filter_map(|part| match part {
                    [_, value, unit, name] if !name.trim().is_empty() => Some((
                        format!("XDR.{}{}", name.trim(), unit_of(unit)),
                        number(value),
                    )),
                    _ => None,
                })
                .collect();
        }
        let is_void = (VALID.iter()).any(|(k, at, void)| *k == kind && self.field(*at) == *void);
        let mut values = Vec::new();
        if let Some((_, at)) = POSITIONS.iter().find(|(k, _)| *k == kind) {
            for (name, at) in [("latitude", *at), ("longitude", at + 2)] {
                let value = degrees(self.field(at), self.field(at + 1));
                values.push((format!("{kind}.{name} [deg]"), value));
            }
        }
        for (_, at, name) in NAMED.iter().filter(|(k, ..)| *k == kind) {
            values.push((format!("{kind}.{name}"), number(self.field(*at))));
        }
        let is_known = !values.is_empty() || TIMES.iter().any(|(k, _)| *k == kind);
        if !is_known {
            let all = self.fields.iter().enumerate();
            values.extend(all.map(|(at, field)| (format!("{kind}.{}", at + 1), number(field))));
        }
        if is_void {
            values.iter_mut().for_each(|(_, value)| *value = None);
        }
        values
    }

    /// Seconds of the day.
    fn time(&self) -> Option<f64> {
        let (_, at) = TIMES.iter().find(|(kind, _)| *kind == self.kind)?;
        let text = self.field(*at);
        let part = |at: usize| text.get(at..at + 2)?.parse::<u32>().ok().map(f64::from);
        let (hours, minutes) = (part(0)?, part(2)?);
        let seconds: f64 = text.get(4..)?.parse().ok()?;
        let is_time = hours < 24.0 && minutes < 60.0 && (0.0..61.0).contains(&seconds);
        is_time.then_some(hours * 3_600.0 + minutes * 60.0 + seconds)
    }
}

/// The sentence in `text`.
///
/// # Errors
/// Why it is none.
fn sentence(text: &str) -> Result<Sentence<'_>, SkippedRow> {
    let body = text.strip_prefix(['$', '!']).ok_or(SkippedRow::NoNumber)?;
    let body = match body.rsplit_once('*') {
        Some((body, sum)) => {
            let stated = u8::from_str_radix(sum.trim(), 16);
            let actual = body.bytes().fold(0, |sum, byte| sum ^ byte);
            if stated != Ok(actual) || sum.trim().len() != 2 {
                return Err(SkippedRow::Checksum);
            }
            body
        }
        None => return Err(SkippedRow::Checksum),
    };
    let mut fields = body.split(',');
    let address = fields.next().unwrap_or_default();
    let is_address = address
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !is_address || !(4..=12).contains(&address.len()) {
        return Err(SkippedRow::NoNumber);
    }
    let kind = match address.len() == 5 && !address.starts_with('P') {
        true => address.get(2..).unwrap_or_default(),
        false => address,
    };
    Ok(Sentence {
        kind,
        fields: fields.collect(),
    })
}

/// Degrees of `ddmm.mmm` and a letter.
fn degrees(text: &str, letter: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let whole = (number / 100.0).trunc();
    let degrees = whole + (number - whole * 100.0) / 60.0;
    match letter {
        "N" | "E" => Some(degrees),
        "S" | "W" => Some(-degrees),
        _ => None,
    }
}

/// The unit of a transducer, as in a table's head.
fn unit_of(letter: &str) -> String {
    match letter.trim() {
        "D" => " [deg]",
        "C" => " [C]",
        "G" => " [g]",
        "M" => " [m]",
        "V" => " [V]",
        "A" => " [A]",
        "H" => " [Hz]",
        "P" => " [Pa]",
        "B" => " [bar]",
        "R" => " [rpm]",
        _ => "",
    }
    .to_owned()
}

/// A column's name without its unit.
fn bare(name: &str) -> &str {
    name.split(" [").next().unwrap_or_default()
}

/// The kinds and columns of the first sentences.
#[derive(Default)]
struct Found {
    kinds: Vec<String>,
    /// How often the first kind came.
    cycles: usize,
    columns: Vec<(String, Cell)>,
}

impl Found {
    fn add(&mut self, sentence: &Sentence<'_>) {
        if !self.kinds.iter().any(|kind| kind == sentence.kind) {
            self.kinds.push(sentence.kind.to_owned());
        }
        self.cycles += usize::from(self.kinds.first().is_some_and(|kind| kind == sentence.kind));
        for (name, value) in sentence.values() {
            let cell = match value {
                None => Cell::Empty,
                Some(value) if value.is_nan() => Cell::Text,
                Some(value) => Cell::Number(value),
            };
            match self.columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known @ (Cell::Empty | Cell::Text))) => *known = cell,
                Some(_) => {}
                None => self.columns.push((name, cell)),
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.cycles > CYCLES
    }
}

/// A row that is being filled.
struct Cycle {
    values: Vec<f32>,
    is_filled: Vec<bool>,
    time: Option<f64>,
    line: u64,
}

impl Cycle {
    fn new(columns: usize) -> Self {
        Self {
            values: vec![f32::NAN; columns],
            is_filled: vec![false; columns],
            time: None,
            line: 0,
        }
    }

    /// The row, which is empty afterwards.
    fn take(&mut self) -> Row {
        let full = std::mem::replace(self, Self::new(self.values.len()));
        Row {
            line: full.line,
            time: full.time,
            values: full.values,
            fault: None,
        }
    }
}

/// Reads sentences, and joins those of a cycle to rows.
struct SentenceReader {
    lines: Lines,
    columns: Vec<String>,
    /// The same with their units.
    names: Vec<String>,
    /// The kind of each column.
    kinds: Vec<String>,
    row: Cycle,
    line: Line,
    /// The latest time of day, and the seconds of days before it.
    latest: Option<f64>,
    days: f64,
    first_odd: Option<String>,
}

impl SentenceReader {
    /// Takes the latest line. Returns a row that is complete, or lost.
    fn take(&mut self) -> Option<Row> {
        let number = self.line.number;
        let lost = |why| Some(Row::lost(number, why));
        if self.line.is_too_long {
            return lost(SkippedRow::TooLong);
        }
        let Some(text) = self.line.text() else {
            return lost(SkippedRow::NotText);
        };
        let sentence = match sentence(&text) {
            Ok(sentence) => sentence,
            Err(why) => {
                self.first_odd.get_or_insert_with(|| excerpt(&text));
                return lost(why);
            }
        };
        if !self.kinds.iter().any(|kind| kind == sentence.kind) {
            return None;
        }
        let values = sentence.values();
        let place = |name: &str| (self.columns.iter()).position(|column| column == bare(name));
        let placed: Vec<(usize, Option<f64>)> = (values.iter())
            .filter_map(|(name, value)| Some((place(name)?, *value)))
            .collect();
        let is_taken = |at: usize| self.row.is_filled.get(at) == Some(&true);
        let is_next = placed.iter().any(|(at, _)| is_taken(*at));
        // The row before lacks a sentence.
        let before = is_next.then(|| self.row.take());
        for (at, value) in placed {
            if let (Some(slot), Some(is_filled)) =
                (self.row.values.get_mut(at), self.row.is_filled.get_mut(at))
            {
                *slot = value.map_or(f32::NAN, |value| value as f32);
                *is_filled = true;
            }
        }
        self.row.line = number;
        let time = sentence.time();
        if self.row.time.is_none()
            && let Some(time) = time
        {
            // After midnight.
            if self
                .latest
                .is_some_and(|latest| latest - time > DAY_S / 2.0)
            {
                self.days += DAY_S;
            }
            self.latest = Some(time);
            self.row.time = Some(self.days + time);
        }
        if before.is_some() {
            return before;
        }
        let is_full = self.row.is_filled.iter().all(|is_filled| *is_filled);
        is_full.then(|| self.row.take())
    }
}

impl SentenceReader {
    /// Compares the columns of the sentences after a loss of the port with those that are read.
    fn check_comeback(&mut self) -> Result<(), SourceError> {
        let known = &self.names;
        let before = listed(known.iter().map(String::as_str));
        let (mut found, mut sentences) = (Vec::<String>::new(), 0);
        comeback::check(&mut self.lines, &before, MOST_LINES, |seen| {
            if seen.len() == 1 {
                (found, sentences) = (Vec::new(), 0);
            }
            let text = seen.last().and_then(Line::text);
            let Some(sentence) = text.as_deref().and_then(|text| sentence(text).ok()) else {
                return comeback::other_format(seen, Format::Nmea).map(Comeback::Other);
            };
            sentences += 1;
            for (name, _) in sentence.values() {
                // The same column in another unit.
                let is_other = |known: &&String| bare(known) == bare(&name) && **known != name;
                if known.iter().any(|known| is_other(&known)) {
                    return Some(Comeback::Other(name));
                }
                if !found.contains(&name) {
                    found.push(name);
                }
            }
            let all = || listed(found.iter().map(String::as_str));
            match known.iter().filter(|name| found.contains(name)).count() {
                count if count == known.len() => Some(Comeback::Same),
                0 if sentences >= MOST_OTHERS => Some(Comeback::Other(all())),
                _ if seen.len() + 1 >= MOST_LINES => Some(Comeback::Other(all())),
                _ => None,
            }
        })
    }
}

impl RowReader for SentenceReader {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        while self.lines.next(&mut self.line)? {
            if self.line.is_loss() {
                // A row is not joined across a loss.
                self.row.take();
                self.check_comeback()?;
                continue;
            }
            if self.line.is_blank() && !self.line.is_too_long {
                continue;
            }
            if let Some(row) = self.take() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn is_ready(&self) -> bool {
        self.lines.is_ready()
    }

    fn time_unit(&self) -> Option<TimeUnit> {
        Some(TimeUnit::Seconds)
    }

    fn first_odd(&self) -> Option<&str> {
        self.first_odd.as_deref()
    }
}

#[cfg(test)]
#[path = "nmea_tests.rs"]
mod tests;
