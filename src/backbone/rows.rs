//! What lies between two layers: rows of bands of channels, one row a step of
//! time.
//!
//! A row carries the zeros that its reader wants beside the bands, so that a
//! kernel never asks where the border is. Rows that a later step will read
//! again stay at the front; nothing is allocated after construction.

use std::ops::Range;

/// A bounded queue of rows, each `[left + bands + right, channels]` values.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    values: Vec<f32>,
    row_len: usize,
    held: usize,
    /// Rows to forget as soon as they are there.
    owed: usize,
}

/// Values that a kernel may read beyond the last row: one register of the
/// widest instruction set, and a group of four.
const SLACK: usize = 32;

impl Rows {
    /// Room for `capacity` rows of `row_len` values, all zero.
    pub(super) fn new(capacity: usize, row_len: usize) -> Self {
        Self {
            values: vec![0.0; capacity * row_len + SLACK],
            row_len,
            held: 0,
            owed: 0,
        }
    }

    /// Rows held.
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

    /// All values to write to, and where the next row starts.
    pub(super) fn fresh(&mut self) -> (&mut [f32], usize) {
        let start = self.held * self.row_len;
        (&mut self.values, start)
    }

    /// Takes in `rows` that were written behind the last one, or that are zero
    /// since the beginning.
    pub(super) fn extend(&mut self, rows: usize) {
        self.held += rows;
        debug_assert!(self.held * self.row_len + SLACK <= self.values.len());
    }

    /// Copies whole rows of `row_len - left - right` values behind the last one.
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

    /// Forgets the first `rows`, even those that are still to come.
    pub(super) fn drop_front(&mut self, rows: usize) {
        self.owed += rows;
        self.settle();
    }

    /// Forgets rows that came since, as far as they are owed.
    pub(super) fn settle(&mut self) {
        let rows = self.owed.min(self.held);
        let (from, to) = (rows * self.row_len, self.held * self.row_len);
        self.values.copy_within(from..to, 0);
        self.held -= rows;
        self.owed -= rows;
    }

    /// Brings rows that were `shift` further on to where `rows` of the rows to
    /// come will be.
    pub(super) fn reuse(&mut self, rows: &Range<usize>, shift: usize) {
        let at = |row: usize| (self.held + row) * self.row_len;
        let (from, to) = (at(rows.start + shift), at(rows.end + shift));
        let target = at(rows.start);
        self.values.copy_within(from..to, target);
    }

    /// Starts again at the first row; the values stay where they are.
    pub(super) fn rewind(&mut self) {
        self.held = 0;
    }

    /// Forgets all rows. What lies beside the bands stays zero.
    pub(super) fn clear(&mut self) {
        self.held = 0;
        self.owed = 0;
    }
}
