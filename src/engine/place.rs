//! The place in which a source is heard: whether it sounds different from before, and its quiet
//! moments, of which a soundscape can be made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kept_files::{failed, remove, with_ending, write_durably};
use super::{Engine, Error, Recording, RetainedAudio, Session};
use crate::decision::{Drift, PlaceChange};
use crate::pipeline::WindowDecision;
use crate::signal::{Micros, Timestamp};
use crate::source::{Excerpt, Recorded};

/// The file in a learner's folder that says that the place has changed.
const CHANGED: &str = "place-changed.json";
/// The folder of quiet moments in that of a learner.
const QUIET: &str = "quiet";

/// The length of a quiet moment.
const MOMENT: Duration = Duration::from_secs(4);
/// The time between two moments that are compared.
const STEP: Micros = Micros(2_000_000);
/// Of so long a time, at first, the quietest moment is kept.
const EVERY: Micros = Micros(20_000_000);
/// The most moments that are kept.
const MOST_MOMENTS: usize = 30;

/// That the place of a learner sounds different from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangedPlace {
    /// About when that began, as RFC 3339; `None` if it is not known.
    pub since: Option<String>,
    /// The source that was heard.
    pub source: String,
}

impl Engine {
    /// Whether a live source has sounded different from before since the latest soundscape came
    /// into use.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn changed_place(&self) -> Result<Option<ChangedPlace>, Error> {
        let path = self.dir().join(CHANGED);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(changed) => Ok(Some(changed)),
                Err(error) => Err(failed(&path, io::Error::from(error))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Keeps the news of a change of place.
    pub(super) fn note_changed_place(
        &self,
        since: Option<Timestamp>,
        source: &str,
    ) -> Result<(), Error> {
        let changed = ChangedPlace {
            since: since.map(|since| since.to_string()),
            source: source.to_owned(),
        };
        let text = serde_json::to_vec(&changed).map_err(super::error::damaged)?;
        write_durably(&self.dir().join(CHANGED), &text)
    }

    /// Forgets that the place had changed: its sound is known now.
    pub(super) fn place_is_known(&self) -> Result<(), Error> {
        remove(&self.dir().join(CHANGED)).map(drop)
    }

    /// The quiet moments that [`ListenOptions::keep_quiet`](super::ListenOptions::keep_quiet) has
    /// kept: files of sound, oldest first.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be read.
    pub fn quiet_moments(&self) -> Result<Vec<PathBuf>, Error> {
        with_ending(&self.dir().join(QUIET), "wav")
    }

    /// Removes the quiet moments.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn drop_quiet_moments(&self) -> Result<(), Error> {
        self.quiet_moments()?
            .iter()
            .try_for_each(|path| remove(path).map(drop))
    }
}

/// Watches whether the windows of one source change for long.
pub(super) struct PlaceWatch {
    drift: Drift,
    revision: i64,
    /// The file that says so for a live source.
    marker: Option<PathBuf>,
    has_changed: bool,
    latest: Option<PlaceChange>,
}

impl PlaceWatch {
    pub(super) fn new(engine: &Engine, live: bool) -> Self {
        let marker = live.then(|| engine.dir().join(CHANGED));
        // Whoever wears a sensor moves in another way every few minutes.
        let width = match engine.recorded() {
            Recorded::Sound => engine.session().learner().contract().width(),
            Recorded::Sensor => 0,
        };
        Self {
            drift: Drift::new(width),
            revision: 0,
            has_changed: marker.as_deref().is_some_and(Path::exists),
            marker,
            latest: None,
        }
    }

    /// Takes the next windows, which hold their features.
    pub(super) fn step(&mut self, session: &Session, made: &[WindowDecision]) {
        let revision = session.memory.at.id;
        if revision != self.revision {
            // There may be a new soundscape.
            self.revision = revision;
            if let Some(marker) = &self.marker {
                self.has_changed = marker.exists();
            }
        }
        for window in made {
            let features = &window.vectors.features;
            if let Some(change) = self.drift.step(window.start, features) {
                self.has_changed = true;
                self.latest = Some(change);
            }
        }
    }

    /// Whether the place sounds different from before, or did when the latest soundscape had come
    /// into use.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// The change since the last call, if there is one.
    pub(super) fn take_change(&mut self) -> Option<PlaceChange> {
        self.latest.take()
    }
}

/// Keeps the quietest moment of every so long a time, spread over all of the time.
pub(super) struct QuietMoments {
    folder: PathBuf,
    number: u64,
    every: Micros,
    /// The end of the time before, and the latest moment that was compared.
    since: Micros,
    compared: Micros,
    quietest: Option<(f64, Excerpt)>,
}

impl QuietMoments {
    /// Goes on with the moments that are kept.
    pub(super) fn open(engine: &Engine) -> Result<Self, Error> {
        let folder = engine.dir().join(QUIET);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let latest = with_ending(&folder, "wav")?.pop();
        let number = latest.and_then(|path| path.file_stem()?.to_str()?.parse().ok());
        Ok(Self {
            folder,
            number: number.map_or(0, |number: u64| number.saturating_add(1)),
            every: EVERY,
            since: Micros(0),
            compared: Micros(0),
            quietest: None,
        })
    }

    /// Compares the latest samples of a source, which end at `until`.
    pub(super) fn step(&mut self, recent: &RetainedAudio, until: Micros) -> Result<(), Error> {
        if until < self.compared {
            // Another source.
            (self.since, self.compared) = (Micros(0), Micros(0));
        }
        if until.0 - self.compared.0 < STEP.0 {
            return Ok(());
        }
        self.compared = until;
        if let Ok((moment, _)) = recent.last(MOMENT) {
            let samples = moment.samples().iter();
            let squares: f64 = samples.map(|&x| f64::from(x) * f64::from(x)).sum();
            let quietest = self.quietest.as_ref().map_or(f64::INFINITY, |of| of.0);
            // Digital silence is the sound of no place.
            if squares > 0.0 && squares < quietest {
                self.quietest = Some((squares, moment));
            }
        }
        if until.0 - self.since.0 < self.every.0 {
            return Ok(());
        }
        self.since = until;
        let Some((_, moment)) = self.quietest.take() else {
            return Ok(());
        };
        let wave = Recording::from_source(Box::new(moment), QUIET).to_wave()?;
        let path = self.folder.join(format!("{:012}.wav", self.number));
        write_durably(&path, &wave)?;
        self.number += 1;
        let kept = with_ending(&self.folder, "wav")?;
        if kept.len() > MOST_MOMENTS {
            kept.iter()
                .step_by(2)
                .try_for_each(|path| remove(path).map(drop))?;
            self.every = Micros(self.every.0.saturating_mul(2));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::{Chunk, SOUND, SampleRate};

    #[test]
    fn the_quietest_moment_of_each_time_is_kept_and_their_number_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut quiet = QuietMoments {
            folder: folder.path().to_owned(),
            number: 0,
            every: EVERY,
            since: Micros(0),
            compared: Micros(0),
            quietest: None,
        };
        let rate = SampleRate::new(1_000).unwrap();
        let nothing = Excerpt::new(rate, SOUND.to_vec(), Vec::new());
        let recent = RetainedAudio::of(&nothing, Instant::now());
        let mut hear = |second: u64, level: f32| {
            let chunk = Chunk {
                start: Micros(second * 1_000_000),
                samples: vec![level; 1_000],
            };
            recent.push(&chunk, Instant::now());
            let until = Micros((second + 1) * 1_000_000);
            quiet.step(&recent, until).unwrap();
            with_ending(folder.path(), "wav").unwrap()
        };
        // Loud but for the seconds from 6 to 12 of each 20.
        for second in 0..20 {
            let level = if (6..12).contains(&second) {
                0.125
            } else {
                0.5
            };
            hear(second, level);
        }
        let kept = with_ending(folder.path(), "wav").unwrap();
        assert_eq!(kept.len(), 1);
        let mut recording = Recording::open(&kept[0]).unwrap();
        let mut chunk = Chunk::default();
        recording.source().read(&mut chunk).unwrap();
        assert!(chunk.samples.iter().all(|&x| (x - 0.125).abs() < 1e-4));
        let most = (20..3_000).map(|second| hear(second, 0.3).len()).max();
        assert_eq!(most, Some(MOST_MOMENTS));
        // Silence is kept by nobody.
        let before = with_ending(folder.path(), "wav").unwrap();
        for second in 3_010..3_400 {
            hear(second, 0.0);
        }
        let after = with_ending(folder.path(), "wav").unwrap();
        assert!(after.len() <= before.len() + 1, "{before:?} {after:?}");
    }
}
