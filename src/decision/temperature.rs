//! How far confidences are softened or sharpened, so that they are as high as the share of right
//! answers.

use super::{LeftOutClip, Probabilities};

/// Divides log scores before they become probabilities (Guo et al. 2017, "On calibration of modern
/// neural networks"). One number for all classes, so the most probable class stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature(f32);

/// The highest temperature; its inverse is the lowest.
const HIGHEST: f64 = 50.0;

/// The fewest taught clips that say anything of confidences.
const FEWEST: usize = 9;

/// Steps of the search; each keeps .618 of the range.
const STEPS: usize = 40;

impl Default for Temperature {
    /// 1: probabilities stay as they are.
    fn default() -> Self {
        Self(1.0)
    }
}

impl Temperature {
    /// The temperature from 1/50 to 50 under which the classes of taught clips are the most likely,
    /// each judged as if it had not been taught. 1 if there are fewer than nine clips.
    ///
    /// Other clips of the same recording or person are still taught, so the answers are better than
    /// they would be to a new one. Therefore a share `1 / (n + 2)` of each of `n` clips counts as a
    /// clip of the next best class (as the targets of Platt 1999): no confidence becomes 1.
    ///
    /// ```
    /// use afield::decision::{LeftOutClip, Temperature};
    /// // 90 of 100 clips are right; all are by a difference of 20.
    /// let clip = |n: usize| LeftOutClip {
    ///     class: 0,
    ///     squared_distances: Vec::new(),
    ///     log_scores: if n < 10 { vec![0.0, 20.0] } else { vec![20.0, 0.0] },
    /// };
    /// let clips: Vec<LeftOutClip> = (0..100).map(clip).collect();
    /// let temperature = Temperature::fitted(&clips).get();
    /// let confidence = 1.0 / (1.0 + (-20.0 / temperature).exp());
    /// assert!((confidence - 0.9).abs() < 0.01);
    /// ```
    pub fn fitted(clips: &[LeftOutClip]) -> Self {
        let several = clips.iter().filter(|clip| clip.log_scores.len() > 1);
        if several.count() < FEWEST {
            return Self::default();
        }
        let doubt = 1.0 / (clips.len() as f64 + 2.0);
        let surprise = |ln: f64| -> f64 {
            let of = |clip: &LeftOutClip| surprise(clip, doubt, ln.exp());
            clips.iter().filter_map(of).sum()
        };
        // Golden section: the sum has one minimum.
        let ratio = (5_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (-HIGHEST.ln(), HIGHEST.ln());
        for _ in 0..STEPS {
            let step = (high - low) * ratio;
            let (left, right) = (high - step, low + step);
            match surprise(left) <= surprise(right) {
                true => high = right,
                false => low = left,
            }
        }
        Self(((low + high) / 2.0).exp() as f32)
    }

    /// The temperature, from 1/50 to 50. Below 1 it sharpens.
    pub fn get(self) -> f32 {
        self.0
    }

    /// Replaces probabilities by the softmax of their log scores divided by the temperature.
    pub fn apply(self, probabilities: &mut Probabilities) {
        let probabilities = &mut probabilities.0;
        let top = probabilities.iter().copied().fold(0.0, f32::max);
        if self.0 == 1.0 || top == 0.0 {
            return;
        }
        for p in probabilities.iter_mut() {
            *p = (*p / top).powf(1.0 / self.0);
        }
        let sum: f32 = probabilities.iter().sum();
        for p in probabilities.iter_mut() {
            *p /= sum;
        }
    }
}

/// Minus the mean logarithm of the probabilities of the clip's class and, with the weight `doubt`,
/// of the best other class.
fn surprise(clip: &LeftOutClip, doubt: f64, temperature: f64) -> Option<f64> {
    let scores = &clip.log_scores;
    let top = scores.iter().copied().reduce(f32::max)?;
    let below = |score: f32| f64::from(score - top) / temperature;
    let own = below(*scores.get(clip.class)?);
    let others = scores.iter().enumerate();
    let others = others.filter(|&(class, _)| class != clip.class);
    let next = others.map(|(_, &score)| below(score)).reduce(f64::max)?;
    let all = scores
        .iter()
        .map(|&score| below(score).exp())
        .sum::<f64>()
        .ln();
    let surprise = all - (1.0 - doubt) * own - doubt * next;
    surprise.is_finite().then_some(surprise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(right: usize, wrong: usize) -> Vec<LeftOutClip> {
        let clip = |class| LeftOutClip {
            class,
            squared_distances: Vec::new(),
            log_scores: vec![30.0, 0.0, -5.0],
        };
        let all = std::iter::repeat_n(0, right).chain(std::iter::repeat_n(1, wrong));
        all.map(clip).collect()
    }

    fn confidence(right: usize, wrong: usize) -> f32 {
        let mut probabilities = Probabilities(vec![0.999, 0.001, 1e-6]);
        Temperature::fitted(&clips(right, wrong)).apply(&mut probabilities);
        assert!((probabilities.0.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(probabilities.0[1] > probabilities.0[2], "{probabilities:?}");
        probabilities.0[0]
    }

    #[test]
    fn few_clips_leave_probabilities_as_they_are() {
        assert_eq!(Temperature::fitted(&clips(8, 0)), Temperature::default());
        assert_eq!(Temperature::fitted(&clips(2, 3)), Temperature::default());
    }

    #[test]
    fn wrong_answers_soften_confidence() {
        assert!(confidence(18, 2) < confidence(40, 0));
        assert!(Temperature::fitted(&clips(18, 2)).get() > 10.0);
    }

    #[test]
    fn right_answers_by_a_little_sharpen_it() {
        let clip = LeftOutClip {
            class: 0,
            squared_distances: Vec::new(),
            log_scores: vec![1.0, 0.0],
        };
        let temperature = Temperature::fitted(&vec![clip; 50]);
        // One of 52 is doubtful: 1 / t = ln 51.
        assert!(
            (temperature.get() - 1.0 / 51_f32.ln()).abs() < 0.01,
            "{temperature:?}"
        );
    }

    #[test]
    fn one_class_has_nothing_to_calibrate() {
        let clip = LeftOutClip {
            class: 0,
            squared_distances: Vec::new(),
            log_scores: vec![1.0],
        };
        let mut probabilities = Probabilities(vec![1.0]);
        Temperature::fitted(&vec![clip; 20]).apply(&mut probabilities);
        assert_eq!(probabilities.0, [1.0]);
    }
}
