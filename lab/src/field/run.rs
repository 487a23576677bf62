//! Runs days: makes a learner, teaches it as a user does, and lets it listen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afield::engine::{Durability, EngineOptions, LearnerOptions, ListenOptions};
use afield::signal::Label;
use afield::{Engine, Event, Recording, SourceSpec};

use super::day::{Day, DayPlan};
use super::error::FieldError;
use super::event::{FoundEvent, TrueEvent, shared};
use super::place::Half;
use super::report::{FieldReport, VariantReport};
use super::sound_library::SoundLibrary;
use super::variant::{Taught, Variant};
use super::wave::write_wave;

/// Seconds of the place in one example, where it is taught as a class.
const PLACE_SECONDS: usize = 4;

/// The most questions that are answered.
const ANSWERS: usize = 20;

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
        for &seed in &self.seeds {
            let day = self.day.compose(library, seed)?;
            let folder = tempfile::tempdir()?;
            let wave = folder.path().join("day.wav");
            write_wave(&wave, day.rate, &day.samples)?;
            let has_next = self.variants.iter().any(|variant| variant.is_next_day());
            let half = |half| -> Result<(Day, PathBuf), FieldError> {
                let day = self.day.compose_half(library, seed, half)?;
                let wave = folder.path().join(format!("{half:?}.wav"));
                write_wave(&wave, day.rate, &day.samples)?;
                Ok((day, wave))
            };
            let pair = match has_next {
                true => Some((half(Half::First)?, half(Half::Second)?)),
                false => None,
            };
            let mut latest: Option<(Taught, Engine)> = None;
            for report in &mut variants {
                let variant = report.variant;
                let mut step = |teaching| {
                    progress(FieldProgress {
                        done,
                        total,
                        seed,
                        variant,
                        teaching,
                    });
                };
                let taught = variant.taught();
                let engine = match &latest {
                    Some((same, engine)) if *same == taught => engine.clone(),
                    _ => {
                        step(true);
                        let dir = folder.path().join(format!("{taught:?}"));
                        let engine = self.teach(&dir, taught, library, &day)?;
                        latest = Some((taught, engine.clone()));
                        engine
                    }
                };
                step(false);
                backbone.clone_from(&engine.card().name);
                let (day, wave) = match &pair {
                    Some((before, after)) if variant.is_next_day() => {
                        if variant == Variant::Answered {
                            self.answer(&engine, &before.1, &before.0)?;
                        }
                        (&after.0, &after.1)
                    }
                    _ => (&day, &wave),
                };
                let mut found = self.listen(&engine, wave, variant)?;
                for event in &mut found {
                    // A class that was named by an answer is none that is looked for.
                    event.label = event.label.take().filter(|label| day.known.contains(label));
                }
                report.add(day, found, f64::from(self.day.minutes) / 60.0);
                done += 1;
            }
            days.push(day.into());
        }
        Ok(FieldReport {
            protocol: "field",
            backbone,
            head: self.learner.head.to_string(),
            minutes: self.day.minutes,
            test_groups: library.test_groups().to_vec(),
            days,
            variants,
        })
    }

    /// A learner in `dir` that knows the known classes and the place.
    fn teach(
        &self,
        dir: &Path,
        taught: Taught,
        library: &SoundLibrary,
        day: &Day,
    ) -> Result<Engine, FieldError> {
        let options = LearnerOptions {
            whole_clips: taught == Taught::Clips,
            seed: day.seed,
            ..self.learner.clone()
        };
        let engine = Engine::create_with(dir, &options, self.engine.clone(), &|_, _| {})?;
        let hz = day.rate.hz();
        if taught == Taught::MixedWindows {
            engine.use_soundscape(Recording::from_sound(hz, day.own.clone())?)?;
        }
        let mut lesson = engine.lesson(Durability::Batched(BATCH))?;
        if taught != Taught::MixedWindows {
            // The same seconds of the place, as a class.
            let background = Label::new(Label::BACKGROUND)?;
            for piece in day.own.chunks_exact(PLACE_SECONDS * hz as usize) {
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

    /// Lets the learner listen to a day and ask, and answers with the true classes: each question
    /// by the event that its sound overlaps longest.
    fn answer(&self, engine: &Engine, wave: &Path, day: &Day) -> Result<(), FieldError> {
        let options = ListenOptions {
            keep_samples: true,
            ..self.listen_options()
        };
        for event in engine.listen_with(SourceSpec::file(wave), options)? {
            engine.ask(&event?)?;
        }
        let questions = engine.questions(&|_, _| {})?;
        for question in questions.questions.iter().take(ANSWERS) {
            let span = (question.sound.start, question.sound.end);
            let events = day.events.iter();
            let overlap = |event: &TrueEvent| shared(event.span(), span);
            let truth = events.max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
            let truth = truth.filter(|event| overlap(event) > 0.0);
            let label = match truth {
                Some(event) => event.label.clone(),
                None => Label::new(Label::BACKGROUND)?,
            };
            engine.answer(question, &label)?;
        }
        Ok(())
    }

    fn listen_options(&self) -> ListenOptions {
        let default = ListenOptions::default();
        let per_day = self.false_alarms_per_day;
        ListenOptions {
            false_alarms_per_day: per_day.unwrap_or(default.false_alarms_per_day),
            ..default
        }
    }

    /// The events that the learner finds in a recording.
    fn listen(
        &self,
        engine: &Engine,
        wave: &Path,
        variant: Variant,
    ) -> Result<Vec<FoundEvent>, FieldError> {
        let options = ListenOptions {
            windows: variant == Variant::Windows,
            ..self.listen_options()
        };
        let mut found: Vec<FoundEvent> = Vec::new();
        // Whether the last window continues the last event.
        let mut open = false;
        for event in engine.listen_with(SourceSpec::file(wave), options)? {
            let event = event?;
            let Some(next) = found_event(&event) else {
                open = false;
                continue;
            };
            match found.last_mut() {
                Some(last) if variant == Variant::Windows && open && last.label == next.label => {
                    last.end = next.end;
                }
                _ => found.push(next),
            }
            open = true;
        }
        Ok(found)
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
