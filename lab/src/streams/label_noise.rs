//! Label noise: wrong labels in training.
//!
//! Noise changes what is taught and never what is tested.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::StreamError;

/// Share of the taught labels that are replaced by another class: symmetric
/// noise, as in Natarajan et al. (2013), "Learning with noisy labels".
///
/// ```
/// use afield_lab::streams::LabelNoise;
/// let noise: LabelNoise = "0.2".parse()?;
/// assert_eq!(noise.share(), 0.2);
/// assert!("20".parse::<LabelNoise>().is_err());
/// # Ok::<(), afield_lab::streams::StreamError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LabelNoise(f64);

impl LabelNoise {
    /// Every label is right.
    pub const NONE: Self = Self(0.0);

    /// Noise of this share, in `[0, 1]`.
    ///
    /// # Errors
    /// [`StreamError::Share`] for any other number.
    pub fn new(share: f64) -> Result<Self, StreamError> {
        match (0.0..=1.0).contains(&share) {
            true => Ok(Self(share)),
            false => Err(StreamError::Share {
                text: share.to_string(),
            }),
        }
    }

    /// The share, in `[0, 1]`.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Replaces this share of `labels`, rounded to whole labels. Each replacement is drawn from all
    /// other classes in `labels`, whether or not they are taught by then.
    pub(crate) fn spoil(self, labels: &mut [&mut usize], rng: &mut ChaCha8Rng) {
        let mut classes: Vec<usize> = labels.iter().map(|label| **label).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() < 2 {
            return;
        }
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.shuffle(rng);
        let spoilt = (labels.len() as f64 * self.0).round() as usize;
        for &position in order.iter().take(spoilt) {
            let label = &mut *labels[position];
            let own = classes.binary_search(label).unwrap_or(0);
            let drawn = rng.random_range(0..classes.len() - 1);
            *label = classes[drawn + usize::from(drawn >= own)];
        }
    }
}

impl fmt::Display for LabelNoise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LabelNoise {
    type Err = StreamError;
    fn from_str(text: &str) -> Result<Self, StreamError> {
        let share = text.parse().map_err(|_| StreamError::Share {
            text: text.to_owned(),
        })?;
        Self::new(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn spoilt(share: f64, seed: u64) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..200).map(|i| [2, 3, 5, 7][i % 4]).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise = LabelNoise::new(share).unwrap();
        noise.spoil(&mut labels.iter_mut().collect::<Vec<_>>(), &mut rng);
        labels
    }

    #[test]
    fn exactly_the_share_of_labels_is_wrong_and_classes_stay_the_same() {
        for (share, wrong) in [(0.0, 0), (0.05, 10), (0.2, 40), (1.0, 200)] {
            let labels = spoilt(share, 1);
            let right = (labels.iter().enumerate())
                .filter(|&(i, &label)| label == [2, 3, 5, 7][i % 4])
                .count();
            assert_eq!(200 - right, wrong);
            assert!(labels.iter().all(|label| [2, 3, 5, 7].contains(label)));
        }
    }

    #[test]
    fn every_other_class_is_drawn_about_as_often() {
        let labels = spoilt(1.0, 2);
        for class in [3, 5, 7] {
            let taken = labels.iter().step_by(4).filter(|&&l| l == class).count();
            assert!((8..=26).contains(&taken), "{taken} of 50 became {class}");
        }
    }

    #[test]
    fn the_seed_alone_decides_which_labels_are_wrong() {
        assert_eq!(spoilt(0.2, 3), spoilt(0.2, 3));
        assert_ne!(spoilt(0.2, 3), spoilt(0.2, 4));
    }

    #[test]
    fn a_share_lies_between_0_and_1() {
        for wrong in ["-0.1", "1.1", "NaN", "inf", "5 %", ""] {
            let fault = wrong.parse::<LabelNoise>().unwrap_err();
            assert!(matches!(fault, StreamError::Share { .. }), "{fault}");
        }
    }
}
