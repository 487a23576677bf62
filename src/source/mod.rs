//! Where samples come from: audio files, tables and JSON lines of sensors, folders of labelled
//! clips, standard input, microphones, network streams, and devices on serial ports.
//!
//! [`SourceSpec`] names a source. A [`Source`] returns samples at their native rate, chunk by
//! chunk, in a buffer that the caller owns. It does not resample or cut windows. It has no clock:
//! stream time is counted in samples.

#[cfg(any(test, feature = "mic"))]
mod audio_input;
mod caf;
mod capture;
mod channel_choice;
mod clock_fit;
mod comeback;
mod container_time;
mod device_info;
mod error;
mod excerpt;
mod ffmpeg;
mod ffmpeg_child;
mod fields;
mod file;
mod file_bytes;
mod folder;
mod hold;
mod json_lines;
mod lateness;
mod lines;
mod live;
mod lock;
mod matroska;
#[cfg_attr(not(feature = "mic"), path = "no_microphone.rs")]
mod microphone;
mod microphone_info;
mod mixing;
mod mpeg;
mod network_stream;
mod nmea;
mod note;
mod ogg;
mod pace;
mod pcm;
mod piped;
mod rate_change;
mod recorded_at;
mod recording;
mod row_times;
mod rows;
mod sensor_format;
mod sensor_rate;
mod sensor_rows;
mod sensor_text;
mod serial;
mod serial_lines;
mod serial_link;
mod serial_port;
mod spec;
mod spliced;
mod stamp;
mod stream_header;
mod stream_url;
mod table;
mod table_head;
mod timeline;
mod wave;
mod wave_head;

pub use channel_choice::ChannelChoice;
pub use device_info::{DeviceChannel, DeviceCounts, DeviceInfo};
pub use error::{SourceError, StreamProperty};
pub(crate) use excerpt::Excerpt;
pub use file::AudioFile;
pub use folder::{FoundRecordings, LabelledClip, find_recordings, labelled_recordings};
pub(crate) use json_lines::JsonLines;
pub use live::{Health, LiveSource};
use microphone::Microphone;
pub use microphone::microphones;
pub use microphone_info::MicrophoneInfo;
pub use note::{Note, SkippedRow};
pub use pcm::PcmFormat;
use pcm::PcmReader;
pub(crate) use piped::Piped;
pub use recorded_at::recorded_at;
pub use recording::{Recorded, open_recording};
pub use sensor_format::SensorFormat;
pub use sensor_rate::SensorRate;
pub use serial::SerialSource;
pub use serial_link::LinkStatus;
pub use serial_port::{PortInfo, PortName, ports};
pub use spec::{SourceOptions, SourceSpec};
use table::SensorTable;
pub use wave_head::{WaveEncoding, wave_head};

use crate::signal::{Channel, Chunk, SOUND, SampleRate};

/// A stream of samples: mono sound, or several channels side by side. It can be moved to
/// another thread.
pub trait Source: Send {
    /// Samples per second and channel of every chunk.
    fn rate(&self) -> SampleRate;

    /// The channels of every chunk, at least one. They do not change. The default is mono sound.
    fn channels(&self) -> &[Channel] {
        &SOUND
    }

    /// What is odd about the samples read so far. The default is nothing.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    /// The same source as a device, if it is one.
    fn live(&self) -> Option<&dyn LiveSource> {
        None
    }

    /// Replaces the contents of `chunk` with the next samples. At the end of the stream, returns
    /// `false` and an empty `chunk`; so does every later call.
    ///
    /// A chunk may have any length. If samples were lost, its `start` is later than the end of the
    /// previous chunk.
    ///
    /// # Errors
    /// [`SourceError`] if no more can be read; earlier chunks are valid.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn rate(&self) -> SampleRate {
        (**self).rate()
    }
    fn channels(&self) -> &[Channel] {
        (**self).channels()
    }
    fn notes(&self) -> Vec<Note> {
        (**self).notes()
    }
    fn live(&self) -> Option<&dyn LiveSource> {
        (**self).live()
    }
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        (**self).read(chunk)
    }
}
