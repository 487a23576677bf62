//! The soundscape: what the place of a learner sounds like when nothing happens.
//!
//! A learner that is taught in a quiet room and asked in the rain fails, so every clip is also
//! learned mixed with its place, at several levels. The place itself is learned as the class
//! [`Label::BACKGROUND`].

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::clip_embeddings::clip_sha256;
use super::kept_files::{remove, write_durably};
use super::{Command, Durability, Engine, Error, OptionError, Recording};
use crate::backbone::Backbone;
use crate::model::Card;
use crate::pipeline::EmbeddingStream;
use crate::signal::{Chunk, ClipId, Label, SOUND, SampleRate};
use crate::source::{Excerpt, SensorFormat, WaveEncoding, open_recording, wave_head};
use crate::store::{ClipFilter, TaughtClip};

/// Its file in a learner's folder, and that of the one before, which an undo brings back.
const FILE: &str = "soundscape.wav";
const BEFORE: &str = "soundscape-before.wav";
/// The name of the recording of its examples.
pub(super) const NAME: &str = "soundscape";

/// The length of the clips of the class background, and the fewest of a soundscape.
const PIECE_SECONDS: usize = 4;
const LEAST_PIECES: usize = 16;

/// Over so long a time two quiet moments are joined.
const FADE: Duration = Duration::from_millis(50);

/// How many decibels a clip is above the soundscape.
const LEVELS_DB: [f64; 3] = [3.0, 10.0, 20.0];

/// The sound of a place, mono, at the rate of the backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct Soundscape {
    rate: SampleRate,
    samples: Vec<f32>,
}

impl Soundscape {
    /// The shortest soundscape, and the longest; what is longer is cut.
    pub const SHORTEST: Duration = Duration::from_millis(4_500);
    /// See [`Self::SHORTEST`].
    pub const LONGEST: Duration = Duration::from_secs(120);

    /// Its length.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate.hz()))
    }

    /// Its level: the root of the mean square, in decibels of full scale.
    pub fn level_db(&self) -> f64 {
        20.0 * root_mean_square(&self.samples).log10()
    }

    /// The soundscape of samples at the rate of `card`.
    fn of(card: &Card, mut samples: Vec<f32>) -> Result<Self, Error> {
        samples.truncate(most_samples(card));
        let soundscape = Self {
            rate: card.sample_rate,
            samples,
        };
        if soundscape.duration() < Self::SHORTEST {
            return Err(OptionError::SoundscapeTooShort {
                shortest: Self::SHORTEST,
            }
            .into());
        }
        if soundscape.samples.iter().all(|&sample| sample == 0.0) {
            return Err(OptionError::SoundscapeSilent.into());
        }
        Ok(soundscape)
    }

    /// The soundscape in a file, if there is such a file.
    fn read(path: &Path) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let mut source = open_recording(path, &SensorFormat::default())?;
        let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
        while source.read(&mut chunk)? {
            samples.extend_from_slice(&chunk.samples);
        }
        Ok(Some(Self {
            rate: source.rate(),
            samples,
        }))
    }

    /// A WAV file. It is short enough for the format.
    fn to_wave(&self) -> Vec<u8> {
        let bytes = self.samples.len() * 4;
        let head = wave_head(self.rate.hz(), 1, WaveEncoding::Float32, bytes);
        let samples = self.samples.iter().flat_map(|sample| sample.to_le_bytes());
        head.into_iter().flatten().chain(samples).collect()
    }

    /// The clips of the class background. They overlap by half or more, so that their windows begin
    /// at more moments. A place is more alike than the sounds of a class, so a short recording has as
    /// many clips.
    fn pieces(&self) -> impl Iterator<Item = Excerpt> {
        let piece = PIECE_SECONDS * self.rate.hz() as usize;
        let rest = self.samples.len().saturating_sub(piece);
        let step = (piece / 2).min(rest / (LEAST_PIECES - 1)).max(1);
        let pieces = self.samples.windows(piece).step_by(step);
        pieces.map(|samples| Excerpt::new(self.rate, SOUND.to_vec(), samples.to_vec()))
    }

    /// Whether clips of the class background are of this soundscape.
    fn is_of(&self, taught: &[TaughtClip]) -> Result<bool, Error> {
        for mut piece in self.pieces() {
            let id = ClipId::from_bytes(clip_sha256(&mut piece)?);
            if taught.iter().any(|clip| clip.id == id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The embeddings of a clip mixed with the soundscape: one list a level. The clip's hash
    /// chooses the stretches, so the same clip always gives the same mixtures. Empty if the clip
    /// is silent.
    pub(super) fn mixtures(
        &self,
        clip: &ClipSound,
        sha256: &[u8; 32],
        card: &Card,
        backbone: &Backbone,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let level = clip.level;
        if level == 0.0 || self.samples.is_empty() || clip.is_too_long {
            return Ok(Vec::new());
        }
        let mut mixtures = Vec::with_capacity(LEVELS_DB.len());
        for (index, decibels) in (0_u8..).zip(LEVELS_DB) {
            let digest = Sha256::digest([sha256.as_slice(), &[index]].concat());
            let number = u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default());
            let from = (number % self.samples.len() as u64) as usize;
            let segments = clip.in_full(card, digest.last().copied().unwrap_or_default());
            let all: usize = segments.iter().map(|segment| segment.len()).sum();
            let stretch = || self.samples.iter().cycle().skip(from).take(all);
            let squares: f64 = stretch().map(|&x| f64::from(x) * f64::from(x)).sum();
            let place = (squares / all.max(1) as f64).sqrt();
            let gain = place * 10_f64.powf(decibels / 20.0) / level;
            let mut stretch = stretch();
            let mut stream = EmbeddingStream::new(card, backbone, card.sample_rate)?;
            let mut embeddings = Vec::new();
            for segment in &segments {
                let mixed: Vec<f32> = (segment.iter().zip(&mut stretch))
                    .map(|(&x, &place)| (f64::from(x) * gain) as f32 + place)
                    .collect();
                stream.push(&mixed, &mut embeddings)?;
                stream.finish(&mut embeddings)?;
            }
            mixtures.push(embeddings);
        }
        Ok(mixtures)
    }
}

/// The samples of a clip at the backbone's rate, to be mixed.
#[derive(Debug, Default)]
pub(super) struct ClipSound {
    /// The samples of each segment.
    pub(super) segments: Vec<Vec<f32>>,
    /// The root of the mean square of what sounds.
    pub(super) level: f64,
    is_too_long: bool,
}

impl ClipSound {
    /// The longest clip that is mixed, in samples: a minute at 48 kHz.
    pub(super) const LONGEST: usize = 60 * 48_000;

    /// The segments that have samples. A clip shorter than the receptive field is lengthened by
    /// silence to the length to which the front end lengthens it, so that it is mixed over all of
    /// its windows. It begins after the share `at / 256` of the silence: a stream has it anywhere.
    fn in_full(&self, card: &Card, at: u8) -> Vec<Cow<'_, [f32]>> {
        let segments = self.segments.iter().filter(|segment| !segment.is_empty());
        let mut segments: Vec<Cow<'_, [f32]>> = segments.map(Cow::from).collect();
        let field = card.receptive_field_samples();
        if let [short] = segments.as_mut_slice()
            && short.len() < field
        {
            let beyond = (card.embeddings_of_short_clip() - 1) * card.hop_samples();
            let missing = field + beyond - short.len();
            let mut long = vec![0.0; missing * usize::from(at) / 256];
            long.extend_from_slice(short);
            long.resize(field + beyond, 0.0);
            *short = Cow::Owned(long);
        }
        segments
    }

    /// Takes samples at the backbone's rate.
    pub(super) fn push(&mut self, samples: &[f32]) {
        let held: usize = self.segments.iter().map(Vec::len).sum();
        if held + samples.len() > Self::LONGEST {
            self.segments.clear();
            self.is_too_long = true;
        }
        if self.is_too_long {
            return;
        }
        match self.segments.last_mut() {
            Some(latest) => latest.extend_from_slice(samples),
            None => self.segments.push(samples.to_vec()),
        }
    }
}

fn root_mean_square(samples: &[f32]) -> f64 {
    let squares: f64 = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (squares / samples.len().max(1) as f64).sqrt()
}

impl Engine {
    /// The soundscape with which taught clips are mixed, if there is one.
    ///
    /// # Errors
    /// [`Error::Source`] if its file cannot be read.
    pub fn soundscape(&self) -> Result<Option<Soundscape>, Error> {
        let files = [FILE, BEFORE].map(|name| self.dir().join(name));
        if !files.iter().any(|file| file.exists()) {
            return Ok(None);
        }
        // The log says which recording was learned last and not undone.
        let taught = self.clips(&pieces()?)?;
        for file in files.iter().filter(|_| !taught.is_empty()) {
            if let Some(soundscape) = Soundscape::read(file)?
                && soundscape.is_of(&taught)?
            {
                return Ok(Some(soundscape));
            }
        }
        // Compacted clips are in no log.
        match taught.is_empty() && self.has_compacted_background()? {
            true => Soundscape::read(&files[0]),
            false => Ok(None),
        }
    }

    /// Whether the class background was learned from clips that the log no longer holds.
    fn has_compacted_background(&self) -> Result<bool, Error> {
        let filter = ClipFilter {
            label: Some(Label::new(Label::BACKGROUND)?),
            ..ClipFilter::default()
        };
        let known = self.clips(&filter)?.len() as u64;
        let session = self.session();
        let learner = session.learner();
        let of_class = learner.classes().iter().zip(learner.counts());
        let mut of_background = of_class.filter(|(label, _)| label.is_background());
        Ok(of_background.any(|(_, learned)| learned > known))
    }

    /// Makes the beginning of `recording` the soundscape, up to [`Soundscape::LONGEST`]. It is
    /// kept in the learner's folder, and learned as the class [`Label::BACKGROUND`] in place of an
    /// earlier soundscape. Clips that are taught from now on are also learned mixed with it;
    /// earlier examples stay as they are.
    ///
    /// # Errors
    /// [`OptionError`] if the learner is for a sensor or learns whole clips, or if the recording
    /// is silent or too short. [`Error`] if it cannot be read or stored.
    pub fn use_soundscape(&self, mut recording: Recording) -> Result<Soundscape, Error> {
        self.check_place()?;
        let card = self.card();
        let samples = samples_of(&mut recording, card, self.backbone()?)?;
        let soundscape = Soundscape::of(card, samples)?;
        self.learn_place(&soundscape)?;
        Ok(soundscape)
    }

    /// Makes the quiet moments that were kept while listening the soundscape, as
    /// [`Self::use_soundscape`] does with a recording, and removes them. What cannot be read of
    /// them is left out.
    ///
    /// # Errors
    /// As [`Self::use_soundscape`]; [`OptionError::NoQuietMoments`].
    pub fn record_soundscape(&self) -> Result<Soundscape, Error> {
        self.check_place()?;
        let (card, backbone) = (self.card(), self.backbone()?);
        let mut samples = Vec::new();
        let fade = (FADE.as_secs_f64() * f64::from(card.sample_rate.hz())) as usize;
        for path in self.quiet_moments()? {
            let moment =
                Recording::open(&path).and_then(|mut r| samples_of(&mut r, card, backbone));
            join(&mut samples, &moment.unwrap_or_default(), fade);
        }
        if samples.is_empty() {
            return Err(OptionError::NoQuietMoments.into());
        }
        let soundscape = Soundscape::of(card, samples)?;
        self.learn_place(&soundscape)?;
        self.drop_quiet_moments()?;
        Ok(soundscape)
    }

    /// Whether the learner can have a soundscape.
    pub(super) fn check_place(&self) -> Result<(), Error> {
        let card = self.card();
        if card.sensor().is_some() {
            return Err(OptionError::SoundscapeOfSensor {
                backbone: card.name.clone(),
            }
            .into());
        }
        if self.session().learner().contract().window_rows.is_none() {
            return Err(OptionError::SoundscapeOfClips.into());
        }
        Ok(())
    }

    /// Learns a soundscape in place of an earlier one, and keeps it; the earlier one for an undo.
    fn learn_place(&self, soundscape: &Soundscape) -> Result<(), Error> {
        let (file, before) = (self.dir().join(FILE), self.dir().join(BEFORE));
        if let Some(earlier) = self.soundscape()? {
            write_durably(&before, &earlier.to_wave())?;
        }
        write_durably(&file, &soundscape.to_wave())?;
        let command = Command::new();
        let now = self.now();
        self.session().forget_in(&command, &pieces()?, now)?;
        let label = Label::new(Label::BACKGROUND)?;
        let mut lesson = self.lesson(Durability::Immediate)?.of(command);
        // The place is what it is.
        lesson.despite_doubts();
        for piece in soundscape.pieces() {
            lesson.teach(&label, Recording::from_source(Box::new(piece), NAME))?;
        }
        lesson.finish()?;
        self.place_is_known()
    }

    /// Removes the soundscape, the one before, and what was learned from it as
    /// [`Label::BACKGROUND`]. Returns whether there was one. An undo does not bring the recordings
    /// back.
    ///
    /// # Errors
    /// [`Error`] if the examples cannot be unlearned or the file cannot be removed.
    pub fn drop_soundscape(&self) -> Result<bool, Error> {
        let forgotten = self.forget(&pieces()?)?;
        self.place_is_known()?;
        remove(&self.dir().join(BEFORE))?;
        Ok(remove(&self.dir().join(FILE))? || !forgotten.is_empty())
    }
}

/// What is learned of a soundscape.
fn pieces() -> Result<ClipFilter, Error> {
    Ok(ClipFilter {
        label: Some(Label::new(Label::BACKGROUND)?),
        source: Some(NAME.to_owned()),
        ..ClipFilter::default()
    })
}

/// The samples of the beginning of `recording` at the rate of `card`.
fn samples_of(
    recording: &mut Recording,
    card: &Card,
    backbone: &Backbone,
) -> Result<Vec<f32>, Error> {
    let source = recording.source();
    let (rate, channels) = (source.rate(), source.channels().to_vec());
    let mut stream = EmbeddingStream::of_channels(card, backbone, rate, &channels)?;
    let (mut chunk, mut unused, mut samples) = (Chunk::default(), Vec::new(), Vec::new());
    while samples.len() < most_samples(card) && source.read(&mut chunk)? {
        stream.push(&chunk.samples, &mut unused)?;
        unused.clear();
        samples.extend_from_slice(stream.resampled());
    }
    Ok(samples)
}

fn most_samples(card: &Card) -> usize {
    Soundscape::LONGEST.as_secs() as usize * card.sample_rate.hz() as usize
}

/// Appends samples. The end of those before and the beginning of the next are faded into one
/// another over `fade` samples, so that there is no click.
fn join(samples: &mut Vec<f32>, next: &[f32], fade: usize) {
    let fade = fade.min(samples.len()).min(next.len());
    let first = samples.len() - fade;
    for (n, (sample, next)) in samples[first..].iter_mut().zip(next).enumerate() {
        let angle = std::f32::consts::FRAC_PI_2 * (n as f32 + 0.5) / fade as f32;
        *sample = *sample * angle.cos() + next * angle.sin();
    }
    samples.extend_from_slice(&next[fade..]);
}
