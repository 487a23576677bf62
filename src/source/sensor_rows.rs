//! The common part of tables and JSON lines: rows of a sensor are read ahead until the rate is
//! known, then returned as evenly spaced samples.

use std::collections::VecDeque;

use super::hold::Hold;
use super::pace::{Pace, Stated};
use super::row_times::RowTimes;
use super::rows::{Grid, PlacedRow, Row, Skipped};
use super::sensor_rate::SensorRate;
use super::stamp::TimeUnit;
use super::{Note, SkippedRow, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// The most samples in a chunk.
const CHUNK_SAMPLES: usize = 256;
/// The number of rows whose times give the rate, and the number that confirms a stated rate.
const RATE_ROWS: usize = 64;
const CONFIRMING_ROWS: usize = 9;
/// The most rows that are read to find the rate, if many share a time or have none.
const MOST_RATE_ROWS: usize = 8_192;

/// Reads the rows of one format.
pub(super) trait RowReader: Send {
    /// The next row; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, SourceError>;

    /// Whether the next row can be read without waiting for it.
    fn is_ready(&self) -> bool;

    /// The unit of the times that were read, if it is known.
    fn time_unit(&self) -> Option<TimeUnit>;

    /// The first text that could not be read.
    fn first_odd(&self) -> Option<&str>;
}

/// What is known before the first row.
pub(super) struct Setup {
    pub(super) what: String,
    pub(super) channels: Vec<Channel>,
    pub(super) rate: Option<SensorRate>,
    pub(super) has_times: bool,
    /// Whether the name of the column of times suggests whole numbers that are not seconds.
    pub(super) is_timestamp: bool,
    pub(super) skipped: Skipped,
    pub(super) notes: Vec<Note>,
}

/// Rows of any format, as a [`Source`].
pub(super) struct SensorRows<R> {
    reader: R,
    what: String,
    channels: Vec<Channel>,
    /// `None`: rows are even.
    times: Option<RowTimes>,
    hold: Hold,
    grid: Grid,
    skipped: Skipped,
    notes: Vec<Note>,
    /// Rows that were read to find the rate.
    ahead: VecDeque<Row>,
    /// Rows that are placed in time.
    placed: VecDeque<PlacedRow>,
    rows: u64,
    is_given: bool,
    ended: bool,
}

impl<R: RowReader> SensorRows<R> {
    /// Reads rows from `reader`. If they have times, or some have no value, reads ahead: the rate
    /// is that of the times.
    pub(super) fn new(mut reader: R, setup: Setup) -> Result<Self, SourceError> {
        let fault = |reason: String| SourceError::sensor_data(&setup.what, reason);
        if !setup.has_times && setup.rate.is_none() {
            return Err(fault("nothing states its rate".to_owned()));
        }
        let ahead = read_ahead(&mut reader, &setup)?;
        let mut notes = setup.notes;
        let times: Vec<f64> = ahead.iter().filter_map(|row| row.time).collect();
        let pace = match setup.rate {
            Some(rate) if times.is_empty() => {
                if setup.has_times && !ahead.is_empty() {
                    notes.push(Note::TimesUnread);
                }
                Pace::even(rate)
            }
            None if times.is_empty() => {
                let mut skipped = setup.skipped;
                for row in &ahead {
                    let fault = row.fault.filter(|why| *why != SkippedRow::NoNumber);
                    skipped.count(fault.unwrap_or(SkippedRow::NoTime), row.line);
                }
                let reason = unusable(&skipped, ahead.len() as u64, reader.first_odd());
                return Err(fault(reason));
            }
            rate => {
                let stated = Stated {
                    rate,
                    unit: reader.time_unit(),
                    is_timestamp: setup.is_timestamp,
                };
                Pace::of(&times, stated).map_err(fault)?
            }
        };
        notes.extend(pace.notes.iter().cloned());
        Ok(Self {
            times: pace.scale.map(|scale| RowTimes::new(&pace, scale)),
            hold: Hold::of(ahead.iter(), setup.channels.len()),
            grid: Grid::new(&pace),
            what: setup.what,
            channels: setup.channels,
            skipped: setup.skipped,
            reader,
            notes,
            ahead,
            placed: VecDeque::new(),
            rows: 0,
            is_given: false,
            ended: false,
        })
    }

    /// The next row in time. `None` at the end, or if the chunk has samples and no row is ready.
    fn next_placed(&mut self, chunk: &Chunk) -> Result<Option<PlacedRow>, SourceError> {
        loop {
            if let Some(row) = self.placed.pop_front() {
                return Ok(Some(row));
            }
            let row = match self.ahead.pop_front() {
                Some(row) => row,
                None if self.ended => return Ok(None),
                // Samples in the chunk do not wait for a row that has not arrived.
                None if !chunk.samples.is_empty() && !self.reader.is_ready() => return Ok(None),
                None => {
                    let row = self.reader.next_row();
                    self.ended = !matches!(row, Ok(Some(_)));
                    let Some(row) = row? else {
                        if let Some(times) = &mut self.times {
                            times.finish(&mut self.placed, &mut self.skipped);
                        }
                        continue;
                    };
                    row
                }
            };
            self.rows += 1;
            self.order(row);
        }
    }

    /// Puts a row in its place, or counts it as lost.
    fn order(&mut self, mut row: Row) {
        if row.fault.is_none() {
            if self.times.is_some() && row.time.is_none() {
                row.fault = Some(SkippedRow::NoTime);
            } else if !self.hold.fill(&mut row) {
                row.fault = Some(SkippedRow::NoNumber);
            }
        }
        if let Some(why) = row.fault {
            self.skipped.count(why, row.line);
            row.values.clear();
        }
        match &mut self.times {
            Some(times) if row.fault.is_none() => {
                times.push(row, &mut self.placed, &mut self.skipped);
            }
            Some(_) => {}
            // A lost row leaves a gap between even rows.
            None => self.placed.push_back(PlacedRow {
                values: row.values,
                ..PlacedRow::default()
            }),
        }
    }
}

/// Reads the rows that give the rate.
fn read_ahead<R: RowReader>(reader: &mut R, setup: &Setup) -> Result<VecDeque<Row>, SourceError> {
    let wanted = match setup.rate {
        None => RATE_ROWS,
        // At low rates, fewer: nobody waits for many seconds.
        Some(rate) => (rate.hz() as usize).saturating_add(3).min(CONFIRMING_ROWS),
    };
    let mut ahead = VecDeque::new();
    let (mut timed, mut distinct, mut last) = (0, 0, None);
    let mut is_sparse = false;
    loop {
        let is_shared = timed >= 2 && distinct * 2 <= timed;
        let is_enough = match (setup.has_times, setup.rate) {
            (false, _) => !ahead.is_empty() && !is_sparse || ahead.len() >= wanted,
            (true, Some(_)) if timed == 0 => ahead.len() >= wanted,
            (true, _) => timed >= wanted && !(is_shared && distinct < 3),
        };
        if is_enough || ahead.len() >= MOST_RATE_ROWS {
            break;
        }
        let Some(row) = reader.next_row()? else {
            break;
        };
        if let Some(time) = row.time {
            timed += 1;
            if last != Some(time) {
                distinct += 1;
            }
            last = Some(time);
        }
        is_sparse |= row.values.iter().any(|value| value.is_nan());
        ahead.push_back(row);
    }
    Ok(ahead)
}

/// Why none of `rows` rows can be used.
fn unusable(skipped: &Skipped, rows: u64, first_odd: Option<&str>) -> String {
    let Some((why, count, line)) = skipped.main() else {
        return "it has no rows".to_owned();
    };
    let verb = match why {
        SkippedRow::NoNumber | SkippedRow::NoTime => "have",
        _ => "were skipped:",
    };
    let all = rows.max(skipped.rows());
    let odd = first_odd.map_or(String::new(), |text| format!(": {text:?}"));
    format!("no usable rows: {count} of {all} {verb} {why} (first at line {line}{odd})")
}

impl<R: RowReader> Source for SensorRows<R> {
    fn rate(&self) -> SampleRate {
        self.grid.rate()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn notes(&self) -> Vec<Note> {
        let times = self.times.iter().flat_map(RowTimes::notes);
        let found = self.skipped.notes().chain(self.grid.notes()).chain(times);
        let held = self.hold.note(&self.channels);
        self.notes
            .iter()
            .cloned()
            .chain(found)
            .chain(held)
            .collect()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        while chunk.samples.len() < CHUNK_SAMPLES * self.channels.len()
            && let Some(row) = self.next_placed(chunk)?
        {
            if !self.grid.push(&row, chunk) {
                self.placed.push_front(row);
                break;
            }
        }
        if chunk.samples.is_empty() && !self.is_given {
            self.is_given = true;
            let reason = unusable(&self.skipped, self.rows, self.reader.first_odd());
            return Err(SourceError::sensor_data(&self.what, reason));
        }
        self.is_given = true;
        Ok(!chunk.samples.is_empty())
    }
}
