//! Rows a second of sensor data, which need not be whole.

use std::fmt;
use std::str::FromStr;

use super::SourceError;
use crate::signal::SampleRate;

/// Rows a second: from 0.1 Hz to 768 kHz, such as 12.5 Hz.
///
/// ```
/// use afield::source::SensorRate;
/// let rate: SensorRate = "12.5".parse()?;
/// assert_eq!(rate.hz(), 12.5);
/// assert!("0.01".parse::<SensorRate>().is_err());
/// # Ok::<(), afield::source::SourceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct SensorRate(f64);

impl SensorRate {
    /// The lowest rate, in Hz.
    pub const MIN_HZ: f64 = 0.1;

    /// A rate in Hz.
    ///
    /// # Errors
    /// [`SourceError::Syntax`] if it is below [`Self::MIN_HZ`] or above 768 kHz.
    pub fn new(hz: f64) -> Result<Self, SourceError> {
        Self::within(hz).ok_or_else(|| Self::refused(&hz.to_string()))
    }

    pub(super) fn within(hz: f64) -> Option<Self> {
        let range = Self::MIN_HZ..=f64::from(SampleRate::MAX_HZ);
        // A period of 10 s is 0.1 Hz, however it is rounded.
        let hz = if (hz - Self::MIN_HZ).abs() < 1e-6 {
            Self::MIN_HZ
        } else {
            hz
        };
        range.contains(&hz).then_some(Self(hz))
    }

    /// The rate in Hz.
    pub fn hz(self) -> f64 {
        self.0
    }

    /// The same rate, if it is whole.
    pub fn whole(self) -> Option<SampleRate> {
        let is_whole = self.0.fract() == 0.0;
        is_whole
            .then(|| SampleRate::new(self.0 as u32).ok())
            .flatten()
    }

    /// The whole rate to which rows are resampled: this rate, or the lowest of its first ten
    /// multiples that is whole, so that the rows are among the samples, or the next whole rate.
    pub(super) fn grid(self) -> SampleRate {
        let multiple = (1..=10)
            .map(|times| f64::from(times) * self.0)
            .find(|hz| hz.round() >= 1.0 && (hz - hz.round()).abs() < 1e-4 * hz);
        let hz = multiple.map_or_else(|| self.0.ceil(), f64::round);
        SampleRate::new(hz as u32).unwrap_or(SampleRate::ONE_HZ)
    }

    fn refused(text: &str) -> SourceError {
        SourceError::Syntax {
            text: text.to_owned(),
            what: "rate",
            form: "a number of Hz from 0.1, as in 50 or 12.5",
            reason: format!(
                "it is not a number from {} to {}",
                Self::MIN_HZ,
                SampleRate::MAX_HZ
            ),
        }
    }
}

impl From<SampleRate> for SensorRate {
    fn from(rate: SampleRate) -> Self {
        Self(f64::from(rate.hz()))
    }
}

impl FromStr for SensorRate {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let trimmed = text.trim();
        let number = trimmed
            .strip_suffix("Hz")
            .or_else(|| trimmed.strip_suffix("hz"));
        let hz = number.unwrap_or(trimmed).trim().parse().ok();
        hz.and_then(Self::within)
            .ok_or_else(|| Self::refused(trimmed))
    }
}

impl fmt::Display for SensorRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_fractional_rate_are_among_the_samples() {
        for (hz, grid) in [
            (50.0, 50),
            (12.5, 25),
            (6.25, 25),
            (0.5, 1),
            (0.1, 1),
            (33.333_333, 100),
            (49.63, 50),
            (0.3, 3),
            (767_999.5, 768_000),
        ] {
            assert_eq!(SensorRate::new(hz).unwrap().grid().hz(), grid, "{hz}");
        }
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for text in ["0", "0.09", "-1", "NaN", "inf", "768001", "x", ""] {
            assert!(text.parse::<SensorRate>().is_err(), "{text}");
        }
        let rate: SensorRate = "104 Hz".parse().unwrap();
        assert_eq!(rate.whole(), SampleRate::new(104).ok());
        assert_eq!(rate.to_string(), "104 Hz");
        assert_eq!(SensorRate::new(12.5).unwrap().whole(), None);
    }
}
