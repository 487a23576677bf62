//! Opens a recording of any kind by its file name.

use std::path::Path;

use super::ffmpeg::{self, FfmpegFile};
use super::{AudioFile, ChannelChoice, JsonLines, SensorFormat, SensorTable, Source, SourceError};

/// The kind of a recording: sound, or values of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Sound, in any format of [`AudioFile`].
    Sound,
    /// Tables (CSV) and JSON lines.
    Sensor,
}

impl Recorded {
    /// File name extensions of such recordings, in lower case.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Sound => &[
                "wav", "wave", "bwf", "rf64", "w64", "flac", "ogg", "oga", "mp3", "mp2", "aif",
                "aiff", "aifc", "au", "snd", "caf", "m4a", "m4b", "mp4", "aac", "mka", "mkv",
                "webm", "opus", "wv", "wma", "amr", "3gp", "ape", "tta",
            ],
            Self::Sensor => &["csv", "jsonl", "ndjson"],
        }
    }

    /// Whether the file name has an extension of such a recording.
    pub(super) fn is_by_name(self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let known = |e: &str| self.endings().iter().any(|k| e.eq_ignore_ascii_case(k));
        extension.is_some_and(known)
    }
}

/// Opens the recording at `path`. The file name extension selects JSON lines or tables; every other
/// file is read as sound.
///
/// # Errors
/// [`SourceError`] as for [`AudioFile::open`]; [`SourceError::Unrecognised`] if the head of a table
/// or the first line lacks a column asked for, or if neither the format nor the file gives the rate.
pub fn open_recording(
    path: impl AsRef<Path>,
    format: &SensorFormat,
) -> Result<Box<dyn Source>, SourceError> {
    let path = path.as_ref();
    if !Recorded::Sensor.is_by_name(path) {
        return open_sound(path, format.channel);
    }
    let table = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if table {
        return Ok(Box::new(SensorTable::open(path, format)?));
    }
    let file = std::fs::File::open(path).map_err(|error| SourceError::io(path, error))?;
    let lines = JsonLines::new(file, &path.display().to_string(), format)?;
    Ok(Box::new(lines))
}

/// Opens a file as sound: with the decoders of this program, or else with the user's `ffmpeg`.
fn open_sound(path: &Path, choice: ChannelChoice) -> Result<Box<dyn Source>, SourceError> {
    let refused = match AudioFile::open_with(path, choice) {
        Ok(file) => return Ok(Box::new(file)),
        Err(refused @ SourceError::Unrecognised { .. }) => refused,
        Err(error) => return Err(error),
    };
    let Some(container) = ffmpeg::container(path) else {
        return Err(refused);
    };
    match FfmpegFile::open(path, container, choice)? {
        Some(file) => Ok(Box::new(file)),
        None => Err(SourceError::NeedsFfmpeg {
            path: path.to_owned(),
            format: container.name,
        }),
    }
}
