//! Where samples come from: files of sound and tables of sensors, folders of labelled
//! clips, standard input, microphones, devices on serial lines, and synthetic signals for
//! tests.
//!
//! A [`Source`] hands out samples at their native rate, chunk by chunk, into a
//! buffer the caller keeps. It resamples nothing, windows nothing and
//! knows no clock: stream time is counted in samples.

#[cfg(any(test, feature = "mic"))]
mod audio_input;
#[cfg(any(test, feature = "mic"))]
mod capture;
mod clip;
mod clock_fit;
mod excerpt;
mod fault;
mod file;
mod folder;
mod json_lines;
mod lateness;
mod live;
#[cfg_attr(not(feature = "mic"), path = "no_microphone.rs")]
mod microphone;
mod microphone_info;
mod pcm;
mod recording;
mod rows;
mod sensor_format;
mod serial;
mod serial_link;
mod serial_port;
mod spec;
mod synthetic;
mod table;
mod timeline;

use std::path::PathBuf;

pub use clip::{Clip, read_clip};
pub use excerpt::Excerpt;
pub use fault::{FaultPlan, Faulty};
pub use file::AudioFile;
pub use folder::{LabelledClip, labelled_clips, labelled_recordings};
pub use json_lines::JsonLines;
pub use live::{Health, LiveSource};
pub use microphone::{Microphone, microphones};
pub use microphone_info::MicrophoneInfo;
pub use pcm::{Encoding, PcmFormat, PcmReader};
pub use recording::{Recorded, open_recording};
pub use rows::RowFaults;
pub use sensor_format::SensorFormat;
pub use serial::SerialSource;
pub use serial_link::LinkStatus;
pub use serial_port::{PortInfo, PortName, ports};
pub use spec::{SourceOptions, SourceSpec};
pub use synthetic::{Segment, Sound, Synthetic};
pub use table::SensorTable;

use crate::signal::{Channel, Chunk, SOUND, SampleRate, SignalError};

/// A stream of samples: of mono sound, or of several channels side by side.
pub trait Source: Send {
    /// Samples per second and channel of every chunk.
    fn rate(&self) -> SampleRate;

    /// The channels of every chunk, at least one: mono sound unless the source says
    /// otherwise. They never change while it is read.
    fn channels(&self) -> &[Channel] {
        &SOUND
    }

    /// What was wrong so far with what it reads, as far as it counts; nothing by
    /// default.
    fn faults(&self) -> RowFaults {
        RowFaults::default()
    }

    /// The same source as a device, where it is one.
    fn live(&self) -> Option<&dyn LiveSource> {
        None
    }

    /// Replaces the contents of `chunk` by the next samples. `false` means the
    /// stream has ended and `chunk` is empty; every later call says so again.
    ///
    /// A chunk may have any length. Its `start` is later than the end of the
    /// one before where samples were lost.
    ///
    /// # Errors
    /// [`SourceError`] when no more can be read; what came before is valid.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn rate(&self) -> SampleRate {
        (**self).rate()
    }
    fn channels(&self) -> &[Channel] {
        (**self).channels()
    }
    fn faults(&self) -> RowFaults {
        (**self).faults()
    }
    fn live(&self) -> Option<&dyn LiveSource> {
        (**self).live()
    }
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        (**self).read(chunk)
    }
}

/// Why samples cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system refuses.
    #[error("cannot read {}: {error}\nhint: check its name and whose it is", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// A folder was given where a file is needed.
    #[error("{} is a folder\nhint: name one audio file in it", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("{} is empty\nhint: the recording or the copy may not have finished", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The contents are no audio that can be decoded.
    #[error(
        "{} holds no audio that can be read: {reason}\nhint: WAV, AIFF, FLAC, Ogg Vorbis and MP3 are understood, whatever the file's name says",
        path.display()
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// The file is damaged beyond skipping a packet.
    #[error(
        "{} is damaged after {seconds:.3} s: {reason}\nhint: cut the file there, or convert it again from its original",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Seconds that could be decoded.
        seconds: f64,
        /// What the decoder says.
        reason: String,
    },
    /// The sample rate changes in the middle of the file.
    #[error(
        "{} changes its sample rate from {} to {actual_hz} Hz after {seconds:.3} s\nhint: split the file there, or convert it to one rate",
        path.display(), expected
    )]
    RateChanged {
        /// The file.
        path: PathBuf,
        /// The rate it began with.
        expected: SampleRate,
        /// The rate it goes on with, in Hz.
        actual_hz: u32,
        /// Where, in seconds from the start.
        seconds: f64,
    },
    /// The file declares a sample rate that is none.
    #[error("{}: {error}", path.display())]
    Rate {
        /// The file.
        path: PathBuf,
        /// Which rate.
        #[source]
        error: SignalError,
    },
    /// The file is well-formed but not a sample long.
    #[error("{} has no samples\nhint: remove it or record it again", path.display())]
    NoSamples {
        /// The file.
        path: PathBuf,
    },
    /// The clip is longer than the caller allows.
    #[error(
        "{} is longer than {max_seconds} s, the limit for a clip\nhint: cut it, or use it as a stream",
        path.display()
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit, in seconds.
        max_seconds: f64,
    },
    /// A description of raw PCM cannot be understood.
    #[error(
        "{text:?} describes no raw PCM: {reason}\nhint: write ENCODING:RATE:CHANNELS, as in s16le:16000:1; encodings are {}",
        Encoding::NAMES
    )]
    PcmFormat {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A serial port's name cannot be understood.
    #[error(
        "{text:?} names no serial port: {reason}\nhint: write PATH or PATH@BAUD, as in /dev/ttyACM0 or /dev/ttyUSB0@921600"
    )]
    PortName {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Serial ports cannot be listed.
    #[error("cannot list serial ports: {reason}")]
    Ports {
        /// What the system says.
        reason: String,
    },
    /// A serial port cannot be opened.
    #[error(
        "cannot open the serial port {}: {reason}\nhint: `afield ports` lists those there are; a port belongs to one program at a time, and often to the group dialout",
        path.display()
    )]
    Port {
        /// The port.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// No device of our protocol answers.
    #[error(
        "no device answers at {} and {baud} baud in {seconds} s; {bytes} bytes came, {frames} whole frames among them\nhint: {}",
        path.display(),
        match bytes {
            0 => "is the device powered, its transmitter on our receiver, and its firmware one that speaks firmware-bridge/WIRE.md?",
            _ => "bytes without frames are another protocol or another speed: write PATH@BAUD",
        }
    )]
    PortSilent {
        /// The port.
        path: PathBuf,
        /// Its speed.
        baud: u32,
        /// How long was waited.
        seconds: u64,
        /// Bytes that came.
        bytes: u64,
        /// Intact frames that came.
        frames: u64,
    },
    /// A device answers in another version of our protocol.
    #[error(
        "the device at {} speaks version {version} of the protocol, this program version {}\nhint: update the older of the two",
        path.display(), firmware_bridge::VERSION
    )]
    PortVersion {
        /// The port.
        path: PathBuf,
        /// The device's version.
        version: u8,
    },
    /// A device does not sample as often as it was asked to.
    #[error(
        "the device at {} does not sample at {hz} Hz\nhint: without --rate its own rate is taken, which `afield ports --probe {}` says",
        path.display(), path.display()
    )]
    PortRate {
        /// The port.
        path: PathBuf,
        /// What it was asked for.
        hz: u32,
    },
    /// A device describes a stream that cannot be.
    #[error("the device at {} describes no possible stream: {error}", path.display())]
    PortStream {
        /// The port.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: SignalError,
    },
    /// Another stream comes from a port than before.
    #[error(
        "the device at {} now sends {actual}, before it was {expected}\nhint: was another one plugged in? a path under /dev/serial/by-id names one device",
        path.display()
    )]
    PortChanged {
        /// The port.
        path: PathBuf,
        /// What came before.
        expected: String,
        /// What comes now.
        actual: String,
    },
    /// The program cannot listen to microphones.
    #[error(
        "this program was built without microphones\nhint: `cargo install --path . --features mic` builds it with them (on Debian it needs the package libasound2-dev); without, `arecord -f S16_LE -r 16000 -c 1 | afield listen --source stdin` listens to one"
    )]
    WithoutMicrophones,
    /// No microphone has this name.
    #[error(
        "there is no microphone {name}\nhint: `afield devices` lists those there are; is it plugged in?"
    )]
    NoMicrophone {
        /// The name.
        name: String,
    },
    /// A microphone cannot be opened, or the system tells of none.
    #[error(
        "cannot open the microphone {name}: {reason}\nhint: `afield devices` lists those there are; one may belong to another program, or to the group audio"
    )]
    Microphone {
        /// The microphone.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// A microphone comes back with another rate.
    #[error(
        "the microphone now gives {actual}, before it was {expected}\nhint: was another one plugged in? start again to listen to it"
    )]
    MicrophoneChanged {
        /// The rate before.
        expected: SampleRate,
        /// The rate now.
        actual: SampleRate,
    },
    /// Raw PCM could not be read on.
    #[error("cannot read raw PCM: {error}")]
    Pcm {
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// No source has this name.
    #[error(
        "{text:?} names no source; expected mic, mic:NAME, wav:FILE, csv:FILE, stdin, dir:DIR or serial:PATH"
    )]
    Name {
        /// The text.
        text: String,
    },
    /// An option that the source or the backbone cannot obey.
    #[error("the {option} has no effect: {reason}")]
    Option {
        /// `rate`, `columns` or `source`.
        option: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// Sensor data that cannot be read.
    #[error(
        "{what} holds no sensor data that can be read: {reason}\nhint: a table has a head such as `time [s],ax [g],ay [g]`, JSON lines are objects such as {{\"t\":0,\"ax\":0.1}}; --columns names the ones to take"
    )]
    Table {
        /// The file or stream.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Sensor data without a rate.
    #[error(
        "nothing says at what rate {what} was sampled\nhint: give --rate HZ, a column of times called `time`, or a first line `# rate: 50 Hz`"
    )]
    NoRate {
        /// The file or stream.
        what: String,
    },
    /// A folder's name cannot be a label.
    #[error(
        "the folder {} cannot name a class: {reason}\nhint: rename it; its name is the label of the clips in it",
        path.display()
    )]
    FolderLabel {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No recording lies under the folder.
    #[error(
        "no {what} files under {}\nhint: lay clips out as LABEL/CLIP; files ending in {endings} count",
        path.display()
    )]
    NoClips {
        /// The folder.
        path: PathBuf,
        /// Audio or sensor.
        what: &'static str,
        /// Endings of the names of such files.
        endings: String,
    },
    /// More files or deeper folders than any data set has.
    #[error("{} has more than {limit} {what}\nhint: name a folder further down", path.display())]
    FolderTooLarge {
        /// The folder.
        path: PathBuf,
        /// The limit.
        limit: usize,
        /// Files or levels.
        what: &'static str,
    },
    /// A fault that a test asked for.
    #[error("injected fault at read {read}")]
    Injected {
        /// Number of the read, from 0.
        read: u64,
    },
}
