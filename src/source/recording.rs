//! Opens a recording of any kind, by its file name or by its contents.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::ffmpeg::{self, FfmpegFile};
use super::sensor_text::sensor_text;
use super::table::open_file;
use super::{AudioFile, ChannelChoice, SensorFormat, Source, SourceError};

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
                "wav", "flac", "ogg", "oga", "mp3", "aif", "aiff", "wave", "bwf", "rf64", "w64",
                "aifc", "au", "snd", "caf", "m4a", "m4b", "mp4", "aac", "mka", "mkv", "webm",
                "weba", "mp2", "opus", "spx", "wv", "wma", "amr", "3gp", "ape", "mpc", "tta",
                "ac3",
            ],
            Self::Sensor => &["csv", "tsv", "jsonl", "ndjson"],
        }
    }

    /// Whether the file name has an extension of such a recording.
    pub fn is_by_name(self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let known = |e: &str| self.endings().iter().any(|k| e.eq_ignore_ascii_case(k));
        extension.is_some_and(known)
    }
}

/// Opens the recording at `path`. A file whose name has an extension of tables or JSON lines, and
/// any other file with text in it, is read as sensor data. The contents tell a table from JSON
/// lines. Every other file is read as sound.
///
/// # Errors
/// [`SourceError`] as for [`AudioFile::open`]; [`SourceError::Unrecognised`] if the head of a table
/// or the first line lacks a column asked for, or if neither the format nor the file gives the rate.
pub fn open_recording(
    path: impl AsRef<Path>,
    format: &SensorFormat,
) -> Result<Box<dyn Source>, SourceError> {
    let path = path.as_ref();
    let is_sensor =
        Recorded::Sensor.is_by_name(path) || !Recorded::Sound.is_by_name(path) && has_text(path);
    if !is_sensor {
        return open_sound(path, format.channel);
    }
    sensor_text(open_file(path)?, &path.display().to_string(), format)
}

/// Whether the file at `path` begins with lines of text.
fn has_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1_024).read_to_end(&mut start));
    if read.is_err() {
        return false;
    }
    if let [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] = start.as_slice() {
        // Half of the bytes of Latin text in UTF-16 are zero.
        return rest.iter().filter(|byte| **byte == 0).count() * 3 > rest.len();
    }
    let is_odd = |byte: &u8| *byte < 32 && !byte.is_ascii_whitespace() || *byte == 127;
    let high = start.iter().filter(|byte| **byte > 127).count();
    let is_text = !start.iter().any(is_odd) && high * 4 <= start.len();
    // An array of JSON may be one long line.
    let is_json = matches!(start.trim_ascii_start().first(), Some(b'{' | b'['));
    is_text && (is_json || start.iter().any(|byte| matches!(byte, b'\n' | b'\r')))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let utf16: Vec<u8> = "\u{feff}t,a\n0,1\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (bytes, expected) in [
            (&b"t,a\n0,1\n"[..], true),
            (b"{\"t\":0}\r\n", true),
            (&utf16, true),
            (b"", false),
            (b"one line", false),
            (b"OggS\0\x02\n", false),
            (b"\xff\xfb\x90\x64\n", false),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(has_text(&path), expected, "{bytes:?}");
        }
        assert!(!has_text(folder.path()));
    }
}
