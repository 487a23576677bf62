//! The number of embeddings in one decision, or in one piece of a clip.

use std::ops::Range;
use std::time::Duration;

use crate::model::Card;
use crate::signal::Micros;

/// The length of signal that one decision uses, and the interval between decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Embeddings pooled into one decision, 1 or more.
    pub rows: usize,
    /// Embeddings between decisions, 1 or more.
    pub every_rows: usize,
}

impl Window {
    /// The window of about `seconds` of signal that advances by about `every_seconds`, in whole
    /// hops of the card's backbone.
    pub fn spanning(card: &Card, seconds: f64, every_seconds: f64) -> Self {
        let rate = f64::from(card.sample_rate.hz());
        let hop = card.hop_samples() as f64;
        let beyond = seconds * rate - card.receptive_field_samples() as f64;
        // The embeddings of a window are kept in memory, so the length is bounded.
        let rows = |samples: f64| (samples / hop).round().clamp(0.0, 100_000.0) as usize;
        Self {
            rows: rows(beyond) + 1,
            every_rows: rows(every_seconds * rate).max(1),
        }
    }

    /// The length of signal that one decision uses.
    pub fn span(self, card: &Card) -> Duration {
        let beyond = (self.rows.max(1) as u64 - 1).saturating_mul(card.hop_samples() as u64);
        let samples = beyond.saturating_add(card.receptive_field_samples() as u64);
        Duration::from_micros(Micros::from_samples(samples, card.sample_rate).0)
    }

    /// The time between two decisions.
    pub(crate) fn every_span(self, card: &Card) -> Micros {
        let samples = (self.every_rows.max(1) as u64).saturating_mul(card.hop_samples() as u64);
        Micros::from_samples(samples, card.sample_rate)
    }

    /// The pieces of a clip of `rows` embeddings. Each is as long as the window, and one begins
    /// every `every_rows`. Rows left over at the end belong to no piece. A clip that is not longer
    /// than the window is one piece.
    ///
    /// ```
    /// use afield::pipeline::Window;
    /// let window = Window { rows: 4, every_rows: 3 };
    /// assert_eq!(window.pieces(9).collect::<Vec<_>>(), [0..4, 3..7]);
    /// assert_eq!(window.pieces(3).collect::<Vec<_>>(), [0..3]);
    /// ```
    pub fn pieces(self, rows: usize) -> impl Iterator<Item = Range<usize>> {
        let length = self.rows.max(1).min(rows);
        (0..=rows - length)
            .step_by(self.every_rows.max(1))
            .map(move |start| start..start + length)
    }

    /// The same window with both numbers at least 1.
    pub(super) fn at_least_one(self) -> Self {
        Self {
            rows: self.rows.max(1),
            every_rows: self.every_rows.max(1),
        }
    }
}
