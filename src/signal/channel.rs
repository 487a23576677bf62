//! Channels of a stream, their names and units.
//!
//! Audio has one channel. An accelerometer or gyroscope has several, and their values have a unit.
//! Units of the same quantity convert into each other; a missing unit is never guessed.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{SignalError, is_name};

/// One channel of a stream: its name and its unit.
///
/// ```
/// use afield::signal::{Channel, Unit};
/// let ax = Channel::new("ax", Unit::new("g")?)?;
/// assert_eq!(ax.to_string(), "ax [g]");
/// # Ok::<(), afield::signal::SignalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Channel {
    name: Cow<'static, str>,
    unit: Unit,
}

/// Mono audio, full scale `[-1, 1]`: the default channel of sources.
pub static SOUND: [Channel; 1] = [Channel {
    name: Cow::Borrowed("sound"),
    unit: Unit::FULL_SCALE,
}];

impl Channel {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;
    /// The largest number of channels of one stream.
    pub(crate) const MAX_COUNT: usize = 64;

    /// Validates `name` as the name of a channel.
    ///
    /// # Errors
    /// [`SignalError::Channel`] for a name that is empty, longer than
    /// [`Self::MAX_BYTES`], padded with white space, or with a control character.
    pub fn new(name: impl Into<String>, unit: Unit) -> Result<Self, SignalError> {
        let name = name.into();
        match is_name(&name, Self::MAX_BYTES) {
            true => Ok(Self {
                name: Cow::Owned(name),
                unit,
            }),
            false => Err(SignalError::Channel { text: name }),
        }
    }

    /// Parses a channel written as `NAME [UNIT]`, `NAME (UNIT)` or `NAME`, as in the header of
    /// a table.
    ///
    /// # Errors
    /// [`SignalError::Channel`], [`SignalError::Unit`].
    pub fn parse(text: &str) -> Result<Self, SignalError> {
        let text = text.trim();
        for (open, close) in [('[', ']'), ('(', ')')] {
            if let Some((name, unit)) = text
                .strip_suffix(close)
                .and_then(|rest| rest.split_once(open))
            {
                return Self::new(name.trim(), Unit::new(unit.trim())?);
            }
        }
        Self::new(text, Unit::UNSTATED)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unit of its values.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit == Unit::UNSTATED {
            true => f.write_str(&self.name),
            false => write!(f, "{} [{}]", self.name, self.unit),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    name: String,
    #[serde(default)]
    unit: Unit,
}

impl TryFrom<Unchecked> for Channel {
    type Error = SignalError;
    fn try_from(unchecked: Unchecked) -> Result<Self, SignalError> {
        Self::new(unchecked.name, unchecked.unit)
    }
}

/// The unit of a value: `g`, `m/s2`, `rad/s` and so on, or [`Self::UNSTATED`].
///
/// Any text is a valid unit. Units of acceleration, angular rate and magnetic field convert
/// into others of the same quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Unit(Cow<'static, str>);

/// Alternative spellings, each with its standard spelling.
const SPELLINGS: [(&str, &str); 9] = [
    ("G", "g"),
    ("m/s^2", "m/s2"),
    ("m/s²", "m/s2"),
    ("m/s/s", "m/s2"),
    ("dps", "deg/s"),
    ("°/s", "deg/s"),
    ("mdps", "mdeg/s"),
    ("µT", "uT"),
    ("μT", "uT"),
];

/// Quantity and size of the units that convert.
const SIZES: [(&str, Quantity, f64); 9] = [
    ("g", Quantity::Acceleration, 9.806_65),
    ("mg", Quantity::Acceleration, 9.806_65e-3),
    ("m/s2", Quantity::Acceleration, 1.0),
    ("rad/s", Quantity::AngularRate, 1.0),
    ("deg/s", Quantity::AngularRate, std::f64::consts::PI / 180.0),
    (
        "mdeg/s",
        Quantity::AngularRate,
        std::f64::consts::PI / 180_000.0,
    ),
    ("uT", Quantity::MagneticField, 1.0),
    ("mT", Quantity::MagneticField, 1e3),
    ("gauss", Quantity::MagneticField, 100.0),
];

/// A quantity that has several convertible units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Acceleration including gravity, as accelerometers measure it.
    Acceleration,
    /// Angular rate, as gyroscopes measure it.
    AngularRate,
    /// Magnetic field, as magnetometers measure it.
    MagneticField,
}

impl Unit {
    /// The longest unit, in bytes.
    pub const MAX_BYTES: usize = 32;
    /// The unit of audio samples, which span `[-1, 1]`.
    pub(crate) const FULL_SCALE: Self = Self(Cow::Borrowed("full scale"));
    /// Standard gravity.
    pub(crate) const G: Self = Self(Cow::Borrowed("g"));
    /// A thousandth of standard gravity.
    pub(crate) const MILLI_G: Self = Self(Cow::Borrowed("mg"));
    /// Metres per second squared.
    pub(crate) const METRES: Self = Self(Cow::Borrowed("m/s2"));
    /// No unit is stated.
    pub const UNSTATED: Self = Self(Cow::Borrowed(""));

    /// Validates `text` as a unit. A known unit may have any of its spellings.
    ///
    /// # Errors
    /// [`SignalError::Unit`] for text longer than [`Self::MAX_BYTES`], padded with
    /// white space, or with a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, SignalError> {
        let text = text.into();
        if text.is_empty() {
            return Ok(Self::UNSTATED);
        }
        if !is_name(&text, Self::MAX_BYTES) {
            return Err(SignalError::Unit { text });
        }
        let meant = SPELLINGS.iter().find(|(spelling, _)| *spelling == text);
        Ok(Self(meant.map_or(Cow::Owned(text), |&(_, unit)| {
            Cow::Borrowed(unit)
        })))
    }

    /// The text; empty if the unit is not stated.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The quantity it measures, if the unit converts.
    pub(crate) fn quantity(&self) -> Option<Quantity> {
        self.size().map(|(quantity, _)| quantity)
    }

    /// The factor that converts a value from this unit to `other`. `None` if they measure
    /// different quantities. If either unit is not stated, the factor is 1.
    ///
    /// ```
    /// use afield::signal::Unit;
    /// let (dps, rad, g) = (Unit::new("dps")?, Unit::new("rad/s")?, Unit::new("g")?);
    /// assert_eq!(dps.factor_to(&rad), Some(std::f64::consts::PI / 180.0));
    /// assert_eq!(dps.factor_to(&g), None);
    /// assert_eq!(Unit::UNSTATED.factor_to(&g), Some(1.0));
    /// # Ok::<(), afield::signal::SignalError>(())
    /// ```
    pub fn factor_to(&self, other: &Self) -> Option<f64> {
        if self == other || *self == Self::UNSTATED || *other == Self::UNSTATED {
            return Some(1.0);
        }
        let ((from, size), (to, other_size)) = (self.size()?, other.size()?);
        (from == to).then(|| size / other_size)
    }

    fn size(&self) -> Option<(Quantity, f64)> {
        let known = SIZES.iter().find(|(unit, ..)| *unit == self.0);
        known.map(|&(_, quantity, size)| (quantity, size))
    }
}

impl Default for Unit {
    fn default() -> Self {
        Self::UNSTATED
    }
}

impl TryFrom<String> for Unit {
    type Error = SignalError;
    fn try_from(text: String) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> String {
        unit.0.into_owned()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_of_a_channel_and_its_unit_parse() {
        for (text, name, unit) in [
            ("ax", "ax", ""),
            (" ax [g] ", "ax", "g"),
            ("gyro x (dps)", "gyro x", "deg/s"),
            ("a[m/s²]", "a", "m/s2"),
            ("flow [l/min]", "flow", "l/min"),
        ] {
            let channel = Channel::parse(text).unwrap();
            assert_eq!((channel.name(), channel.unit().as_str()), (name, unit));
        }
        for text in ["", " ", "[g]", "a\u{7}", &"x".repeat(65)] {
            assert!(Channel::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn units_of_one_quantity_convert_both_ways() {
        let unit = |text: &str| Unit::new(text).unwrap();
        let metres = unit("g").factor_to(&unit("m/s^2")).unwrap();
        assert!((metres - 9.806_65).abs() < 1e-12);
        for (a, _, _) in SIZES {
            for (b, _, _) in SIZES {
                let there = unit(a).factor_to(&unit(b));
                let back = unit(b).factor_to(&unit(a));
                assert_eq!(there.is_some(), back.is_some());
                if let (Some(there), Some(back)) = (there, back) {
                    assert!((there * back - 1.0).abs() < 1e-12, "{a} {b}");
                }
            }
        }
        assert_eq!(unit("l/min").factor_to(&unit("bar")), None);
    }
}
