//! Listening: turns a source into an iterator of events, one for each sound or each window.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::alarms::Alarms;
use super::arrival::Arrival;
use super::event::{Audio, first_sample};
use super::heard::Heard;
use super::one_class::Monitor;
use super::place::{PlaceWatch, QuietMoments};
use super::{
    Engine, Error, Event, EventId, Lending, ListenOptions, OptionError, Recording, RetainedAudio,
};
use crate::decision::{PlaceChange, Segment, SegmentKind, Segmenter, SegmenterOptions, Threshold};
use crate::pipeline::{self, Decider, Embedder, Gate, Window};
use crate::signal::{Chunk, Micros, Timestamp};
use crate::source::{Health, LiveSource, Note, Piped, Recorded, Source, SourceSpec};

/// The time between two decisions if windows are not shorter than four times that.
const EVERY_SECONDS: f64 = 0.5;

/// Samples come late by less than this. A larger step back is a clock that was set.
const LATE_MS: i64 = 60_000;

/// The events of a source, begun by [`Engine::listen`].
///
/// As an iterator it waits for the next event. It reads a live source until the device ends. For
/// files it gives the same events each time. Use [`Self::step`] to read one chunk, if the caller
/// has other work in between.
///
/// The latest samples of a live source are kept. Other processes can request them and teach them
/// to this learner.
pub struct Listening {
    engine: Engine,
    options: ListenOptions,
    window: Window,
    /// Recordings that are not yet read, in reverse order.
    recordings: Vec<PathBuf>,
    /// A live source that is opened by the first step, and the pipe whose first bytes it waits for.
    unopened: Option<SourceSpec>,
    pipe: Option<Piped>,
    /// How the samples of a pipe or a network stream arrive, since the start.
    arrival: Option<Arrival>,
    began: Instant,
    /// Whether the latest step read nothing from a pipe.
    idle: bool,
    under_way: Option<Heard>,
    chunk: Chunk,
    made: Vec<pipeline::WindowDecision>,
    segments: Vec<Segment>,
    /// The false alarms to expect, between two sources.
    alarms: Option<Alarms>,
    /// The end of the latest window.
    decided: Micros,
    /// The latest change of the place.
    change: Option<PlaceChange>,
    /// Keeps quiet moments, if that was asked for.
    quiet: Option<QuietMoments>,
    /// The kept samples of the file that was read last.
    file_samples: Option<RetainedAudio>,
    events: VecDeque<Event>,
    /// The first part of the ids of events.
    origin: u64,
    number: u64,
    live: bool,
    notes: Vec<String>,
    reports: Vec<String>,
    /// The health of the device when its last chunk came.
    health: Option<Health>,
}

impl Listening {
    /// Listens to samples that the caller has opened.
    pub(super) fn to_recording(
        engine: Engine,
        recording: Recording,
        options: ListenOptions,
    ) -> Result<Self, Error> {
        let mut listening = Self::idle(engine, false, options)?;
        let name = recording.name().to_owned();
        listening.origin = listening.origin_of_files(&name);
        listening.hear(recording.into_source(), Arc::from(name))?;
        Ok(listening)
    }

    pub(super) fn begin(
        engine: Engine,
        spec: SourceSpec,
        options: ListenOptions,
    ) -> Result<Self, Error> {
        let kind = engine.recorded();
        options.source.check(kind)?;
        if options.gate_db.is_some() && kind == Recorded::Sensor {
            return Err(OptionError::GateOfSensor {
                backbone: engine.card().name.clone(),
            }
            .into());
        }
        if options.keep_quiet && kind == Recorded::Sensor {
            return Err(OptionError::SoundscapeOfSensor {
                backbone: engine.card().name.clone(),
            }
            .into());
        }
        let (live, is_stdin) = (spec.is_live(), spec.is_stdin());
        if live && options.start.is_some() {
            return Err(OptionError::StartOfSeveral.into());
        }
        let mut listening = Self::idle(engine, live, options)?;
        if listening.options.keep_quiet {
            listening.quiet = Some(QuietMoments::open(&listening.engine)?);
        }
        if live {
            // Live sources do not wait for a solve. Files do, and give the same events every time.
            listening.prepare()?;
            let now = listening.engine.now();
            listening.origin = u64::try_from(now).unwrap_or(0);
            // The header of a stream of sound comes with its first bytes: a caller need not wait
            // for them.
            let waits = kind == Recorded::Sound && is_stdin;
            let is_network = spec.is_network();
            listening.unopened = Some(spec);
            if waits {
                listening.pipe = Some(Piped::new(std::io::stdin()));
                listening.arrival = Some(Arrival::of_pipe(Duration::ZERO));
            } else {
                listening.open()?;
            }
            listening.began = Instant::now();
            if is_network {
                listening.arrival = Some(Arrival::of_network(Duration::ZERO));
            }
        } else {
            listening.origin = listening.origin_of_files(&spec.to_string());
            let clips = spec.recordings(kind)?;
            if listening.options.start.is_some() && clips.len() != 1 {
                return Err(OptionError::StartOfSeveral.into());
            }
            listening.recordings = clips.into_iter().map(|clip| clip.path).rev().collect();
        }
        Ok(listening)
    }

    /// A listener that hears nothing yet.
    fn idle(engine: Engine, live: bool, options: ListenOptions) -> Result<Self, Error> {
        engine.backbone()?;
        let window = listening_window(&engine, &options)?;
        Ok(Self {
            window,
            recordings: Vec::new(),
            unopened: None,
            pipe: None,
            arrival: None,
            began: Instant::now(),
            idle: false,
            under_way: None,
            chunk: Chunk::default(),
            made: Vec::new(),
            segments: Vec::new(),
            alarms: None,
            decided: Micros(0),
            change: None,
            quiet: None,
            file_samples: None,
            events: VecDeque::new(),
            origin: 0,
            number: 0,
            live,
            notes: Vec::new(),
            reports: Vec::new(),
            health: None,
            engine,
            options,
        })
    }

    /// Does what would make a live source wait later.
    fn prepare(&mut self) -> Result<(), Error> {
        let mut session = self.engine.session();
        session.solve_in_background();
        if !self.options.windows {
            let mut alarms = Alarms::new(&self.options, true);
            alarms.unknown_below(&mut session, Micros(0))?;
            self.alarms = Some(alarms);
        }
        Ok(())
    }

    /// Opens the live source that was asked for.
    fn open(&mut self) -> Result<(), Error> {
        let Some(spec) = self.unopened.take() else {
            return Ok(());
        };
        let (kind, rate) = (self.engine.recorded(), self.engine.card().sample_rate);
        let source = match self.pipe.take() {
            Some(pipe) => pipe.open(&self.options.source)?,
            None => spec.open_live(kind, rate, &self.options.source)?,
        };
        self.hear(source, Arc::from(spec.to_string()))
    }

    /// A number that is the same whenever the same files are read with the same windows, and
    /// differs otherwise: the first eight bytes of a sha256. Windows and events differ.
    fn origin_of_files(&self, spec: &str) -> u64 {
        let Window { rows, every_rows } = self.window;
        let gate = self.options.gate_db;
        let windows = self.options.windows;
        let text = format!("{spec} {rows} {every_rows} {gate:?} {windows}");
        let digest = Sha256::digest(text);
        u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Starts reading `source`.
    fn hear(&mut self, source: Box<dyn Source>, name: Arc<str>) -> Result<(), Error> {
        let (card, backbone) = (self.engine.card(), self.engine.backbone()?);
        let mut embedder = Embedder::new(card, backbone, source.rate(), source.channels())?;
        if let Some(margin_db) = self.options.gate_db {
            embedder = embedder.gated(Gate::new(card, margin_db));
        }
        let stage = Threshold::new(self.options.min_confidence);
        let mut decider = Decider::new(self.window, stage).keeping_vectors();
        if self.live {
            decider = decider.prompt();
        }
        let default = SegmenterOptions::default();
        let options = SegmenterOptions {
            unknown_below: (self.options.unknown_below).unwrap_or(default.unknown_below),
            min_confidence: self.options.min_confidence,
            ..default
        };
        let published = self
            .engine
            .published_listener(options, self.options.windows)?;
        let joins = published.is_none() && !self.options.windows;
        let monitor = match joins && self.options.window_seconds.is_none() {
            true => self.monitor()?,
            false => None,
        };
        let segmenter = joins.then(|| Segmenter::new(options));
        let known = self.alarms.take();
        let mut alarms = known.unwrap_or_else(|| Alarms::new(&self.options, self.live));
        alarms.restart();
        self.drop_samples();
        let options = &self.options;
        let is_kept = self.live || options.keep_samples || options.keep_quiet;
        let recent = is_kept.then(|| RetainedAudio::of(&*source, Instant::now()));
        if let (Some(recent), Some(device)) = (&recent, source.live()) {
            recent.note(device);
        }
        let audio = match &recent {
            Some(recent) if self.live => Audio::Live(recent.clone()),
            _ => Audio::File(Arc::new(self.options.source.sensor.clone()), recent.clone()),
        };
        let lending = match &recent {
            Some(recent) if self.live => self.lend(recent, &name),
            _ => None,
        };
        if !self.live {
            self.file_samples.clone_from(&recent);
        }
        self.under_way = Some(Heard {
            source,
            name,
            embedder,
            decider,
            segmenter,
            monitor,
            alarms,
            published,
            place: PlaceWatch::new(&self.engine, self.live),
            decided: Micros(0),
            recent,
            audio,
            began: None,
            latest: None,
            _lending: lending,
            reported: Health::default(),
            reported_at: Instant::now(),
            noted: Vec::new(),
            noted_at: None,
        });
        Ok(())
    }

    /// What judges the blocks of a source if the learner knows one class of a sensor.
    fn monitor(&mut self) -> Result<Option<Monitor>, Error> {
        let session = self.engine.session();
        let Some(known) = session.one_class()? else {
            return Ok(None);
        };
        let every = self.window.every_span(self.engine.card());
        let (per_day, below) = (
            self.options.false_alarms_per_day,
            self.options.unknown_below,
        );
        let monitor = Monitor::new(&session, known, per_day, below, every);
        drop(session);
        self.notes.extend(monitor.note());
        Ok(Some(monitor))
    }

    /// Drops the kept samples of the file that was read last. The engine may keep its events for
    /// long.
    fn drop_samples(&mut self) {
        if let Some(samples) = self.file_samples.take() {
            samples.clear();
        }
    }

    /// Serves the audio buffer to other processes, if that is possible.
    fn lend(&mut self, recent: &RetainedAudio, name: &str) -> Option<Lending> {
        match Lending::start(self.engine.dir(), recent.clone(), name) {
            Ok(lending) => Some(lending),
            Err(error) => {
                let why = format!("other processes cannot teach what is heard here: {error}");
                self.notes.push(why);
                None
            }
        }
    }

    /// Reads one chunk and makes the decisions that it completes. Returns whether there may be
    /// more input. [`Self::drain`] returns the events.
    ///
    /// # Errors
    /// [`Error`] if the source, the backbone or the log fails. The source is then closed.
    pub fn step(&mut self) -> Result<bool, Error> {
        let more = self.step_or_fail();
        if more.is_err() {
            self.under_way = None;
            self.recordings.clear();
        }
        more
    }

    fn step_or_fail(&mut self) -> Result<bool, Error> {
        self.idle = false;
        if let Some(pipe) = &mut self.pipe
            && !pipe.is_ready()?
        {
            self.idle = true;
            self.watch(0.0);
            return Ok(true);
        }
        self.open()?;
        if self.under_way.is_none() {
            let Some(path) = self.recordings.pop() else {
                return Ok(false);
            };
            let name: Arc<str> = Arc::from(path.display().to_string());
            // An error while a file is opened already contains its name.
            let source = crate::source::open_recording(&path, &self.options.source.sensor)?;
            let begun = self.hear(source, Arc::clone(&name));
            begun.map_err(|error| error.of(&name))?;
            if let Some(heard) = &mut self.under_way {
                heard.began = self
                    .options
                    .start
                    .or_else(|| self.engine.recorded_at(&path));
            }
        }
        let Some(heard) = &mut self.under_way else {
            return Ok(false);
        };
        let (made, segments) = (&mut self.made, &mut self.segments);
        let result = heard.advance(&self.engine, &mut self.chunk, made, segments);
        let result = if self.live {
            result
        } else {
            result.map_err(|error| error.of(&heard.name))
        };
        let ended = !result?;
        let seconds = heard.seconds(&self.chunk);
        self.idle = !ended && seconds == 0.0 && heard.source.live().is_none();
        self.watch(seconds);
        self.hand_out();
        self.watch_place();
        if ended {
            self.end();
        }
        Ok(!ended || !self.recordings.is_empty())
    }

    /// Notes a change of the place, and keeps quiet moments.
    fn watch_place(&mut self) {
        let Some(heard) = &mut self.under_way else {
            return;
        };
        let until = heard.embedder.end();
        // A full disk does not end listening.
        if let (Some(quiet), Some(recent)) = (&mut self.quiet, &heard.recent)
            && let Err(error) = quiet.step(recent, until)
        {
            let why = format!("quiet moments are no longer kept: {error}");
            self.notes.push(why);
            self.quiet = None;
        }
        let Some(change) = heard.place.take_change() else {
            return;
        };
        self.change = Some(change);
        let since = heard.time_of(change.since, until, self.engine.now(), self.live);
        let when = match since {
            Some(since) => since.to_string(),
            None => format!("{:.0} s", change.since.as_secs_f64()),
        };
        let name = &heard.name;
        self.notes.push(format!(
            "{name}: the place has sounded different since about {when}"
        ));
        if self.live
            && let Err(error) = self.engine.note_changed_place(since, name)
        {
            let why = format!("`status` will not say so: {error}");
            self.notes.push(why);
        }
    }

    /// Notes how the samples of the latest chunk arrived, if that is odd.
    fn watch(&mut self, seconds: f64) {
        let elapsed = self.began.elapsed();
        let odd = self
            .arrival
            .as_mut()
            .and_then(|a| a.arrived(seconds, elapsed));
        self.notes_of_arrival(odd);
    }

    fn notes_of_arrival(&mut self, odd: Option<String>) {
        if let Some(odd) = odd {
            let name = self.under_way.as_ref().map_or("stdin", |heard| &heard.name);
            self.notes.push(format!("{name}: {odd}"));
        }
    }

    /// Whether the latest step waited for a pipe in vain. A service is not alive then.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// Ends listening before the source ends: decides on the samples received so far.
    ///
    /// # Errors
    /// [`Error`] if the backbone fails.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.recordings.clear();
        self.unopened = None;
        self.pipe = None;
        if let Some(heard) = &mut self.under_way {
            let mut session = self.engine.session();
            heard.finish(&mut session, &mut self.made, &mut self.segments)?;
        }
        self.hand_out();
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        let elapsed = self.began.elapsed();
        let odd = self
            .arrival
            .as_mut()
            .and_then(|arrival| arrival.ended(elapsed));
        self.notes_of_arrival(odd);
        if let Some(heard) = self.under_way.take() {
            self.alarms = Some(heard.alarms.clone());
            let mut notes = heard.source_notes();
            notes.retain(|note| !heard.noted.contains(note));
            if !notes.is_empty() {
                self.notes
                    .push(format!("{}: {}", heard.name, Note::joined(&notes)));
            }
            if let Some(device) = heard.source.live() {
                self.health = Some(device.health());
                self.reports.push(device.report());
            }
        }
    }

    /// The events since the last call.
    pub fn drain(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }

    /// Warnings since the last call: what is odd about a source, at its end or, if it is live, at
    /// most every 10 s when it changes; or that other processes cannot request the audio.
    pub fn notes(&mut self) -> Vec<String> {
        if self.live
            && let Some(heard) = &mut self.under_way
            && let Some(note) = heard.note()
        {
            self.notes.push(note);
        }
        std::mem::take(&mut self.notes)
    }

    /// Reports of a device since the last call: connected or disconnected, lost samples (at most
    /// every 10 s), and the end.
    pub fn reports(&mut self) -> Vec<String> {
        if let Some(heard) = &mut self.under_way
            && let Some(report) = heard.report()
        {
            self.reports.push(report);
        }
        std::mem::take(&mut self.reports)
    }

    /// A short description of the device; `None` if the source is not a device.
    pub fn introduction(&self) -> Option<String> {
        Some(self.device()?.introduction())
    }

    /// The health of the device; `None` if the source is not a device.
    pub fn health(&self) -> Option<Health> {
        let now = self.device().map(LiveSource::health);
        now.or(self.health)
    }

    /// Stream time at which the latest window ended that was decided on.
    pub fn decided(&self) -> Micros {
        self.decided
    }

    /// The latest change of the place of a source that has been told; `None` if there was none. Its
    /// time is that of the stream.
    pub fn place_change(&self) -> Option<PlaceChange> {
        self.change
    }

    /// The length of the window of one decision.
    pub fn span(&self) -> Duration {
        self.window.span(self.engine.card())
    }

    /// The last `span` of the source.
    ///
    /// # Errors
    /// [`Error::TooLittleAudio`] if less was received without a gap, or is kept.
    pub fn recent(&self, span: Duration) -> Result<Recording, Error> {
        let nothing = Error::TooLittleAudio {
            requested: span,
            available: Duration::ZERO,
        };
        let Some((heard, recent)) = self
            .under_way
            .as_ref()
            .and_then(|h| Some((h, h.recent.as_ref()?)))
        else {
            return Err(nothing);
        };
        let last = recent.last(span).map_err(|less| Error::TooLittleAudio {
            requested: span,
            available: less.available,
        })?;
        let name = super::audio_exchange::clip_name(span, &heard.name);
        Ok(Recording::from_source(Box::new(last.0), name))
    }

    fn device(&self) -> Option<&dyn LiveSource> {
        self.under_way.as_ref()?.source.live()
    }

    /// Converts segments to events.
    fn hand_out(&mut self) {
        let Some(heard) = &mut self.under_way else {
            return;
        };
        self.decided = heard.decided;
        let (now, until) = (self.engine.now(), heard.embedder.end());
        let by_window = self.options.windows;
        for segment in self.segments.drain(..) {
            let Segment { start, end, .. } = segment;
            let timed = if by_window { end } else { start };
            let mut at = heard.time_of(timed, until, now, self.live);
            if self.live && heard.began.is_none() {
                heard.latest = following(heard.latest, at);
                at = heard.latest;
            }
            let first = match &heard.recent {
                Some(recent) if self.live && !by_window => {
                    recent.first_within_reach(first_sample(start, end), end)
                }
                _ => first_sample(start, end),
            };
            let is_quiet = segment.kind == SegmentKind::Background && segment.label.is_none();
            let event = Event {
                id: EventId::new(self.origin, self.number),
                start,
                end,
                peak: segment.peak,
                at,
                label: segment.label,
                kind: segment.kind,
                from: segment.from,
                confidence: segment.confidence,
                novelty: segment.p_value.map(match heard.monitor {
                    Some(_) => |p| 1.0 - p,
                    None => novelty_of,
                }),
                quiet: is_quiet,
                drift: heard.place.has_changed(),
                source: Arc::clone(&heard.name),
                samples: (first, end),
                audio: heard.audio.clone(),
            };
            self.number += 1;
            if let (Some(label), Some(device)) = (&event.label, heard.source.live()) {
                device.show(label.as_str(), (event.confidence * 100.0) as u8);
            }
            if let Some(recent) = heard.recent.as_ref().filter(|_| self.live) {
                recent.note_event(event.id, first, end);
            }
            self.engine.remember(event.clone());
            self.events.push_back(event);
        }
    }
}

/// The window of one decision: as asked for, as the learner was taught, or as long as the taught
/// clips.
fn listening_window(engine: &Engine, options: &ListenOptions) -> Result<Window, Error> {
    let session = engine.session();
    let rows = session.learner().contract().window_rows;
    if let (None, Some(rows)) = (options.window_seconds, rows) {
        let rows = rows.get();
        let span = Window {
            rows,
            every_rows: 1,
        };
        let length = span.span(engine.card()).as_secs_f64();
        let usual = match !options.windows && session.is_one_class() {
            // As far from each other as those that were taught.
            true => session.seconds_per_window()?.unwrap_or(length).max(length),
            false => (length / 4.0).min(EVERY_SECONDS),
        };
        let every = options.every_seconds.unwrap_or(usual);
        return Ok(Window {
            rows,
            ..Window::spanning(engine.card(), 0.0, every)
        });
    }
    let every = options.every_seconds.unwrap_or(EVERY_SECONDS);
    let seconds = match options.window_seconds {
        Some(seconds) => seconds,
        None => session.median_clip_seconds()?.unwrap_or(0.0),
    };
    Ok(Window::spanning(engine.card(), seconds, every))
}

/// The novelty of an event, to three decimals.
fn novelty_of(p_value: f32) -> f32 {
    ((1.0 - p_value) * 1e3).round() / 1e3
}

/// The time of the next event. Late samples may come in a burst, and their times do not step back.
/// A clock that is set back is followed.
fn following(latest: Option<Timestamp>, at: Option<Timestamp>) -> Option<Timestamp> {
    let (Some(before), Some(now)) = (latest, at) else {
        return at;
    };
    let is_burst = before.unix_ms() - now.unix_ms() < LATE_MS;
    at.max(latest.filter(|_| is_burst))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.drop_samples();
    }
}

impl Iterator for Listening {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return self.events.pop_front().map(Ok),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening")
            .field("window", &self.window)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_events_follow_a_clock_that_is_set_back_but_not_a_burst() {
        let at = Timestamp::from_unix_ms;
        assert_eq!(following(None, at(5_000)), at(5_000));
        assert_eq!(following(at(5_000), at(6_000)), at(6_000));
        assert_eq!(following(at(5_000), at(4_000)), at(5_000));
        assert_eq!(following(at(5_000_000), at(1_400_000)), at(1_400_000));
    }
}
