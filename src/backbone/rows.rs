//! The values between two layers: rows of bands of channels, one row a time step.
//!
//! A row includes the zeros before and after the bands that the next layer needs, so a kernel needs
//! no check for borders. Rows that a later step reads again stay at the front. Nothing is allocated
//! after construction.

use std::ops::Range;

/// A bounded queue of rows, each `[left + bands + right, channels]` values.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    values: Vec<f32>,
    row_len: usize,
    held: usize,
    /// Rows still to come that are to be dropped when they arrive.
    owed: usize,
}

/// Values that a kernel may read after the last row: one register of the widest instruction set,
/// and a group of four.
const SLACK: usize = 32;

impl Rows {
    /// A queue for `capacity` rows of `row_len` values, all zero.
    pub(super) fn new(capacity: usize, row_len: usize) -> Self {
        Self {
            values: vec![0.0; capacity * row_len + SLACK],
            row_len,
            held: 0,
            owed: 0,
        }
    }

    /// Number of rows in the queue.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn row_len(&self) -> usize {
        self.row_len
    }

    /// All values; row `i` starts at `i * row_len`.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, for writing, and the place where the next row starts.
    pub(super) fn fresh(&mut self) -> (&mut [f32], usize) {
        let start = self.held * self.row_len;
        (&mut self.values, start)
    }

    /// Adds `rows` that were written after the last one, or that have been zero from the beginning.
    pub(super) fn extend(&mut self, rows: usize) {
        self.held += rows;
        debug_assert!(self.held * self.row_len + SLACK <= self.values.len());
    }

    /// Copies whole rows of `row_len - left - right` values to the place after the last one.
    pub(super) fn push(&mut self, rows: &[f32], left: usize, right: usize) {
        let inner = self.row_len - left - right;
        let (values, start) = (&mut self.values, self.held * self.row_len);
        let targets = values[start..].chunks_exact_mut(self.row_len);
        let mut count = 0;
        for (target, row) in targets.zip(rows.chunks_exact(inner)) {
            target[left..left + inner].copy_from_slice(row);
            count += 1;
        }
        self.extend(count);
    }

    /// Drops the first `rows`, including those that are still to come.
    pub(super) fn drop_front(&mut self, rows: usize) {
        self.owed += rows;
        self.settle();
    }

    /// Drops the rows that were to be dropped and have arrived since.
    pub(super) fn settle(&mut self) {
        let rows = self.owed.min(self.held);
        let (from, to) = (rows * self.row_len, self.held * self.row_len);
        self.values.copy_within(from..to, 0);
        self.held -= rows;
        self.owed -= rows;
    }

    /// Moves rows to their place in the next window. `rows` counts from the end of the queue; the
    /// old place is `shift` rows later.
    pub(super) fn reuse(&mut self, rows: &Range<usize>, shift: usize) {
        let at = |row: usize| (self.held + row) * self.row_len;
        let (from, to) = (at(rows.start + shift), at(rows.end + shift));
        let target = at(rows.start);
        self.values.copy_within(from..to, target);
    }

    /// Starts again at the first row. The values do not change.
    pub(super) fn rewind(&mut self) {
        self.held = 0;
    }

    /// Drops all rows. The zeros before and after the bands remain.
    pub(super) fn clear(&mut self) {
        self.held = 0;
        self.owed = 0;
    }
}
