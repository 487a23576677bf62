//! Turns the samples of one source into embeddings, for all deciders that read it.
//!
//! There is one [`Embedder`] a source. Front end, backbone and gate run once, for any number of
//! deciders. The embedder computes an embedding only if a decider uses it. It makes no decisions,
//! and only passes each learner to its decider.

use super::decider::{Decider, WindowDecision};
use super::frame_stream::FrameStream;
use super::lookback::Lookback;
use super::{Gate, PipelineError};
use crate::backbone::Backbone;
use crate::learner::Learner;
use crate::model::Card;
use crate::signal::{Channel, Chunk, Micros, SOUND, SampleRate, Segment};

/// A reader of an embedder: a decider, its learner, and the list of its events.
///
/// A tuple of three references is a reader. A type that owns the three parts can implement this
/// trait, which avoids a new list of references at every step.
pub trait Reader {
    /// The three parts.
    fn parts(&mut self) -> (&mut Decider, &mut Learner, &mut Vec<WindowDecision>);
}

impl Reader for (&mut Decider, &mut Learner, &mut Vec<WindowDecision>) {
    fn parts(&mut self) -> (&mut Decider, &mut Learner, &mut Vec<WindowDecision>) {
        (self.0, self.1, self.2)
    }
}

/// Turns one source's chunks into embeddings, and steps the deciders that read them.
///
/// Learners are passed to every step, so that they can be taught between steps. The next decision
/// uses what was taught.
///
/// Each decider gets the same events, to the bit, as it would get alone. It may join at any chunk
/// and leave at any chunk. When it joins, it begins with the next embedding, as at the start of a
/// segment.
///
/// With a [`Gate`], a decision is made only if the gate was open at some point in the decision's
/// window. That decision is the same as without the gate, to the bit, because all embeddings of
/// the window are computed for it.
///
/// ```
/// use afield::backbone::{Backbone, Mode};
/// use afield::decision::Threshold;
/// use afield::engine::backbone_contract;
/// use afield::learner::{Learner, Settings};
/// use afield::model::Cache;
/// use afield::pipeline::{Decider, Embedder, Window};
/// use afield::signal::Chunk;
///
/// let cache = Cache::at("/nowhere");
/// let card = cache.find("imu")?;
/// let backbone = Backbone::from_bytes(&cache.model_bytes(&card)?, &card, Mode::Auto)?;
/// let channels = card.sensor().expect("it reads a sensor").stated();
/// let mut embedder = Embedder::new(&card, &backbone, card.sample_rate, &channels)?;
///
/// // Two learners, which look back on one and on three seconds.
/// let contract = backbone_contract(&card, None, None)?;
/// let learner = || Learner::new(contract.clone(), Settings::default());
/// let (mut short, mut long) = (learner()?, learner()?);
/// let decider = |seconds| Decider::new(Window::spanning(&card, seconds, 0.5), Threshold::new(0.5));
/// let (mut short_decider, mut long_decider) = (decider(1.0), decider(3.0));
/// let (mut short_events, mut long_events) = (Vec::new(), Vec::new());
///
/// let chunk = Chunk { samples: vec![0.5; 6 * 400], ..Chunk::default() };
/// let mut readers = [
///     (&mut short_decider, &mut short, &mut short_events),
///     (&mut long_decider, &mut long, &mut long_events),
/// ];
/// embedder.step(&chunk, &mut readers)?;
/// embedder.finish(&mut readers)?;
/// assert!(short_events.len() > long_events.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Embedder {
    signal: FrameStream,
    lookback: Lookback,
    gate: Option<Gate>,
    segment: Segment,
    /// The number of earlier segments.
    segments_before: u64,
    backbone_rate: SampleRate,
    hop_samples: u64,
    receptive_field_samples: u64,
    bands: usize,
    /// The number of embeddings of the segment that were reported to the readers.
    rows_seen: u64,
    /// The latest frame at which the gate was open.
    last_sound: Option<u64>,
    /// The frame of digital silence, if the source is sound, and the latest other frame.
    silence: Option<Vec<f32>>,
    last_audible: Option<u64>,
    /// Scratch.
    frames: Vec<f32>,
}

impl Embedder {
    /// An embedder for a source of these channels at `rate`.
    ///
    /// # Errors
    /// [`PipelineError::Frontend`] if the card's front end cannot be built or the channels
    /// are not those that the backbone reads, [`PipelineError::Backbone`] if the backbone's
    /// state cannot be built.
    pub fn new(
        card: &Card,
        backbone: &Backbone,
        rate: SampleRate,
        channels: &[Channel],
    ) -> Result<Self, PipelineError> {
        Ok(Self {
            signal: FrameStream::new(card, rate, channels)?,
            lookback: Lookback::new(card, backbone.stream()?),
            gate: None,
            segment: Segment::new(rate),
            segments_before: 0,
            backbone_rate: card.sample_rate,
            hop_samples: card.hop_samples() as u64,
            receptive_field_samples: card.receptive_field_samples() as u64,
            bands: card.bands(),
            rows_seen: 0,
            last_sound: None,
            silence: silent_frame(card)?,
            last_audible: None,
            frames: Vec::new(),
        })
    }

    /// The same embedder, which skips work while `gate` is closed.
    #[must_use]
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Processes the next chunk, and appends the completed events of each reader.
    ///
    /// A gap starts a new segment: no decision spans a gap.
    ///
    /// # Errors
    /// [`PipelineError`] if the backbone fails, or if a learner has another contract than
    /// the card's backbone gives.
    pub fn step<R: Reader>(
        &mut self,
        chunk: &Chunk,
        readers: &mut [R],
    ) -> Result<(), PipelineError> {
        if self.segment.is_gap(chunk.start) {
            if !self.segment.is_empty() {
                self.finish(readers)?;
            }
            self.segment.restart(chunk.start);
        }
        let samples = chunk.samples.len() / self.signal.channels();
        self.segment.advance(samples as u64);
        self.frames.clear();
        self.signal.push(&chunk.samples, &mut self.frames);
        self.take_frames(readers)
    }

    /// Ends the segment. A decider whose first window is not full yet decides on the available
    /// rows.
    ///
    /// # Errors
    /// As [`Embedder::step`].
    pub fn finish<R: Reader>(&mut self, readers: &mut [R]) -> Result<(), PipelineError> {
        self.frames.clear();
        self.signal.finish(&mut self.frames);
        self.take_frames(readers)?;
        while self.rows_seen < self.lookback.rows_at_end() {
            self.next_row(readers)?;
        }
        let oldest = self.oldest_needed(readers);
        for reader in readers {
            let (decider, learner, events) = reader.parts();
            decider.finish(self, oldest, learner, events)?;
        }
        self.lookback.restart()?;
        if let Some(gate) = &mut self.gate {
            gate.reset();
        }
        self.rows_seen = 0;
        self.last_sound = None;
        self.last_audible = None;
        self.segment.restart(self.segment.end());
        self.segments_before += 1;
        Ok(())
    }

    /// Processes the new frames one by one, so that the gate's result for a row does not depend on
    /// how the signal was cut into chunks.
    fn take_frames<R: Reader>(&mut self, readers: &mut [R]) -> Result<(), PipelineError> {
        for reader in &mut *readers {
            reader.parts().0.join(self);
        }
        let frames = std::mem::take(&mut self.frames);
        for frame in frames.chunks_exact(self.bands) {
            if let Some(gate) = &mut self.gate
                && gate.push(frame)
            {
                self.last_sound = Some(self.lookback.frames_seen());
            }
            if self
                .silence
                .as_deref()
                .is_some_and(|silence| frame != silence)
            {
                self.last_audible = Some(self.lookback.frames_seen());
            }
            self.lookback.push(frame);
            while self.rows_seen < self.lookback.rows_seen() {
                self.next_row(readers)?;
            }
        }
        self.frames = frames;
        let oldest = self.oldest_needed(readers);
        self.lookback.forget_before(oldest);
        Ok(())
    }

    fn next_row<R: Reader>(&mut self, readers: &mut [R]) -> Result<(), PipelineError> {
        // Compute this before any decider advances: another decider may still use a row that one
        // of them drops.
        let oldest = self.oldest_needed(readers);
        self.rows_seen += 1;
        for reader in readers {
            let (decider, learner, events) = reader.parts();
            decider.take_row(self, oldest, learner, events)?;
        }
        Ok(())
    }

    /// The oldest row that the next decision of any reader uses; the next row if there are no
    /// readers.
    fn oldest_needed<R: Reader>(&self, readers: &mut [R]) -> u64 {
        let needed = readers
            .iter_mut()
            .map(|reader| reader.parts().0.first_needed());
        needed.min().unwrap_or(self.rows_seen)
    }

    /// Stream time at which the latest chunk ends.
    pub fn end(&self) -> Micros {
        self.segment.end()
    }

    /// The number of embeddings so far with NaN or infinity. Decisions leave them out.
    pub fn embeddings_skipped(&self) -> u64 {
        self.lookback.not_finite()
    }

    /// Numbers in an embedding.
    pub(super) fn embedding_size(&self) -> usize {
        self.lookback.size()
    }

    /// The number of the current segment, and the number of its rows seen.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.segments_before, self.rows_seen)
    }

    /// The first row that a decider can use if it joins now.
    pub(super) fn first_row_in_reach(&self) -> u64 {
        self.rows_seen.max(self.lookback.first_row_in_reach())
    }

    /// Whether the gate was open at any frame since the window of `row` began, and any frame of
    /// sound was no digital silence.
    pub(super) fn sounded_since(&self, row: u64) -> bool {
        let begin = self.lookback.first_frame(row);
        let since = |frame: Option<u64>| frame.is_some_and(|frame| frame >= begin);
        let is_open = self.gate.is_none() || since(self.last_sound);
        is_open && (self.silence.is_none() || since(self.last_audible))
    }

    /// The embeddings from `first` to the latest, row-major; see [`Lookback::look`].
    pub(super) fn look(&mut self, first: u64, oldest: u64) -> Result<&[f32], PipelineError> {
        self.lookback.look(first, self.rows_seen, oldest)
    }

    /// Stream time from the beginning of row `first` to the end of the latest row.
    pub(super) fn times_since(&self, first: u64) -> (Micros, Micros) {
        let origin = self.segment.start().0;
        let at = |samples| {
            Micros(origin.saturating_add(Micros::from_samples(samples, self.backbone_rate).0))
        };
        let end = (self.rows_seen - 1) * self.hop_samples + self.receptive_field_samples;
        // A padded segment ends with its last real sample.
        let end = at(end).min(self.segment.end());
        (at(first * self.hop_samples), end)
    }
}

/// The frame of digital silence; `None` for a sensor, whose channels may rest at zero.
fn silent_frame(card: &Card) -> Result<Option<Vec<f32>>, PipelineError> {
    if card.sensor().is_some() {
        return Ok(None);
    }
    let mut stream = FrameStream::new(card, card.sample_rate, &SOUND)?;
    let (zeros, mut frames) = (vec![0.0; card.hop_samples().max(1)], Vec::new());
    let most = 2 * card.receptive_field_samples() / zeros.len() + 2;
    for _ in 0..most {
        stream.push(&zeros, &mut frames);
        if let Some(frame) = frames.get(..card.bands()) {
            return Ok(Some(frame.to_vec()));
        }
    }
    Ok(None)
}
