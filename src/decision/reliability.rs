//! Whether confidences are as high as the share of right answers.

use serde::Serialize;

/// Ranges of confidence, all of the same width.
const BINS: usize = 15;

/// The answers of one range of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// The lowest confidence of the range, in `[0, 1]`. It belongs to the range before, unless it
    /// is 0.
    pub from: f64,
    /// The highest confidence of the range, in `[0, 1]`.
    pub to: f64,
    /// The number of answers, at least 1.
    pub answers: usize,
    /// The mean confidence of the answers, in `[0, 1]`.
    pub confidence: f64,
    /// The share of right answers, in `[0, 1]`.
    pub accuracy: f64,
}

/// The reliability diagram of some answers: accuracy by confidence, in 15 ranges (Guo et al. 2017,
/// "On calibration of modern neural networks").
///
/// ```
/// use afield::decision::Reliability;
/// let answers = [(0.9, true), (0.9, true), (0.9, false), (0.2, false)];
/// let reliability = Reliability::of(answers);
/// assert_eq!(reliability.bins.len(), 2);
/// // 3/4 of |0.9 - 2/3|, and 1/4 of |0.2 - 0|
/// assert!((reliability.ece().unwrap() - 0.225).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reliability {
    /// The ranges that have answers, ascending.
    pub bins: Vec<ReliabilityBin>,
}

impl Reliability {
    /// Sorts answers into ranges: the confidence of each, in `[0, 1]`, and whether it is right.
    pub fn of(answers: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut sums = [(0_usize, 0.0_f64, 0_usize); BINS];
        for (confidence, right) in answers {
            let confidence = f64::from(confidence);
            let above = (confidence * BINS as f64).ceil() as usize;
            let (answers, confidences, rights) = &mut sums[above.clamp(1, BINS) - 1];
            *answers += 1;
            *confidences += confidence;
            *rights += usize::from(right);
        }
        let bins = sums.into_iter().enumerate();
        let bins = bins.filter(|(_, (answers, ..))| *answers > 0);
        let bins = bins.map(|(bin, (answers, confidences, rights))| ReliabilityBin {
            from: bin as f64 / BINS as f64,
            to: (bin + 1) as f64 / BINS as f64,
            answers,
            confidence: confidences / answers as f64,
            accuracy: rights as f64 / answers as f64,
        });
        Self {
            bins: bins.collect(),
        }
    }

    /// The expected calibration error, in `[0, 1]`: the mean over all answers of the difference
    /// between confidence and accuracy in their range. `None` without answers.
    pub fn ece(&self) -> Option<f64> {
        let all: usize = self.bins.iter().map(|bin| bin.answers).sum();
        let off = |bin: &ReliabilityBin| {
            bin.answers as f64 * (bin.confidence - bin.accuracy).abs() / all as f64
        };
        (all > 0).then(|| self.bins.iter().map(off).sum())
    }
}
