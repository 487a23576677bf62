//! `afield listen`: a stream in, decisions out as they are made.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use afield::backbone::{Backbone, Mode};
use afield::decision::Threshold;
use afield::engine::{Durability, Session, Watchdog, hear};
use afield::model::Card;
use afield::pipeline::{Decider, Embedder, Event, Gate, Window};
use afield::signal::{Chunk, Decision, Label};
use afield::source::{
    Health, JsonLines, LabelledClip, LiveSource, Microphone, PcmFormat, PcmReader, PortName,
    Recorded, SerialSource, Source, open_recording,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::durability::durability;
use super::learner::{LearnerPlace, load_backbone, now_unix_ms};
use super::live_teaching::LiveTeaching;
use super::model::Places;
use super::recording::{SensorArgs, kind, labelled, note};

/// Listen to a stream and say what is heard, one JSON line a decision
///
/// Each line has the time in seconds at which the stretch of sound ended, the
/// label (null when nothing is probable enough) and the confidence. What
/// another `afield teach` stores meanwhile counts from the next decision on.
///
/// What a live source (mic, stdin, serial) just gave can be taught: by `afield teach
/// LABEL --last 2s` in another terminal, or, unless the source is stdin, by typing a
/// label and Enter here, which teaches as much as one decision looks back on.
///
/// A microphone needs a build with `--features mic`. What was lost and how late samples
/// come is told of devices on stderr, when something changes, in each line ("lost"
/// samples, "latency_ms", and "overruns" of the system's buffer), and by `afield status`.
/// A device on a serial line is asked to sample as often as --rate says.
///
/// With --gate the backbone sleeps while nothing but the background is heard.
/// One line with "quiet": true then says so, and no other comes until there is
/// sound; decisions with sound in their window are the same as without. The
/// background is the quietest moment of the last five minutes, so a sound that
/// goes on for longer without a pause counts as background. It is known ten
/// seconds after the start, or a gap; until then all is decided.
///
/// Under systemd (Type=notify, WatchdogSec=) every stretch of sound is a sign of
/// life.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield listen --source mic --learner box\n  \
    afield listen --source wav:morning.flac --learner birds\n  \
    arecord -f S16_LE -r 16000 -c 1 | afield listen --source stdin --learner birds\n  \
    imu-logger | afield listen --source stdin --rate 50 --window 3 --learner watch\n  \
    afield listen --source dir:labelled/ --learn --learner birds\n  \
    afield listen --source serial:/dev/ttyACM0 --learner pump")]
pub struct ListenArgs {
    /// What to listen to: mic or mic:NAME (a microphone, see `afield devices`), wav:FILE
    /// (any audio file), csv:FILE (a table of a sensor, or its JSON lines), stdin (raw
    /// PCM, or JSON lines of a sensor, as the backbone reads), dir:DIR, serial:PATH or
    /// serial:PATH@BAUD (a device, see `afield ports`)
    #[arg(long, value_name = "SOURCE")]
    source: SourceName,

    /// Raw PCM on stdin: encoding:rate:channels
    #[arg(long, default_value = "s16le:16000:1", value_name = "FORMAT")]
    format: PcmFormat,

    #[command(flatten)]
    sensor: SensorArgs,

    /// Learn each clip after deciding on it; its label is the name of its
    /// folder under dir:DIR
    #[arg(long)]
    learn: bool,

    /// Seconds of sound that one decision looks back on [default: the median
    /// length of the taught clips]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    window: Option<f64>,

    /// Seconds between decisions
    #[arg(long, default_value = "0.5", value_name = "SECONDS", value_parser = seconds)]
    every: f64,

    /// Stop listening to a device after so long, as in 30s or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// Probability, 0 to 1, below which the label is null
    #[arg(long, default_value_t = 0.5, value_name = "P", value_parser = probability)]
    min_confidence: f32,

    /// With --learn, when an example is on the disk: immediate (before its line
    /// is printed), or batched:SECONDS (together with all of that time)
    #[arg(long, default_value = "immediate", value_name = "WHEN", value_parser = durability)]
    durability: Durability,

    /// Decide only where something is louder than the background, by this many
    /// decibels; without a number by 2
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
    place: LearnerPlace,
}

/// What can be listened to.
#[derive(Debug, Clone)]
enum SourceName {
    File(PathBuf),
    Stdin,
    Folder(PathBuf),
    Serial(PortName),
    /// By name, or the default one.
    Microphone(Option<String>),
}

/// Runs the command.
pub fn run(args: ListenArgs, places: &Places) -> Result<()> {
    let mut session = args.place.open()?;
    let card = session.card().clone();
    args.sensor.check(&card)?;
    if args.gate.is_some() && kind(&card) == Recorded::Sensor {
        bail!(
            "--gate is for sound, {} reads a sensor\nhint: leave it out",
            card.name
        );
    }
    let backbone = load_backbone(&card, places, Mode::Auto)?;
    let clips = match &args.source {
        SourceName::Folder(folder) => labelled(folder, &card).context("--source")?,
        SourceName::File(path) => vec![LabelledClip {
            path: path.clone(),
            label: None,
        }],
        SourceName::Stdin | SourceName::Serial(_) | SourceName::Microphone(_) => Vec::new(),
    };
    if args.learn {
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
        session.set_durability(args.durability)?;
        session.begin_command();
        learn(&mut session, &card, &backbone, &clips, &args.sensor)?;
        return Ok(session.close()?);
    }
    let device = matches!(
        args.source,
        SourceName::Serial(_) | SourceName::Microphone(_)
    );
    if args.duration.is_some() && !device {
        bail!("--for: only a device sends without end\nhint: give --source mic or serial:PATH");
    }
    let span = match args.window {
        Some(seconds) => seconds,
        None => session.median_clip_seconds()?.unwrap_or(0.0),
    };
    let window = Window::spanning(&card, span, args.every);
    let threshold = Threshold::new(args.min_confidence);
    let mut ear = Ear {
        session,
        card,
        backbone,
        window,
        threshold,
        gate: args.gate,
        live: !matches!(args.source, SourceName::File(_) | SourceName::Folder(_)),
        watchdog: Watchdog::ready(),
        dir: args.place.dir().to_owned(),
    };
    if ear.live {
        // Live sound does not wait; files do, and give the same lines every time.
        ear.session.solve_in_background();
        let mut source = live_source(&args.source, args.format, &args.sensor, &ear.card)?;
        return ear.attend(&mut *source, &args.source, args.duration);
    }
    for clip in &clips {
        let name = clip.path.display().to_string();
        let mut source = args.sensor.open(&clip.path)?;
        ear.listen(&mut *source, Some(&name))
            .with_context(|| name.clone())?;
    }
    Ok(())
}

/// A source that goes on as long as it likes, open.
fn live_source(
    name: &SourceName,
    format: PcmFormat,
    sensor: &SensorArgs,
    card: &Card,
) -> Result<Box<dyn Source>> {
    let of_sensor = kind(card) == Recorded::Sensor;
    Ok(match name {
        SourceName::Serial(_) if sensor.chooses_columns() => bail!(
            "--columns: a device says itself what its channels are\nhint: leave it out; `afield ports --probe` tells them"
        ),
        SourceName::Serial(port) => {
            let source = SerialSource::open(port, sensor.format().rate);
            Box::new(source.context("--source")?)
        }
        SourceName::Microphone(_) if of_sensor => bail!(
            "--source mic: {} reads a sensor\nhint: make a learner on a backbone for sound",
            card.name
        ),
        SourceName::Microphone(name) => {
            let microphone = Microphone::open(name.as_deref(), card.sample_rate);
            Box::new(microphone.context("--source")?)
        }
        _ if of_sensor => Box::new(JsonLines::new(io::stdin(), "stdin", &sensor.format())?),
        _ => Box::new(PcmReader::new(io::stdin().lock(), format)),
    })
}

/// What one signal after the other is listened to with.
struct Ear {
    session: Session,
    card: Card,
    backbone: Backbone,
    window: Window,
    threshold: Threshold,
    gate: Option<f32>,
    live: bool,
    watchdog: Watchdog,
    dir: PathBuf,
}

impl Ear {
    fn stages(&self, source: &dyn Source) -> Result<(Embedder, Decider)> {
        let (rate, channels) = (source.rate(), source.channels());
        let mut embedder = Embedder::new(&self.card, &self.backbone, rate, channels)?;
        if let Some(margin_db) = self.gate {
            embedder = embedder.gated(Gate::new(&self.card, margin_db));
        }
        let mut decider = Decider::new(self.window, self.threshold);
        if self.live {
            decider = decider.prompt();
        }
        Ok((embedder, decider))
    }

    fn listen(&mut self, source: &mut dyn Source, path: Option<&str>) -> Result<()> {
        let (mut embedder, mut decider) = self.stages(source)?;
        let mut chunk = Chunk::default();
        let mut events = Vec::new();
        while source.read(&mut chunk)? {
            self.session
                .step(&mut embedder, &mut decider, &chunk, &mut events)?;
            self.watchdog.alive();
            print(&events, path, None)?;
            (events.drain(..)).for_each(|event| decider.recycle(event));
        }
        self.session
            .finish(&mut embedder, &mut decider, &mut events)?;
        note(source, path.unwrap_or("stdin"));
        print(&events, path, None)
    }
}

/// How often a device that loses samples is spoken of.
const REPORT_EVERY: Duration = Duration::from_secs(10);

impl Ear {
    /// Listens to a live source, for so long or until it ends or is stopped. What it gives can be
    /// taught meanwhile; decisions are shown on it where it is a device.
    fn attend(
        &mut self,
        source: &mut dyn Source,
        name: &SourceName,
        duration: Option<Duration>,
    ) -> Result<()> {
        if let Some(device) = source.live() {
            eprintln!("{}", device.introduction());
        }
        let (mut embedder, mut decider) = self.stages(source)?;
        let (mut chunk, mut events) = (Chunk::default(), Vec::new());
        let typed = !matches!(name, SourceName::Stdin);
        let (name, span) = (name.to_string(), self.window.span(&self.card));
        let teaching = LiveTeaching::begin(source, &name, &self.dir, span, typed);
        let started = Instant::now();
        let mut report = Report::default();
        while source.read(&mut chunk)? {
            self.session
                .step(&mut embedder, &mut decider, &chunk, &mut events)?;
            self.watchdog.alive();
            let health = source.live().map(LiveSource::health);
            print(&events, None, health.as_ref())?;
            if let Some(Event {
                decision: Decision::Known { label, confidence },
                ..
            }) = events.last()
                && let Some(device) = source.live()
            {
                device.show(label.as_str(), (confidence * 100.0) as u8);
            }
            (events.drain(..)).for_each(|event| decider.recycle(event));
            teaching.hear(&chunk, &mut self.session, &self.card, &self.backbone);
            if let Some(device) = source.live() {
                report.of(device);
                teaching.note(device);
            }
            if duration.is_some_and(|duration| started.elapsed() >= duration) {
                break;
            }
        }
        self.session
            .finish(&mut embedder, &mut decider, &mut events)?;
        note(source, &name);
        print(
            &events,
            None,
            source.live().map(LiveSource::health).as_ref(),
        )?;
        if let Some(device) = source.live() {
            eprintln!("{}", device.account());
        }
        Ok(())
    }
}

/// When a device was last spoken of, and how it fared then.
struct Report {
    said: Health,
    at: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            said: Health::default(),
            at: Instant::now(),
        }
    }
}

impl Report {
    /// Speaks of a device that came or went, or lost something, but not all the time.
    fn of(&mut self, device: &dyn LiveSource) {
        let health = device.health();
        let due = self.at.elapsed() >= REPORT_EVERY && health.troubles > self.said.troubles;
        if health.connected != self.said.connected || due {
            eprintln!("{}", device.account());
            (self.said, self.at) = (health, Instant::now());
        }
    }
}

/// One decision, as a line of output.
#[derive(Serialize)]
struct DecisionLine<'a> {
    time: f64,
    start: f64,
    label: Option<&'a Label>,
    confidence: f32,
    /// True on the line that begins a quiet stretch, else not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// Of a device: samples lost so far, and how late the latest came.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overruns: Option<u64>,
}

fn print(events: &[Event], path: Option<&str>, health: Option<&Health>) -> Result<()> {
    let mut out = io::stdout().lock();
    for event in events {
        let (label, confidence) = match &event.decision {
            Decision::Known { label, confidence } => (Some(label), *confidence),
            Decision::Abstain | Decision::Quiet => {
                (None, event.scores.best().map_or(0.0, |(_, p)| p))
            }
        };
        let line = DecisionLine {
            time: event.end.as_secs_f64(),
            start: event.start.as_secs_f64(),
            label,
            confidence,
            quiet: (event.decision == Decision::Quiet).then_some(true),
            path,
            lost: health.map(|health| health.lost_samples),
            latency_ms: health.map(|health| health.latency_us as f64 / 1e3),
            overruns: health.and_then(|health| health.overruns),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    // Whoever listens to us wants it now.
    Ok(out.flush()?)
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

/// Clip by clip: first decide, then learn.
fn learn(
    session: &mut Session,
    card: &Card,
    backbone: &Backbone,
    clips: &[LabelledClip],
    sensor: &SensorArgs,
) -> Result<()> {
    let mut out = io::stdout().lock();
    let mut time = 0.0;
    for clip in clips {
        let Some(truth) = &clip.label else { continue };
        let name = clip.path.display().to_string();
        let heard = hear(
            &mut *open_recording(&clip.path, &sensor.format())?,
            card,
            backbone,
        )
        .with_context(|| name.clone())?;
        session.catch_up()?;
        let best = session.predict(&heard)?.best();
        let said = best
            .and_then(|(class, _)| session.learner().classes().get(class))
            .cloned();
        session
            .teach(truth, &heard, &name, now_unix_ms())
            .with_context(|| name.clone())?;
        time += heard.duration.as_secs_f64();
        let line = LearnedLine {
            time,
            label: said.as_ref(),
            confidence: best.map_or(0.0, |(_, p)| p),
            truth,
            path: &name,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
        out.flush()?;
    }
    Ok(())
}

impl FromStr for SourceName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("wav" | "csv", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("serial", port)) => {
                let port = port.parse().map(Self::Serial);
                port.map_err(|error: afield::source::SourceError| error.to_string())
            }
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Folder(path.into())),
            Some(("mic", name)) if !name.is_empty() => Ok(Self::Microphone(Some(name.to_owned()))),
            None if text == "mic" => Ok(Self::Microphone(None)),
            None if text == "stdin" => Ok(Self::Stdin),
            _ => Err(
                "expected mic, mic:NAME, wav:FILE, csv:FILE, stdin, dir:DIR or serial:PATH"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "wav:{}", path.display()),
            Self::Folder(path) => write!(f, "dir:{}", path.display()),
            Self::Stdin => f.write_str("stdin"),
            Self::Serial(port) => write!(f, "serial:{port}"),
            Self::Microphone(None) => f.write_str("mic"),
            Self::Microphone(Some(name)) => write!(f, "mic:{name}"),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("expected seconds above 0, up to 3600".to_owned()),
    }
}

fn decibels(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(db) if db > 0.0 && db <= 60.0 => Ok(db),
        _ => Err("expected decibels above 0, up to 60".to_owned()),
    }
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("expected a probability from 0 to 1".to_owned()),
    }
}
