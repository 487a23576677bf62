//! Real features as 16-bit integers, so that sums of them are exact.

use serde::{Deserialize, Serialize};

use super::LearnError;

/// One power-of-two scale per component: `q = round(x 2^e)`, ties to even,
/// clamped to `-32767..=32767`.
///
/// ```
/// use afield::learner::FixedPoint;
/// let scale = FixedPoint::uniform(8.0, 2)?;
/// let mut q = Vec::new();
/// assert_eq!(scale.encode_into(&[1.5, -9.0], &mut q)?, 1);
/// assert_eq!(q, [6144, -32767]);
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct FixedPoint {
    width: usize,
    /// One exponent for all components, or one for each component if they differ.
    exponents: Vec<i8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    width: usize,
    exponents: Vec<i8>,
}

impl FixedPoint {
    /// The maximum width of a vector, in components.
    pub(crate) const MAX_WIDTH: usize = 1 << 16;

    const EXPONENTS: std::ops::RangeInclusive<i8> = -100..=100;

    /// The finest scale that fits `width` components of magnitudes up to `max_abs > 0`. The value
    /// `max_abs` itself may be off by one step.
    ///
    /// # Errors
    /// [`LearnError::Scale`]
    pub fn uniform(max_abs: f32, width: usize) -> Result<Self, LearnError> {
        Self::new(width, vec![Self::exponent(max_abs)?])
    }

    /// As [`Self::uniform`], with one magnitude for each component.
    ///
    /// # Errors
    /// [`LearnError::Scale`]
    pub fn per_component(max_abs: &[f32]) -> Result<Self, LearnError> {
        let exponents: Result<Vec<i8>, _> = max_abs.iter().map(|&m| Self::exponent(m)).collect();
        Self::new(max_abs.len(), exponents?)
    }

    fn exponent(max_abs: f32) -> Result<i8, LearnError> {
        if !(max_abs.is_finite() && max_abs >= f32::MIN_POSITIVE) {
            return Err(LearnError::Scale {
                what: format!("a largest magnitude of {max_abs}"),
            });
        }
        // This is a search, because the rounding of a logarithm depends on the library.
        let fits = |&e: &i8| f64::from(max_abs) * 2_f64.powi(e.into()) <= 32768.0;
        let found = Self::EXPONENTS.rev().find(fits);
        found.ok_or_else(|| LearnError::Scale {
            what: format!("a largest magnitude of {max_abs}"),
        })
    }

    fn new(width: usize, mut exponents: Vec<i8>) -> Result<Self, LearnError> {
        let error = |what: String| Err(LearnError::Scale { what });
        if !(1..=Self::MAX_WIDTH).contains(&width) {
            return error(format!("a width of {width}"));
        }
        if exponents.len() != width && exponents.len() != 1 {
            return error(format!("{} exponents for {width}", exponents.len()));
        }
        if let Some(e) = exponents.iter().find(|e| !Self::EXPONENTS.contains(e)) {
            return error(format!("an exponent of {e}"));
        }
        // Equal scales need one form, because contracts are compared and digested.
        if exponents.windows(2).all(|pair| pair[0] == pair[1]) {
            exponents.truncate(1);
        }
        Ok(Self { width, exponents })
    }

    /// Number of components of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The value of one unit of each component: `2^-e`.
    pub fn steps(&self) -> Vec<f32> {
        self.exponents().map(|e| 2_f32.powi(-e)).collect()
    }

    /// Overwrites `out` with the integers of `x`. Returns the number of components that exceeded
    /// the scale and were clamped.
    ///
    /// # Errors
    /// [`LearnError::Width`], [`LearnError::NotFinite`].
    pub fn encode_into(&self, x: &[f32], out: &mut Vec<i16>) -> Result<usize, LearnError> {
        out.clear();
        if x.len() != self.width {
            return Err(LearnError::Width {
                expected: self.width,
                actual: x.len(),
            });
        }
        if let Some(index) = x.iter().position(|x| !x.is_finite()) {
            return Err(LearnError::NotFinite { index });
        }
        let mut saturated = 0;
        for (&x, e) in x.iter().zip(self.exponents()) {
            let scaled = f64::from(x) * 2_f64.powi(e);
            saturated += usize::from(scaled.abs() > 32768.0);
            out.push(scaled.round_ties_even().clamp(-32767.0, 32767.0) as i16);
        }
        Ok(saturated)
    }

    fn exponents(&self) -> impl Iterator<Item = i32> {
        let exponents = self.exponents.iter().cycle().take(self.width);
        exponents.map(|&e| i32::from(e))
    }
}

impl TryFrom<Record> for FixedPoint {
    type Error = LearnError;
    fn try_from(record: Record) -> Result<Self, LearnError> {
        Self::new(record.width, record.exponents)
    }
}

impl From<FixedPoint> for Record {
    fn from(FixedPoint { width, exponents }: FixedPoint) -> Record {
        Record { width, exponents }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uniform_takes_the_finest_scale_that_fits() {
        for (max_abs, step) in [
            (128.0, 1.0 / 256.0),
            (129.0, 1.0 / 128.0),
            (1.0, 2_f32.powi(-15)),
        ] {
            let scale = FixedPoint::uniform(max_abs, 3).unwrap();
            assert_eq!(scale.steps(), [step; 3], "{max_abs}");
            let mut q = Vec::new();
            assert_eq!(scale.encode_into(&[max_abs; 3], &mut q), Ok(0));
        }
        for wrong in [
            0.0,
            -1.0,
            f32::NAN,
            f32::INFINITY,
            f32::MIN_POSITIVE / 2.0,
            1e38,
        ] {
            assert!(FixedPoint::uniform(wrong, 3).is_err(), "{wrong}");
        }
    }

    #[test]
    fn equal_exponents_have_one_form() {
        let each = FixedPoint::per_component(&[3.0, 4.0]).unwrap();
        assert_eq!(each, FixedPoint::uniform(4.0, 2).unwrap());
        let differ = FixedPoint::per_component(&[3.0, 400.0]).unwrap();
        assert_ne!(differ.steps()[0], differ.steps()[1]);
        let json = serde_json::to_string(&differ).unwrap();
        assert_eq!(serde_json::from_str::<FixedPoint>(&json).unwrap(), differ);
        let broken = r#"{"width":3,"exponents":[1,2]}"#;
        assert!(serde_json::from_str::<FixedPoint>(broken).is_err());
    }

    proptest! {
        #[test]
        fn rounding_error_is_at_most_half_a_step(x in -63.9_f32..63.9) {
            let scale = FixedPoint::uniform(64.0, 1).unwrap();
            let (mut q, step) = (Vec::new(), scale.steps()[0]);
            prop_assert_eq!(scale.encode_into(&[x], &mut q), Ok(0));
            prop_assert!((f32::from(q[0]) * step - x).abs() <= step / 2.0);
        }
    }
}
