//! A source and the pipeline that reads it, chunk by chunk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarms::Alarms;
use super::event::Audio;
use super::novelty::Calibration;
use super::one_class::Monitor;
use super::place::PlaceWatch;
use super::published::PublishedListener;
use super::{Engine, Error, Lending, RetainedAudio, Session};
use crate::decision::{Decision, Novelty, ScoredWindow, Segment, SegmentKind, Segmenter};
use crate::pipeline::{Decider, Embedder, WindowDecision};
use crate::signal::{Chunk, Label, Micros, Timestamp};
use crate::source::{Health, LiveSource, Note, Source};

/// The shortest time between two reports of losses of a device, and between two notes about a live
/// source.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// A source and the pipeline that reads it.
pub(super) struct Heard {
    pub(super) source: Box<dyn Source>,
    pub(super) name: Arc<str>,
    pub(super) embedder: Embedder,
    pub(super) decider: Decider,
    /// Joins windows to events; `None` if each window is one.
    pub(super) segmenter: Option<Segmenter>,
    /// What makes an event unknown.
    pub(super) alarms: Alarms,
    /// Makes events in its place as long as one class is taught to a sensor.
    pub(super) monitor: Option<Monitor>,
    /// Makes windows or events in its place, for a learner with published classes.
    pub(super) published: Option<PublishedListener>,
    /// Whether the place sounds different.
    pub(super) place: PlaceWatch,
    /// The end of the latest window.
    pub(super) decided: Micros,
    /// The audio buffer of a live source, or of a file if its samples are kept.
    pub(super) recent: Option<RetainedAudio>,
    pub(super) audio: Audio,
    /// When a file's recording began, if it is known.
    pub(super) began: Option<Timestamp>,
    /// The time of the latest event of a live source.
    pub(super) latest: Option<Timestamp>,
    pub(super) _lending: Option<Lending>,
    pub(super) reported: Health,
    pub(super) reported_at: Instant,
    /// The notes of the source that were told, and when.
    pub(super) noted: Vec<Note>,
    pub(super) noted_at: Option<Instant>,
}

impl Heard {
    /// Reads a chunk, and makes its windows and segments. Returns whether there was one.
    pub(super) fn advance(
        &mut self,
        engine: &Engine,
        chunk: &mut Chunk,
        made: &mut Vec<WindowDecision>,
        segments: &mut Vec<Segment>,
    ) -> Result<bool, Error> {
        // The learner is not locked while the source is read.
        let more = self.source.read(chunk)?;
        let mut session = engine.session();
        if !more {
            self.finish(&mut session, made, segments)?;
            return Ok(false);
        }
        session.step(&mut self.embedder, &mut self.decider, chunk, made)?;
        // The classes are those by which the windows were decided: the learner is still locked.
        self.join(&mut session, made, segments)?;
        let is_gone = |device: &dyn LiveSource| !device.health().connected;
        if self.source.live().is_some_and(is_gone) {
            // A gap follows when the device is back, which may take hours.
            self.end_segments(&mut session, segments)?;
        }
        drop(session);
        if let Some(recent) = &self.recent {
            recent.push(chunk, Instant::now());
            if let Some(device) = self.source.live() {
                recent.note(device);
            }
        }
        Ok(true)
    }

    /// Ends the source: makes its last windows and segments.
    pub(super) fn finish(
        &mut self,
        session: &mut Session,
        made: &mut Vec<WindowDecision>,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Error> {
        session.finish(&mut self.embedder, &mut self.decider, made)?;
        self.join(session, made, segments)?;
        self.end_segments(session, segments)
    }

    /// Ends the segment under way.
    fn end_segments(
        &mut self,
        session: &mut Session,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Error> {
        let before = segments.len();
        if let Some(monitor) = &mut self.monitor {
            monitor.finish();
        }
        if let Some(segmenter) = &mut self.segmenter {
            segmenter.finish(&session.novelty()?.heard.novelty, segments);
            self.alarms.count(&segments[before..]);
        }
        if let Some(published) = &mut self.published {
            published.finish(segments);
        }
        Ok(())
    }

    /// Joins windows to segments, or makes each one a segment.
    fn join(
        &mut self,
        session: &mut Session,
        made: &mut Vec<WindowDecision>,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Error> {
        let Some(latest) = made.last() else {
            return Ok(());
        };
        self.decided = latest.end;
        self.place.step(session, made);
        if let Some(published) = &mut self.published {
            return published.join(session, made, &mut self.decider, segments);
        }
        if let Some(monitor) = self.monitor.as_mut().filter(|_| session.is_one_class()) {
            for window in made.drain(..) {
                monitor.step(session, &window, segments)?;
                self.decider.recycle(window);
            }
            return Ok(());
        }
        let Calibration {
            novelty,
            temperature,
        } = match &mut self.segmenter {
            Some(segmenter) => {
                segmenter.set_unknown_below(self.alarms.unknown_below(session, latest.end)?);
                session.novelty()?.heard
            }
            None => Calibration::default(),
        };
        let before = segments.len();
        let classes = session.learner().classes();
        for mut window in made.drain(..) {
            temperature.apply(&mut window.scores);
            match &mut self.segmenter {
                Some(segmenter) => join(&window, classes, segmenter, &novelty, segments),
                None => segments.push(segment_of(&window)),
            }
            self.decider.recycle(window);
        }
        self.alarms.count(&segments[before..]);
        Ok(())
    }

    /// The wall-clock time of the stream time `at`, if it is known: `until` was heard at `now`, in
    /// milliseconds of Unix time.
    pub(super) fn time_of(
        &self,
        at: Micros,
        until: Micros,
        now: i64,
        live: bool,
    ) -> Option<Timestamp> {
        match self.began {
            Some(began) => began.after(Duration::from_micros(at.0)),
            None if live => {
                let since_ms = until.0.saturating_sub(at.0) / 1_000;
                Timestamp::from_unix_ms(now.saturating_sub_unsigned(since_ms))
            }
            None => None,
        }
    }

    /// The length of `chunk`.
    pub(super) fn seconds(&self, chunk: &Chunk) -> f64 {
        let frames = chunk.samples.len() / self.source.channels().len().max(1);
        frames as f64 / f64::from(self.source.rate().hz())
    }

    /// What is odd about the source and its windows.
    pub(super) fn source_notes(&self) -> Vec<Note> {
        let mut notes = self.source.notes();
        let windows = self.embedder.embeddings_skipped();
        if windows > 0 {
            notes.push(Note::WindowsSkipped { windows });
        }
        notes
    }

    /// What is odd about the source, if that changed and was not told a short time ago.
    pub(super) fn note(&mut self) -> Option<String> {
        if self.noted_at.is_some_and(|at| at.elapsed() < REPORT_EVERY) {
            return None;
        }
        let notes = self.source_notes();
        if notes == self.noted {
            return None;
        }
        self.noted_at = Some(Instant::now());
        let text = format!("{}: {}", self.name, Note::joined(&notes));
        self.noted = notes;
        Some(text)
    }

    /// The report of a device that connected, disconnected or lost samples, if there is one.
    pub(super) fn report(&mut self) -> Option<String> {
        let device = self.source.live()?;
        let health = device.health();
        let due = self.reported_at.elapsed() >= REPORT_EVERY;
        let lost = due && health.troubles > self.reported.troubles;
        if health.connected == self.reported.connected && !lost {
            return None;
        }
        self.reported = health;
        self.reported_at = Instant::now();
        Some(device.report())
    }
}

/// Joins a window to those before it.
fn join(
    window: &WindowDecision,
    classes: &[Label],
    segmenter: &mut Segmenter,
    novelty: &Novelty,
    segments: &mut Vec<Segment>,
) {
    let is_quiet = window.decision == Decision::Quiet;
    // After a quiet window, none follows until there is sound again.
    if window.is_first || is_quiet {
        segmenter.finish(novelty, segments);
    }
    if !is_quiet {
        let scored = ScoredWindow {
            start: window.start,
            end: window.end,
            classes,
            probabilities: &window.scores,
            squared_distances: &window.squared_distances,
        };
        segmenter.step(&scored, novelty, segments);
    }
}

/// A window as a segment of its own.
pub(super) fn segment_of(window: &WindowDecision) -> Segment {
    let (start, end) = (window.start, window.end);
    let (label, confidence) = match &window.decision {
        Decision::Known { label, confidence } => (Some(label.clone()), *confidence),
        _ => (None, window.scores.best().map_or(0.0, |(_, p)| p)),
    };
    let kind = match &label {
        Some(label) if label.is_silent() => SegmentKind::Background,
        Some(_) => SegmentKind::Known,
        None if window.decision == Decision::Quiet => SegmentKind::Background,
        None => SegmentKind::Unknown,
    };
    Segment {
        start,
        end,
        peak: Micros(start.0 + end.0.saturating_sub(start.0) / 2),
        kind,
        label,
        from: None,
        confidence,
        p_value: None,
    }
}
