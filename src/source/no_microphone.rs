//! Microphones in a program that was built without the feature `mic`: the same names, but every
//! call returns an error.

use super::{ChannelChoice, Health, LiveSource, MicrophoneInfo, Source, SourceError, SourceSpec};
use crate::signal::{Chunk, SampleRate};

/// A microphone. It cannot be opened without the feature `mic`.
#[derive(Debug)]
pub(super) enum Microphone {}

impl Microphone {
    /// Fails: the program was built without the feature `mic`.
    ///
    /// # Errors
    /// [`SourceError::Device`], always.
    pub(super) fn open(
        name: Option<&str>,
        _wanted: SampleRate,
        _choice: ChannelChoice,
    ) -> Result<Self, SourceError> {
        Err(missing(name))
    }
}

/// Fails: the program was built without the feature `mic`.
///
/// # Errors
/// [`SourceError::Device`], always.
pub fn microphones() -> Result<Vec<MicrophoneInfo>, SourceError> {
    Err(missing(None))
}

fn missing(name: Option<&str>) -> SourceError {
    SourceError::Device {
        device: SourceSpec::microphone(name),
        reason: "this program was built without microphones".to_owned(),
    }
}

impl Source for Microphone {
    fn rate(&self) -> SampleRate {
        match *self {}
    }
    fn read(&mut self, _chunk: &mut Chunk) -> Result<bool, SourceError> {
        match *self {}
    }
}

impl LiveSource for Microphone {
    fn introduction(&self) -> String {
        match *self {}
    }
    fn health(&self) -> Health {
        match *self {}
    }
    fn report(&self) -> String {
        match *self {}
    }
}
