//! The identity of a clip: a hash of its samples, not of its file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The sha256 of a clip's sample rate, channels and samples. The same recording has the same
/// identity under any file name.
///
/// ```
/// use afield::signal::{ClipId, ClipIdPrefix};
/// let id = ClipId::from_bytes([0xab; 32]);
/// assert_eq!(id.to_string().len(), 64);
/// assert_eq!(id.short(), "abababababab");
/// assert!(ClipIdPrefix::parse("ABAB").is_some_and(|prefix| prefix.matches(&id)));
/// assert!(ClipIdPrefix::parse("ac").is_some_and(|prefix| !prefix.matches(&id)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipId([u8; 32]);

impl ClipId {
    /// The identity with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve hex digits, for lists that people read.
    pub fn short(&self) -> String {
        format!("{self:.12}")
    }
}

impl From<[u8; 32]> for ClipId {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// 64 lower-case hex digits, or the number that the precision gives.
impl fmt::Display for ClipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2 * self.0.len());
        let nibbles = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for nibble in nibbles.take(digits) {
            write!(f, "{nibble:x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClipId({self})")
    }
}

/// The first hex digits of a [`ClipId`], 1 to 64, lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClipIdPrefix(String);

impl ClipIdPrefix {
    /// Parses 1 to 64 hex digits in upper or lower case. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && (1..=64).contains(&text.len()) {
            Some(Self(text.to_ascii_lowercase()))
        } else {
            None
        }
    }

    /// Whether `id` begins with these digits.
    pub fn matches(&self, id: &ClipId) -> bool {
        id.to_string().starts_with(&self.0)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ClipId> for ClipIdPrefix {
    fn from(id: ClipId) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for ClipIdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_is_1_to_64_hex_digits() {
        let whole = "0123456789abcdef".repeat(4);
        for right in ["0", "0123", "0123456789ABCDEF", &whole] {
            assert!(ClipIdPrefix::parse(right).is_some(), "{right}");
        }
        for wrong in ["", "g", "12 ", "0x12", "ü", &(whole.clone() + "0")] {
            assert!(ClipIdPrefix::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn prefix_matches_ids_that_begin_with_it() {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&[0x0a, 0xbc]);
        let id = ClipId::from_bytes(bytes);
        let matches = |text| ClipIdPrefix::parse(text).unwrap().matches(&id);
        assert!(matches("0") && matches("0ab") && matches("0ABC00"));
        assert!(!matches("a") && !matches("0abd"));
        assert!(ClipIdPrefix::from(id).matches(&id));
        assert_eq!(format!("{id:.5}"), "0abc0");
    }
}
