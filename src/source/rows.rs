//! Converts rows of sensor values, with or without a time, to evenly spaced samples.
//!
//! Loggers record rows at uneven times and lose some. Rows with a time are resampled to an even
//! grid by linear interpolation. If more than one and a half periods lie between two rows, this is
//! a gap, and the grid starts again after it. Rows without a time count as even. A row without a
//! number for every channel counts as lost. This module reads no files; [`super::row_times`] puts
//! the times in order before.

use super::pace::Pace;
use super::{Note, SkippedRow};
use crate::signal::{Chunk, Micros, SampleRate};

/// A distance between two rows of more than this number of periods is a gap.
const GAP_PERIODS: f64 = 1.5;

/// One row of sensor values, as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    /// The line, from 1.
    pub(super) line: u64,
    /// Its time, in the unit of the data.
    pub(super) time: Option<f64>,
    /// One value a channel; NaN where it is empty.
    pub(super) values: Vec<f32>,
    /// Why it cannot be used.
    pub(super) fault: Option<SkippedRow>,
}

impl Row {
    /// A row that cannot be used.
    pub(super) fn lost(line: u64, why: SkippedRow) -> Self {
        Self {
            line,
            fault: Some(why),
            ..Self::default()
        }
    }
}

/// A row with its place in the stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PlacedRow {
    /// Seconds, from an arbitrary start. They increase. `None`: rows are even.
    pub(super) time: Option<f64>,
    /// One value a channel; empty if the row is lost.
    pub(super) values: Vec<f32>,
    /// Whether time stepped before it, so that it begins a segment.
    pub(super) is_step: bool,
    /// Rows a second from here on, if the rate changed.
    pub(super) row_hz: Option<f64>,
}

/// Counts of rows that could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Skipped(Vec<(SkippedRow, u64, u64)>);

impl Skipped {
    /// Counts a row in `line`.
    pub(super) fn count(&mut self, why: SkippedRow, line: u64) {
        match self.0.iter_mut().find(|(known, ..)| *known == why) {
            Some((_, rows, _)) => *rows += 1,
            None => self.0.push((why, 1, line)),
        }
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        self.0.iter().map(|&(why, rows, line)| Note::RowsSkipped {
            rows,
            why,
            first_line: (line > 0).then_some(line),
        })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.0.iter().map(|(_, rows, _)| rows).sum()
    }

    /// The most frequent reason, its rows and its first line.
    pub(super) fn main(&self) -> Option<(SkippedRow, u64, u64)> {
        self.0.iter().max_by_key(|(_, rows, _)| *rows).copied()
    }
}

/// Resamples rows to an even grid.
#[derive(Debug)]
pub(super) struct Grid {
    rate: SampleRate,
    /// Rows a second.
    row_hz: f64,
    /// The first time in the data: time 0 of the stream.
    zero: Option<f64>,
    /// The latest row that was not lost.
    before: Option<(f64, Vec<f32>)>,
    /// Start of the current segment, in seconds of the stream, and its number of samples.
    origin: f64,
    samples: u64,
    /// Number of rows so far, if they have no times.
    rows: u64,
    broken: bool,
    gaps: u64,
}

impl Grid {
    pub(super) fn new(pace: &Pace) -> Self {
        Self {
            rate: pace.grid,
            row_hz: pace.row_hz,
            zero: None,
            before: None,
            origin: 0.0,
            samples: 0,
            rows: 0,
            broken: false,
            gaps: 0,
        }
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// What is odd about the rows so far.
    pub(super) fn notes(&self) -> Option<Note> {
        (self.gaps > 0).then_some(Note::Gaps { gaps: self.gaps })
    }

    /// Takes the next row. Returns `false` if the row begins a new segment while `chunk` still has
    /// samples of the previous one. In this case, return the chunk and push the row again.
    pub(super) fn push(&mut self, row: &PlacedRow, chunk: &mut Chunk) -> bool {
        if row.values.is_empty() {
            self.rows += 1;
            self.broken |= row.time.is_none();
            return true;
        }
        self.row_hz = row.row_hz.unwrap_or(self.row_hz);
        match row.time {
            Some(time) => self.push_timed(time, row, chunk),
            None if self.row_hz == f64::from(self.rate.hz()) => self.push_even(row, chunk),
            None => self.push_fractional(row, chunk),
        }
    }

    fn push_even(&mut self, row: &PlacedRow, chunk: &mut Chunk) -> bool {
        if self.broken {
            if !chunk.samples.is_empty() {
                return false;
            }
            self.begin(self.rows as f64 / self.row_hz);
            self.gaps += 1;
            self.broken = false;
        }
        self.rows += 1;
        self.give(&row.values, chunk);
        true
    }

    /// An even row of a rate that is not the rate of the samples: its number is its time.
    fn push_fractional(&mut self, row: &PlacedRow, chunk: &mut Chunk) -> bool {
        let is_taken = self.push_timed(self.rows as f64 / self.row_hz, row, chunk);
        if is_taken {
            self.rows += 1;
        }
        is_taken
    }

    fn push_timed(&mut self, time: f64, row: &PlacedRow, chunk: &mut Chunk) -> bool {
        let time = time - *self.zero.get_or_insert(time);
        let hz = f64::from(self.rate.hz());
        let Some((since, before)) = self.before.take() else {
            self.before = Some((time, row.values.clone()));
            self.give(&row.values, chunk);
            return true;
        };
        // Times are in order; NaN is not a time.
        if time <= since || time.is_nan() {
            self.before = Some((since, before));
            return true;
        }
        if row.is_step || (time - since) * self.row_hz > GAP_PERIODS {
            if !chunk.samples.is_empty() {
                self.before = Some((since, before));
                return false;
            }
            self.begin(time);
            self.gaps += u64::from(!row.is_step);
            self.keep(time, row, before);
            self.give(&row.values, chunk);
            return true;
        }
        // Every time of the grid up to this row.
        loop {
            let due = self.origin + self.samples as f64 / hz;
            if due > time {
                break;
            }
            let share = ((due - since) / (time - since)).clamp(0.0, 1.0) as f32;
            let between = (before.iter().zip(&row.values)).map(|(a, b)| a + (b - a) * share);
            self.start(chunk);
            chunk.samples.extend(between);
            self.samples += 1;
        }
        self.keep(time, row, before);
        true
    }

    /// Keeps the row, in the memory of an earlier one.
    fn keep(&mut self, time: f64, row: &PlacedRow, mut memory: Vec<f32>) {
        memory.clone_from(&row.values);
        self.before = Some((time, memory));
    }

    /// Begins a new segment.
    fn begin(&mut self, origin: f64) {
        self.origin = origin;
        self.samples = 0;
    }

    fn give(&mut self, values: &[f32], chunk: &mut Chunk) {
        self.start(chunk);
        chunk.samples.extend_from_slice(values);
        self.samples += 1;
    }

    /// Sets the time of the chunk's first sample, when it is known.
    fn start(&self, chunk: &mut Chunk) {
        if chunk.samples.is_empty() {
            let origin = (self.origin * 1e6).round() as u64;
            chunk.start = Micros(origin + Micros::from_samples(self.samples, self.rate).0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SensorRate;

    fn chunks(rows: &[PlacedRow], hz: f64) -> (Vec<Chunk>, u64) {
        let mut grid = Grid::new(&Pace::even(SensorRate::new(hz).unwrap()));
        let (mut chunks, mut chunk) = (Vec::new(), Chunk::default());
        for row in rows {
            if !grid.push(row, &mut chunk) {
                chunks.push(std::mem::take(&mut chunk));
                assert!(grid.push(row, &mut chunk));
            }
        }
        chunks.push(chunk);
        (chunks, grid.gaps)
    }

    fn timed(time: f64, value: f32) -> PlacedRow {
        PlacedRow {
            time: Some(time),
            values: vec![value, -value],
            ..PlacedRow::default()
        }
    }

    fn even(value: f32) -> PlacedRow {
        PlacedRow {
            values: vec![value],
            ..PlacedRow::default()
        }
    }

    #[test]
    fn jittering_times_are_resampled_evenly() {
        let jitter = [0.0, 0.2, -0.2, 0.1, -0.25, 0.15];
        let rows: Vec<PlacedRow> = (0..200)
            .map(|i| {
                let time = f64::from(i) + jitter[i as usize % 6];
                timed(1_000.0 + time / 50.0, time as f32)
            })
            .collect();
        let (chunks, gaps) = chunks(&rows, 50.0);
        assert_eq!((chunks.len(), gaps), (1, 0));
        let samples = chunks[0].samples.chunks_exact(2);
        assert_eq!(samples.len(), 200);
        for (i, sample) in samples.enumerate() {
            assert!((sample[0] - i as f32).abs() < 1e-3, "{i}: {sample:?}");
            assert_eq!(sample[1], -sample[0]);
        }
    }

    #[test]
    fn a_slightly_wrong_clock_leaves_no_gap() {
        // 49.6 Hz, read as 50 Hz: an hour remains an hour.
        let rows: Vec<PlacedRow> = (0..49_600)
            .map(|i| timed(f64::from(i) / 49.6, i as f32))
            .collect();
        let (chunks, gaps) = chunks(&rows, 50.0);
        assert_eq!((chunks.len(), gaps), (1, 0));
        assert!((chunks[0].samples.len() / 2).abs_diff(50_000) <= 1);
    }

    #[test]
    fn missing_time_is_a_gap_without_interpolation() {
        let mut rows: Vec<PlacedRow> = (0..10).map(|i| timed(f64::from(i) / 50.0, 1.0)).collect();
        rows.extend((25..30).map(|i| timed(f64::from(i) / 50.0, 5.0)));
        let (found, gaps) = chunks(&rows, 50.0);
        assert_eq!((found.len(), gaps), (2, 1));
        assert_eq!(found[0].samples, [1.0, -1.0].repeat(10));
        assert_eq!(found[1].samples, [5.0, -5.0].repeat(5));
        assert_eq!(found[1].start, Micros(500_000));
        // A step begins a segment, however close it is.
        rows[5].is_step = true;
        let (found, gaps) = chunks(&rows, 50.0);
        assert_eq!((found.len(), gaps), (3, 1));
    }

    #[test]
    fn a_lost_row_leaves_a_gap_between_even_rows() {
        let rows = [even(1.0), even(2.0), PlacedRow::default(), even(4.0)];
        let (chunks, gaps) = chunks(&rows, 10.0);
        assert_eq!(gaps, 1);
        assert_eq!(chunks[0].samples, [1.0, 2.0]);
        assert_eq!(
            (chunks[1].samples[0], chunks[1].start),
            (4.0, Micros(300_000))
        );
    }

    #[test]
    fn even_rows_of_a_fractional_rate_are_interpolated() {
        let mut rows: Vec<PlacedRow> = (0..5_u8).map(|i| even(f32::from(i))).collect();
        rows.push(PlacedRow::default());
        rows.push(even(6.0));
        let (found, gaps) = chunks(&rows, 12.5);
        assert_eq!((found.len(), gaps), (2, 1));
        assert_eq!(
            found[0].samples,
            [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
        );
        assert_eq!(found[1].start, Micros(480_000));
        let (slow, _) = chunks(&[even(0.0), even(4.0)], 0.25);
        assert_eq!(slow[0].samples, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
