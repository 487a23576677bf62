//! From embeddings to events.

use super::lookback::is_finite;
use super::{Embedder, PipelineError, Window};
use crate::decision::{Decide, Decision, Probabilities, WindowEvidence};
use crate::head::Evidence;
use crate::learner::{Example, Learner};
use crate::signal::Micros;

/// The most events whose memory is kept for reuse.
const MOST_SPARE: usize = 64;

/// One decision about one window of signal.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowDecision {
    /// Stream time at which the window begins.
    pub start: Micros,
    /// Stream time at which it ends.
    pub end: Micros,
    /// The decision.
    pub decision: Decision,
    /// The probabilities of the decision, in the learner's class order; none if it was quiet.
    pub scores: Probabilities,
    /// The squared distance to the mean of each class, in the same order; none if it was quiet or
    /// the head has no distances.
    pub squared_distances: Vec<f32>,
    /// What the decision was made from; empty unless the decider keeps it.
    pub vectors: WindowVectors,
    /// Whether no window comes before it without a gap: the first one of the stream, or after a
    /// gap.
    pub is_first: bool,
}

/// The vectors of a window, of a decider that is [`keeping_vectors`](Decider::keeping_vectors).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowVectors {
    /// The mean of its embeddings.
    pub embedding: Vec<f32>,
    /// Its features in fixed point, as the learner takes them.
    pub features: Vec<i16>,
}

/// Makes decisions for one learner, one window at a time. An [`Embedder`] steps it.
///
/// Several deciders may read one embedder, with different learners or different windows. A decider
/// stays with one embedder.
///
/// Embeddings with NaN or infinity are left out. A window of nothing else gives no event.
///
/// While the embedder's gate is closed, no decision is made. The first skipped decision becomes an
/// event [`Decision::Quiet`]; no other event follows until the gate opens.
pub struct Decider {
    window: Window,
    stage: Box<dyn Decide>,
    prompt: bool,
    keeps_vectors: bool,
    place: Place,
    /// Whether the last event was quiet.
    asleep: bool,
    /// Whether the next event is the first of its segment.
    is_first: bool,
    /// Scratch, and memory of recycled events: decisions allocate nothing.
    pooled: Vec<f32>,
    example: Example,
    evidence: Evidence,
    spare: Vec<(Probabilities, Vec<f32>, WindowVectors)>,
    /// The finite rows of a window with others.
    finite: Vec<f32>,
}

/// The position of a decider in its embedder's rows.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The segment; `None` before the first.
    segment: Option<u64>,
    /// The first row of the segment that counts, and the number of rows seen.
    first: u64,
    seen: u64,
    /// The number of rows at which the next decision is made.
    due: u64,
}

impl WindowVectors {
    fn clear(&mut self) {
        self.embedding.clear();
        self.features.clear();
    }

    fn set_embedding(&mut self, rows: &[f32], size: usize) {
        let count = (rows.len() / size.max(1)).max(1) as f32;
        self.embedding.resize(size, 0.0);
        for row in rows.chunks_exact(size.max(1)) {
            for (sum, value) in self.embedding.iter_mut().zip(row) {
                *sum += value / count;
            }
        }
    }
}

impl Decider {
    /// A decider with the window `window` and the rule `stage`, such as a
    /// [`Threshold`](crate::decision::Threshold).
    pub fn new(window: Window, stage: impl Decide + 'static) -> Self {
        Self {
            window: window.at_least_one(),
            stage: Box::new(stage),
            prompt: false,
            keeps_vectors: false,
            place: Place::default(),
            asleep: false,
            is_first: true,
            pooled: Vec::new(),
            example: Example::default(),
            evidence: Evidence::with_distances(),
            spare: Vec::new(),
            finite: Vec::new(),
        }
    }

    /// The same decider, but it never waits for a solve: decisions may lack the last few examples
    /// ([`Learner::evidence_now_into`]).
    #[must_use]
    pub fn prompt(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// The same decider, but its decisions hold the vectors that they were made from.
    #[must_use]
    pub fn keeping_vectors(mut self) -> Self {
        self.keeps_vectors = true;
        self
    }

    /// Takes an event that is no longer needed, to reuse its memory.
    pub fn recycle(&mut self, event: WindowDecision) {
        if self.spare.len() < MOST_SPARE {
            let WindowDecision {
                scores,
                squared_distances,
                vectors,
                ..
            } = event;
            self.spare.push((scores, squared_distances, vectors));
        }
    }

    /// Starts a new segment, unless the embedder's position is the one that the decider last saw.
    pub(super) fn join(&mut self, embedder: &Embedder) {
        let (segment, seen) = embedder.position();
        if (self.place.segment, self.place.seen) == (Some(segment), seen) {
            return;
        }
        let first = embedder.first_row_in_reach();
        self.place = Place {
            segment: Some(segment),
            first,
            seen,
            due: first + self.window.rows as u64,
        };
        self.asleep = false;
        self.is_first = true;
        self.stage.reset();
    }

    /// The first row that the next decision uses.
    pub(super) fn first_needed(&self) -> u64 {
        self.place.due - self.window.rows as u64
    }

    /// Counts one more row, and decides if a decision is due.
    pub(super) fn take_row(
        &mut self,
        embedder: &mut Embedder,
        oldest: u64,
        learner: &mut Learner,
        events: &mut Vec<WindowDecision>,
    ) -> Result<(), PipelineError> {
        self.place.seen += 1;
        if self.place.seen < self.place.due {
            return Ok(());
        }
        let first = self.first_needed();
        self.place.due += self.window.every_rows as u64;
        self.decide(first, embedder, oldest, learner, events)
    }

    /// Ends the segment: decides on its rows if they are too few for a whole window.
    pub(super) fn finish(
        &mut self,
        embedder: &mut Embedder,
        oldest: u64,
        learner: &mut Learner,
        events: &mut Vec<WindowDecision>,
    ) -> Result<(), PipelineError> {
        let Place { first, seen, .. } = self.place;
        if seen > first && seen - first < self.window.rows as u64 {
            self.decide(first, embedder, oldest, learner, events)?;
        }
        Ok(())
    }

    /// Decides on the rows from `first` to the latest. While the gate is closed, only the first
    /// call adds an event.
    fn decide(
        &mut self,
        first: u64,
        embedder: &mut Embedder,
        oldest: u64,
        learner: &mut Learner,
        events: &mut Vec<WindowDecision>,
    ) -> Result<(), PipelineError> {
        let awake = embedder.sounded_since(first);
        if !awake && self.asleep {
            return Ok(());
        }
        self.asleep = !awake;
        let (mut scores, mut squared_distances, mut vectors) = self.spare.pop().unwrap_or_default();
        squared_distances.clear();
        vectors.clear();
        let (start, end) = embedder.times_since(first);
        let decision = if awake {
            let size = embedder.embedding_size();
            let rows = embedder.look(first, oldest)?;
            if is_finite(rows) {
                if self.keeps_vectors {
                    vectors.set_embedding(rows, size);
                }
                self.conclude(rows, (start, end), learner, &mut scores)?
            } else {
                let mut finite = std::mem::take(&mut self.finite);
                finite.clear();
                let kept = rows.chunks_exact(size).filter(|row| is_finite(row));
                kept.for_each(|row| finite.extend_from_slice(row));
                if finite.is_empty() {
                    self.finite = finite;
                    self.spare.push((scores, squared_distances, vectors));
                    return Ok(());
                }
                if self.keeps_vectors {
                    vectors.set_embedding(&finite, size);
                }
                let decision = self.conclude(&finite, (start, end), learner, &mut scores);
                self.finite = finite;
                decision?
            }
        } else {
            scores.0.clear();
            Decision::Quiet
        };
        if awake && let Some(distances) = self.evidence.squared_distances() {
            squared_distances.extend_from_slice(distances);
        }
        if awake && self.keeps_vectors {
            vectors.features.extend_from_slice(self.example.features());
        }
        events.push(WindowDecision {
            start,
            end,
            decision,
            scores,
            squared_distances,
            vectors,
            is_first: std::mem::replace(&mut self.is_first, false),
        });
        Ok(())
    }

    /// Makes the decision for a window's rows.
    fn conclude(
        &mut self,
        rows: &[f32],
        (start, end): (Micros, Micros),
        learner: &mut Learner,
        scores: &mut Probabilities,
    ) -> Result<Decision, PipelineError> {
        learner.encode_into(rows, &mut self.pooled, &mut self.example)?;
        if self.prompt {
            learner.evidence_now_into(&self.example, &mut self.evidence)?;
        } else {
            learner.evidence_into(&self.example, &mut self.evidence)?;
        }
        let window = WindowEvidence::new(start, end, learner.classes(), &self.evidence);
        Ok(self.stage.step(&window, scores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedders_and_deciders_can_move_between_threads() {
        fn is_send<T: Send>() {}
        is_send::<Embedder>();
        is_send::<Decider>();
    }
}
