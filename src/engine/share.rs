//! A share of some clips, with its interval.

use serde::Serialize;

/// The quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.959_964;

/// A share of some clips, with its 95 % interval (Wilson 1927, "Probable inference, the law of
/// succession, and statistical inference").
///
/// ```
/// use afield::engine::Share;
/// let share = Share::of(9, 10).unwrap();
/// assert_eq!((share.count, share.of, share.share), (9, 10, 0.9));
/// assert!((share.low - 0.5958).abs() < 1e-4 && (share.high - 0.9821).abs() < 1e-4);
/// assert_eq!(Share::of(0, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many clips count.
    pub count: usize,
    /// How many clips there are, at least 1.
    pub of: usize,
    /// The share, in `[0, 1]`.
    pub share: f64,
    /// The lower end of the interval, in `[0, 1]`.
    pub low: f64,
    /// The upper end of the interval, in `[0, 1]`.
    pub high: f64,
}

impl Share {
    /// The share of `count` among `of` clips. `None` if there are none.
    pub fn of(count: usize, of: usize) -> Option<Self> {
        if of == 0 {
            return None;
        }
        let (n, share) = (of as f64, count as f64 / of as f64);
        let scale = 1.0 + Z * Z / n;
        let centre = share + Z * Z / (2.0 * n);
        let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Some(Self {
            count,
            of,
            share,
            low: ((centre - half) / scale).max(0.0),
            high: ((centre + half) / scale).min(1.0),
        })
    }
}
