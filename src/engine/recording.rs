//! A recording: samples with an end, and a name.

use std::path::{Path, PathBuf};

use super::{Engine, Error};
use crate::signal::{Channel, Chunk, Group, SOUND, SampleRate, Timestamp};
use crate::source::{
    Excerpt, SensorFormat, Source, SourceError, WaveEncoding, open_recording, recorded_at,
    wave_head,
};

/// A day in milliseconds. A date without an offset from UTC may be ahead by the zones of the world.
const DAY_MS: i64 = 86_400_000;
/// 2020. A machine without a battery may believe that it is 1970, and then nothing is the future.
const LEAST_NOW_MS: i64 = 1_577_836_800_000;

/// One clip to teach or to predict: a file, or samples in memory.
///
/// ```
/// use afield::Recording;
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/audio/stereo.wav");
/// let from_file = Recording::open(path)?;
/// let from_memory = Recording::from_sound(16_000, vec![0.1; 16_000])?.named("beep");
/// assert_eq!(from_memory.name(), "beep");
/// # Ok::<(), afield::Error>(())
/// ```
pub struct Recording {
    source: Box<dyn Source>,
    name: String,
    group: Option<Group>,
    /// The file, if it can be read again.
    file: Option<(PathBuf, SensorFormat)>,
}

impl Recording {
    /// The recording in a file: a table or JSON lines of a sensor by the ending of its name
    /// (`.csv`, `.jsonl`...), otherwise sound in any format that [`crate::source`] decodes.
    ///
    /// # Errors
    /// [`Error::Source`] if the file cannot be read or decoded.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, &SensorFormat::default())
    }

    /// As [`Self::open`], with the rate and columns of sensor data given.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: impl AsRef<Path>, format: &SensorFormat) -> Result<Self, Error> {
        let path = path.as_ref();
        let source = open_recording(path, format)?;
        // Pipes have paths, too.
        let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
        let mut recording = Self::from_source(source, path.display().to_string());
        recording.file = is_file.then(|| (path.to_owned(), format.clone()));
        Ok(recording)
    }

    /// Whether [`Self::repeat`] can read it again.
    pub(super) fn can_repeat(&self) -> bool {
        self.file.is_some()
    }

    /// All samples once more.
    ///
    /// # Errors
    /// [`Error::Source`] if the file cannot be read or decoded, or if it is none.
    pub(super) fn repeat(&self) -> Result<Box<dyn Source>, Error> {
        let (path, format) = self.file.as_ref().ok_or_else(|| self.changed())?;
        Ok(open_recording(path, format)?)
    }

    /// The error that it is not the same when it is read again.
    pub(super) fn changed(&self) -> Error {
        let path = self.file.as_ref().map(|(path, _)| path.clone());
        SourceError::Changed {
            path: path.unwrap_or_else(|| PathBuf::from(&self.name)),
        }
        .into()
    }

    /// Mono sound in memory: samples in `[-1, 1]`, `rate` of them a second (1 to 768,000).
    ///
    /// # Errors
    /// [`Error::Signal`] for an impossible rate.
    pub fn from_sound(rate: u32, samples: Vec<f32>) -> Result<Self, Error> {
        Self::from_channels(rate, SOUND.to_vec(), samples)
    }

    /// Samples of several channels in memory, row-major `[samples, channels]`.
    ///
    /// # Errors
    /// [`Error::Signal`] for an impossible rate.
    pub fn from_channels(
        rate: u32,
        channels: Vec<Channel>,
        samples: Vec<f32>,
    ) -> Result<Self, Error> {
        let excerpt = Excerpt::new(SampleRate::new(rate)?, channels, samples);
        Ok(Self::from_source(Box::new(excerpt), "memory".to_owned()))
    }

    /// All samples of `source` until it ends. `name` is stored with the examples.
    pub fn from_source(source: Box<dyn Source>, name: impl Into<String>) -> Self {
        Self {
            source,
            name: name.into(),
            group: None,
            file: None,
        }
    }

    /// The same recording under another name. The name is stored with the examples.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same recording, with a group: a speaker, machine, site or subject.
    #[must_use]
    pub fn of_group(mut self, group: Group) -> Self {
        self.group = Some(group);
        self
    }

    /// The name: the path, unless [`Self::named`] set another one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group, if it is known.
    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// The rest of its samples as a WAV file of 16 bits. Samples outside of `[-1, 1]` are clipped.
    ///
    /// # Errors
    /// [`Error::Source`] if it cannot be read; [`Error::TooLong`] if it has more samples or channels
    /// than a WAV file.
    pub fn to_wave(&mut self) -> Result<Vec<u8>, Error> {
        let source = self.source();
        let (hz, channels) = (source.rate().hz(), source.channels().len());
        let (mut data, mut chunk) = (Vec::new(), Chunk::default());
        while source.read(&mut chunk)? {
            for sample in &chunk.samples {
                let whole = (f64::from(*sample) * 32_768.0).round();
                let whole = whole.clamp(-32_768.0, 32_767.0) as i16;
                data.extend_from_slice(&whole.to_le_bytes());
            }
        }
        let head = wave_head(hz, channels, WaveEncoding::Int16, data.len());
        let head = head.ok_or_else(|| Error::TooLong {
            name: self.name.clone(),
        })?;
        Ok([head.as_slice(), &data].concat())
    }

    /// The rest of its samples as a table (CSV) with the rate, a head and one row a sample. Read
    /// again, they are the same to the bit.
    ///
    /// # Errors
    /// [`Error::Source`] if it cannot be read.
    pub fn to_table(&mut self) -> Result<String, Error> {
        let source = self.source();
        let channels = source.channels().len().max(1);
        let mut table = format!("# rate: {} Hz\n", source.rate().hz());
        for (at, channel) in source.channels().iter().enumerate() {
            let name = channel.to_string().replace('"', "\"\"");
            let comma = if at > 0 { "," } else { "" };
            table.push_str(&format!("{comma}\"{name}\""));
        }
        let mut chunk = Chunk::default();
        while source.read(&mut chunk)? {
            for row in chunk.samples.chunks_exact(channels) {
                for (at, value) in row.iter().enumerate() {
                    table.push(if at > 0 { ',' } else { '\n' });
                    table.push_str(&value.to_string());
                }
            }
        }
        table.push('\n');
        Ok(table)
    }

    /// The samples, to be read without the recording.
    pub(super) fn into_source(self) -> Box<dyn Source> {
        self.source
    }

    /// The samples.
    pub fn source(&mut self) -> &mut dyn Source {
        &mut *self.source
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("name", &self.name)
            .field("rate", &self.source.rate())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
impl Engine {
    /// The moment at which the recording at `path` began, as [`recorded_at`] tells it. `None` also if
    /// it lies in the future.
    pub fn recorded_at(&self, path: &Path) -> Option<Timestamp> {
        let now = self.now();
        let at = recorded_at(path)?;
        (now < LEAST_NOW_MS || at.unix_ms() <= now.saturating_add(DAY_MS)).then_some(at)
    }
}
