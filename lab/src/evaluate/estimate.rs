//! A mean over runs, with its confidence interval.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::Serialize;

/// Probability that such an interval contains the estimated value.
const CONFIDENCE: f64 = 0.95;

/// The mean of a number over runs, with its 95 % confidence interval after Student (1908), "The
/// probable error of a mean".
///
/// The interval assumes independent runs. Folds of one data set are not quite independent: they
/// share most of their training clips, so the interval may be too narrow (Nadeau & Bengio 2003).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval from `mean - ci95` to `mean + ci95`. `None` for a single run.
    pub ci95: Option<f64>,
}

impl Estimate {
    /// Estimates from one number for each run. `None` without runs.
    ///
    /// ```
    /// use afield_lab::evaluate::Estimate;
    /// let estimate = Estimate::of(&[0.8, 0.9, 1.0]).unwrap();
    /// assert!((estimate.mean - 0.9).abs() < 1e-12);
    /// // t(0.975, 2) = 4.3027, standard error 0.1 / sqrt(3)
    /// assert!((estimate.ci95.unwrap() - 0.24841).abs() < 1e-5);
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let (mean, variance) = mean_and_variance(values)?;
        let ci95 = variance.map(|variance| student_t(n - 1) * (variance / n as f64).sqrt());
        Some(Self { mean, ci95 })
    }
}

/// The mean of some numbers and the variance of the sample, which a single number does not have.
/// `None` without numbers.
pub(crate) fn mean_and_variance(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (n > 1).then(|| squares / (n - 1) as f64)))
}

/// The `t` for which a Student variable with `freedom` degrees of freedom is from `-t` to `t` with
/// probability [`CONFIDENCE`].
fn student_t(freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    // Each step halves the interval. After 60 steps it is narrower than a rounding error.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match within(middle, freedom) < CONFIDENCE {
            true => low = middle,
            false => high = middle,
        }
    }
    ((low + high) / 2.0).tan() * (freedom as f64).sqrt()
}

/// Probability of `|t| < tan(angle) * sqrt(freedom)`: the finite series of
/// Abramowitz & Stegun 26.7.3 and 26.7.4.
fn within(angle: f64, freedom: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    // Terms cos^k times (2/3)(4/5)... from k = 1, or (1/2)(3/4)... from k = 0.
    let mut power = usize::from(odd);
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    while power + 2 <= freedom {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    match odd {
        true => (angle + sine * sum) * 2.0 / PI,
        false => sine * sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_equals_published_tables() {
        for (freedom, t) in [
            (1, 12.7062),
            (2, 4.3027),
            (3, 3.1824),
            (4, 2.7764),
            (9, 2.2622),
            (14, 2.1448),
            (29, 2.0452),
            (120, 1.9799),
        ] {
            assert!((student_t(freedom) - t).abs() < 5e-5, "{freedom}");
        }
    }

    #[test]
    fn equal_runs_have_no_width_and_one_run_has_no_interval() {
        let equal = Estimate::of(&[0.5; 4]).unwrap();
        assert_eq!((equal.mean, equal.ci95), (0.5, Some(0.0)));
        assert_eq!(Estimate::of(&[0.5]).unwrap().ci95, None);
        assert_eq!(Estimate::of(&[]), None);
    }
}
