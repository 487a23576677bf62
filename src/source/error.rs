//! Errors of names of sources, and of reading from sources.

use std::io;
use std::path::PathBuf;

use super::{ChannelChoice, PortName, Recorded, SourceSpec};
use crate::signal::ErrorKind;

/// Why a source cannot be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system reported an error on reading.
    #[error("cannot read {}{error}", path.as_ref().map_or(String::new(), |path| format!("{}: ", path.display())))]
    Io {
        /// The file or folder; `None` for a stream, which `error` names.
        path: Option<PathBuf>,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// A file has no samples, or a folder no recordings.
    #[error("{}", empty(path, endings))]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// For a folder, the file name extensions of such recordings. Empty for a file.
        endings: &'static [&'static str],
    },
    /// The contents are not a recording of the expected kind.
    #[error("{what} has no {} that can be read: {reason}", match kind {
        Recorded::Sound => "audio",
        Recorded::Sensor => "sensor data",
    })]
    Unrecognised {
        /// The file or stream.
        what: String,
        /// The expected kind.
        kind: Recorded,
        /// What is wrong.
        reason: String,
    },
    /// A file is damaged after some samples.
    #[error("{} is damaged after {seconds:.3} s: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Seconds that could be decoded.
        seconds: f64,
        /// What is wrong.
        reason: String,
    },
    /// A file that is read twice was not the same.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A clip or folder is larger than allowed.
    #[error("{} is too large: the limit is {limit} {unit}", path.display())]
    Limit {
        /// The file or folder.
        path: PathBuf,
        /// The limit.
        limit: f64,
        /// The unit of the limit: `s`, `clips` or `levels of folders`.
        unit: &'static str,
    },
    /// A text is not valid for its purpose.
    #[error("{text:?} is not a {what}: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What it should describe: a source, a serial port or a PCM format.
        what: &'static str,
        /// The form of a valid text, with an example.
        form: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An option has no effect on the source, or the source does not suit the backbone.
    #[error("{}", option_text(option, reason))]
    Option {
        /// `rate`, `columns`, `channel` or `source`.
        option: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// The user's `ffmpeg` would decode the file, and is not installed.
    #[error("{} is {format}, which only ffmpeg decodes, and there is no ffmpeg on the PATH", path.display())]
    NeedsFfmpeg {
        /// The file.
        path: PathBuf,
        /// The name of the format.
        format: &'static str,
    },
    /// A recording has fewer channels than the chosen one.
    #[error("{} has {channels} channel{}, and channel {choice} was asked for", path.display(), if *channels == 1 { "" } else { "s" })]
    NoChannel {
        /// The file.
        path: PathBuf,
        /// The choice.
        choice: ChannelChoice,
        /// The number of channels.
        channels: usize,
    },
    /// The name of a folder cannot be a label.
    #[error("the folder {} cannot name a class: {reason}", path.display())]
    FolderLabel {
        /// The folder.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A microphone or a serial port cannot be opened.
    #[error("cannot open {device}: {reason}")]
    Device {
        /// The device.
        device: SourceSpec,
        /// The system's error.
        reason: String,
    },
    /// No device at a serial port speaks Afield's protocol.
    #[error(
        "no device answers at {} and {} baud in {seconds} s; {bytes} bytes came, {frames} whole frames among them",
        port.path().display(), port.baud()
    )]
    PortSilent {
        /// The port.
        port: PortName,
        /// How long Afield waited.
        seconds: u64,
        /// Number of bytes that arrived.
        bytes: u64,
        /// Number of intact frames that arrived.
        frames: u64,
    },
    /// A port that was lost came back with lines of other columns: another device answers.
    #[error("{what} came back with other columns: {found}; expected {expected}")]
    OtherColumns {
        /// The port.
        what: String,
        /// The columns before.
        expected: String,
        /// The columns now, or the format of the lines.
        found: String,
    },
    /// A device sends something other than expected.
    #[error("the {property} of {device} is {actual}, expected {expected}")]
    Mismatch {
        /// The device.
        device: SourceSpec,
        /// The property that differs.
        property: StreamProperty,
        /// The expected value: that of this program, of the caller, or of the same device before.
        expected: String,
        /// The value that the device has.
        actual: String,
    },
}

/// The property of a device's stream that differs from the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamProperty {
    /// The version of the protocol.
    ProtocolVersion,
    /// The rate: the device was asked for another one.
    Rate,
    /// The rate or channels: the device had others before it was lost.
    Stream,
}

impl SourceError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Io { .. } => ErrorKind::Io,
            Self::Empty { .. } => ErrorKind::NotFound,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Unrecognised { .. }
            | Self::Syntax { .. }
            | Self::Option { .. }
            | Self::NoChannel { .. }
            | Self::NeedsFfmpeg { .. }
            | Self::FolderLabel { .. } => ErrorKind::InvalidInput,
            Self::Device { device, .. } if device.is_microphone() && cfg!(not(feature = "mic")) => {
                ErrorKind::Unsupported
            }
            Self::Device { .. } | Self::PortSilent { .. } => ErrorKind::Unavailable,
            Self::Mismatch { .. } | Self::Changed { .. } | Self::OtherColumns { .. } => {
                ErrorKind::Mismatch
            }
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::Io {
            path: Some(path.into()),
            error,
        }
    }

    /// An error of a stream that has no path; `what` names it.
    pub(super) fn stream(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Io {
            path: None,
            error: io::Error::other(format!("{what}: {error}")),
        }
    }

    /// As [`Self::stream`], of the same kind as the system's error.
    pub(super) fn io_of_stream(what: &str, error: &io::Error) -> Self {
        Self::Io {
            path: None,
            error: io::Error::new(error.kind(), format!("{what}: {error}")),
        }
    }

    pub(super) fn sensor_data(what: &str, reason: impl Into<String>) -> Self {
        Self::Unrecognised {
            what: what.to_owned(),
            kind: Recorded::Sensor,
            reason: reason.into(),
        }
    }
}

fn option_text(option: &str, reason: &str) -> String {
    match option {
        "rate" => format!("a rate has no effect: {reason}"),
        "columns" => format!("columns have no effect: {reason}"),
        "channel" => format!("a channel cannot be chosen: {reason}"),
        _ => reason.to_owned(),
    }
}

fn empty(path: &std::path::Path, endings: &[&str]) -> String {
    match endings {
        [] => format!("{} has no samples", path.display()),
        _ => format!(
            "no recordings under {}: no file name ends in {}",
            path.display(),
            endings.join(", ")
        ),
    }
}

impl std::fmt::Display for StreamProperty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ProtocolVersion => "protocol version",
            Self::Rate => "rate",
            Self::Stream => "stream",
        })
    }
}
