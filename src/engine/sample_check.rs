//! Looks for oddities in the samples of a whole recording: silence, sound outside the backbone's
//! band, accelerations in another unit than the one assumed.
//!
//! It changes nothing. What a file decoder knows (clipped, truncated, repaired), the source tells.

use crate::model::{Card, FrontEnd};
use crate::signal::{Channel, Quantity, Unit};
use crate::source::Note;

/// The share of a sound's power that must be within the backbone's rate: -40 dB.
const LEAST_IN_BAND: f64 = 1e-4;
/// Mean acceleration of a resting sensor, in g; and the range of means that count as gravity.
const PLAUSIBLE_G: std::ops::Range<f64> = 0.35..4.0;

/// Sums over the samples of one recording.
#[derive(Debug)]
pub(super) struct SampleCheck {
    kind: Kind,
    samples: u64,
    is_zero: bool,
}

#[derive(Debug)]
enum Kind {
    Sound {
        limit_hz: f64,
        /// Sums of squares, and numbers of samples.
        before: (f64, u64),
        after: (f64, u64),
    },
    /// The acceleration channels: positions, names, and g in their unit.
    Sensor {
        channels: usize,
        acceleration: Vec<(usize, String)>,
        per_g: f64,
        /// The unit, if the recording states it.
        stated: Option<Unit>,
        sum_of_norms: f64,
    },
}

impl SampleCheck {
    pub(super) fn new(card: &Card, channels: &[Channel]) -> Self {
        let kind = match &card.frontend {
            FrontEnd::LogMel(front) => Kind::Sound {
                limit_hz: front.high_hz.min(f64::from(card.sample_rate.hz()) / 2.0),
                before: (0.0, 0),
                after: (0.0, 0),
            },
            FrontEnd::Waveform(front) => Kind::Sound {
                limit_hz: front.high_hz(card.sample_rate),
                before: (0.0, 0),
                after: (0.0, 0),
            },
            FrontEnd::Sensor(front) => acceleration(&front.stated(), channels),
        };
        Self {
            kind,
            samples: 0,
            is_zero: true,
        }
    }

    /// Takes samples as the source gave them, and the same resampled.
    pub(super) fn push(&mut self, given: &[f32], resampled: &[f32]) {
        self.is_zero = self.is_zero && given.iter().all(|&sample| sample == 0.0);
        match &mut self.kind {
            Kind::Sound { before, after, .. } => {
                self.samples += given.len() as u64;
                for (sum, samples) in [(before, given), (after, resampled)] {
                    sum.0 += samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                    sum.1 += samples.len() as u64;
                }
            }
            Kind::Sensor {
                channels,
                acceleration,
                sum_of_norms,
                ..
            } => {
                for row in given.chunks_exact(*channels) {
                    let at = |&(at, _): &(usize, String)| row.get(at).copied().unwrap_or(0.0);
                    let squares = acceleration.iter().map(at).map(|x| f64::from(x).powi(2));
                    *sum_of_norms += squares.sum::<f64>().sqrt();
                    self.samples += 1;
                }
            }
        }
    }

    /// What was found.
    pub(super) fn notes(&self) -> Option<Note> {
        if self.is_zero && self.samples > 0 {
            return Some(Note::Silence);
        }
        match &self.kind {
            Kind::Sound {
                limit_hz,
                before,
                after,
            } => {
                let mean = |&(sum, count): &(f64, u64)| sum / count.max(1) as f64;
                let outside = after.1 > 0 && mean(after) < LEAST_IN_BAND * mean(before);
                outside.then_some(Note::NothingInBand {
                    limit_hz: *limit_hz,
                })
            }
            Kind::Sensor {
                acceleration,
                per_g,
                stated,
                sum_of_norms,
                ..
            } => {
                // Two axes may both lie at right angles to gravity.
                if acceleration.len() < 3 || self.samples == 0 {
                    return None;
                }
                let found = sum_of_norms / self.samples as f64;
                if PLAUSIBLE_G.contains(&(found / per_g)) {
                    return None;
                }
                let unit = [Unit::METRES, Unit::G, Unit::MILLI_G]
                    .into_iter()
                    .find(|unit| {
                        Unit::G
                            .factor_to(unit)
                            .is_some_and(|g| PLAUSIBLE_G.contains(&(found / g)))
                    })?;
                let taken = match stated {
                    Some(stated) => format!("their unit is {stated}"),
                    None => "they have no unit, so the backbone's is assumed".to_owned(),
                };
                Some(Note::OddMagnitude {
                    channels: acceleration.iter().map(|(_, name)| name.clone()).collect(),
                    what: format!("{found:.1} on average, but {taken}; they may be in {unit}"),
                })
            }
        }
    }
}

/// The acceleration channels of a recording for a backbone that reads the channels `stated`.
fn acceleration(stated: &[Channel], channels: &[Channel]) -> Kind {
    let wanted = stated
        .iter()
        .filter(|c| c.unit().quantity() == Some(Quantity::Acceleration));
    let place = |wanted: &Channel| {
        let at = channels.iter().position(|c| c.name() == wanted.name())?;
        Some((at, wanted.name().to_owned(), wanted.unit().clone()))
    };
    let found: Vec<(usize, String, Unit)> = wanted.filter_map(place).collect();
    let first = found.first();
    let own = first
        .and_then(|(at, ..)| channels.get(*at))
        .map(Channel::unit);
    let own = own.filter(|unit| **unit != Unit::UNSTATED);
    // A channel without a unit counts as the backbone's.
    let unit = own.or(first.map(|(_, _, unit)| unit));
    Kind::Sensor {
        channels: channels.len().max(1),
        per_g: unit.and_then(|unit| Unit::G.factor_to(unit)).unwrap_or(1.0),
        stated: own.cloned(),
        acceleration: found.into_iter().map(|(at, name, _)| (at, name)).collect(),
        sum_of_norms: 0.0,
    }
}
