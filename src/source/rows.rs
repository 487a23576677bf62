//! Converts rows of sensor values, with or without a time, to evenly spaced samples.
//!
//! Loggers record rows at uneven times and lose some. Rows with a time are resampled to an even
//! grid by linear interpolation. If more than one and a half periods lie between two rows, this is
//! a gap, and the grid starts again after it. Rows without a time count as even. A row without a
//! number for every channel counts as lost. This module reads no files.

use super::{Note, SkippedRow, SourceError};
use crate::signal::{Chunk, Micros, SampleRate};

/// A distance between two rows of more than this number of periods is a gap.
const GAP_PERIODS: f64 = 1.5;
/// The number of rows whose times give the rate.
pub(super) const RATE_ROWS: usize = 64;

/// One row of sensor values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    /// Seconds, from an arbitrary start.
    pub(super) time: Option<f64>,
    /// One value a channel; empty if the row is lost.
    pub(super) values: Vec<f32>,
}

impl Row {
    /// A row of these numbers. It is lost if one of them, or its time, is missing.
    pub(super) fn of(time: Option<f64>, numbers: impl Iterator<Item = Option<f64>>) -> Self {
        let value = |number: Option<f64>| {
            let value = number? as f32;
            value.is_finite().then_some(value)
        };
        let values: Option<Vec<f32>> = numbers.map(value).collect();
        let lost = time.is_some_and(f64::is_nan);
        Self {
            time,
            values: values.filter(|_| !lost).unwrap_or_default(),
        }
    }
}

/// Counts of rows that could not be used, and of gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowFaults {
    /// Rows without a number for every channel.
    pub(super) lost: u64,
    /// Gaps in time.
    pub(super) gaps: u64,
    /// Rows that were skipped because their time did not increase.
    pub(super) backwards: u64,
}

/// Resamples rows to an even grid.
#[derive(Debug)]
pub(super) struct Grid {
    rate: SampleRate,
    /// The first time in the data: time 0 of the stream.
    zero: Option<f64>,
    /// The latest row that was not lost.
    before: Option<Row>,
    /// Start of the current segment, in seconds of the stream, and its number of samples.
    origin: f64,
    samples: u64,
    /// Number of rows so far, if they have no times.
    rows: u64,
    broken: bool,
    faults: RowFaults,
}

impl Grid {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            zero: None,
            before: None,
            origin: 0.0,
            samples: 0,
            rows: 0,
            broken: false,
            faults: RowFaults::default(),
        }
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// What is odd about the rows so far.
    pub(super) fn notes(&self) -> Vec<Note> {
        let skipped = |rows, why| Note::RowsSkipped {
            rows,
            why,
            first_line: None,
        };
        let faults = self.faults;
        let notes = [
            (faults.lost, skipped(faults.lost, SkippedRow::NoNumber)),
            (
                faults.backwards,
                skipped(faults.backwards, SkippedRow::OddTime),
            ),
            (faults.gaps, Note::Gaps { gaps: faults.gaps }),
        ];
        let counted = notes.into_iter().filter(|(count, _)| *count > 0);
        counted.map(|(_, note)| note).collect()
    }

    /// Takes the next row. Returns `false` if the row begins a new segment while `chunk` still has
    /// samples of the previous one. In this case, return the chunk and push the row again.
    pub(super) fn push(&mut self, row: &Row, chunk: &mut Chunk) -> bool {
        if row.values.is_empty() {
            self.faults.lost += 1;
            self.rows += 1;
            self.broken |= row.time.is_none();
            return true;
        }
        match row.time {
            Some(time) => self.push_timed(time, row, chunk),
            None => self.push_even(row, chunk),
        }
    }

    fn push_even(&mut self, row: &Row, chunk: &mut Chunk) -> bool {
        if self.broken {
            if !chunk.samples.is_empty() {
                return false;
            }
            self.begin(self.rows as f64 / f64::from(self.rate.hz()));
            self.broken = false;
        }
        self.rows += 1;
        self.give(&row.values, chunk);
        true
    }

    fn push_timed(&mut self, time: f64, row: &Row, chunk: &mut Chunk) -> bool {
        let time = time - *self.zero.get_or_insert(time);
        let hz = f64::from(self.rate.hz());
        let Some(before) = self.before.take() else {
            self.keep(time, row);
            self.give(&row.values, chunk);
            return true;
        };
        let since = before.time.unwrap_or(0.0);
        // NaN is not a time.
        if time <= since || time.is_nan() {
            self.faults.backwards += 1;
            self.before = Some(before);
            return true;
        }
        if (time - since) * hz > GAP_PERIODS {
            if !chunk.samples.is_empty() {
                self.before = Some(before);
                return false;
            }
            self.begin(time);
            self.keep(time, row);
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
            let between = (before.values.iter().zip(&row.values)).map(|(a, b)| a + (b - a) * share);
            self.start(chunk);
            chunk.samples.extend(between);
            self.samples += 1;
        }
        self.keep(time, row);
        true
    }

    fn keep(&mut self, time: f64, row: &Row) {
        self.before = Some(Row {
            time: Some(time),
            values: row.values.clone(),
        });
    }

    /// Begins a new segment after a gap.
    fn begin(&mut self, origin: f64) {
        self.faults.gaps += 1;
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

/// The rate from the times of `rows`: one divided by their median distance.
pub(super) fn rate_of(rows: &[Row], what: &str) -> Result<SampleRate, SourceError> {
    let times: Vec<f64> = rows.iter().filter_map(|row| row.time).collect();
    let distances = times.iter().zip(times.iter().skip(1)).map(|(a, b)| b - a);
    let mut distances: Vec<f64> = distances.filter(|d| d.is_finite() && *d > 0.0).collect();
    distances.sort_by(f64::total_cmp);
    let hz = distances
        .get(distances.len() / 2)
        .map(|d| (1.0 / d).round());
    let rate = hz
        .filter(|hz| (1.0..=f64::from(SampleRate::MAX_HZ)).contains(hz))
        .and_then(|hz| SampleRate::new(hz as u32).ok());
    rate.ok_or_else(|| SourceError::sensor_data(what, "nothing states its rate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(rows: &[Row], hz: u32) -> (Vec<Chunk>, RowFaults) {
        let mut grid = Grid::new(SampleRate::new(hz).unwrap());
        let (mut chunks, mut chunk) = (Vec::new(), Chunk::default());
        for row in rows {
            if !grid.push(row, &mut chunk) {
                chunks.push(std::mem::take(&mut chunk));
                assert!(grid.push(row, &mut chunk));
            }
        }
        chunks.push(chunk);
        (chunks, grid.faults)
    }

    fn timed(time: f64, value: f32) -> Row {
        Row {
            time: Some(time),
            values: vec![value, -value],
        }
    }

    fn even(value: f32) -> Row {
        Row {
            time: None,
            values: vec![value],
        }
    }

    #[test]
    fn jittering_times_are_resampled_evenly() {
        let jitter = [0.0, 0.2, -0.2, 0.1, -0.25, 0.15];
        let rows: Vec<Row> = (0..200)
            .map(|i| {
                let time = f64::from(i) + jitter[i as usize % 6];
                timed(1_000.0 + time / 50.0, time as f32)
            })
            .collect();
        let (chunks, faults) = chunks(&rows, 50);
        assert_eq!((chunks.len(), faults), (1, RowFaults::default()));
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
        let rows: Vec<Row> = (0..49_600)
            .map(|i| timed(f64::from(i) / 49.6, i as f32))
            .collect();
        let (chunks, faults) = chunks(&rows, 50);
        assert_eq!((chunks.len(), faults.gaps), (1, 0));
        assert!((chunks[0].samples.len() / 2).abs_diff(50_000) <= 1);
    }

    #[test]
    fn missing_time_is_a_gap_without_interpolation() {
        let mut rows: Vec<Row> = (0..10).map(|i| timed(f64::from(i) / 50.0, 1.0)).collect();
        rows.extend((25..30).map(|i| timed(f64::from(i) / 50.0, 5.0)));
        let (chunks, faults) = chunks(&rows, 50);
        assert_eq!((chunks.len(), faults.gaps), (2, 1));
        assert_eq!(chunks[0].samples, [1.0, -1.0].repeat(10));
        assert_eq!(chunks[1].samples, [5.0, -5.0].repeat(5));
        assert_eq!(chunks[1].start, Micros(500_000));
    }

    #[test]
    fn a_lost_row_leaves_a_gap_between_even_rows() {
        let rows = [even(1.0), even(2.0), Row::default(), even(4.0)];
        let (chunks, faults) = chunks(&rows, 10);
        assert_eq!((faults.lost, faults.gaps), (1, 1));
        assert_eq!(chunks[0].samples, [1.0, 2.0]);
        assert_eq!(
            (chunks[1].samples[0], chunks[1].start),
            (4.0, Micros(300_000))
        );
    }

    #[test]
    fn rows_whose_time_does_not_increase_are_skipped() {
        let rows = [
            timed(0.0, 0.0),
            timed(0.1, 1.0),
            timed(0.05, 9.0),
            timed(f64::NAN, 9.0),
            timed(0.2, 2.0),
        ];
        let (chunks, faults) = chunks(&rows, 10);
        assert_eq!(faults.backwards, 2);
        assert_eq!(chunks[0].samples, [0.0, 0.0, 1.0, -1.0, 2.0, -2.0]);
    }

    #[test]
    fn the_median_distance_is_the_rate() {
        let rows: Vec<Row> = [0.0, 0.02, 0.041, 0.06, 5.0, 5.02]
            .map(|t| timed(t, 0.0))
            .into();
        assert_eq!(rate_of(&rows, "x").unwrap().hz(), 50);
        assert!(rate_of(&rows[..1], "x").is_err());
        assert!(rate_of(&[timed(1.0, 0.0), timed(1.0, 0.0)], "x").is_err());
    }
}
