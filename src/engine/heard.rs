//! A source and the pipeline that reads it, chunk by chunk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::Audio;
use super::{Engine, Error, Lending, RetainedAudio};
use crate::pipeline::{self, Decider, Embedder};
use crate::signal::{Chunk, Timestamp};
use crate::source::{Health, Note, Source};

/// The shortest time between two reports of losses of a device, and between two notes about a live
/// source.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// A source and the pipeline that reads it.
pub(super) struct Heard {
    pub(super) source: Box<dyn Source>,
    pub(super) name: Arc<str>,
    pub(super) embedder: Embedder,
    pub(super) decider: Decider,
    /// The audio buffer of a live source.
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
    /// Reads a chunk. Returns whether there was one.
    pub(super) fn advance(
        &mut self,
        engine: &Engine,
        chunk: &mut Chunk,
        made: &mut Vec<pipeline::WindowDecision>,
    ) -> Result<bool, Error> {
        // The learner is not locked while the source is read.
        let more = self.source.read(chunk)?;
        let mut session = engine.session();
        if !more {
            session.finish(&mut self.embedder, &mut self.decider, made)?;
            return Ok(false);
        }
        session.step(&mut self.embedder, &mut self.decider, chunk, made)?;
        drop(session);
        if let Some(recent) = &self.recent {
            recent.push(chunk, Instant::now());
            if let Some(device) = self.source.live() {
                recent.note(device);
            }
        }
        Ok(true)
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
