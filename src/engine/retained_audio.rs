//! The audio buffer: the last seconds of a live source, kept so that they can be taught.
//!
//! The buffer holds samples, not embeddings. So teaching them gives the same result, to the bit,
//! as teaching a recording of the same samples. The times of the decisions have no effect.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::EventId;
use crate::signal::{Channel, Chunk, Micros, SampleRate, Segment};
use crate::source::{Excerpt, Health, LiveSource, Source};

/// The most values that are kept: half a minute of sound at 48 kHz, 5.8 MB.
pub(super) const MOST_VALUES: usize = 1_440_000;

/// The most events that are remembered.
const MOST_EVENTS: usize = 1_024;

/// The latest samples of a source. Clones share the samples, so that another thread can read them.
#[derive(Debug, Clone)]
pub struct RetainedAudio(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    rate: SampleRate,
    channels: Vec<Channel>,
    /// Row-major `[n, channels]`, without a gap, oldest first.
    samples: VecDeque<f32>,
    most: usize,
    /// The segment that ends with these samples.
    segment: Segment,
    heard_at: Option<Instant>,
    began: Instant,
    device: Option<DeviceReport>,
    /// The latest events, with their start and end.
    events: VecDeque<(EventId, Micros, Micros)>,
}

/// The health of the device of a live source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// The health in numbers.
    pub health: Health,
    /// A report for people.
    #[serde(rename = "account")]
    pub report: String,
}

/// The audio buffer holds less than was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLittle {
    /// The available length without a gap.
    pub(super) available: Duration,
}

impl RetainedAudio {
    /// The longest audio that is retained; less for high rates or many channels.
    pub const MOST: Duration = Duration::from_secs(30);

    /// An empty buffer for `source`, created at `now`.
    pub fn of(source: &dyn Source, now: Instant) -> Self {
        let (rate, channels) = (source.rate(), source.channels().to_vec());
        let width = channels.len().max(1);
        let seconds = Self::MOST.as_secs() as usize;
        let values = (rate.hz() as usize).saturating_mul(seconds * width);
        let most = values.min(MOST_VALUES);
        Self(Arc::new(Mutex::new(Held {
            rate,
            channels,
            samples: VecDeque::new(),
            most: most - most % width,
            segment: Segment::new(rate),
            heard_at: None,
            began: now,
            device: None,
            events: VecDeque::new(),
        })))
    }

    /// Adds the chunk that the source returned at `now`. A gap drops all earlier samples.
    pub fn push(&self, chunk: &Chunk, now: Instant) {
        if chunk.samples.is_empty() {
            return;
        }
        let mut held = self.lock();
        if held.segment.is_gap(chunk.start) {
            held.samples.clear();
            held.segment.restart(chunk.start);
        }
        let width = held.channels.len().max(1);
        held.segment.advance((chunk.samples.len() / width) as u64);
        held.heard_at = Some(now);
        let skipped = chunk.samples.len().saturating_sub(held.most);
        let fresh = chunk.samples.get(skipped..).unwrap_or_default();
        let over = (held.samples.len() + fresh.len()).saturating_sub(held.most);
        held.samples.drain(..over);
        held.samples.extend(fresh);
    }

    /// Records the health of the device that provides the samples.
    pub fn note(&self, device: &dyn LiveSource) {
        let report = DeviceReport {
            health: device.health(),
            report: device.report(),
        };
        self.lock().device = Some(report);
    }

    /// The start time, the time of the latest samples, and the health of the device.
    pub(super) fn state(&self) -> (Instant, Option<Instant>, Option<DeviceReport>) {
        let held = self.lock();
        (held.began, held.heard_at, held.device.clone())
    }

    /// The latest `span` of samples, and the time at which the last of them arrived.
    ///
    /// # Errors
    /// [`TooLittle`] if less arrived since the start or the last gap, or less is retained.
    pub(super) fn last(&self, span: Duration) -> Result<(Excerpt, Instant), TooLittle> {
        let held = self.lock();
        let width = held.channels.len().max(1);
        let hz = u128::from(held.rate.hz());
        let rows = (span.as_micros() * hz + 500_000) / 1_000_000;
        let wanted = usize::try_from(rows)
            .ok()
            .and_then(|n| n.checked_mul(width));
        let first = wanted.and_then(|wanted| held.samples.len().checked_sub(wanted));
        match (first, held.heard_at) {
            (Some(first), Some(heard_at)) if rows > 0 => {
                let samples = held.samples.range(first..).copied().collect();
                let excerpt = Excerpt::new(held.rate, held.channels.clone(), samples);
                Ok((excerpt, heard_at))
            }
            _ => {
                let rows = (held.samples.len() / width) as u64;
                let available = Micros::from_samples(rows, held.rate);
                Err(TooLittle {
                    available: Duration::from_micros(available.0),
                })
            }
        }
    }

    /// The samples from stream time `start` to `end`.
    ///
    /// # Errors
    /// [`TooLittle`] if some of them came before the last gap, have not arrived, or are no longer
    /// retained.
    pub(super) fn between(&self, start: Micros, end: Micros) -> Result<Excerpt, TooLittle> {
        let held = self.lock();
        let width = held.channels.len().max(1);
        let hz = u128::from(held.rate.hz());
        let rows = |span: u64| usize::try_from((u128::from(span) * hz + 500_000) / 1_000_000).ok();
        let kept = held.samples.len() / width;
        let after = held.segment.end().0.checked_sub(end.0).and_then(rows);
        let wanted = end.0.checked_sub(start.0).and_then(rows);
        let found = after.zip(wanted).and_then(|(after, wanted)| {
            let last = kept.checked_sub(after)?;
            Some((last.checked_sub(wanted)?, last))
        });
        let Some((first, last)) = found.filter(|(first, last)| first < last) else {
            let available = Micros::from_samples(kept as u64, held.rate);
            return Err(TooLittle {
                available: Duration::from_micros(available.0),
            });
        };
        let samples = held
            .samples
            .range(first * width..last * width)
            .copied()
            .collect();
        Ok(Excerpt::new(held.rate, held.channels.clone(), samples))
    }

    /// Where the samples of an event begin that can still be asked for after it: at `start`, or
    /// two thirds of the buffer before `end`, whichever is later.
    pub(super) fn first_within_reach(&self, start: Micros, end: Micros) -> Micros {
        let held = self.lock();
        let rows = held.most / held.channels.len().max(1) * 2 / 3;
        let reach = Micros::from_samples(rows as u64, held.rate);
        start.max(Micros(end.0.saturating_sub(reach.0)))
    }

    /// Drops all samples.
    pub(super) fn clear(&self) {
        let mut held = self.lock();
        held.samples = VecDeque::new();
    }

    /// Records that event `id` covers `start` to `end`.
    pub(super) fn note_event(&self, id: EventId, start: Micros, end: Micros) {
        let mut held = self.lock();
        if held.events.len() == MOST_EVENTS {
            held.events.pop_front();
        }
        held.events.push_back((id, start, end));
    }

    /// The samples of event `id`, and the time at which the last sample of the buffer arrived;
    /// `None` if the event is unknown.
    pub(super) fn event(&self, id: EventId) -> Option<Result<(Excerpt, Instant), TooLittle>> {
        let held = self.lock();
        let (_, start, end) = *held.events.iter().rev().find(|(known, ..)| *known == id)?;
        let heard_at = held.heard_at?;
        drop(held);
        Some(self.between(start, end).map(|excerpt| (excerpt, heard_at)))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SOUND;

    fn retained(hz: u32) -> RetainedAudio {
        let rate = SampleRate::new(hz).unwrap();
        RetainedAudio::of(
            &Excerpt::new(rate, SOUND.to_vec(), Vec::new()),
            Instant::now(),
        )
    }

    fn push(audio: &RetainedAudio, start_ms: u64, samples: std::ops::Range<u32>) {
        let chunk = Chunk {
            start: Micros(start_ms * 1_000),
            samples: samples.map(|n| n as f32).collect(),
        };
        audio.push(&chunk, Instant::now());
    }

    fn last(audio: &RetainedAudio, ms: u64) -> Result<Vec<f32>, u128> {
        match audio.last(Duration::from_millis(ms)) {
            Ok((excerpt, _)) => Ok(excerpt.samples().to_vec()),
            Err(less) => Err(less.available.as_millis()),
        }
    }

    #[test]
    fn last_returns_the_latest_samples_and_none_before_a_gap() {
        let audio = retained(1_000);
        assert_eq!(last(&audio, 1), Err(0));
        push(&audio, 0, 0..60);
        push(&audio, 60, 60..100);
        assert_eq!(last(&audio, 3), Ok(vec![97.0, 98.0, 99.0]));
        assert_eq!(last(&audio, 100).unwrap().len(), 100);
        assert_eq!(last(&audio, 101), Err(100));
        assert_eq!(last(&audio, 0), Err(100));
        // Empty chunks of a device that waits are not a gap.
        push(&audio, 70, 0..0);
        push(&audio, 100, 100..101);
        assert_eq!(last(&audio, 2), Ok(vec![99.0, 100.0]));
        push(&audio, 120, 7..9);
        assert_eq!(last(&audio, 2), Ok(vec![7.0, 8.0]));
        assert_eq!(last(&audio, 3), Err(2));
        assert_eq!(last(&audio, u64::MAX), Err(2));
    }

    #[test]
    fn retained_samples_are_bounded() {
        let audio = retained(100_000);
        for second in 0..40 {
            push(&audio, second * 1_000, 0..100_000);
        }
        let kept = audio.lock().samples.len();
        assert_eq!(kept, MOST_VALUES);
        assert_eq!(last(&audio, 20_000), Err(14_400));
        push(&audio, 40_000, 0..2_000_000);
        assert_eq!(audio.lock().samples.len(), MOST_VALUES);
        assert_eq!(last(&audio, 1).unwrap()[99], 1_999_999.0);
    }
}
