//! The logarithm at the end of a log-mel front end.
//!
//! The standard library's `ln` costs one function call a value. This one is a polynomial
//! without branches, which compilers turn into vector code (S. L. Moshier's `logf`, Cephes
//! Mathematical Library). Its relative error is about 1e-7, a thousand times below the
//! tolerance of the front-end tests.

use super::FrontendError;
use crate::model::Log;

/// The card's [`Log`] combined with `gain` and `shift`. It is validated and applies to
/// non-negative finite energies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Logarithm {
    /// Added before the logarithm.
    offset: f32,
    /// Lowest argument of the logarithm.
    least: f32,
    /// Factor from the natural logarithm to the card's unit.
    unit: f32,
    /// Lowest logarithm, in the card's unit.
    floor: f32,
    gain: f32,
    shift: f32,
}

/// A power below this counts as silence, whatever the floor in dB.
const LEAST_POWER: f32 = 1e-10;

impl Logarithm {
    pub(super) fn new(log: Log, gain: f32, shift: f32) -> Result<Self, FrontendError> {
        let moderate = |field: &'static str, value: f32| {
            if (-1e6..=1e6).contains(&value) {
                Ok(value)
            } else {
                Err(FrontendError::Value {
                    field,
                    actual: value.into(),
                    expected: "-1e6 to 1e6",
                })
            }
        };
        let (gain, shift) = (moderate("gain", gain)?, moderate("shift", shift)?);
        match log {
            Log::Decibel { floor_db } => Ok(Self {
                offset: 0.0,
                least: LEAST_POWER,
                unit: 10.0 / std::f32::consts::LN_10,
                floor: moderate("floor-db", floor_db)?,
                gain,
                shift,
            }),
            // The polynomial needs positive normal numbers: zero has no logarithm.
            Log::LnOffset { offset } if (1e-30..=1e6).contains(&offset) => Ok(Self {
                offset,
                least: offset,
                unit: 1.0,
                floor: f32::MIN,
                gain,
                shift,
            }),
            Log::LnOffset { offset } => Err(FrontendError::Value {
                field: "offset",
                actual: offset.into(),
                expected: "1e-30 to 1e6",
            }),
        }
    }

    /// Replaces each energy by `log * gain + shift`.
    pub(super) fn apply(&self, energies: &mut [f32]) {
        for x in energies {
            let log = ln((*x + self.offset).max(self.least)) * self.unit;
            *x = log.max(self.floor) * self.gain + self.shift;
        }
    }
}

/// Natural logarithm of a positive, normal, finite number.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let e = ((shifted as i32) >> 23) as f32;
    let f = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF_BITS) - 1.0;
    let f2 = f * f;
    let mut p = 7.037_683_6e-2f32;
    p = p * f - 1.151_461e-1;
    p = p * f + 1.167_699_9e-1;
    p = p * f - 1.242_014_1e-1;
    p = p * f + 1.424_932_3e-1;
    p = p * f - 1.666_805_8e-1;
    p = p * f + 2.000_071_5e-1;
    p = p * f - 2.499_999_4e-1;
    p = p * f + 3.333_333e-1;
    // ln 2 in two parts, the first exact in few bits.
    let y = p * f * f2 - 2.121_944_4e-4 * e - 0.5 * f2;
    f + y + 0.693_359_4 * e
}

/// The exponential function of a number from -87 to 88, by Cephes' `expf`. Its relative error is
/// about 1e-7.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Added to a small number, it leaves the nearest whole number in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    // x = n ln 2 + r, with r in about [-0.35, 0.35].
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    y * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_equals_the_library() {
        let mut worst = 0.0f64;
        for step in -87_000..=88_000 {
            let x = step as f32 / 1000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / exact - 1.0).abs());
        }
        assert!(worst < 3e-7, "relative error of {worst:e}");
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn the_polynomial_equals_the_library_over_every_exponent() {
        let mut worst = 0.0f64;
        for exponent in -126..=127 {
            for step in 0..257 {
                let x = 2f32.powi(exponent) * (1.0 + step as f32 / 257.0);
                let exact = f64::from(x).ln();
                let error = (f64::from(ln(x)) - exact).abs() / exact.abs().max(1.0);
                worst = worst.max(error);
            }
        }
        assert!(worst < 2e-7, "relative error of {worst:e}");
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn silence_gives_the_floor() {
        let db = Logarithm::new(Log::Decibel { floor_db: -20.0 }, 0.1, 2.0).unwrap();
        let mut energies = [0.0, 1e-12, 1.0, 1000.0];
        db.apply(&mut energies);
        assert_eq!(energies[..2], [0.0, 0.0]);
        assert!((energies[2] - 2.0).abs() < 1e-6 && (energies[3] - 5.0).abs() < 1e-6);

        let db = Logarithm::new(Log::Decibel { floor_db: -300.0 }, 1.0, 0.0).unwrap();
        let mut energies = [0.0];
        db.apply(&mut energies);
        assert!((energies[0] + 100.0).abs() < 1e-4);

        let ln = Logarithm::new(Log::LnOffset { offset: 0.001 }, 1.0, 0.0).unwrap();
        let mut energies = [0.0, 0.999];
        ln.apply(&mut energies);
        assert!((energies[0] - 0.001f32.ln()).abs() < 1e-6 && energies[1].abs() < 1e-6);
    }

    #[test]
    fn logarithms_that_could_be_infinite_are_rejected() {
        for log in [
            Log::LnOffset { offset: 0.0 },
            Log::LnOffset { offset: -1.0 },
            Log::LnOffset { offset: f32::NAN },
            Log::Decibel {
                floor_db: f32::NEG_INFINITY,
            },
        ] {
            assert!(matches!(
                Logarithm::new(log, 1.0, 0.0),
                Err(FrontendError::Value { .. })
            ));
        }
        let log = Log::Decibel { floor_db: 0.0 };
        assert!(Logarithm::new(log, f32::NAN, 0.0).is_err());
        assert!(Logarithm::new(log, 1.0, f32::INFINITY).is_err());
    }
}
