//! The size limit of the rehearsal memory.

use std::fmt;
use std::str::FromStr;

use super::RehearsalError;

/// The limit of a rehearsal memory.
///
/// The text form is `none`, `200` (examples) or `512KiB` (bytes). `B`, `kB`, `MB` and `GB` count
/// in thousands, `KiB`, `MiB` and `GiB` in 1024s.
///
/// ```
/// use afield::rehearsal::Capacity;
/// let capacity: Capacity = "512KiB".parse()?;
/// assert_eq!(capacity, Capacity::Bytes(512 * 1024));
/// assert_eq!(capacity.to_string(), "512KiB");
/// # Ok::<(), afield::rehearsal::RehearsalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capacity {
    /// Nothing is kept.
    None,
    /// At most this many examples; at least 1.
    Examples(usize),
    /// At most this many bytes of examples and of the data needed to choose them.
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
        let error = || RehearsalError::Plan {
            text: text.to_owned(),
        };
        if text == "none" {
            return Ok(Self::None);
        }
        let unit = UNITS
            .iter()
            .find_map(|&(name, size)| Some((text.strip_suffix(name)?, size)));
        let (digits, size) = unit.unwrap_or((text, 1));
        // `parse` alone would accept a leading plus sign.
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
            Self::Examples(n) => write!(f, "{n}"),
            Self::Bytes(n) => {
                let (name, size) = UNITS
                    .into_iter()
                    .find(|(_, size)| n != 0 && n % size == 0)
                    .unwrap_or(("B", 1));
                write!(f, "{}{name}", n / size)
            }
        }
    }
}
