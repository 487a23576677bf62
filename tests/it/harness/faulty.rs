//! A source that misbehaves on purpose.
//!
//! Devices deliver odd chunks, lose samples, hand out NaN and vanish. [`Faulty`] makes any
//! source do so by plan and seed, so that tests of later stages can be repeated.

use std::collections::VecDeque;

use afield::signal::{Channel, Chunk, Micros, SampleRate};
use afield::source::{Source, SourceError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Which faults happen. The default is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    /// Chunk lengths, in samples a channel, drawn evenly from this inclusive range, 0 allowed, in
    /// place of the source's own; its upper end is at least 1.
    pub chunk_samples: Option<(usize, usize)>,
    /// Chance that a chunk is lost, in `[0, 1]`: the next one starts later.
    pub loss: f64,
    /// Chance that a sample is NaN or infinite, in `[0, 1]`.
    pub non_finite: f64,
    /// Number of the read, from 0, that fails, once; later reads go on.
    pub fail_at_read: Option<u64>,
    /// Reads after which the stream ends, however much is left.
    pub end_after_reads: Option<u64>,
}

/// Wraps a [`Source`] and injects the faults of a [`FaultPlan`]. Gaps in the
/// wrapped source's own time are closed.
#[derive(Debug)]
pub struct Faulty<S> {
    source: S,
    plan: FaultPlan,
    chance: ChaCha8Rng,
    reads: u64,
    inner: Chunk,
    /// Samples taken from the source and not yet handed out.
    queue: VecDeque<f32>,
    /// Stream time at the source's start, and samples taken or lost since.
    origin: Option<Micros>,
    position: u64,
    source_ended: bool,
}

impl<S: Source> Faulty<S> {
    /// Wraps `source`; `seed` decides where faults fall.
    pub fn new(source: S, plan: FaultPlan, seed: u64) -> Self {
        Self {
            source,
            plan,
            chance: ChaCha8Rng::seed_from_u64(seed),
            reads: 0,
            inner: Chunk::default(),
            queue: VecDeque::new(),
            origin: None,
            position: 0,
            source_ended: false,
        }
    }

    /// Fills the queue up to `wanted` samples, or by one chunk for `None`.
    fn refill(&mut self, wanted: Option<usize>) -> Result<(), SourceError> {
        let channels = self.source.channels().len();
        while !self.source_ended && self.queue.len() / channels < wanted.unwrap_or(1) {
            if self.source.read(&mut self.inner)? {
                self.origin.get_or_insert(self.inner.start);
                self.queue.extend(&self.inner.samples);
            } else {
                self.source_ended = true;
            }
        }
        Ok(())
    }

    fn take(&mut self, samples: usize, chunk: &mut Chunk) {
        chunk.samples.clear();
        let elapsed = Micros::from_samples(self.position, self.source.rate());
        let origin = self.origin.unwrap_or_default();
        chunk.start = Micros(origin.0.saturating_add(elapsed.0));
        let channels = self.source.channels().len();
        let samples = samples.min(self.queue.len() / channels);
        chunk.samples.extend(self.queue.drain(..samples * channels));
        self.position += samples as u64;
    }

    fn spoil(&mut self, samples: &mut [f32]) {
        const SPOILT: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let chance = self.plan.non_finite.clamp(0.0, 1.0);
        if chance == 0.0 {
            return;
        }
        for sample in samples {
            if self.chance.random_bool(chance) {
                let kind = self.chance.random_range(0..SPOILT.len());
                *sample = SPOILT.get(kind).copied().unwrap_or(f32::NAN);
            }
        }
    }
}

impl<S: Source> Source for Faulty<S> {
    fn rate(&self) -> SampleRate {
        self.source.rate()
    }

    fn channels(&self) -> &[Channel] {
        self.source.channels()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        let read = self.reads;
        self.reads += 1;
        chunk.samples.clear();
        if self.plan.end_after_reads.is_some_and(|end| read >= end) {
            return Ok(false);
        }
        if self.plan.fail_at_read == Some(read) {
            let error = std::io::Error::other(format!("injected fault at read {read}"));
            return Err(SourceError::Io { path: None, error });
        }
        loop {
            let wanted = self
                .plan
                .chunk_samples
                .map(|(a, b)| self.chance.random_range(a.min(b)..=a.max(b).max(1)));
            self.refill(wanted)?;
            if self.queue.is_empty() && self.source_ended {
                return Ok(false);
            }
            let samples = wanted.unwrap_or(self.queue.len() / self.channels().len());
            self.take(samples, chunk);
            let lost = self.chance.random_bool(self.plan.loss.clamp(0.0, 1.0));
            if !lost {
                break;
            }
        }
        self.spoil(&mut chunk.samples);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::synthetic::{Segment, Sound, Synthetic};

    const SAMPLES: u64 = 20_000;

    fn faulty(plan: FaultPlan, seed: u64) -> Faulty<Synthetic> {
        let sound = Sound::Noise { amplitude: 0.5 };
        let segment = Segment {
            sound,
            samples: SAMPLES,
        };
        let rate = SampleRate::new(16_000).unwrap();
        Faulty::new(Synthetic::new(rate, vec![segment], 320, 1), plan, seed)
    }

    fn chunks(mut source: impl Source) -> Vec<Chunk> {
        let (mut chunk, mut all) = (Chunk::default(), Vec::new());
        while source.read(&mut chunk).unwrap() {
            all.push(chunk.clone());
        }
        all
    }

    fn samples(chunks: &[Chunk]) -> Vec<f32> {
        chunks
            .iter()
            .flat_map(|c| c.samples.iter().copied())
            .collect()
    }

    #[test]
    fn an_empty_plan_changes_nothing() {
        let clean = chunks(faulty(FaultPlan::default(), 3));
        assert_eq!(clean, chunks(faulty(FaultPlan::default(), 4).source));
    }

    #[test]
    fn odd_chunk_lengths_keep_samples_and_times() {
        let plan = FaultPlan {
            chunk_samples: Some((0, 700)),
            ..Default::default()
        };
        let odd = chunks(faulty(plan.clone(), 3));
        assert_eq!(
            samples(&odd),
            samples(&chunks(faulty(FaultPlan::default(), 3)))
        );
        assert_eq!(
            odd,
            chunks(faulty(plan.clone(), 3)),
            "same seed, same chunks"
        );
        assert_ne!(odd, chunks(faulty(plan, 4)));
        let rate = SampleRate::new(16_000).unwrap();
        let mut position = 0;
        for chunk in &odd {
            assert_eq!(chunk.start, Micros::from_samples(position, rate));
            position += chunk.samples.len() as u64;
        }
    }

    #[test]
    fn lost_chunks_leave_gaps_of_their_length() {
        let plan = FaultPlan {
            loss: 0.3,
            ..Default::default()
        };
        let kept = chunks(faulty(plan, 5));
        let whole = samples(&chunks(faulty(FaultPlan::default(), 0)));
        assert!(
            kept.len() < 60 && kept.len() > 20,
            "{} of 63 chunks",
            kept.len()
        );
        for chunk in &kept {
            let start = (chunk.start.0 * 16_000 / 1_000_000) as usize;
            assert_eq!(chunk.samples, whole[start..start + chunk.samples.len()]);
        }
    }

    #[test]
    fn spoilt_samples_occur_at_the_planned_rate() {
        let plan = FaultPlan {
            non_finite: 0.01,
            ..Default::default()
        };
        let spoilt = samples(&chunks(faulty(plan, 5)));
        let count = spoilt.iter().filter(|s| !s.is_finite()).count();
        assert!((120..280).contains(&count), "{count} of {SAMPLES}");
    }

    #[test]
    fn a_stream_that_ends_early_stays_ended() {
        let plan = FaultPlan {
            end_after_reads: Some(3),
            ..Default::default()
        };
        let mut source = faulty(plan, 5);
        let mut chunk = Chunk::default();
        for expected in [true, true, true, false, false] {
            assert_eq!(source.read(&mut chunk).unwrap(), expected);
        }
        assert!(chunk.samples.is_empty());
    }

    #[test]
    fn one_read_fails_and_later_reads_go_on() {
        let plan = FaultPlan {
            fail_at_read: Some(1),
            ..Default::default()
        };
        let mut source = faulty(plan, 7);
        let mut chunk = Chunk::default();
        assert!(source.read(&mut chunk).unwrap());
        assert!(source.read(&mut chunk).is_err());
        assert!(source.read(&mut chunk).unwrap());
    }
}
