//! The orders of a stream, by name.

use std::fmt;
use std::str::FromStr;

/// The order of a stream.
///
/// ```
/// use afield_lab::streams::Protocol;
/// assert_eq!("bursty".parse(), Ok(Protocol::Bursty));
/// assert!("random".parse::<Protocol>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One class after another. Each is tested from the moment it is taught.
    ClassIncremental,
    /// One group (speaker, subject, site) after another. All classes are tested throughout.
    DomainIncremental,
    /// Shuffled, cut into ten equal slices. All classes are tested throughout.
    Iid,
    /// Runs of one class after another, 8 clips long on average (geometric). Every clip occurs 1 to
    /// 5 times in a row. The stream is cut into ten equal slices, and all classes are tested
    /// throughout.
    Bursty,
    /// Like [`Protocol::Iid`], but one class becomes another half-way. Its label is taught, and
    /// tested, on its own clips in the first half and on the other class's clips in the second
    /// half. The other class is never taught under its own label. The joint upper bound learns what
    /// is true at the end, so it does not use the first class's own clips.
    Drift,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Protocol; 5] = [
        Protocol::ClassIncremental,
        Protocol::DomainIncremental,
        Protocol::Iid,
        Protocol::Bursty,
        Protocol::Drift,
    ];

    /// The name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::ClassIncremental => "class-incremental",
            Protocol::DomainIncremental => "domain-incremental",
            Protocol::Iid => "iid",
            Protocol::Bursty => "bursty",
            Protocol::Drift => "drift",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| {
            format!(
                "'{text}' is none of {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}
