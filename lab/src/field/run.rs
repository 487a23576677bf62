//! Runs days: makes a learner, teaches it as a user does, and lets it listen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afield::decision::{PlaceChange, SegmentKind};
use afield::engine::{Durability, EngineOptions, LearnerOptions, ListenOptions};
use afield::signal::Label;
use afield::{Engine, Event, Recording, SourceSpec};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::day::{Day, DayPlan};
use super::discovery::{Discovery, longest};
use super::error::FieldError;
use super::event::FoundEvent;
use super::place::Half;
use super::report::{DriftReport, FieldReport, VariantReport};
use super::score::Spread;
use super::sound_library::SoundLibrary;
use super::variant::{Asked, Taught, Variant};
use super::wave::write_wave;

/// Seconds of the place in one example, where it is taught as a class.
const PLACE_SECONDS: usize = 4;

/// What is taught is stored at least this often.
const BATCH: Duration = Duration::from_secs(60);

/// Days to run, and the learners that listen to them.
#[derive(Debug, Clone)]
pub struct FieldPlan {
    /// How days are composed.
    pub day: DayPlan,
    /// The seeds, one day each.
    pub seeds: Vec<u64>,
    /// How each learner is created.
    pub learner: LearnerOptions,
    /// The cache of backbones.
    pub engine: EngineOptions,
    /// False alarms to allow in a day; `None` means the default of [`ListenOptions`].
    pub false_alarms_per_day: Option<f64>,
    /// The variants to compare.
    pub variants: Vec<Variant>,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldProgress {
    /// Runs that are done: one a day and variant.
    pub done: usize,
    /// All runs.
    pub total: usize,
    /// The seed of the day.
    pub seed: u64,
    /// The variant.
    pub variant: Variant,
    /// Whether the learner is being taught. Otherwise it listens.
    pub teaching: bool,
}

impl FieldPlan {
    /// Runs every variant on every day. `progress` is called at each step.
    ///
    /// # Errors
    /// [`FieldError`] if a day cannot be composed, a learner cannot be taught, or a file cannot be
    /// written.
    pub fn run(
        &self,
        library: &SoundLibrary,
        progress: &mut dyn FnMut(FieldProgress),
    ) -> Result<FieldReport, FieldError> {
        let total = self.seeds.len() * self.variants.len();
        let mut variants: Vec<VariantReport> = Vec::new();
        variants.extend(self.variants.iter().copied().map(VariantReport::new));
        let (mut days, mut done, mut backbone) = (Vec::new(), 0, String::new());
        let (mut discovery, mut drift) = (Vec::new(), Drifts::default());
        for &seed in &self.seeds {
            let folder = tempfile::tempdir()?;
            let scene = self.scene(library, seed, folder.path())?;
            let mut latest: Option<(Taught, Engine, i64)> = None;
            for report in &mut variants {
                let variant = report.variant;
                let before = done;
                done += 1;
                let mut step = |teaching| {
                    progress(FieldProgress {
                        done: before,
                        total,
                        seed,
                        variant,
                        teaching,
                    });
                };
                let heard = match (&scene.next, &scene.moved) {
                    (Some((_, after)), _) if variant.is_next_day() => after,
                    (_, Some(moved)) if variant.is_moved() => moved,
                    _ if variant.is_moved() => continue,
                    _ => &scene.day,
                };
                let taught = variant.taught();
                let (engine, fresh) = match &latest {
                    Some((same, engine, fresh)) if *same == taught => (engine.clone(), *fresh),
                    _ => {
                        step(true);
                        let dir = folder.path().join(format!("{taught:?}"));
                        let own = match taught {
                            Taught::Elsewhere => &heard.day.own,
                            _ => &scene.day.day.own,
                        };
                        let engine = self.teach(&dir, taught, library, &scene.day.day, own)?;
                        let fresh = engine.status().revision;
                        latest = Some((taught, engine.clone(), fresh));
                        (engine, fresh)
                    }
                };
                step(false);
                backbone.clone_from(&engine.card().name);
                if engine.status().revision != fresh {
                    engine.roll_back(fresh)?;
                }
                if let Some((before, _)) = &scene.next {
                    discovery.extend(self.answer(&engine, before, variant.asked(), seed)?);
                }
                let (mut found, changes) = self.listen(&engine, &heard.wave, variant)?;
                if variant == Variant::Moved {
                    drift.add(heard.after, &changes);
                }
                found.retain_mut(|event| {
                    event.start -= heard.after;
                    event.end -= heard.after;
                    // A class that was named by an answer is none that is looked for.
                    let known = |label: &Label| heard.day.known.contains(label);
                    event.label = event.label.take().filter(known);
                    event.end > 0.0
                });
                report.add(&heard.day, found, f64::from(self.day.minutes) / 60.0);
            }
            days.push(scene.day.day.into());
        }
        variants.retain(|variant| !variant.scores.is_empty());
        Ok(FieldReport {
            protocol: "field",
            backbone,
            head: self.learner.head.to_string(),
            minutes: self.day.minutes,
            test_groups: library.test_groups().to_vec(),
            days,
            variants,
            discovery: (!discovery.is_empty()).then(|| Discovery::spread(&discovery)),
            drift: drift.report(),
        })
    }

    /// The days of a seed, as far as the variants need them, and their files in `folder`.
    fn scene(&self, library: &SoundLibrary, seed: u64, folder: &Path) -> Result<Scene, FieldError> {
        let any = |is: fn(Variant) -> bool| self.variants.iter().copied().any(is);
        let day = self.day.compose(library, seed)?;
        let half = |half, name| {
            let day = self.day.compose_half(library, seed, half)?;
            Heard::written(folder.join(name), day, &[])
        };
        let next = match any(Variant::is_next_day) {
            true => Some((
                half(Half::First, "first.wav")?,
                half(Half::Second, "second.wav")?,
            )),
            false => None,
        };
        let moved = match any(Variant::is_moved) {
            true => self.day.compose_moved(library, seed, &day)?,
            false => None,
        };
        let moved =
            moved.map(|moved| Heard::written(folder.join("moved.wav"), moved, &day.samples));
        Ok(Scene {
            moved: moved.transpose()?,
            day: Heard::written(folder.join("day.wav"), day, &[])?,
            next,
        })
    }

    /// A learner in `dir` that knows the known classes of a day and a place.
    fn teach(
        &self,
        dir: &Path,
        taught: Taught,
        library: &SoundLibrary,
        day: &Day,
        own: &[f32],
    ) -> Result<Engine, FieldError> {
        let options = LearnerOptions {
            whole_clips: taught == Taught::Clips,
            seed: day.seed,
            ..self.learner.clone()
        };
        let engine = Engine::create_with(dir, &options, self.engine.clone(), &|_, _| {})?;
        let hz = day.rate.hz();
        let is_mixed = matches!(taught, Taught::MixedWindows | Taught::Elsewhere);
        if is_mixed {
            engine.use_soundscape(Recording::from_sound(hz, own.to_vec())?)?;
        }
        let mut lesson = engine.lesson(Durability::Batched(BATCH))?;
        lesson.despite_doubts();
        if !is_mixed {
            // The same seconds of the place, as a class.
            let background = Label::new(Label::BACKGROUND)?;
            for piece in own.chunks_exact(PLACE_SECONDS * hz as usize) {
                let recording = Recording::from_sound(hz, piece.to_vec())?;
                lesson.teach(&background, recording.named("place"))?;
            }
        }
        for label in &day.known {
            for clip in library.taught(label) {
                let mut recording = Recording::open_with(&clip.path, library.format())?;
                if let Some(group) = &clip.group {
                    recording = recording.of_group(group.clone());
                }
                lesson.teach(label, recording)?;
            }
        }
        lesson.finish()?;
        Ok(engine)
    }

    /// Lets the learner listen to a day, and gives the true classes of what is asked: of the event
    /// that a sound overlaps longest. Returns how well the groups of all questions are classes.
    fn answer(
        &self,
        engine: &Engine,
        heard: &Heard,
        asked: Asked,
        seed: u64,
    ) -> Result<Option<Discovery>, FieldError> {
        if asked == Asked::Nothing {
            return Ok(None);
        }
        let events = &heard.day.events;
        let truth = |span: (f64, f64)| match longest(events, span) {
            Some(event) => Ok(events[event].label.clone()),
            None => Label::new(Label::BACKGROUND),
        };
        let options = ListenOptions {
            keep_samples: true,
            ..self.listen_options()
        };
        engine.drop_questions()?;
        let mut sounds = Vec::new();
        for event in engine.listen_with(SourceSpec::file(&heard.wave), options)? {
            let event = event?;
            match asked {
                Asked::AtRandom(_) if event.kind != SegmentKind::Background => {
                    let span = (event.start.as_secs_f64(), event.end.as_secs_f64());
                    sounds.push((span, event.recording()?));
                }
                Asked::Questions(_) => {
                    engine.ask(&event)?;
                }
                _ => {}
            }
        }
        match asked {
            Asked::AtRandom(most) => {
                sounds.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
                sounds.truncate(most);
                let mut lesson = engine.lesson(Durability::Batched(BATCH))?;
                // The labels are true.
                lesson.despite_doubts();
                for (span, recording) in sounds {
                    lesson.teach(&truth(span)?, recording)?;
                }
                lesson.finish()?;
                Ok(None)
            }
            Asked::Questions(most) => {
                let open = engine.questions(&|_, _| {})?.questions;
                for question in open.iter().take(most) {
                    let label = truth((question.sound.start, question.sound.end))?;
                    engine.answer_despite_doubts(question, &label)?;
                }
                // Once a day.
                let is_last = self.variants.iter().rev().map(|variant| variant.asked());
                let is_last = is_last.clone().find(|asked| *asked != Asked::Nothing) == Some(asked);
                Ok(is_last.then(|| Discovery::of(&open, events)))
            }
            Asked::Nothing => Ok(None),
        }
    }

    fn listen_options(&self) -> ListenOptions {
        let default = ListenOptions::default();
        let per_day = self.false_alarms_per_day;
        ListenOptions {
            false_alarms_per_day: per_day.unwrap_or(default.false_alarms_per_day),
            ..default
        }
    }

    /// The events that the learner finds in a recording, and the changes of the place, each with
    /// the second at which it was told.
    fn listen(
        &self,
        engine: &Engine,
        wave: &Path,
        variant: Variant,
    ) -> Result<(Vec<FoundEvent>, Vec<f64>), FieldError> {
        let options = ListenOptions {
            windows: variant == Variant::Windows,
            ..self.listen_options()
        };
        let (mut found, mut changes): (Vec<FoundEvent>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut latest: Option<PlaceChange> = None;
        // Whether the last window continues the last event.
        let mut open = false;
        let mut listening = engine.listen_with(SourceSpec::file(wave), options)?;
        loop {
            let more = listening.step()?;
            if listening.place_change() != latest {
                latest = listening.place_change();
                changes.push(listening.decided().as_secs_f64());
            }
            for event in listening.drain() {
                let Some(next) = found_event(&event) else {
                    open = false;
                    continue;
                };
                match found.last_mut() {
                    Some(last)
                        if variant == Variant::Windows && open && last.label == next.label =>
                    {
                        last.end = next.end;
                    }
                    _ => found.push(next),
                }
                open = true;
            }
            if !more {
                return Ok((found, changes));
            }
        }
    }
}

/// A day and its file.
struct Heard {
    day: Day,
    wave: PathBuf,
    /// The second of the file at which the day begins.
    after: f64,
}

impl Heard {
    /// Writes a day to the file `wave`, after other samples.
    fn written(wave: PathBuf, day: Day, before: &[f32]) -> Result<Self, FieldError> {
        let samples = [before, &day.samples].concat();
        write_wave(&wave, day.rate, &samples)?;
        let after = before.len() as f64 / f64::from(day.rate.hz());
        Ok(Self { day, wave, after })
    }
}

/// What one seed gives.
struct Scene {
    day: Heard,
    /// Two days with other clips of the same classes.
    next: Option<(Heard, Heard)>,
    /// The day, and after it a day in another place.
    moved: Option<Heard>,
}

/// Changes of the place that were told.
#[derive(Default)]
struct Drifts {
    report: DriftReport,
    delays: Vec<f64>,
}

impl Drifts {
    /// Adds a stream whose place changes at `moved`, and the changes that were told in it.
    fn add(&mut self, moved: f64, told: &[f64]) {
        let (before, after): (Vec<f64>, Vec<f64>) = told.iter().partition(|at| **at < moved);
        self.report.streams += 1;
        self.report.hours_before += moved / 3_600.0;
        self.report.before += before.len();
        if let Some(first) = after.first() {
            self.report.told += 1;
            self.report.again += after.len() - 1;
            self.delays.push((first - moved) / 60.0);
        }
    }

    /// `None` without a stream.
    fn report(self) -> Option<DriftReport> {
        let delay_minutes = Spread::of(&self.delays);
        (self.report.streams > 0).then_some(DriftReport {
            delay_minutes,
            ..self.report
        })
    }
}

/// An event of a class or of an unknown sound; `None` for the background.
fn found_event(event: &Event) -> Option<FoundEvent> {
    let label = event.label.as_ref().filter(|label| !label.is_silent());
    (label.is_some() || event.is_unknown()).then(|| FoundEvent {
        start: event.start.as_secs_f64(),
        end: event.end.as_secs_f64(),
        label: label.cloned(),
    })
}
