//! A day: events at several levels over the sound of a place, with the truth beside it.

use afield::signal::{Label, SampleRate};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::error::FieldError;
use super::event::TrueEvent;
use super::place::{Half, continuous_classes, place};
use super::sound_library::SoundLibrary;
use super::sounding::{level, sounding_level, sounding_parts};

/// Events of each taught class, and of each class that is never taught.
const KNOWN_EVENTS: usize = 10;
const UNKNOWN_EVENTS: usize = 6;
/// Levels over the soundscape.
const LEVELS_DB: (f64, f64) = (5.0, 20.0);
/// A clip whose sounding parts span less is one event. Otherwise an event is one of the parts, cut
/// to this length.
const LONGEST_SECONDS: f64 = 5.0;
/// The least time before an event in its slot, and after it.
const BEFORE_SECONDS: f64 = 0.5;
const AFTER_SECONDS: f64 = 1.5;
/// The learner's own recording of the place.
const OWN_SECONDS: usize = 40;

/// How days are composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPlan {
    /// The length of a day.
    pub minutes: u32,
    /// Classes to teach, at most. At least one class is never taught.
    pub known: usize,
    /// The class of the soundscape. `None` draws one of those whose clips sound throughout.
    pub soundscape_class: Option<Label>,
}

impl Default for DayPlan {
    fn default() -> Self {
        Self {
            minutes: 15,
            known: 5,
            soundscape_class: None,
        }
    }
}

/// A day of sound, the learner's own recording of the place, and what happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// The seed that it was drawn with.
    pub seed: u64,
    /// The rate of all samples.
    pub rate: SampleRate,
    /// The class of the place.
    pub soundscape: Label,
    /// The classes to teach, sorted.
    pub known: Vec<Label>,
    /// The classes that are never taught, sorted.
    pub unknown: Vec<Label>,
    /// The learner's own recording of the place: 40 s.
    pub own: Vec<f32>,
    /// The day.
    pub samples: Vec<f32>,
    /// The events, in order of time.
    pub events: Vec<TrueEvent>,
}

impl DayPlan {
    /// Composes the day of a seed. The same seed, library and plan give the same day.
    ///
    /// # Errors
    /// [`FieldError`] if the library has too few classes, or the day is too short for its events.
    pub fn compose(&self, library: &SoundLibrary, seed: u64) -> Result<Day, FieldError> {
        self.compose_of(library, seed, None, None)
    }

    /// As [`Self::compose`], with events of every other clip of each class, and the same classes
    /// as the other day of the seed.
    pub(crate) fn compose_half(
        &self,
        library: &SoundLibrary,
        seed: u64,
        half: Half,
    ) -> Result<Day, FieldError> {
        self.compose_of(library, seed, Some(half), None)
    }

    /// As [`Self::compose`], with the same classes in another place. `None` if there is none.
    pub(crate) fn compose_moved(
        &self,
        library: &SoundLibrary,
        seed: u64,
        from: &Day,
    ) -> Result<Option<Day>, FieldError> {
        let mut others = continuous_classes(library);
        others.retain(|label| *label != from.soundscape);
        // A class that was not taught, if there is one.
        let is_known = |label: &&Label| from.known.contains(label);
        let place = others.iter().find(|label| !is_known(label));
        let place = place.or_else(|| others.first());
        place
            .map(|place| self.compose_of(library, seed, None, Some(place)))
            .transpose()
    }

    fn compose_of(
        &self,
        library: &SoundLibrary,
        seed: u64,
        half: Option<Half>,
        moved_to: Option<&Label>,
    ) -> Result<Day, FieldError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rate = library.rate();
        let soundscape = self.soundscape(library, &mut rng)?;
        let (known, unknown) = self.classes(library, &soundscape, &mut rng)?;
        if half == Some(Half::Second) {
            rng.set_stream(1);
        }
        let soundscape = match moved_to {
            Some(place) => {
                rng.set_stream(2);
                place.clone()
            }
            None => soundscape,
        };
        let own = place(library, &soundscape, Half::First, OWN_SECONDS, &mut rng)?;
        let seconds = self.minutes as usize * 60;
        let mut samples = place(library, &soundscape, Half::Second, seconds, &mut rng)?;
        let base = level(&samples);

        let of_known = known.iter().map(|label| (label, true, KNOWN_EVENTS));
        let of_unknown = unknown.iter().map(|label| (label, false, UNKNOWN_EVENTS));
        let mut plan: Vec<(&Label, bool)> = (of_known.chain(of_unknown))
            .filter(|(label, ..)| **label != soundscape)
            .flat_map(|(label, known, count)| std::iter::repeat_n((label, known), count))
            .collect();
        plan.shuffle(&mut rng);
        let slot = seconds as f64 / plan.len().max(1) as f64;
        let least = LONGEST_SECONDS + BEFORE_SECONDS + AFTER_SECONDS;
        if slot < least {
            return Err(FieldError::TooShort {
                minutes: self.minutes,
                events: plan.len(),
                needed: (plan.len() as f64 * least / 60.0).ceil() as u32,
            });
        }
        let hz = rate.hz() as usize;
        let mut events = Vec::with_capacity(plan.len());
        for (number, (label, known)) in plan.into_iter().enumerate() {
            let (clip, sound) = excerpt(library, label, half, &mut rng);
            let decibels = rng.random_range(LEVELS_DB.0..LEVELS_DB.1);
            let length = sound.len() as f64 / hz as f64;
            let offset = rng.random_range(BEFORE_SECONDS..slot - length - AFTER_SECONDS + 1e-9);
            let at = ((number as f64 * slot + offset) * hz as f64) as usize;
            let gain = base * 10_f64.powf(decibels / 20.0) / sounding_level(clip, hz);
            for (out, &x) in samples[at..].iter_mut().zip(sound) {
                *out += (f64::from(x) * gain) as f32;
            }
            events.push(TrueEvent {
                start: at as f64 / hz as f64,
                end: (at + sound.len()) as f64 / hz as f64,
                label: label.clone(),
                known,
                decibels,
            });
        }
        for sample in &mut samples {
            *sample = sample.clamp(-1.0, 1.0);
        }
        Ok(Day {
            seed,
            rate,
            soundscape,
            known,
            unknown,
            own,
            samples,
            events,
        })
    }

    /// The class of the place: the requested one, or a drawn one.
    fn soundscape(
        &self,
        library: &SoundLibrary,
        rng: &mut ChaCha8Rng,
    ) -> Result<Label, FieldError> {
        let classes = library.classes();
        if classes.len() < 3 {
            let classes = classes.len();
            return Err(FieldError::Classes { classes });
        }
        let Some(wanted) = &self.soundscape_class else {
            let continuous = continuous_classes(library);
            return Ok(continuous[rng.random_range(0..continuous.len())].clone());
        };
        match classes.contains(wanted) {
            true => Ok(wanted.clone()),
            false => Err(FieldError::NoSoundscapeClass {
                class: wanted.as_str().to_owned(),
                known: classes,
            }),
        }
    }

    /// The classes to teach and those that are never taught, each list sorted.
    fn classes(
        &self,
        library: &SoundLibrary,
        soundscape: &Label,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Vec<Label>, Vec<Label>), FieldError> {
        let mut rest = library.classes();
        rest.retain(|label| label != soundscape && !label.is_background());
        rest.shuffle(rng);
        // What has no clip to teach can only be unknown.
        let (teachable, mut unknown): (Vec<Label>, Vec<Label>) =
            (rest.into_iter()).partition(|label| library.taught(label).next().is_some());
        let most = match unknown.is_empty() {
            true => teachable.len().saturating_sub(1),
            false => teachable.len(),
        };
        let mut known = teachable;
        unknown.extend(known.split_off(self.known.min(most)));
        if known.is_empty() {
            return Err(FieldError::NothingToTeach);
        }
        known.sort();
        unknown.sort();
        Ok((known, unknown))
    }
}

/// A random clip of the class, and the sounding part of it that is an event.
fn excerpt<'a>(
    library: &'a SoundLibrary,
    label: &'a Label,
    half: Option<Half>,
    rng: &mut ChaCha8Rng,
) -> (&'a [f32], &'a [f32]) {
    let hz = library.rate().hz() as usize;
    let longest = (LONGEST_SECONDS * hz as f64) as usize;
    let all: Vec<&[f32]> = library.of_class(label).collect();
    let clips: Vec<&[f32]> = match half {
        // A class of one clip is in both halves.
        Some(half) if all.len() > 1 => {
            let first = usize::from(half == Half::Second);
            all.into_iter().skip(first).step_by(2).collect()
        }
        _ => all,
    };
    let clip = clips[rng.random_range(0..clips.len())];
    let parts = sounding_parts(clip, hz);
    let drawn = rng.random_range(0..parts.len());
    let (first, last) = (parts[0].start, parts[parts.len() - 1].end);
    let part = match last - first > longest {
        true => parts[drawn].clone(),
        false => first..last,
    };
    (clip, &clip[part.start..part.end.min(part.start + longest)])
}

#[cfg(test)]
mod tests {
    use super::super::sound_library::LibrarySound;
    use super::*;

    /// Four classes at 1 kHz: noise throughout, and tones that last half a second.
    fn library() -> SoundLibrary {
        let mut state = 7_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut sounds = Vec::new();
        for label in ["rain", "bell", "horn", "knock"] {
            for clip in 1..4 {
                let samples = (0..5_000).map(|i| match (label, i) {
                    ("rain", _) => noise(),
                    (_, 2_300..2_800) => (i as f32 * 0.3 * clip as f32).sin(),
                    _ => 0.0,
                });
                sounds.push(LibrarySound {
                    label: Label::new(label).unwrap(),
                    samples: samples.collect(),
                });
            }
        }
        SoundLibrary::of_sounds(SampleRate::new(1_000).unwrap(), sounds)
    }

    #[test]
    fn a_seed_gives_the_same_day_and_another_seed_another_one() {
        let (library, plan) = (library(), DayPlan::default());
        let day = plan.compose(&library, 3).unwrap();
        assert_eq!(day, plan.compose(&library, 3).unwrap());
        let other = plan.compose(&library, 4).unwrap();
        assert_ne!(day.samples, other.samples);
    }

    #[test]
    fn a_day_has_every_event_once_a_slot_and_at_its_level() {
        let library = library();
        let plan = DayPlan {
            known: 2,
            ..DayPlan::default()
        };
        let day = plan.compose(&library, 1).unwrap();
        assert_eq!(day.soundscape.as_str(), "rain");
        assert_eq!((day.known.len(), day.unknown.len()), (2, 1));
        assert_eq!((day.own.len(), day.samples.len()), (40_000, 900_000));
        assert_eq!(day.events.len(), 26);
        let slot = 900.0 / 26.0;
        for (number, event) in day.events.iter().enumerate() {
            let (from, to) = (number as f64 * slot, (number + 1) as f64 * slot);
            assert!(event.start >= from + 0.499 && event.end <= to - 1.499);
            assert!((event.end - event.start - 0.5).abs() < 1e-9);
            assert!((5.0..20.0).contains(&event.decibels));
            assert_eq!(day.known.contains(&event.label), event.known);
            let samples = (event.start * 1e3) as usize..(event.end * 1e3) as usize;
            let over = 20.0 * (level(&day.samples[samples]) / 0.02).log10();
            assert!((over - event.decibels).abs() < 2.5, "{over} {event:?}");
        }
        for label in &day.known {
            let of = day.events.iter().filter(|event| event.label == *label);
            assert_eq!(of.count(), 10);
        }
    }

    #[test]
    fn one_class_at_least_is_never_taught() {
        let plan = DayPlan {
            known: 9,
            ..DayPlan::default()
        };
        let day = plan.compose(&library(), 0).unwrap();
        assert_eq!((day.known.len(), day.unknown.len()), (2, 1));
    }

    #[test]
    fn a_class_can_be_named_and_a_short_day_is_refused() {
        let library = library();
        let with = |class: &str, minutes| DayPlan {
            minutes,
            soundscape_class: Some(Label::new(class).unwrap()),
            ..DayPlan::default()
        };
        let day = with("horn", 15).compose(&library, 0).unwrap();
        assert_eq!(day.soundscape.as_str(), "horn");
        assert!(matches!(
            with("wind", 15).compose(&library, 0),
            Err(FieldError::NoSoundscapeClass { .. })
        ));
        assert!(matches!(
            with("rain", 2).compose(&library, 0),
            Err(FieldError::TooShort {
                events: 26,
                needed: 4,
                ..
            })
        ));
    }
}
