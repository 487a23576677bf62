//! Imbalance: classes that keep fewer clips than they have.

use std::fmt;
use std::str::FromStr;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::StreamError;

/// The rarest class keeps this many times fewer clips than it has. The other classes are between,
/// on an exponential (Cui et al. 2019, "Class-Balanced Loss").
///
/// ```
/// use afield_lab::streams::Imbalance;
/// let imbalance: Imbalance = "50".parse()?;
/// assert_eq!(imbalance.ratio(), 50.0);
/// assert!("0.5".parse::<Imbalance>().is_err());
/// # Ok::<(), afield_lab::streams::StreamError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imbalance(f64);

impl Imbalance {
    /// Every class keeps all its clips.
    pub const NONE: Self = Self(1.0);

    /// An imbalance of this ratio, finite and at least 1.
    ///
    /// # Errors
    /// [`StreamError::Ratio`] for any other number.
    pub fn new(ratio: f64) -> Result<Self, StreamError> {
        match ratio.is_finite() && ratio >= 1.0 {
            true => Ok(Self(ratio)),
            false => Err(StreamError::Ratio {
                text: ratio.to_string(),
            }),
        }
    }

    /// The ratio, at least 1.
    pub fn ratio(self) -> f64 {
        self.0
    }

    /// The `clips` that are kept, in their order. Classes are ranked at random. Rank `k` of `K`
    /// keeps the share `ratio^(-k / (K - 1))` of its clips, rounded, and at least one. These clips
    /// are drawn at random.
    pub(crate) fn keep(
        self,
        clips: &[usize],
        labels: &[usize],
        rng: &mut ChaCha8Rng,
    ) -> Vec<usize> {
        if self == Self::NONE {
            return clips.to_vec();
        }
        let classes = labels.iter().max().map_or(0, |last| last + 1);
        let mut of_class = vec![Vec::new(); classes];
        for &clip in clips {
            of_class[labels[clip]].push(clip);
        }
        of_class.retain(|members| !members.is_empty());
        of_class.shuffle(rng);
        let last = of_class.len().saturating_sub(1).max(1) as f64;
        let mut kept = vec![false; labels.len()];
        for (rank, mut members) in of_class.into_iter().enumerate() {
            members.shuffle(rng);
            let share = self.0.powf(-(rank as f64) / last);
            let keeps = (members.len() as f64 * share).round().max(1.0) as usize;
            for &clip in members.iter().take(keeps) {
                kept[clip] = true;
            }
        }
        clips.iter().copied().filter(|&clip| kept[clip]).collect()
    }
}

impl Default for Imbalance {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Imbalance {
    type Err = StreamError;
    fn from_str(text: &str) -> Result<Self, StreamError> {
        let ratio = text.parse().map_err(|_| StreamError::Ratio {
            text: text.to_owned(),
        })?;
        Self::new(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Five classes of 100 clips.
    fn kept(ratio: f64, seed: u64) -> Vec<usize> {
        let labels: Vec<usize> = (0..500).map(|i| i % 5).collect();
        let clips: Vec<usize> = (0..500).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let imbalance = Imbalance::new(ratio).unwrap();
        imbalance.keep(&clips, &labels, &mut rng)
    }

    fn sizes(kept: &[usize]) -> Vec<usize> {
        let size = |class| kept.iter().filter(|&&clip| clip % 5 == class).count();
        let mut sizes: Vec<usize> = (0..5).map(size).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn class_sizes_fall_exponentially_from_all_to_all_by_ratio() {
        assert_eq!(sizes(&kept(1.0, 1)), [100; 5]);
        assert_eq!(sizes(&kept(16.0, 1)), [6, 13, 25, 50, 100]);
        assert_eq!(sizes(&kept(1e9, 1)), [1, 1, 1, 1, 100]);
    }

    #[test]
    fn the_seed_decides_which_class_is_rare_and_which_clips_stay() {
        assert_eq!(kept(16.0, 1), kept(16.0, 1));
        let rarest = |seed| {
            let kept = kept(16.0, seed);
            (0..5).min_by_key(|class| kept.iter().filter(|&&clip| clip % 5 == *class).count())
        };
        let drawn: std::collections::BTreeSet<_> = (0..20).map(rarest).collect();
        assert!(drawn.len() > 2, "{drawn:?}");
    }

    #[test]
    fn a_ratio_is_at_least_1() {
        for wrong in ["0.5", "0", "-3", "NaN", "inf", "1:50"] {
            let fault = wrong.parse::<Imbalance>().unwrap_err();
            assert!(matches!(fault, StreamError::Ratio { .. }), "{fault}");
        }
    }
}
