//! The common part of tables and JSON lines: rows of a sensor are read ahead until the rate is
//! known, then returned as evenly spaced samples.

use super::rows::{Grid, RATE_ROWS, Row, rate_of};
use super::{Note, Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// The most samples in a chunk.
const CHUNK_SAMPLES: usize = 256;

/// Reads the rows of one format.
pub(super) trait RowReader: Send {
    /// The next row; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, SourceError>;

    /// Whether the next row can be read without waiting for it.
    fn is_ready(&self) -> bool;
}

/// Rows of any format, as a [`Source`].
pub(super) struct SensorRows<R> {
    reader: R,
    channels: Vec<Channel>,
    grid: Grid,
    /// Rows that were read to find the rate, in reverse order: the next one is last.
    ahead: Vec<Row>,
    ended: bool,
}

impl<R: RowReader> SensorRows<R> {
    /// Reads rows from `reader`, after those in `ahead`. Without a `rate`, reads more rows and
    /// takes the rate from their times.
    pub(super) fn new(
        mut reader: R,
        channels: Vec<Channel>,
        rate: Option<SampleRate>,
        mut ahead: Vec<Row>,
        has_times: bool,
        what: &str,
    ) -> Result<Self, SourceError> {
        let rate = match rate {
            Some(rate) => rate,
            None => {
                while has_times
                    && ahead.len() < RATE_ROWS
                    && let Some(row) = reader.next_row()?
                {
                    ahead.push(row);
                }
                rate_of(&ahead, what)?
            }
        };
        ahead.reverse();
        Ok(Self {
            reader,
            channels,
            grid: Grid::new(rate),
            ahead,
            ended: false,
        })
    }

    /// The next row. `None` at the end, or if the chunk has samples and no row is ready.
    fn next_row(&mut self, chunk: &Chunk) -> Result<Option<Row>, SourceError> {
        if let Some(row) = self.ahead.pop() {
            return Ok(Some(row));
        }
        // Samples in the chunk do not wait for a row that has not arrived.
        if !chunk.samples.is_empty() && !self.reader.is_ready() {
            return Ok(None);
        }
        let row = self.reader.next_row();
        self.ended = !matches!(row, Ok(Some(_)));
        row
    }
}

impl<R: RowReader> Source for SensorRows<R> {
    fn rate(&self) -> SampleRate {
        self.grid.rate()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn notes(&self) -> Vec<Note> {
        self.grid.notes()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        while !self.ended
            && chunk.samples.len() < CHUNK_SAMPLES * self.channels.len()
            && let Some(row) = self.next_row(chunk)?
        {
            if !self.grid.push(&row, chunk) {
                self.ahead.push(row);
                break;
            }
        }
        Ok(!chunk.samples.is_empty())
    }
}
