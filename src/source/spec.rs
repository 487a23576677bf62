//! Where samples come from, as one value that a user can type.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{
    JsonLines, LabelledClip, Microphone, PcmFormat, PcmReader, PortName, Recorded, SensorFormat,
    SerialSource, Source, SourceError, labelled_recordings,
};
use crate::signal::SampleRate;

/// A source by its name: `mic`, `mic:NAME`, `wav:FILE` (any audio file), `csv:FILE` (a table or
/// JSON lines of a sensor), `stdin`, `dir:DIR`, `serial:PATH` or `serial:PATH@BAUD`.
///
/// ```
/// use afield::SourceSpec;
/// let spec = SourceSpec::parse("mic:USB")?;
/// assert!(spec.is_live());
/// assert_eq!(spec.to_string(), "mic:USB");
/// assert!(SourceSpec::parse("radio").is_err());
/// # Ok::<(), afield::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The default microphone, or the one of this name.
    Microphone(Option<String>),
    Sound(PathBuf),
    Table(PathBuf),
    Stdin,
    Folder(PathBuf),
    Serial(PortName),
}

/// How sources are read, as far as they do not say it themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceOptions {
    /// Raw PCM on standard input.
    pub pcm: PcmFormat,
    /// Data of sensors; the rate is also asked of devices on serial lines.
    pub sensor: SensorFormat,
}

impl SourceOptions {
    /// Rejects options that have no effect on what a backbone for `kind` reads.
    ///
    /// # Errors
    /// [`SourceError::Option`] for a rate or columns of sound.
    pub fn check(&self, kind: Recorded) -> Result<(), SourceError> {
        let option = match (self.sensor.rate, self.sensor.columns.as_slice()) {
            (Some(_), _) => "rate",
            (None, [_, ..]) => "columns",
            (None, []) => return Ok(()),
        };
        match kind {
            Recorded::Sensor => Ok(()),
            Recorded::Sound => Err(SourceError::Option {
                option,
                reason: "the backbone takes sound",
            }),
        }
    }
}

impl SourceSpec {
    /// The source with this name.
    ///
    /// # Errors
    /// [`SourceError::Name`] for other text, [`SourceError::PortName`] for an impossible port.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let place = match text.split_once(':') {
            Some(("wav", path)) if !path.is_empty() => Place::Sound(path.into()),
            Some(("csv", path)) if !path.is_empty() => Place::Table(path.into()),
            Some(("dir", path)) if !path.is_empty() => Place::Folder(path.into()),
            Some(("serial", port)) => Place::Serial(port.parse()?),
            Some(("mic", name)) if !name.is_empty() => Place::Microphone(Some(name.to_owned())),
            None if text == "mic" => Place::Microphone(None),
            None if text == "stdin" => Place::Stdin,
            _ => {
                return Err(SourceError::Name {
                    text: text.to_owned(),
                });
            }
        };
        Ok(Self(place))
    }

    /// One recording.
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        if Recorded::Sensor.is_by_name(&path) {
            return Self(Place::Table(path));
        }
        Self(Place::Sound(path))
    }

    /// Whether samples come as time passes: a microphone, a device or standard input.
    pub fn is_live(&self) -> bool {
        !matches!(self.0, Place::Sound(_) | Place::Table(_) | Place::Folder(_))
    }

    /// Whether it is a device, which sends without end.
    pub fn is_device(&self) -> bool {
        matches!(self.0, Place::Microphone(_) | Place::Serial(_))
    }

    /// Whether it is standard input.
    pub fn is_stdin(&self) -> bool {
        self.0 == Place::Stdin
    }

    /// The recordings of a file or folder that a backbone for `kind` can read; none of a live
    /// source.
    ///
    /// # Errors
    /// [`SourceError`] if the folder cannot be read or has no such recording.
    pub fn recordings(&self, kind: Recorded) -> Result<Vec<LabelledClip>, SourceError> {
        match &self.0 {
            Place::Folder(folder) => labelled_recordings(folder, kind),
            Place::Sound(path) | Place::Table(path) => Ok(vec![LabelledClip {
                path: path.clone(),
                label: None,
            }]),
            Place::Stdin | Place::Microphone(_) | Place::Serial(_) => Ok(Vec::new()),
        }
    }

    /// Opens a live source for a backbone that takes `kind`, sound at `rate`. Microphones are
    /// asked for that rate; a file or folder is read by [`Self::recordings`] instead.
    ///
    /// # Errors
    /// [`SourceError::Option`] for columns of a device, for a microphone where a sensor is
    /// expected, and for a file or folder; otherwise as the source itself.
    pub fn open_live(
        &self,
        kind: Recorded,
        rate: SampleRate,
        options: &SourceOptions,
    ) -> Result<Box<dyn Source>, SourceError> {
        let refuse = |option, reason| Err(SourceError::Option { option, reason });
        match (&self.0, kind) {
            (Place::Serial(_), _) if !options.sensor.columns.is_empty() => {
                refuse("columns", "the device states its own channels")
            }
            (Place::Serial(port), _) => {
                Ok(Box::new(SerialSource::open(port, options.sensor.rate)?))
            }
            (Place::Microphone(_), Recorded::Sensor) => {
                refuse("source", "a microphone, but the backbone takes a sensor")
            }
            (Place::Microphone(name), Recorded::Sound) => {
                Ok(Box::new(Microphone::open(name.as_deref(), rate)?))
            }
            (Place::Stdin, Recorded::Sensor) => {
                let lines = JsonLines::new(io::stdin(), "stdin", &options.sensor)?;
                Ok(Box::new(lines))
            }
            (Place::Stdin, Recorded::Sound) => {
                Ok(Box::new(PcmReader::new(io::stdin(), options.pcm)))
            }
            (Place::Sound(_) | Place::Table(_) | Place::Folder(_), _) => refuse(
                "source",
                "a file or folder, where a live source is expected",
            ),
        }
    }
}

impl FromStr for SourceSpec {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        Self::parse(text)
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sound(path) => write!(f, "wav:{}", path.display()),
            Place::Table(path) => write!(f, "csv:{}", path.display()),
            Place::Folder(path) => write!(f, "dir:{}", path.display()),
            Place::Stdin => f.write_str("stdin"),
            Place::Serial(port) => write!(f, "serial:{port}"),
            Place::Microphone(None) => f.write_str("mic"),
            Place::Microphone(Some(name)) => write!(f, "mic:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_text() {
        let live = [
            "mic",
            "mic:USB Audio",
            "stdin",
            "serial:/dev/ttyACM0@921600",
        ];
        let stored = ["wav:a b.flac", "csv:x.jsonl", "dir:clips/"];
        for (names, is_live) in [(&live[..], true), (&stored[..], false)] {
            for name in names {
                let spec = SourceSpec::parse(name).unwrap();
                assert_eq!(spec.to_string(), *name);
                assert_eq!(spec.is_live(), is_live, "{name}");
            }
        }
        for wrong in ["", "radio", "wav:", "mic:", "dir:", "serial:", "stdin:x"] {
            assert!(SourceSpec::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_rejected_for_sound() {
        let rate = SampleRate::new(50).ok();
        let options = SourceOptions {
            sensor: SensorFormat {
                rate,
                ..SensorFormat::default()
            },
            ..SourceOptions::default()
        };
        assert!(options.check(Recorded::Sensor).is_ok());
        let refused = options.check(Recorded::Sound).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the rate has no effect: the backbone takes sound"
        );
        assert!(SourceOptions::default().check(Recorded::Sound).is_ok());
    }

    #[test]
    fn a_device_takes_no_columns() {
        let mut options = SourceOptions::default();
        options.sensor.columns.push("ax".to_owned());
        let spec = SourceSpec::parse("serial:/dev/nonesuch").unwrap();
        let opened = spec.open_live(Recorded::Sensor, SampleRate::ONE_HZ, &options);
        assert!(matches!(
            opened.err(),
            Some(SourceError::Option {
                option: "columns",
                ..
            })
        ));
    }
}
