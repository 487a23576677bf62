//! The gate: no embeddings are computed while only the background is heard.
//!
//! The gate compares the log-mel frames of the backbone with the [background](super::background).
//! It opens if the level is above the background on average, or far above it in one band. It keeps
//! no sound, allocates nothing and makes no decisions.

use super::background::Background;
use crate::model::{Card, Log, Spectrum};

/// Seconds over which frames are smoothed, so that a single frame of noise does not open the
/// gate.
const SMOOTHING_SECONDS: f64 = 0.04;
/// The number of margins by which a single band must exceed the background. The level of one band
/// of noise varies more than the average of all.
const BAND_FACTOR: f32 = 4.0;

/// Separates sound from the background of a place, frame by frame.
///
/// The gate is open if the smoothed level, averaged over all bands, exceeds the background by
/// more than the margin, or if one band exceeds it by more than four margins. The background
/// is the quietest 0.64 s of the last five minutes. The gate is also open in the first ten
/// seconds, when the background is not known.
///
/// For the speech embedding, ten minutes of white and of pink noise at any level do not open the
/// gate. Its bands reached 1.7 dB over the background on average, and 7.3 dB singly. YAMNet's
/// bands are narrower, and one frame in 10,000 opens the gate.
///
/// ```
/// use afield::model::Card;
/// use afield::pipeline::Gate;
///
/// let card: Card = toml::from_str(include_str!("../../models/speech-embedding.toml"))?;
/// let mut gate = Gate::new(&card, Gate::MARGIN_DB);
/// let (quiet, loud) = (vec![2.0; card.bands()], vec![4.0; card.bands()]);
/// assert!((0..1_000).all(|_| gate.push(&quiet)), "it may be anything");
/// assert!((0..1_000).filter(|_| gate.push(&quiet)).count() < 50, "it is the background");
/// assert!(gate.push(&loud));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gate {
    background: Background,
    /// The latest frame in decibels, and smoothed.
    latest: Vec<f32>,
    smoothed: Vec<f32>,
    decibels_per_unit: f32,
    /// The weight of each new frame in the smoothed frame.
    step: f32,
    margin_db: f32,
    started: bool,
}

impl Gate {
    /// The default margin, in decibels. Stationary noise rarely reaches it.
    pub const MARGIN_DB: f32 = 2.0;

    /// A gate for the card's backbone, with a margin above 0. If the backbone reads a sensor,
    /// the gate is always open: sensor channels have no decibels.
    pub fn new(card: &Card, margin_db: f32) -> Self {
        let frame_seconds = card.frontend.hop_samples() as f64 / f64::from(card.sample_rate.hz());
        Self {
            background: Background::new(card.bands(), frame_seconds),
            latest: vec![0.0; card.bands()],
            smoothed: vec![0.0; card.bands()],
            decibels_per_unit: decibels_per_unit(card),
            step: (frame_seconds / SMOOTHING_SECONDS).min(1.0) as f32,
            margin_db: match card.log_mel() {
                Some(_) => margin_db,
                None => f32::NEG_INFINITY,
            },
            started: false,
        }
    }

    /// Takes the next log-mel frame. Returns whether the gate is open.
    pub fn push(&mut self, frame: &[f32]) -> bool {
        for (decibels, value) in self.latest.iter_mut().zip(frame) {
            *decibels = value * self.decibels_per_unit;
        }
        if !self.started {
            self.started = true;
            self.smoothed.copy_from_slice(&self.latest);
        }
        for (smooth, latest) in self.smoothed.iter_mut().zip(&self.latest) {
            *smooth += self.step * (latest - *smooth);
        }
        let open = self.background.bands().is_none_or(|background| {
            let (mut sum, mut most) = (0.0, f32::NEG_INFINITY);
            for (smooth, quiet) in self.smoothed.iter().zip(background) {
                sum += smooth - quiet;
                most = most.max(smooth - quiet);
            }
            let mean = sum / background.len() as f32;
            mean > self.margin_db || most > self.margin_db * BAND_FACTOR
        });
        self.background.push(&self.latest);
        open
    }

    /// Clears the background.
    pub fn reset(&mut self) {
        self.background.clear();
        self.started = false;
    }
}

/// Decibels in one unit of the card's frames, well above the card's floor.
fn decibels_per_unit(card: &Card) -> f32 {
    let Some(spec) = card.log_mel() else {
        return 1.0;
    };
    let logarithm = match (spec.log, spec.spectrum) {
        (Log::Decibel { .. }, Spectrum::Power) => 1.0,
        (Log::Decibel { .. }, Spectrum::Magnitude) => 2.0,
        (Log::LnOffset { .. }, Spectrum::Power) => 10.0 / std::f32::consts::LN_10,
        (Log::LnOffset { .. }, Spectrum::Magnitude) => 20.0 / std::f32::consts::LN_10,
    };
    logarithm / spec.gain
}
