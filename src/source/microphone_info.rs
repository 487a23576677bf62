//! What can be known of a microphone without listening to it.

use crate::signal::SampleRate;

/// A microphone of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrophoneInfo {
    /// What it is opened by.
    pub name: String,
    /// What it is called, for people.
    pub description: String,
    /// Whether it is the one that is taken where none is named.
    pub is_default: bool,
    /// Its fewest and most channels; `None` while it cannot be asked, being in use perhaps.
    pub channels: Option<(u16, u16)>,
    /// Its lowest and highest rate.
    pub rates: Option<(SampleRate, SampleRate)>,
}
