//! Describes a microphone without opening it.

use crate::signal::SampleRate;

/// A microphone of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrophoneInfo {
    /// The name that opens it.
    pub name: String,
    /// Its description, for people.
    pub description: String,
    /// Whether it is the default.
    pub is_default: bool,
    /// Its fewest and most channels; `None` if it does not say, for example while it is in use.
    pub channels: Option<(u16, u16)>,
    /// Its lowest and highest rate.
    pub rates: Option<(SampleRate, SampleRate)>,
}
