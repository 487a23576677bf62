//! How much the rehearsal memory may hold, as a user writes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RehearsalError;

/// The limit of a rehearsal memory, and with it the policy that keeps it.
///
/// Written `none`, `balanced:200` (examples) or `balanced:512KiB` (bytes;
/// `B`, `kB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s).
///
/// ```
/// use afield::rehearsal::Capacity;
/// let capacity: Capacity = "balanced:512KiB".parse()?;
/// assert_eq!(capacity, Capacity::Bytes(512 * 1024));
/// assert_eq!(capacity.to_string(), "balanced:512KiB");
/// # Ok::<(), afield::rehearsal::RehearsalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Capacity {
    /// Nothing is kept.
    None,
    /// At most this many examples, balanced over the classes; at least 1.
    Examples(usize),
    /// At most this many bytes of examples, balanced over the classes.
    Bytes(usize),
}

impl Default for Capacity {
    fn default() -> Self {
        Self::Bytes(512 << 10)
    }
}

const UNITS: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for Capacity {
    type Err = RehearsalError;

    fn from_str(text: &str) -> Result<Self, RehearsalError> {
        let error = || RehearsalError::Capacity {
            text: text.to_owned(),
        };
        if text == "none" {
            return Ok(Self::None);
        }
        let amount = text.strip_prefix("balanced:").ok_or_else(error)?;
        let unit = UNITS
            .iter()
            .find_map(|&(name, size)| Some((amount.strip_suffix(name)?, size)));
        let (digits, size) = unit.unwrap_or((amount, 1));
        // `parse` alone would take a leading plus sign.
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let number: usize = digits.parse().map_err(|_| error())?;
        let total = number.checked_mul(size).ok_or_else(error)?;
        match unit {
            _ if total == 0 => Err(error()),
            Some(_) => Ok(Self::Bytes(total)),
            None => Ok(Self::Examples(total)),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => f.write_str("none"),
            Self::Examples(n) => write!(f, "balanced:{n}"),
            Self::Bytes(n) => {
                let (name, size) = UNITS
                    .into_iter()
                    .find(|(_, size)| n != 0 && n % size == 0)
                    .unwrap_or(("B", 1));
                write!(f, "balanced:{}{name}", n / size)
            }
        }
    }
}

impl TryFrom<String> for Capacity {
    type Error = RehearsalError;
    fn try_from(text: String) -> Result<Self, RehearsalError> {
        text.parse()
    }
}

impl From<Capacity> for String {
    fn from(capacity: Capacity) -> String {
        capacity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capacities_are_read_as_users_write_them() {
        let parse = |text: &str| text.parse::<Capacity>();
        assert_eq!(parse("none"), Ok(Capacity::None));
        assert_eq!(parse("balanced:200"), Ok(Capacity::Examples(200)));
        assert_eq!(parse("balanced:1MiB"), Ok(Capacity::Bytes(1 << 20)));
        assert_eq!(parse("balanced:64kB"), Ok(Capacity::Bytes(64_000)));
        for wrong in [
            "",
            "200",
            "balanced:",
            "balanced:0",
            "balanced:0KiB",
            "balanced:KiB",
            "balanced:+5",
            "balanced:-5",
            "balanced:1.5MiB",
            "balanced:99999999999999999999",
            "balanced:99999999999GiB",
            "ring:10",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(n in 1_usize..1 << 48, bytes: bool, shift in 0_u32..12) {
            let n = n << shift;
            let capacity = if bytes { Capacity::Bytes(n) } else { Capacity::Examples(n) };
            prop_assert_eq!(capacity.to_string().parse::<Capacity>(), Ok(capacity));
        }
    }
}
