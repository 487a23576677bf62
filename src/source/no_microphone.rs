//! Microphones in a program that was built without them: the same names, and one error.

use super::{Health, LiveSource, MicrophoneInfo, Source, SourceError};
use crate::signal::{Chunk, SampleRate};

/// A microphone, of which there is none: build with `--features mic`.
#[derive(Debug)]
pub enum Microphone {}

impl Microphone {
    /// Opens none.
    ///
    /// # Errors
    /// [`SourceError::WithoutMicrophones`], always.
    pub fn open(_name: Option<&str>, _wanted: SampleRate) -> Result<Self, SourceError> {
        Err(SourceError::WithoutMicrophones)
    }
}

/// Lists none.
///
/// # Errors
/// [`SourceError::WithoutMicrophones`], always.
pub fn microphones() -> Result<Vec<MicrophoneInfo>, SourceError> {
    Err(SourceError::WithoutMicrophones)
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
    fn account(&self) -> String {
        match *self {}
    }
}
