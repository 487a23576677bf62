//! `afield listen`: reads a stream and prints its events.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use afield::engine::{Durability, ListenOptions, Watchdog};
use afield::signal::Label;
use afield::source::{PcmFormat, Recorded, SourceError, SourceOptions};
use afield::{Engine, Error, Recording, SourceSpec};
use anyhow::{Context, Result, bail};
use clap::builder::TypedValueParser;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::alarm_rate::AlarmRate;
use super::doubts::note_doubtful;
use super::durability::durability;
use super::event_clips::{EventClips, size};
use super::event_output::{EventLines, Output};
use super::hints;
use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::{SensorArgs, StartArgs, note};
use super::teach::note_look_alike;
use super::typed::Typed;

/// Listen to a source and print one JSON line per event
///
/// An event is one sound: where it starts and ends in seconds, the label, the confidence
/// and, if enough was taught, the novelty (0: as taught, near 1: new). The kind is known or
/// unknown. The label of an unknown event is null. An example that another command teaches
/// counts from the next decision on.
///
/// A learner made with --with-classes also names published classes: "from" says whether the
/// label is a taught or a published one. What was taught speaks first, if a sound fits it.
///
/// Teach a recording of the place in which nothing happens as the class `background`:
/// events are told from it. Without that class, all sound belongs to one event or another.
///
/// A sensor's learner that was taught one class, such as `normal`, monitors a machine: each
/// line is a block of some minutes, and its kind is unknown if it is an alarm.
///
/// With --windows, each line is one decision: the time at which its window ends, the label
/// and the confidence. The label is null if no class reaches --min-confidence.
///
/// The latest audio of a live source (mic, stdin, serial, a network stream) can be taught
/// by `afield teach LABEL --last 2s` in another terminal. Except with stdin, you can also type a label and
/// Enter here to teach the latest window. After every four examples that are taught meanwhile,
/// a note names those that may have a wrong label; see `afield doubts`.
///
/// A microphone needs a build with `--features mic`. --rate sets the sampling rate of a
/// device on a serial line.
///
/// A network stream (rtsp, http, HLS, udp, tcp) is decoded by your own ffmpeg. If it is
/// lost, afield connects again after 1 to 60 s. User and password in its address are shown
/// nowhere.
///
/// For devices, each line has lost samples ("lost"), latency ("latency_ms") and overruns
/// of the system's buffer ("overruns"). Changes appear on stderr. `afield status` shows
/// all values.
///
/// With --gate, the backbone pauses while only the background is heard, which ends an
/// event. With --windows, one line with "quiet": true appears, then none until a sound
/// occurs. Decisions with sound in their window are the same as without --gate.
///
/// The background of --gate is the quietest moment of the last five minutes, so a longer sound
/// without a pause counts as background. It is known ten seconds after the start or a
/// gap; until then, the gate is open.
///
/// Under systemd (Type=notify, WatchdogSec=), each chunk of samples resets the watchdog.
/// If a live source ends, the exit status is 4.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield listen --source mic --learner box\n  \
    afield listen --source wav:morning.flac --learner birds\n  \
    afield listen --source wav:morning.flac --output raven --learner birds > morning.txt\n  \
    afield listen --source mic --clips heard/ --learner box\n  \
    arecord -f S16_LE -r 16000 -c 1 | afield listen --source stdin --learner birds\n  \
    imu-logger | afield listen --source stdin --rate 50 --window 3 --learner watch\n  \
    afield listen --source dir:labelled/ --learn --learner birds\n  \
    afield listen --source serial:/dev/ttyACM0 --learner pump\n  \
    afield listen --source rtsp://camera/audio --learner birds")]
pub struct ListenArgs {
    /// Source: mic, wav:FILE, csv:FILE, stdin, dir:DIR, serial:PATH or a stream's address
    ///
    /// mic or mic:NAME is a microphone (see `afield devices`), wav:FILE is any audio
    /// file, and csv:FILE is a sensor table or JSON lines. stdin is raw PCM or WAV, or a
    /// sensor table or JSON lines, as the backbone requires. dir:DIR is a folder of
    /// recordings; serial:PATH or serial:PATH@BAUD is a device on a serial line (see
    /// `afield ports`). rtsp://..., rtsps, http, https, udp or tcp is a network stream,
    /// decoded by your own ffmpeg.
    #[arg(long, value_name = "SOURCE", value_parser = SourceParser)]
    source: SourceSpec,

    /// Format of raw PCM on stdin: encoding:rate:channels. A WAV header on stdin replaces
    /// it
    #[arg(long, default_value = "s16le:16000:1", value_name = "FORMAT", value_parser = hints::parse::<PcmFormat>)]
    format: PcmFormat,

    #[command(flatten)]
    sensor: SensorArgs,

    /// Read text from the serial line: a table (CSV), JSON lines or NMEA sentences
    #[arg(long)]
    lines: bool,

    /// Learn each clip of dir:DIR after its decision; the name of its folder is the label
    #[arg(long)]
    learn: bool,

    /// Print one JSON line per decision instead of one per event
    #[arg(long, conflicts_with = "learn")]
    windows: bool,

    /// Format of events: jsonl, csv, raven (a selection table) or audacity (a label track)
    #[arg(
        long,
        value_enum,
        default_value_t = Output::Jsonl,
        value_name = "FORMAT",
        hide_possible_values = true,
        conflicts_with = "learn"
    )]
    output: Output,

    /// Write the sound of each event to this folder, as DIR/LABEL/START_LABEL.wav
    #[arg(long, value_name = "DIR", conflicts_with_all = ["learn", "windows"])]
    clips: Option<PathBuf>,

    /// Keep the sounds or movements that are unknown or unlike the taught clips, to be answered
    /// by `afield queue`
    #[arg(long, conflicts_with_all = ["learn", "windows"])]
    ask: bool,

    /// keep: keep the quietest moments in the learner's folder, for `afield soundscape record`
    ///
    /// Of all the time that is listened, up to 30 moments of 4 s stay, and nowhere else.
    #[arg(long, value_enum, value_name = "keep", hide_possible_values = true)]
    soundscape: Option<KeepSoundscape>,

    /// With --clips, how much of what came before an event is in its clip, up to 10s
    #[arg(long, default_value = "500ms", value_name = "TIME", value_parser = pre_roll, requires = "clips")]
    pre_roll: Duration,

    /// With --clips, the most clips of each class; the oldest are deleted
    #[arg(long, default_value = "100", value_name = "N", value_parser = at_least_one, requires = "clips")]
    clips_per_class: usize,

    /// With --clips, the most bytes of all clips; the oldest are deleted
    #[arg(long, default_value = "500MB", value_name = "SIZE", value_parser = size, requires = "clips")]
    clips_bytes: u64,

    /// Length of the window of a decision, in seconds [default: the decision window that was
    /// taught, or the median length of the taught clips]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    window: Option<f64>,

    /// Time between decisions, in seconds [default: 0.5, or a quarter of a decision window
    /// of the backbone's card if that is shorter]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    every: Option<f64>,

    /// Stop listening to a device after this time, such as 30s or 2h [default: no limit]
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// Lowest probability, 0 to 1, at which an event or decision names a label [default: 0.5
    /// for taught classes; for published ones, that of the backbone's card]
    #[arg(long, value_name = "P", value_parser = probability)]
    min_confidence: Option<f32>,

    /// False alarms to allow: sounds never taught that are told as a taught class, such as
    /// 2/day or 1/hour
    ///
    /// What is too unlike the taught clips is unknown. How unlike follows from this number, from
    /// the taught classes, each as if it had not been taught, and from the unknown events that
    /// are heard. At most about an eighth of the sounds of taught classes is lost by it. Not with published
    /// classes. Of a sensor with one class: alarms of a healthy machine.
    #[arg(
        long,
        default_value_t = AlarmRate(2.0),
        value_name = "RATE",
        value_parser = str::parse::<AlarmRate>,
        conflicts_with_all = ["windows", "learn"]
    )]
    false_alarms: AlarmRate,

    /// p-value, 0 to 1, below which an event is unknown: about the share of events of taught
    /// classes that are then called unknown [default: by --false-alarms]
    #[arg(
        long,
        value_name = "P",
        value_parser = probability,
        conflicts_with_all = ["windows", "learn", "false_alarms"]
    )]
    unknown_below: Option<f32>,

    /// With --learn, when an example becomes durable: immediate (before its line is
    /// printed) or batched:SECONDS (with all others of that time)
    #[arg(long, default_value = "immediate", value_name = "WHEN", value_parser = durability)]
    durability: Durability,

    /// Decide only while a sound exceeds the background by DB decibels; 2 without a
    /// number
    #[arg(
        long,
        value_name = "DB",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = decibels,
        conflicts_with = "learn"
    )]
    gate: Option<f32>,

    #[command(flatten)]
    start: StartArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// What happens with quiet moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeepSoundscape {
    Keep,
}

/// Of a live source no more is kept than this before an event.
const LONGEST_PRE_ROLL: Duration = Duration::from_secs(10);

fn pre_roll(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time <= LONGEST_PRE_ROLL {
        true => Ok(time),
        false => Err("at most 10s is kept before an event".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: ListenArgs, places: &Places) -> Result<()> {
    let engine = args.place.open_naming_from(args.min_confidence, places)?;
    if args.duration.is_some() && !args.source.is_device() && !args.learn {
        bail!(
            "--for: only a device sends without end\nhint: give --source mic, serial:PATH or a stream's address"
        );
    }
    if args.lines && args.source.port().is_none() {
        bail!(
            "--lines: only a device on a serial line can print lines\nhint: give --source serial:PATH, or leave --lines out"
        );
    }
    if args.learn {
        return learn(&engine, &args);
    }
    let mut lines = args.event_lines(&engine)?;
    let mut clips = args.open_clips(&engine)?;
    let default = ListenOptions::default();
    let options = ListenOptions {
        window_seconds: args.window,
        every_seconds: args.every,
        false_alarms_per_day: args.false_alarms.0,
        unknown_below: args.unknown_below,
        windows: args.windows,
        keep_samples: args.clips.is_some() || args.ask,
        keep_quiet: args.soundscape == Some(KeepSoundscape::Keep),
        gate_db: args.gate,
        start: args.start.start,
        source: args.source_options(),
        min_confidence: args.min_confidence.unwrap_or(default.min_confidence),
    };
    let spec = args.source.clone();
    let live = spec.is_live();
    let opened = engine.listen_with(spec, options);
    let mut listening = opened.map_err(|error| match error {
        // Errors about other options than the source already name the option.
        Error::Source(SourceError::Option { .. }) | Error::Option(_) => error.into(),
        error => anyhow::Error::new(error).context("--source"),
    })?;
    let mut watchdog = Watchdog::ready();
    if let Some(introduction) = listening.introduction() {
        eprintln!("{introduction}");
    }
    let typed = match live && !args.source.is_stdin() {
        true => Typed::begin(listening.span()),
        false => None,
    };
    let mut corrections = engine.corrections();
    let started = Instant::now();
    let monitors = engine.card().sensor().is_some() && engine.classes().len() == 1;
    let mut lacks_background = !args.windows && !monitors && !knows_background(&engine);
    let mut out = io::stdout().lock();
    lines.begin(&mut out).map_err(|e| gone(e.into(), live))?;
    loop {
        for note in listening.notes() {
            eprintln!("note: {note}");
        }
        let more = listening.step()?;
        if std::mem::take(&mut lacks_background) {
            let means = match engine.card().classes {
                Some(_) => "sounds that no class fits are not given as events",
                None => "events cannot be told from background",
            };
            eprintln!(
                "note: no class background is taught: {means}; teach it (`afield teach background FILE`)"
            );
        }
        if !listening.is_idle() {
            watchdog.alive();
        }
        let health = listening.health();
        for event in listening.drain() {
            let written = lines.write(&mut out, &event, health.as_ref());
            written.map_err(|e| gone(e.into(), live))?;
            let mut kept = clips.as_mut().map_or(Ok(()), |clips| clips.keep(&event));
            if args.ask && kept.is_ok() {
                kept = engine.ask(&event).map(|_| ()).context("--ask");
            }
            match kept {
                // A device goes on: the disk may have room again.
                Err(error) if live => eprintln!("note: {}", super::message(&error)),
                kept => kept?,
            }
        }
        // Readers want each line at once.
        out.flush().map_err(|error| gone(error.into(), live))?;
        for report in listening.reports() {
            eprintln!("{report}");
        }
        if let Some(typed) = &typed {
            typed.teach(&engine, &listening);
        }
        note_doubtful(corrections.doubtful());
        if !more {
            break;
        }
        if args.duration.is_some_and(|most| started.elapsed() >= most) {
            listening.finish()?;
        }
    }
    for note in listening.notes() {
        eprintln!("note: {note}");
    }
    let is_over = |most| started.elapsed() >= most;
    if !live || args.duration.is_some_and(is_over) {
        return Ok(());
    }
    let seconds = listening.decided().as_secs_f64();
    Err(Ended(format!(
        "{} ended: the last decision was at {seconds:.1} s",
        args.source
    ))
    .into())
}

fn knows_background(engine: &Engine) -> bool {
    let classes = engine.classes();
    classes.iter().any(|class| class.label == Label::BACKGROUND)
}

/// Listening to a live source ended, and nobody asked for it.
#[derive(Debug)]
pub struct Ended(String);

impl std::error::Error for Ended {}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error that `error` is on writing a line: for a live source, a reader that is gone ends
/// a service.
fn gone(error: anyhow::Error, live: bool) -> anyhow::Error {
    let is_closed = super::is_closed_pipe(&error);
    match live && is_closed {
        true => Ended("nothing reads the output any more".to_owned()).into(),
        false => error,
    }
}

/// One clip that was decided on and then learned, as a line of output.
#[derive(Serialize)]
struct LearnedLine<'a> {
    time: f64,
    label: Option<&'a Label>,
    confidence: f32,
    truth: &'a Label,
    path: &'a str,
}

/// Decides on each clip, then learns it.
fn learn(engine: &Engine, args: &ListenArgs) -> Result<()> {
    args.sensor.check(engine.card())?;
    let clips = args
        .source
        .recordings(engine.recorded())
        .context("--source")?;
    if let Some(clip) = clips.iter().find(|clip| clip.label.is_none()) {
        bail!(
            "--learn: no label comes with {}\nhint: give dir:DIR with one folder a class, or `afield teach LABEL FILE`",
            clip.path.display()
        );
    }
    if clips.is_empty() {
        bail!(
            "--learn: no labels come with a live stream\nhint: give --source dir:DIR with one folder a class"
        );
    }
    let corrections = engine.corrections();
    let mut lesson = engine.lesson(args.durability)?;
    // Each label comes by itself, as from a user.
    lesson.despite_doubts();
    engine.backbone()?;
    let mut out = io::stdout().lock();
    let mut time = 0.0;
    for clip in &clips {
        let Some(truth) = &clip.label else { continue };
        let name = clip.path.display().to_string();
        let mut recording = Recording::open_with(&clip.path, &args.sensor.format())?;
        let embeddings = engine
            .embed_to_teach(&mut recording)
            .with_context(|| name.clone())?;
        note(&embeddings.notes, &name);
        let prediction = engine.predict_embeddings(&embeddings)?;
        note_look_alike(engine, truth);
        lesson
            .teach_embeddings(truth, &embeddings, &recording)
            .with_context(|| name.clone())?;
        time += embeddings.duration.as_secs_f64();
        let best = prediction.best();
        let line = LearnedLine {
            time,
            label: best.map(|(label, _)| label),
            confidence: best.map_or(0.0, |(_, p)| p),
            truth,
            path: &name,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
        out.flush()?;
    }
    lesson.finish()?;
    note_doubtful(corrections.finish());
    Ok(())
}

impl ListenArgs {
    /// How events are printed.
    fn event_lines(&self, engine: &Engine) -> Result<EventLines> {
        if self.windows && self.output != Output::Jsonl {
            bail!("--output: windows are printed as jsonl\nhint: leave --windows or --output out");
        }
        let is_live = self.source.is_live();
        if self.output.is_of_one_recording()
            && !is_live
            && self
                .source
                .recordings(engine.recorded())
                .context("--source")?
                .len()
                != 1
        {
            bail!(
                "--output: a selection table or label track is of one recording\nhint: give --source wav:FILE, or --output csv"
            );
        }
        Ok(EventLines {
            output: (!self.windows).then_some(self.output),
            is_live,
            highest_hz: f64::from(engine.card().sample_rate.hz()) / 2.0,
            written: 0,
        })
    }

    /// The folder of clips, if one is named.
    fn open_clips(&self, engine: &Engine) -> Result<Option<EventClips>> {
        let Some(folder) = &self.clips else {
            return Ok(None);
        };
        if engine.recorded() == Recorded::Sensor {
            bail!(
                "--clips: clips are sound; {} takes a sensor\nhint: leave --clips out, and cut the table by the times of the events",
                engine.card().name
            );
        }
        EventClips::open(
            folder,
            self.clips_per_class,
            self.clips_bytes,
            self.pre_roll,
        )
        .map(Some)
    }

    fn source_options(&self) -> SourceOptions {
        SourceOptions {
            pcm: self.format,
            sensor: self.sensor.format(),
            serial_lines: self.lines,
        }
    }
}

/// Parses a source. Unlike clap's own message, its error does not repeat the value, which may hold
/// a password.
#[derive(Debug, Clone)]
struct SourceParser;

impl TypedValueParser for SourceParser {
    type Value = SourceSpec;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<SourceSpec, clap::Error> {
        hints::parse(&value.to_string_lossy()).map_err(|error| {
            let text = format!("invalid value for '--source <SOURCE>': {error}\n");
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, text).with_cmd(command)
        })
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("expected seconds above 0, up to 3600".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number above 0".to_owned()),
    }
}

fn decibels(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(db) if db > 0.0 && db <= 60.0 => Ok(db),
        _ => Err("expected decibels above 0, up to 60".to_owned()),
    }
}

pub fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("expected a probability from 0 to 1".to_owned()),
    }
}
