//! From samples to decisions, live.

use std::time::Duration;

use super::frame_stream::FrameStream;
use super::lookback::Lookback;
use super::{EmbeddingStream, Gate, PipelineError};
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

    /// The length of signal that a decision looks back on.
    pub fn span(self, card: &Card) -> Duration {
        let beyond = (self.rows.max(1) as u64 - 1).saturating_mul(card.hop_samples() as u64);
        let samples = beyond.saturating_add(card.receptive_field_samples() as u64);
        Duration::from_micros(Micros::from_samples(samples, card.sample_rate).0)
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
    /// Probabilities behind it, in the learner's class order; none when it was
    /// quiet.
    pub scores: Scores,
}

/// Turns a stream of chunks into events.
///
/// The learner is handed to every step, so that it can be taught in between:
/// the next decision already knows.
///
/// With a [`Gate`] a decision is made only where the gate was open somewhere in
/// the stretch that it looks back on; it is then what it would be without the
/// gate, to the bit, because all embeddings of the stretch are computed for it.
/// The first of several decisions that fall away is an event
/// [`Decision::Quiet`]; the others are nothing.
pub struct Listener {
    signal: FrameStream,
    lookback: Lookback,
    gate: Option<Gate>,
    rate: SampleRate,
    backbone_rate: SampleRate,
    hop_samples: u64,
    receptive_field_samples: u64,
    bands: usize,
    window: Window,
    threshold: Threshold,
    rows_until_decision: usize,
    rows_seen: u64,
    /// The latest frame at which the gate was open.
    last_sound: Option<u64>,
    asleep: bool,
    /// Stream time of the first sample since the last gap.
    origin: Micros,
    samples_since_origin: u64,
    frames: Vec<f32>,
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
        let (signal, backbone) = stream.into_parts();
        Self {
            signal,
            lookback: Lookback::new(card, backbone),
            gate: None,
            rate,
            backbone_rate: card.sample_rate,
            hop_samples: card.hop_samples() as u64,
            receptive_field_samples: card.receptive_field_samples() as u64,
            bands: card.bands(),
            window: Window {
                rows: window.rows.max(1),
                every_rows: window.every_rows.max(1),
            },
            threshold,
            rows_until_decision: window.rows.max(1),
            rows_seen: 0,
            last_sound: None,
            asleep: false,
            origin: Micros(0),
            samples_since_origin: 0,
            frames: Vec::new(),
            prompt: false,
            pooled: Vec::new(),
            example: Example::default(),
            spare: Vec::new(),
        }
    }

    /// The same listener, which sleeps while `gate` hears nothing.
    #[must_use]
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
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
        let samples = chunk.samples.len() / self.signal.channels();
        self.samples_since_origin += samples as u64;
        self.frames.clear();
        self.signal.push(&chunk.samples, &mut self.frames);
        self.hear(learner, events)
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
        self.frames.clear();
        self.signal.finish(&mut self.frames);
        self.hear(learner, events)?;
        while self.rows_seen < self.lookback.rows_at_end() {
            self.row(learner, events)?;
        }
        let undecided = self.rows_seen > 0 && (self.rows_seen as usize) < self.window.rows;
        if undecided {
            self.decide(learner, events)?;
        }
        self.lookback.restart()?;
        if let Some(gate) = &mut self.gate {
            gate.reset();
        }
        self.rows_until_decision = self.window.rows;
        self.rows_seen = 0;
        self.last_sound = None;
        self.asleep = false;
        self.origin = self.heard_until();
        self.samples_since_origin = 0;
        Ok(())
    }

    /// Takes the fresh frames one by one, so that what the gate says of a row
    /// does not depend on how the signal was cut into chunks.
    fn hear(
        &mut self,
        learner: &mut Learner,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        let frames = std::mem::take(&mut self.frames);
        for frame in frames.chunks_exact(self.bands) {
            if let Some(gate) = &mut self.gate
                && gate.push(frame)
            {
                self.last_sound = Some(self.lookback.frames_seen());
            }
            self.lookback.push(frame);
            while self.rows_seen < self.lookback.rows_seen() {
                self.row(learner, events)?;
            }
        }
        self.frames = frames;
        let next = self.rows_seen + self.rows_until_decision as u64;
        (self.lookback).forget_before(next.saturating_sub(self.window.rows as u64));
        Ok(())
    }

    fn row(&mut self, learner: &mut Learner, events: &mut Vec<Event>) -> Result<(), PipelineError> {
        self.rows_seen += 1;
        self.rows_until_decision -= 1;
        if self.rows_until_decision == 0 {
            self.rows_until_decision = self.window.every_rows;
            self.decide(learner, events)?;
        }
        Ok(())
    }

    /// Decides on the rows that the window spans now, if there is anything to
    /// decide on.
    fn decide(
        &mut self,
        learner: &mut Learner,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        let first = self.rows_seen.saturating_sub(self.window.rows as u64);
        let begin = self.lookback.first_frame(first);
        let awake = self.gate.is_none() || self.last_sound.is_some_and(|frame| frame >= begin);
        if !awake && self.asleep {
            return Ok(());
        }
        self.asleep = !awake;
        let mut scores = self.spare.pop().unwrap_or_default();
        let decision = if awake {
            let rows = self.lookback.look(first, self.rows_seen)?;
            learner.encode_into(rows, &mut self.pooled, &mut self.example)?;
            if self.prompt {
                learner.predict_now_into(&self.example, &mut scores)?;
            } else {
                learner.predict_into(&self.example, &mut scores)?;
            }
            self.threshold.decide(&scores, learner.classes())
        } else {
            scores.0.clear();
            Decision::Quiet
        };
        events.push(self.event(first, decision, scores));
        Ok(())
    }

    /// The event of the rows from `first` on.
    fn event(&self, first: u64, decision: Decision, scores: Scores) -> Event {
        let end = (self.rows_seen - 1) * self.hop_samples + self.receptive_field_samples;
        let at =
            |samples| Micros(self.origin.0 + Micros::from_samples(samples, self.backbone_rate).0);
        Event {
            start: at(first * self.hop_samples),
            // A padded stretch ends with its last real sample.
            end: at(end).min(self.heard_until()),
            decision,
            scores,
        }
    }

    /// Stream time at which the latest chunk ends.
    pub fn heard_until(&self) -> Micros {
        Micros(self.origin.0 + Micros::from_samples(self.samples_since_origin, self.rate).0)
    }
}
