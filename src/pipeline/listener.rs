//! From samples to decisions, live.

use super::{EmbeddingStream, PipelineError};
use crate::decision::Threshold;
use crate::learner::{Example, Learner};
use crate::model::Card;
use crate::signal::{Chunk, Decision, Micros, SampleRate, Scores};

/// Events whose memory is kept for later ones.
const MOST_SPARE: usize = 64;

/// How much signal one decision looks back on, and how often one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Embeddings pooled into one decision, 1 or more.
    pub rows: usize,
    /// Embeddings between decisions, 1 or more.
    pub every_rows: usize,
}

impl Window {
    /// The window that spans about `seconds` of signal and moves on by about
    /// `every_seconds`, in whole hops of the card's backbone.
    pub fn spanning(card: &Card, seconds: f64, every_seconds: f64) -> Self {
        let rate = f64::from(card.sample_rate.hz());
        let hop = card.hop_samples() as f64;
        let beyond = seconds * rate - card.receptive_field_samples() as f64;
        // Bounded, since the embeddings of a window are kept in memory.
        let rows = |samples: f64| (samples / hop).round().clamp(0.0, 100_000.0) as usize;
        Self {
            rows: rows(beyond) + 1,
            every_rows: rows(every_seconds * rate).max(1),
        }
    }
}

/// One decision about one stretch of signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Stream time at which the stretch begins.
    pub start: Micros,
    /// Stream time at which it ends.
    pub end: Micros,
    /// What was decided.
    pub decision: Decision,
    /// Probabilities behind it, in the learner's class order.
    pub scores: Scores,
}

/// Turns a stream of chunks into events.
///
/// The learner is handed to every step, so that it can be taught in between:
/// the next decision already knows.
pub struct Listener {
    stream: EmbeddingStream,
    rate: SampleRate,
    backbone_rate: SampleRate,
    hop_samples: u64,
    receptive_field_samples: u64,
    size: usize,
    window: Window,
    threshold: Threshold,
    /// The latest `window.rows` embeddings at most, oldest first.
    recent: Vec<f32>,
    rows_until_decision: usize,
    rows_seen: u64,
    /// Stream time of the first sample since the last gap.
    origin: Micros,
    samples_since_origin: u64,
    fresh: Vec<f32>,
    prompt: bool,
    /// Scratch, and what read events leave behind: decisions allocate nothing.
    pooled: Vec<f32>,
    example: Example,
    spare: Vec<Scores>,
}

impl Listener {
    /// A listener on a signal at `rate` that goes through `stream`.
    pub fn new(
        card: &Card,
        stream: EmbeddingStream,
        rate: SampleRate,
        window: Window,
        threshold: Threshold,
    ) -> Self {
        Self {
            stream,
            rate,
            backbone_rate: card.sample_rate,
            hop_samples: card.hop_samples() as u64,
            receptive_field_samples: card.receptive_field_samples() as u64,
            size: card.embedding.size,
            window: Window {
                rows: window.rows.max(1),
                every_rows: window.every_rows.max(1),
            },
            threshold,
            recent: Vec::new(),
            rows_until_decision: window.rows.max(1),
            rows_seen: 0,
            origin: Micros(0),
            samples_since_origin: 0,
            fresh: Vec::new(),
            prompt: false,
            pooled: Vec::new(),
            example: Example::default(),
            spare: Vec::new(),
        }
    }

    /// Takes back an event that has been read, for its memory.
    pub fn recycle(&mut self, event: Event) {
        if self.spare.len() < MOST_SPARE {
            self.spare.push(event.scores);
        }
    }

    /// The same listener, which never waits for a solve: decisions may lag a few
    /// examples behind what was taught ([`Learner::predict_now`]).
    #[must_use]
    pub fn prompt(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// Takes the next chunk and appends the events that it completes.
    ///
    /// A chunk that does not begin where the last one ended begins a new
    /// stretch: no decision looks across the gap.
    ///
    /// # Errors
    /// [`PipelineError`] when the backbone fails or the learner has another
    /// contract than the card's backbone gives.
    pub fn step(
        &mut self,
        chunk: &Chunk,
        learner: &mut Learner,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        // Two microseconds forgive the rounding of two time stamps.
        if chunk.start.0.abs_diff(self.heard_until().0) > 2 {
            if self.samples_since_origin > 0 {
                self.finish(learner, events)?;
            }
            self.origin = chunk.start;
        }
        self.samples_since_origin += chunk.samples.len() as u64;
        self.fresh.clear();
        let mut fresh = std::mem::take(&mut self.fresh);
        self.stream.push(&chunk.samples, &mut fresh)?;
        self.decide(&fresh, learner, events)?;
        self.fresh = fresh;
        Ok(())
    }

    /// Ends the signal: a stretch too short for a whole window is decided on
    /// as it is.
    ///
    /// # Errors
    /// As [`Listener::step`].
    pub fn finish(
        &mut self,
        learner: &mut Learner,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        self.stream.finish(&mut fresh)?;
        self.decide(&fresh, learner, events)?;
        self.fresh = fresh;
        let undecided = self.rows_seen > 0 && (self.rows_seen as usize) < self.window.rows;
        if undecided {
            events.push(self.event(learner)?);
        }
        self.recent.clear();
        self.rows_until_decision = self.window.rows;
        self.rows_seen = 0;
        self.origin = self.heard_until();
        self.samples_since_origin = 0;
        Ok(())
    }

    fn decide(
        &mut self,
        fresh: &[f32],
        learner: &mut Learner,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        for row in fresh.chunks_exact(self.size) {
            if self.recent.len() == self.window.rows * self.size {
                self.recent.copy_within(self.size.., 0);
                self.recent.truncate((self.window.rows - 1) * self.size);
            }
            self.recent.extend_from_slice(row);
            self.rows_seen += 1;
            self.rows_until_decision -= 1;
            if self.rows_until_decision == 0 {
                self.rows_until_decision = self.window.every_rows;
                events.push(self.event(learner)?);
            }
        }
        Ok(())
    }

    fn event(&mut self, learner: &mut Learner) -> Result<Event, PipelineError> {
        let rows = (self.recent.len() / self.size) as u64;
        let first = (self.rows_seen - rows) * self.hop_samples;
        let last = (self.rows_seen - 1) * self.hop_samples + self.receptive_field_samples;
        learner.encode_into(&self.recent, &mut self.pooled, &mut self.example)?;
        let mut scores = self.spare.pop().unwrap_or_default();
        if self.prompt {
            learner.predict_now_into(&self.example, &mut scores)?;
        } else {
            learner.predict_into(&self.example, &mut scores)?;
        }
        let at =
            |samples| Micros(self.origin.0 + Micros::from_samples(samples, self.backbone_rate).0);
        Ok(Event {
            start: at(first),
            // A padded stretch ends with its last real sample.
            end: at(last).min(self.heard_until()),
            decision: self.threshold.decide(&scores, learner.classes()),
            scores,
        })
    }

    /// Stream time at which the latest chunk ends.
    fn heard_until(&self) -> Micros {
        Micros(self.origin.0 + Micros::from_samples(self.samples_since_origin, self.rate).0)
    }
}
