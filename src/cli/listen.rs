//! `afield listen`: a stream in, decisions out as they are made.

use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use afield::backbone::{Backbone, Mode};
use afield::control::{Durability, Session, Watchdog, hear};
use afield::decision::Threshold;
use afield::model::Card;
use afield::pipeline::{EmbeddingStream, Event, Gate, Listener, Window};
use afield::signal::{Chunk, Decision, Label};
use afield::source::{
    JsonLines, LabelledClip, LinkStatus, LiveSource, PcmFormat, PcmReader, PortName, Recorded,
    SerialSource, Source, open_recording,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::durability::durability;
use super::learner::{LearnerPlace, load_backbone, now_unix_ms};
use super::model::Places;
use super::recording::{SensorArgs, kind, labelled, note};

/// Listen to a stream and say what is heard, one JSON line a decision
///
/// Each line has the time in seconds at which the stretch of sound ended, the
/// label (null when nothing is probable enough) and the confidence. What
/// another `afield teach` stores meanwhile counts from the next decision on.
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
    afield listen --source wav:morning.flac --learner birds\n  \
    arecord -f S16_LE -r 16000 -c 1 | afield listen --source stdin --learner birds\n  \
    imu-logger | afield listen --source stdin --rate 50 --window 3 --learner watch\n  \
    afield listen --source dir:labelled/ --learn --learner birds\n  \
    afield listen --source serial:/dev/ttyACM0 --learner pump")]
pub struct ListenArgs {
    /// What to listen to: wav:FILE (any audio file), csv:FILE (a table of a sensor, or
    /// its JSON lines), stdin (raw PCM, or JSON lines of a sensor, as the backbone
    /// reads), dir:DIR, serial:PATH or serial:PATH@BAUD (a device, see `afield ports`)
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
}

/// Runs the command.
pub fn run(args: ListenArgs, places: &Places) -> Result<()> {
    let mut session = args.place.open()?;
    let card = session.card().clone();
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
        SourceName::Stdin | SourceName::Serial(_) => Vec::new(),
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
    if args.duration.is_some() && !matches!(args.source, SourceName::Serial(_)) {
        bail!("--for: only a device sends without end\nhint: give --source serial:PATH");
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
        live: false,
        watchdog: Watchdog::ready(),
    };
    if let SourceName::Stdin = args.source {
        // Live sound does not wait; files do, and give the same lines every time.
        ear.session.solve_in_background();
        ear.live = true;
        if kind(&ear.card) == Recorded::Sensor {
            let mut lines = JsonLines::new(io::stdin(), "stdin", &args.sensor.format())?;
            return ear.listen(&mut lines, None);
        }
        return ear.listen(&mut PcmReader::new(io::stdin().lock(), args.format), None);
    }
    if let SourceName::Serial(port) = &args.source {
        ear.session.solve_in_background();
        ear.live = true;
        return ear.attend(
            &mut SerialSource::open(port).context("--source")?,
            args.duration,
        );
    }
    for clip in &clips {
        let name = clip.path.display().to_string();
        let mut source = args.sensor.open(&clip.path)?;
        ear.listen(&mut *source, Some(&name))
            .with_context(|| name.clone())?;
    }
    Ok(())
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
}

impl Ear {
    fn listener(&self, source: &dyn Source) -> Result<Listener> {
        let (rate, channels) = (source.rate(), source.channels());
        let stream = EmbeddingStream::of_channels(&self.card, &self.backbone, rate, channels)?;
        let mut listener = Listener::new(&self.card, stream, rate, self.window, self.threshold);
        if self.live {
            listener = listener.prompt();
        }
        if let Some(margin_db) = self.gate {
            listener = listener.gated(Gate::new(&self.card, margin_db));
        }
        Ok(listener)
    }

    fn listen(&mut self, source: &mut dyn Source, path: Option<&str>) -> Result<()> {
        let mut listener = self.listener(source)?;
        let mut chunk = Chunk::default();
        let mut events = Vec::new();
        while source.read(&mut chunk)? {
            self.session.step(&mut listener, &chunk, &mut events)?;
            self.watchdog.alive();
            print(&events, path, None)?;
            (events.drain(..)).for_each(|event| listener.recycle(event));
        }
        self.session.finish(&mut listener, &mut events)?;
        note(source, path.unwrap_or("stdin"));
        print(&events, path, None)
    }
}

/// How often a link that loses samples is spoken of.
const REPORT_EVERY: Duration = Duration::from_secs(10);

impl Ear {
    /// Listens to a device for so long, or until it is stopped; decisions are shown
    /// on it.
    fn attend(&mut self, source: &mut SerialSource, duration: Option<Duration>) -> Result<()> {
        let info = source.info();
        let hz = f64::from(info.rate_mhz) / 1_000.0;
        eprintln!("{}: {} channels at {hz} Hz", info.name, info.channels.len());
        let mut listener = self.listener(source)?;
        let (mut chunk, mut events) = (Chunk::default(), Vec::new());
        let started = Instant::now();
        let (mut said, mut said_at) = (LinkStatus::default(), started);
        while source.read(&mut chunk)? {
            let status = source.status();
            self.session.step(&mut listener, &chunk, &mut events)?;
            self.watchdog.alive();
            print(&events, None, Some(&status))?;
            if let Some(Event {
                decision: Decision::Known { label, confidence },
                ..
            }) = events.last()
            {
                source.show(label.as_str(), (confidence * 100.0) as u8);
            }
            (events.drain(..)).for_each(|event| listener.recycle(event));
            let due = said_at.elapsed() >= REPORT_EVERY;
            if status.connected != said.connected || due && is_worse(&status, &said) {
                eprintln!("{}", account(&status));
                (said, said_at) = (status, Instant::now());
            }
            if duration.is_some_and(|duration| started.elapsed() >= duration) {
                break;
            }
        }
        self.session.finish(&mut listener, &mut events)?;
        let status = source.status();
        print(&events, None, Some(&status))?;
        eprintln!("{}", account(&status));
        Ok(())
    }
}

/// Whether something was lost since.
fn is_worse(now: &LinkStatus, before: &LinkStatus) -> bool {
    let lost = |status: &LinkStatus| status.lost_samples + status.overrun_samples + status.damaged;
    lost(now) > lost(before) || now.reconnects > before.reconnects
}

/// What a link has seen, for people.
fn account(status: &LinkStatus) -> String {
    let state = if status.connected {
        "connected"
    } else {
        "no connection"
    };
    let drift = match status.drift_ppm {
        Some(ppm) => format!("{ppm:+.0} ppm"),
        None => "unknown yet".to_owned(),
    };
    format!(
        "{state}: {} samples, {} lost ({} dropped by the device, {} by us); {} frames, {} lost, \
         {} damaged; {} reconnects; latency {:.1} ms, at most {:.1}; clock drift {drift}",
        status.samples,
        status.lost_samples + status.overrun_samples,
        status.dropped_by_device,
        status.overrun_samples,
        status.frames,
        status.lost_frames,
        status.damaged,
        status.reconnects,
        status.latency_us as f64 / 1e3,
        status.latency_most_us as f64 / 1e3,
    )
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
}

fn print(events: &[Event], path: Option<&str>, link: Option<&LinkStatus>) -> Result<()> {
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
            lost: link.map(|link| link.lost_samples + link.overrun_samples),
            latency_ms: link.map(|link| link.latency_us as f64 / 1e3),
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
            None if text == "stdin" => Ok(Self::Stdin),
            _ => Err("expected wav:FILE, csv:FILE, stdin, dir:DIR or serial:PATH".to_owned()),
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
