//! Basic types that all stages share: sample rates, time, channels, chunks of samples, labels
//! and groups.
//!
//! They are valid by construction and have no other behaviour.

mod channel;
mod clip_id;
mod direction;
mod error_kind;
mod label;
mod pool;
mod segment;
mod timestamp;
mod transform;

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use channel::Quantity;
pub use channel::{Channel, SOUND, Unit};
pub use clip_id::{ClipId, ClipIdPrefix};
pub(crate) use direction::{MOST_DIRECTIONS, direction_length, is_direction};
pub use error_kind::ErrorKind;
pub use label::Label;
pub use pool::Pool;
pub(crate) use segment::Segment;
pub use timestamp::Timestamp;
pub use transform::Transform;

/// Samples per second and channel, from 1 to 768,000 Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// The highest rate accepted from a file or a device, in Hz.
    pub(crate) const MAX_HZ: u32 = 768_000;
    /// The lowest rate, 1 Hz.
    pub const ONE_HZ: Self = Self(NonZeroU32::MIN);

    /// A rate in Hz.
    ///
    /// # Errors
    /// [`SignalError::SampleRate`] for 0 and for rates above 768 kHz.
    ///
    /// ```
    /// use afield::signal::SampleRate;
    /// assert_eq!(SampleRate::new(16_000)?.hz(), 16_000);
    /// assert!(SampleRate::new(0).is_err());
    /// # Ok::<(), afield::signal::SignalError>(())
    /// ```
    pub fn new(hz: u32) -> Result<Self, SignalError> {
        match NonZeroU32::new(hz) {
            Some(rate) if hz <= Self::MAX_HZ => Ok(Self(rate)),
            _ => Err(SignalError::SampleRate { hz }),
        }
    }

    /// The rate in Hz.
    pub fn hz(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for SampleRate {
    type Error = SignalError;
    fn try_from(hz: u32) -> Result<Self, SignalError> {
        Self::new(hz)
    }
}

impl From<SampleRate> for u32 {
    fn from(rate: SampleRate) -> u32 {
        rate.hz()
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

/// Microseconds since the start of a stream.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// The time at which sample number `samples` starts, rounded down.
    ///
    /// ```
    /// use afield::signal::{Micros, SampleRate};
    /// let rate = SampleRate::new(16_000)?;
    /// assert_eq!(Micros::from_samples(1_280, rate), Micros(80_000));
    /// # Ok::<(), afield::signal::SignalError>(())
    /// ```
    pub fn from_samples(samples: u64, rate: SampleRate) -> Self {
        let micros = u128::from(samples) * 1_000_000 / u128::from(rate.hz());
        Self(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Seconds as a floating-point number.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// Consecutive samples at the rate of their source: mono audio with full scale `[-1, 1]`, or
/// samples of several [`Channel`]s, each in its own unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// Stream time of the first sample. If it differs from the end of the previous chunk,
    /// samples are missing: this is a gap. Two microseconds are allowed for rounding.
    pub start: Micros,
    /// The samples, row-major `[samples, channels]`: all channels of one moment are adjacent,
    /// and none is missing. A source reuses this buffer from call to call.
    pub samples: Vec<f32>,
}

/// The speaker, machine, site or subject of a recording. Recordings of one group resemble each
/// other, so a group must not lie on both sides of a split.
///
/// ```
/// use afield::signal::Group;
/// let anna = Group::new("anna")?;
/// assert_eq!(anna.number(), Group::new("anna")?.number());
/// assert_ne!(anna.number(), Group::new("ben")?.number());
/// assert!(Group::new(" anna").is_err());
/// # Ok::<(), afield::signal::SignalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Group(String);

impl Group {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Validates `text` as a group.
    ///
    /// # Errors
    /// [`SignalError::Group`] when the text is not valid as a [`Label`] either.
    pub fn new(text: impl Into<String>) -> Result<Self, SignalError> {
        let text = text.into();
        match is_name(&text, Self::MAX_BYTES) {
            true => Ok(Self(text)),
            false => Err(SignalError::Group { text }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The group as a number, never 0: the first eight bytes of the sha256 of its name, as a
    /// big-endian integer. All learners compute the same number. Among a million groups, two
    /// have the same number with a probability of 3e-8.
    pub fn number(&self) -> u64 {
        let digest = Sha256::digest(&self.0);
        let first = digest.first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first).max(1)
    }
}

impl TryFrom<String> for Group {
    type Error = SignalError;
    fn try_from(text: String) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl std::str::FromStr for Group {
    type Err = SignalError;
    fn from_str(text: &str) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl From<Group> for String {
    fn from(group: Group) -> String {
        group.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a valid name: not empty, not too long, without surrounding white space and
/// without control characters.
fn is_name(text: &str, max_bytes: usize) -> bool {
    !text.is_empty()
        && text.len() <= max_bytes
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

/// The beginning of a text, for messages: at most 40 characters, none of them a control character.
pub(crate) fn excerpt(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut start: String = text.chars().take(40).map(printable).collect();
    if text.chars().nth(40).is_some() {
        start.push_str("...");
    }
    start
}

/// Why a value of this module is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The sample rate is 0, or above 768 kHz.
    #[error("sample rate of {hz} Hz is outside 1..={} Hz", SampleRate::MAX_HZ)]
    SampleRate {
        /// The rejected rate.
        hz: u32,
    },
    /// The text cannot be a label.
    #[error(
        "{text:?} is not a label: it needs 1 to {} bytes without control characters or surrounding spaces",
        Label::MAX_BYTES
    )]
    Label {
        /// The rejected text.
        text: String,
    },
    /// The text cannot be a channel's name.
    #[error(
        "{:?} is not a channel name: it needs 1 to {} bytes without control characters or surrounding spaces",
        excerpt(text),
        Channel::MAX_BYTES
    )]
    Channel {
        /// The rejected text.
        text: String,
    },
    /// The text cannot be a unit.
    #[error(
        "{:?} is not a unit: it has at most {} bytes without control characters or surrounding spaces",
        excerpt(text),
        Unit::MAX_BYTES
    )]
    Unit {
        /// The rejected text.
        text: String,
    },
    /// The text is not a date with a time of day.
    #[error("{text:?} is not a time: it needs a date and a time of day, as in 2026-06-01T22:10:00")]
    Timestamp {
        /// The rejected text.
        text: String,
    },
    /// The text cannot be a group.
    #[error(
        "{text:?} is not a group: it needs 1 to {} bytes without control characters or surrounding spaces",
        Group::MAX_BYTES
    )]
    Group {
        /// The rejected text.
        text: String,
    },
}

impl SignalError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_group_is_pinned() {
        // Saved rehearsal memories contain this number: to change it is to change the format.
        let number = |name: &str| Group::new(name).unwrap().number();
        assert_eq!(number("anna"), 0x5557_9b55_7896_d0ce);
        assert_eq!(number("3"), 0x4e07_4085_62be_db8b);
    }

    #[test]
    fn group_names_follow_the_rules_of_labels() {
        for wrong in ["", " a", "a ", "a\nb", &"x".repeat(129)] {
            assert!(Group::new(wrong).is_err(), "{wrong:?}");
            assert!(Label::new(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Group::new("Raum 3 ü").unwrap().as_str(), "Raum 3 ü");
    }
}
