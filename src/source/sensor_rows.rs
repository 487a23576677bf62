//! What tables and JSON lines have in common: rows of a sensor, read ahead until the rate is
//! known, then handed out as evenly spaced samples.

use super::rows::{Grid, RATE_ROWS, Row, RowFaults, rate_of};
use super::{Source, SourceError};
use crate::signal::{Channel, Chunk, SampleRate};

/// Most samples in a chunk.
const CHUNK_SAMPLES: usize = 256;

/// Reads the rows of one format.
pub(super) trait RowReader: Send {
    /// The next row; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, SourceError>;

    /// Whether the next row can be read without waiting for it.
    fn is_ready(&self) -> bool;
}

/// Rows of any format as a [`Source`].
pub(super) struct SensorRows<R> {
    reader: R,
    channels: Vec<Channel>,
    grid: Grid,
    /// Rows that were read to find the rate, the next one last.
    ahead: Vec<Row>,
    ended: bool,
}

impl<R: RowReader> SensorRows<R> {
    /// Rows out of `reader`, after those in `ahead`. Without a `rate`, more rows are read, and
    /// the rate follows from their times.
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

    /// The next row, if the chunk has room and need not be handed out first.
    fn next_row(&mut self, chunk: &Chunk) -> Result<Option<Row>, SourceError> {
        if let Some(row) = self.ahead.pop() {
            return Ok(Some(row));
        }
        // Samples that are there do not wait for a row that is not.
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

    fn faults(&self) -> RowFaults {
        self.grid.faults()
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
