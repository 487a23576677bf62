//! How a layer's kernel moves over its input: the arithmetic of rows and positions that dense,
//! depthwise and pooling layers share.

use std::ops::Range;

/// A kernel's extent and steps, in time (rows) and across bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel {
    pub(super) rows: usize,
    pub(super) row_stride: usize,
    pub(super) row_dilation: usize,
    pub(super) bands: usize,
    pub(super) band_stride: usize,
}

impl Kernel {
    /// A kernel of one value: one value in, one value out.
    pub(super) const POINT: Self = Self {
        rows: 1,
        row_stride: 1,
        row_dilation: 1,
        bands: 1,
        band_stride: 1,
    };

    /// Input rows that one output row covers, from first to last.
    pub(super) fn span(&self) -> usize {
        (self.rows - 1) * self.row_dilation + 1
    }

    /// Output rows that can be computed from `rows` input rows.
    pub(super) fn rows_from(&self, rows: usize) -> usize {
        match rows.checked_sub(self.span()) {
            Some(beyond) => beyond / self.row_stride + 1,
            None => 0,
        }
    }

    /// Input rows that `rows` output rows need.
    pub(super) fn rows_for(&self, rows: usize) -> usize {
        rows.saturating_sub(1) * self.row_stride + self.span()
    }
}

/// The offsets that each output position reads from and writes to, for the most rows of one step.
/// Positions of a row are neighbours.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    from: Vec<usize>,
    to: Vec<usize>,
    bands: usize,
}

/// One side of a layer: the length of its rows, and the place of the values in them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) row_len: usize,
    /// Values before the first band.
    pub(super) left: usize,
    pub(super) channels: usize,
}

impl Positions {
    /// Positions of `rows` rows with `bands` output bands each.
    pub(super) fn new(
        kernel: &Kernel,
        bands: usize,
        rows: usize,
        input: Side,
        output: Side,
    ) -> Self {
        let each = || (0..rows).flat_map(|row| (0..bands).map(move |band| (row, band)));
        let from = each().map(|(row, band)| {
            row * kernel.row_stride * input.row_len + band * kernel.band_stride * input.channels
        });
        let to =
            each().map(|(row, band)| row * output.row_len + output.left + band * output.channels);
        Self {
            from: from.collect(),
            to: to.collect(),
            bands,
        }
    }

    /// Offsets to read and to write for the given rows.
    pub(super) fn of(&self, rows: Range<usize>) -> (&[usize], &[usize]) {
        let range = rows.start * self.bands..rows.end * self.bands;
        (&self.from[range.clone()], &self.to[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_needed_and_rows_given_agree() {
        for (rows, row_stride, row_dilation) in [(1, 1, 1), (3, 1, 1), (2, 2, 1), (3, 2, 4)] {
            let kernel = Kernel {
                rows,
                row_stride,
                row_dilation,
                ..Kernel::POINT
            };
            for given in 1..9 {
                let needed = kernel.rows_for(given);
                assert_eq!(kernel.rows_from(needed), given);
                assert_eq!(kernel.rows_from(needed - 1), given - 1);
            }
            assert_eq!(kernel.rows_from(0), 0);
        }
    }
}
