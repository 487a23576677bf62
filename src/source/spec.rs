//! Names of sources, as the user types them, and how they are opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::network_stream::NetworkStream;
use super::sensor_text::sensor_text;
use super::serial_lines::SerialLines;
use super::stream_url::StreamUrl;
use super::{
    ChannelChoice, LabelledClip, Microphone, PcmFormat, Piped, PortName, Recorded, SensorFormat,
    SensorRate, SerialSource, Source, SourceError, labelled_recordings,
};
use crate::signal::SampleRate;

/// A source by its name: `mic`, `mic:NAME`, `wav:FILE` (any audio file), `csv:FILE` (a table or
/// JSON lines of a sensor), `stdin`, `dir:DIR`, `serial:PATH` or `serial:PATH@BAUD`, or the address
/// of a network stream: `rtsp://...`, `rtsps`, `http`, `https`, `udp` or `tcp`.
///
/// Text and debugging forms of an address lack user, password and other values that are secret by
/// their names.
///
/// ```
/// use afield::source::SourceSpec;
/// let spec = SourceSpec::parse("mic:USB")?;
/// assert!(spec.is_live());
/// assert_eq!(spec.to_string(), "mic:USB");
/// assert!(SourceSpec::parse("radio").is_err());
/// # Ok::<(), afield::source::SourceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The microphone of this name, or the default one.
    Microphone(Option<String>),
    Sound(PathBuf),
    Table(PathBuf),
    Stdin,
    Folder(PathBuf),
    Serial(PortName),
    Stream(StreamUrl),
}

/// How sources are read, if they do not state it themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceOptions {
    /// Raw PCM on standard input.
    pub pcm: PcmFormat,
    /// Format of sensor data. Devices on serial lines are also asked for its rate.
    pub sensor: SensorFormat,
    /// Whether a device on a serial line sends lines of text, a table, JSON lines or NMEA sentences,
    /// instead of frames of Afield's protocol.
    pub serial_lines: bool,
}

impl SourceOptions {
    /// Rejects options that have no effect on the input of a backbone for `kind`.
    ///
    /// # Errors
    /// [`SourceError::Option`] if a rate or columns are given for sound.
    pub fn check(&self, kind: Recorded) -> Result<(), SourceError> {
        if kind == Recorded::Sensor && self.sensor.channel != ChannelChoice::Mix {
            return Err(SourceError::Option {
                option: "channel",
                reason: "the backbone takes a sensor, whose channels are columns",
            });
        }
        if !self.is_of_sensor() {
            return Ok(());
        }
        let option = match self.sensor.rate {
            Some(_) => "rate",
            None => "columns",
        };
        match kind {
            Recorded::Sensor => Ok(()),
            Recorded::Sound => Err(SourceError::Option {
                option,
                reason: "the backbone takes sound",
            }),
        }
    }

    /// Whether a rate or columns are given, which only a sensor has.
    pub(crate) fn is_of_sensor(&self) -> bool {
        self.sensor.rate.is_some() || !self.sensor.columns.is_empty()
    }
}

impl SourceSpec {
    const FORM: &str = "mic, mic:NAME, wav:FILE, csv:FILE, stdin, dir:DIR, serial:PATH, rtsp://HOST/PATH or http://HOST/PATH";

    /// The source of this name.
    ///
    /// # Errors
    /// [`SourceError::Syntax`] for any other text, and for an invalid port.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let place = match text.split_once(':') {
            Some(("wav", path)) if !path.is_empty() => Place::Sound(path.into()),
            Some(("csv", path)) if !path.is_empty() => Place::Table(path.into()),
            Some(("dir", path)) if !path.is_empty() => Place::Folder(path.into()),
            Some(("serial", port)) => Place::Serial(port.parse()?),
            Some(("mic", name)) if !name.is_empty() => Place::Microphone(Some(name.to_owned())),
            None if text == "mic" => Place::Microphone(None),
            None if text == "stdin" => Place::Stdin,
            _ => match StreamUrl::parse(text) {
                Some(url) => Place::Stream(url?),
                None => {
                    return Err(SourceError::Syntax {
                        text: text.to_owned(),
                        what: "source",
                        form: Self::FORM,
                        reason: "its kind is unknown, or nothing follows the colon".to_owned(),
                    });
                }
            },
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

    /// Whether samples arrive in real time: a microphone, a device, a network stream or standard
    /// input.
    pub fn is_live(&self) -> bool {
        !matches!(self.0, Place::Sound(_) | Place::Table(_) | Place::Folder(_))
    }

    /// The microphone of this name, or the default one.
    pub fn microphone(name: Option<&str>) -> Self {
        Self(Place::Microphone(name.map(str::to_owned)))
    }

    /// The device at a serial port.
    pub fn serial(port: PortName) -> Self {
        Self(Place::Serial(port))
    }

    /// A stream of sound from a network.
    pub(super) fn stream(url: StreamUrl) -> Self {
        Self(Place::Stream(url))
    }

    /// Whether it is a device or a network stream, which send until they are stopped.
    pub fn is_device(&self) -> bool {
        matches!(
            self.0,
            Place::Microphone(_) | Place::Serial(_) | Place::Stream(_)
        )
    }

    /// Whether it is a network stream.
    pub fn is_network(&self) -> bool {
        matches!(self.0, Place::Stream(_))
    }

    /// Whether it is a microphone.
    pub fn is_microphone(&self) -> bool {
        matches!(self.0, Place::Microphone(_))
    }

    /// The serial port, if it is one.
    pub fn port(&self) -> Option<&PortName> {
        match &self.0 {
            Place::Serial(port) => Some(port),
            _ => None,
        }
    }

    /// Whether it is standard input.
    pub fn is_stdin(&self) -> bool {
        self.0 == Place::Stdin
    }

    /// The recordings of a file or folder that a backbone for `kind` can read. For a live source,
    /// the list is empty.
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
            Place::Stdin | Place::Microphone(_) | Place::Serial(_) | Place::Stream(_) => {
                Ok(Vec::new())
            }
        }
    }

    /// Opens a live source for a backbone that reads `kind`, with sound at `rate`. Microphones are
    /// asked for this rate. A file or folder is read by [`Self::recordings`] instead.
    ///
    /// # Errors
    /// [`SourceError::Option`] for columns of a device, for a microphone if a sensor is expected,
    /// and for a file or folder; otherwise the errors of the source itself.
    pub fn open_live(
        &self,
        kind: Recorded,
        rate: SampleRate,
        options: &SourceOptions,
    ) -> Result<Box<dyn Source>, SourceError> {
        let refuse = |option, reason| Err(SourceError::Option { option, reason });
        match (&self.0, kind) {
            (Place::Serial(_), Recorded::Sound) if options.serial_lines => refuse(
                "source",
                "lines of text are values of a sensor; the backbone takes sound",
            ),
            (Place::Serial(port), Recorded::Sensor) if options.serial_lines => {
                Ok(Box::new(SerialLines::open(port, &options.sensor)?))
            }
            (Place::Serial(_), _) if !options.sensor.columns.is_empty() => {
                refuse("columns", "the device states its own channels")
            }
            (Place::Serial(port), _) => {
                let rate = options.sensor.rate.map(SensorRate::whole);
                let Some(rate) = rate.map_or(Some(None), |rate| rate.map(Some)) else {
                    return refuse("source", "a device samples at a whole number of Hz");
                };
                Ok(Box::new(SerialSource::open(port, rate)?))
            }
            (Place::Microphone(_), Recorded::Sensor) => refuse(
                "source",
                "a microphone gives sound; the backbone takes a sensor",
            ),
            (Place::Microphone(name), Recorded::Sound) => {
                let choice = options.sensor.channel;
                Ok(Box::new(Microphone::open(name.as_deref(), rate, choice)?))
            }
            (Place::Stream(_), Recorded::Sensor) => refuse(
                "source",
                "a network stream gives sound; the backbone takes a sensor",
            ),
            (Place::Stream(url), Recorded::Sound) => {
                Ok(Box::new(NetworkStream::open(url, options.sensor.channel)?))
            }
            (Place::Stdin, Recorded::Sensor) => sensor_text(io::stdin(), "stdin", &options.sensor),
            (Place::Stdin, Recorded::Sound) => Piped::new(io::stdin()).open(options),
            (Place::Sound(_) | Place::Table(_) | Place::Folder(_), _) => {
                refuse("source", "a file or folder is not a live source")
            }
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
            Place::Stream(url) => write!(f, "{url}"),
            Place::Microphone(None) => f.write_str("mic"),
            Place::Microphone(Some(name)) => write!(f, "mic:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> SourceSpec {
        SourceSpec::parse(text).unwrap()
    }

    fn columns(names: &[&str]) -> SourceOptions {
        let columns = names.iter().map(|&name| name.to_owned()).collect();
        SourceOptions {
            sensor: SensorFormat {
                columns,
                ..SensorFormat::default()
            },
            ..SourceOptions::default()
        }
    }

    /// The error for a `text` that cannot be opened live for `kind`.
    fn refused(text: &str, kind: Recorded, options: &SourceOptions) -> SourceError {
        spec(text)
            .open_live(kind, SampleRate::ONE_HZ, options)
            .err()
            .unwrap()
    }

    #[test]
    fn specs_are_parsed_and_written_in_the_same_form() {
        // Text, whether the source is live, and whether it is a device.
        let cases = [
            ("mic", true, true),
            ("mic:USB Audio", true, true),
            ("mic:hw:1,0", true, true),
            ("stdin", true, false),
            ("serial:/dev/ttyACM0@921600", true, true),
            ("rtsp://camera:554/audio", true, true),
            ("https://host/live.m3u8?channel=1", true, true),
            ("wav:a b.flac", false, false),
            ("csv:C:\\x.jsonl", false, false),
            ("dir:clips/", false, false),
        ];
        for (text, is_live, is_device) in cases {
            let spec = spec(text);
            assert_eq!(spec.to_string(), text);
            assert_eq!(spec.is_live(), is_live, "{text}");
            assert_eq!(spec.is_device(), is_device, "{text}");
            assert_eq!(spec.is_stdin(), text == "stdin");
            assert_eq!(spec.is_microphone(), text.starts_with("mic"));
        }
        // The text that is written includes the default speed.
        assert_eq!(spec("serial:COM3").to_string(), "serial:COM3@115200");
        assert_eq!(spec("serial:COM3"), spec("serial:COM3@115200"));
    }

    #[test]
    fn invalid_specs_are_rejected() {
        for text in [
            "",
            "radio",
            "radio:1",
            "radio://host",
            "file:///etc/passwd",
            "http://",
            "wav",
            "wav:",
            "csv:",
            "mic:",
            "dir:",
            "stdin:x",
            "MIC",
            "serial",
            "serial:",
            "serial:@9600",
            "serial:/dev/x@9",
        ] {
            let error = SourceSpec::parse(text).unwrap_err();
            assert!(
                matches!(error, SourceError::Syntax { .. }),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn the_file_name_extension_determines_the_kind_of_a_source() {
        assert_eq!(SourceSpec::file("x.CSV"), spec("csv:x.CSV"));
        assert_eq!(SourceSpec::file("x.jsonl"), spec("csv:x.jsonl"));
        assert_eq!(SourceSpec::file("x.wav"), spec("wav:x.wav"));
        assert_eq!(SourceSpec::file("x"), spec("wav:x"));
    }

    #[test]
    fn files_are_recordings_and_live_sources_have_none() {
        let of = |text| spec(text).recordings(Recorded::Sound).unwrap();
        let file = LabelledClip {
            path: "a.wav".into(),
            label: None,
        };
        assert_eq!(of("wav:a.wav"), [file]);
        assert!(of("mic").is_empty() && of("stdin").is_empty() && of("serial:x").is_empty());
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dog")).unwrap();
        std::fs::write(folder.path().join("dog/a.wav"), b"x").unwrap();
        let clips = of(&format!("dir:{}", folder.path().display()));
        assert_eq!(clips.len(), 1);
        assert_eq!(clips[0].label.as_ref().unwrap().as_str(), "dog");
    }

    #[test]
    fn rates_and_columns_are_rejected_for_sound() {
        let mut rate = SourceOptions::default();
        rate.sensor.rate = Some(SampleRate::ONE_HZ.into());
        for (options, name) in [(&rate, "a rate has"), (&columns(&["ax"]), "columns have")] {
            assert!(options.check(Recorded::Sensor).is_ok());
            let error = options.check(Recorded::Sound).unwrap_err();
            let expected = format!("{name} no effect: the backbone takes sound");
            assert_eq!(error.to_string(), expected);
        }
        assert!(SourceOptions::default().check(Recorded::Sound).is_ok());
    }

    #[test]
    fn sources_that_do_not_suit_the_backbone_are_rejected_before_they_are_opened() {
        let none = SourceOptions::default();
        let cases = [
            (
                refused("serial:/dev/x", Recorded::Sensor, &columns(&["ax"])),
                "columns",
            ),
            (refused("mic", Recorded::Sensor, &none), "source"),
            (refused("http://h/x", Recorded::Sensor, &none), "source"),
            (refused("wav:x.wav", Recorded::Sound, &none), "source"),
            (refused("dir:x", Recorded::Sound, &none), "source"),
        ];
        for (error, expected) in cases {
            let SourceError::Option { option, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(*option, expected, "{error}");
        }
        let missing = refused("serial:/dev/no-such-port", Recorded::Sensor, &none);
        assert!(matches!(missing, SourceError::Device { .. }), "{missing}");
    }
}
