//! `afield teach`: learns each clip as one example, and reports success after it is stored.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afield::engine::{ClipEmbeddings, Durability, EventId, Lesson, RetainedAudio, TaughtAs};
use afield::signal::{Group, Label};
use afield::{Engine, Error, Recording};
use afield_lab::data::GroupPattern;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use indicatif::ProgressBar;

use super::batch::{Batch, BatchArgs};
use super::durability::durability;
use super::embedding::progress;
use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::{Cut, SensorArgs, note};

/// Teach clips as examples of a class
///
/// Each clip becomes one example. Exit code 0 means that all examples are durable; after
/// a failure, the examples stored before it remain.
///
/// A clip with another class or group is corrected. A clip that already has this class is
/// skipped. A clip keeps its group until it is taught with another.
///
/// Four recordings or more are judged when all are taught: if earlier recordings of a class
/// would no longer be recognised, or most of the new ones are like another class, the
/// command takes them back and says so.
///
/// With --last or --event, the clip is retained audio of a running `afield listen` on
/// this learner (mic, stdin or serial). The result equals that of a recording of the same
/// samples.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield teach kettle kettle-*.wav --learner box\n  \
    afield teach one one/ --group-pattern '^([a-z]+)_' --learner box\n  \
    afield teach rowing row.csv --cut 3:1.5 --learner watch\n  \
    afield teach 'front door' --last 2s --learner box\n  \
    afield teach doorbell --event 19ac5e1f2b3-17 --learner box"
)]
pub struct TeachArgs {
    /// Label of the class; a new label creates a class
    label: Label,

    /// Recordings, or folders of recordings
    #[arg(required_unless_present_any = ["last", "event"], value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Teach the latest audio of a running `afield listen` on this learner, of this
    /// length, such as 2s or 800ms, up to 30s
    #[arg(
        long,
        value_name = "TIME",
        value_parser = span,
        conflicts_with_all = ["files", "group_pattern", "rate", "columns"]
    )]
    last: Option<Duration>,

    /// Teach the audio of an event of a running `afield listen` on this learner, by the
    /// id in its line, up to 30s later
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["last", "files", "group_pattern", "rate", "columns"]
    )]
    event: Option<EventId>,

    /// Cut each recording into pieces of SECONDS, one example each, starting every STEP
    /// seconds [default: whole recordings; STEP: SECONDS]
    #[arg(long, value_name = "SECONDS[:STEP]")]
    cut: Option<Cut>,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    batch: BatchArgs,

    /// Group of all clips: a speaker, machine, site or subject
    #[arg(long, value_name = "NAME", conflicts_with = "group_pattern")]
    group: Option<Group>,

    /// Regular expression whose first capture in a file name is the group of the clip,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX")]
    group_pattern: Option<String>,

    /// When an example becomes durable: immediate (before the next clip) or
    /// batched:SECONDS (with all others of that time, which reduces disk writes). The
    /// command ends when all are durable
    #[arg(long, default_value = "immediate", value_name = "WHEN", value_parser = durability)]
    durability: Durability,

    /// Teach the clips even if earlier recordings suffer
    #[arg(long)]
    despite_doubts: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: TeachArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let mut lesson = engine.lesson(args.durability)?;
    if args.despite_doubts {
        lesson.despite_doubts();
    }
    args.sensor.check(engine.card())?;
    let pattern: Option<GroupPattern> = match &args.group_pattern {
        Some(pattern) => Some(pattern.parse().context("--group-pattern")?),
        None => None,
    };
    let mut batch = Batch::new(args.batch);
    let mut clips = Vec::new();
    for path in batch.paths(&args.files, engine.card())? {
        let group = match &pattern {
            // A pattern that does not fit is an error before any clip is taught.
            Some(pattern) => Some(captured(pattern, &path)?),
            None => args.group.clone(),
        };
        clips.push((path, group));
    }
    let last = match args.last {
        // Before the backbone is loaded, so that the clip is the audio up to the start of the
        // command.
        Some(span) => Some(latest_audio(&engine, span)?),
        None => None,
    };
    let last = match args.event {
        Some(id) => Some(engine.event_audio(id).context("--event")?),
        None => last,
    };
    engine.backbone()?;
    note_look_alike(&engine, &args.label);
    if let Some(cut) = args.cut {
        lesson.cut(cut.window(engine.card()));
    }
    let mut teaching = Teaching {
        engine: &engine,
        lesson,
        label: &args.label,
        bar: progress(clips.len(), "taught"),
        tally: Tally::default(),
    };
    if let Some(recording) = last {
        let embedded = teaching.embed(with_group(recording, args.group.as_ref()))?;
        teaching.teach(embedded)?;
    }
    for (path, group) in &clips {
        let open = || Recording::open_with(path, &args.sensor.format());
        match teaching.prepare(path, group.as_ref(), open) {
            Ok(Some(embedded)) => teaching.teach(embedded)?,
            Ok(None) => teaching.skip(),
            Err(error) => batch.fail(path, error)?,
        }
        teaching.bar.inc(1);
    }
    let Teaching {
        bar, tally, lesson, ..
    } = teaching;
    bar.finish_and_clear();
    lesson.finish()?;
    if tally.new + tally.corrected + tally.already > 0 {
        eprintln!(
            "{}: {} new, {} corrected, {} known already",
            args.label, tally.new, tally.corrected, tally.already
        );
    }
    batch.finish()
}

fn with_group(recording: Recording, group: Option<&Group>) -> Recording {
    match group {
        Some(group) => recording.of_group(group.clone()),
        None => recording,
    }
}

/// One clip after the other, taught as one class.
struct Teaching<'a> {
    engine: &'a Engine,
    lesson: Lesson,
    label: &'a Label,
    bar: ProgressBar,
    tally: Tally,
}

/// A recording and its embeddings.
type Embedded = (Recording, ClipEmbeddings);

/// The number of clips by result.
#[derive(Default)]
struct Tally {
    new: usize,
    corrected: usize,
    already: usize,
}

impl Teaching<'_> {
    /// Embeds the recording that `open` opens; `None` if it is known already. An error concerns
    /// this recording only.
    fn prepare(
        &mut self,
        path: &Path,
        group: Option<&Group>,
        open: impl Fn() -> Result<Recording, Error>,
    ) -> Result<Option<Embedded>> {
        let name = path.display().to_string();
        let known = self.lesson.is_known(self.label, &name, group, &open)?;
        match known {
            true => Ok(None),
            false => self.embed(with_group(open()?, group)).map(Some),
        }
    }

    fn embed(&self, mut recording: Recording) -> Result<Embedded> {
        let embedded = self.engine.embed_to_teach(&mut recording);
        let embeddings = embedded.with_context(|| recording.name().to_owned())?;
        Ok((recording, embeddings))
    }

    fn skip(&mut self) {
        self.tally.already += 1;
    }

    /// Teaches an embedded recording. An error ends the command: it concerns the learner.
    fn teach(&mut self, (recording, embeddings): Embedded) -> Result<()> {
        let (label, bar, tally) = (self.label, &self.bar, &mut self.tally);
        let name = recording.name().to_owned();
        bar.suspend(|| note(&embeddings.notes, &name));
        let taught = self.lesson.teach_embeddings(label, &embeddings, &recording);
        for outcome in taught.with_context(|| name.clone())? {
            match outcome {
                TaughtAs::New => tally.new += 1,
                TaughtAs::Already => tally.already += 1,
                TaughtAs::Corrected { from } => {
                    tally.corrected += 1;
                    bar.suspend(|| eprintln!("{name}: was {from}, is {label}"));
                }
                TaughtAs::Regrouped { from } => {
                    tally.corrected += 1;
                    if let (Some(from), Some(group)) = (from, recording.group()) {
                        bar.suspend(|| eprintln!("{name}: was of {from}, is of {group}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Prints that a new class resembles another one, which is often a typing error.
pub fn note_look_alike(engine: &Engine, label: &Label) {
    if let Some(other) = engine.look_alike(label) {
        eprintln!(
            "note: {label} is a new class; it differs from the class {other} only in case or accents"
        );
    }
}

/// After this time without a sample, a note is printed.
const OLD: Duration = Duration::from_secs(3);

/// The last `span` of audio from another process that listens.
fn latest_audio(engine: &Engine, span: Duration) -> Result<Recording> {
    let (recording, source, age) = engine.latest_audio(span).context("--last")?;
    if age > OLD {
        let seconds = age.as_secs_f64();
        eprintln!("note: nothing has come from {source} for {seconds:.1} s");
    }
    Ok(recording)
}

fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() && span <= RetainedAudio::MOST => Ok(span),
        _ => Err("expected a time above 0, up to 30s, as in 2s or 800ms".to_owned()),
    }
}

fn captured(pattern: &GroupPattern, path: &Path) -> Result<Group> {
    let group = pattern.group_of(path).context("--group-pattern")?;
    Group::new(group).map_err(|fault| {
        anyhow!(
            "--group-pattern on {}: {fault}\nhint: capture a name in the parentheses, as '^([a-z]+)_' does",
            path.display()
        )
    })
}
