//! Which channel of a recording of several is heard.

use std::fmt;
use std::str::FromStr;

use super::SourceError;

/// How a recording of several channels becomes mono.
///
/// ```
/// use afield::source::ChannelChoice;
/// assert_eq!("left".parse::<ChannelChoice>()?, "1".parse()?);
/// assert_eq!("2".parse::<ChannelChoice>()?.to_string(), "2");
/// assert!("0".parse::<ChannelChoice>().is_err());
/// # Ok::<(), afield::source::SourceError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ChannelChoice {
    /// The mean of all channels. If two channels cancel each other, the left one.
    #[default]
    Mix,
    /// The channel with the most power in the first second.
    Best,
    /// One channel, from 1.
    Only(u16),
}

impl FromStr for ChannelChoice {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text {
            "mix" => Ok(Self::Mix),
            "best" => Ok(Self::Best),
            "left" => Ok(Self::Only(1)),
            "right" => Ok(Self::Only(2)),
            _ => match text.parse() {
                Ok(channel) if channel > 0 => Ok(Self::Only(channel)),
                _ => Err(SourceError::Syntax {
                    text: text.to_owned(),
                    what: "channel",
                    form: "mix, left, right, best, or a number from 1",
                    reason: "it is none of these".to_owned(),
                }),
            },
        }
    }
}

impl fmt::Display for ChannelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mix => f.write_str("mix"),
            Self::Best => f.write_str("best"),
            Self::Only(channel) => write!(f, "{channel}"),
        }
    }
}
