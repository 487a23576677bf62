//! The last seconds of what is listened to, as they came from the source.
//!
//! Samples, not embeddings: what is taught of them is then, to the bit, what a recording of the
//! same samples would have taught, and knows nothing of when decisions were made.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::signal::{Channel, Chunk, Micros, SampleRate};
use crate::source::{Excerpt, Health, LiveSource, Source};

/// Most numbers that are kept: half a minute of sound at 48 kHz, 5.8 MB.
pub(super) const MOST_VALUES: usize = 1_440_000;

/// What was heard lately. Copies share it, so that another thread can look.
#[derive(Debug, Clone)]
pub struct Recent(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    rate: SampleRate,
    channels: Vec<Channel>,
    /// Row-major `[n, channels]`, without a gap, the oldest first.
    samples: VecDeque<f32>,
    most: usize,
    /// Stream time at which they end.
    until: Micros,
    heard_at: Option<Instant>,
    began: Instant,
    device: Option<Fares>,
}

/// How the device fares that is listened to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fares {
    /// In numbers.
    pub health: Health,
    /// All that is known of it, for people.
    pub account: String,
}

/// The span that was asked for has not been heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardLess {
    /// What there is, without a gap.
    pub heard: Duration,
}

impl Recent {
    /// The longest that is kept; less of fast or many channels.
    pub const MOST: Duration = Duration::from_secs(30);

    /// Of `source`, of which nothing has been heard until `now`.
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
            until: Micros(0),
            heard_at: None,
            began: now,
            device: None,
        })))
    }

    /// Takes what came from the source at `now`. What lies before a gap is forgotten.
    pub fn hear(&self, chunk: &Chunk, now: Instant) {
        if chunk.samples.is_empty() {
            return;
        }
        let mut held = self.lock();
        // Two microseconds forgive the rounding of two time stamps.
        if chunk.start.0.abs_diff(held.until.0) > 2 {
            held.samples.clear();
        }
        let width = held.channels.len().max(1);
        let length = Micros::from_samples((chunk.samples.len() / width) as u64, held.rate);
        held.until = Micros(chunk.start.0.saturating_add(length.0));
        held.heard_at = Some(now);
        let skipped = chunk.samples.len().saturating_sub(held.most);
        let fresh = chunk.samples.get(skipped..).unwrap_or_default();
        let over = (held.samples.len() + fresh.len()).saturating_sub(held.most);
        held.samples.drain(..over);
        held.samples.extend(fresh);
    }

    /// Notes how the device fares that it comes from.
    pub fn note(&self, device: &dyn LiveSource) {
        let fares = Fares {
            health: device.health(),
            account: device.account(),
        };
        self.lock().device = Some(fares);
    }

    /// When it began, when the last of it came, and how its device fares.
    pub(super) fn state(&self) -> (Instant, Option<Instant>, Option<Fares>) {
        let held = self.lock();
        (held.began, held.heard_at, held.device.clone())
    }

    /// The last `span` of it, and when the last of it came.
    ///
    /// # Errors
    /// [`HeardLess`] when less has been heard since the start or the last gap, or is kept.
    pub fn last(&self, span: Duration) -> Result<(Excerpt, Instant), HeardLess> {
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
                let heard = Micros::from_samples(rows, held.rate);
                Err(HeardLess {
                    heard: Duration::from_micros(heard.0),
                })
            }
        }
    }

    /// What came from stream time `start` to `end`.
    ///
    /// # Errors
    /// [`HeardLess`] when not all of it has been heard since the last gap, or is kept.
    pub(super) fn between(&self, start: Micros, end: Micros) -> Result<Excerpt, HeardLess> {
        let held = self.lock();
        let width = held.channels.len().max(1);
        let hz = u128::from(held.rate.hz());
        let rows = |span: u64| usize::try_from((u128::from(span) * hz + 500_000) / 1_000_000).ok();
        let kept = held.samples.len() / width;
        let after = held.until.0.checked_sub(end.0).and_then(rows);
        let wanted = end.0.checked_sub(start.0).and_then(rows);
        let found = after.zip(wanted).and_then(|(after, wanted)| {
            let last = kept.checked_sub(after)?;
            Some((last.checked_sub(wanted)?, last))
        });
        let Some((first, last)) = found.filter(|(first, last)| first < last) else {
            let heard = Micros::from_samples(kept as u64, held.rate);
            return Err(HeardLess {
                heard: Duration::from_micros(heard.0),
            });
        };
        let samples = held
            .samples
            .range(first * width..last * width)
            .copied()
            .collect();
        Ok(Excerpt::new(held.rate, held.channels.clone(), samples))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SOUND;

    fn recent(hz: u32) -> Recent {
        let rate = SampleRate::new(hz).unwrap();
        Recent::of(
            &Excerpt::new(rate, SOUND.to_vec(), Vec::new()),
            Instant::now(),
        )
    }

    fn hear(recent: &Recent, start_ms: u64, samples: std::ops::Range<u32>) {
        let chunk = Chunk {
            start: Micros(start_ms * 1_000),
            samples: samples.map(|n| n as f32).collect(),
        };
        recent.hear(&chunk, Instant::now());
    }

    fn last(recent: &Recent, ms: u64) -> Result<Vec<f32>, u128> {
        match recent.last(Duration::from_millis(ms)) {
            Ok((excerpt, _)) => Ok(excerpt.samples().to_vec()),
            Err(less) => Err(less.heard.as_millis()),
        }
    }

    #[test]
    fn the_last_of_it_is_what_came_last_and_looks_across_no_gap() {
        let recent = recent(1_000);
        assert_eq!(last(&recent, 1), Err(0));
        hear(&recent, 0, 0..60);
        hear(&recent, 60, 60..100);
        assert_eq!(last(&recent, 3), Ok(vec![97.0, 98.0, 99.0]));
        assert_eq!(last(&recent, 100).unwrap().len(), 100);
        assert_eq!(last(&recent, 101), Err(100));
        assert_eq!(last(&recent, 0), Err(100));
        // Empty chunks of a device that waits are no gap.
        hear(&recent, 70, 0..0);
        hear(&recent, 100, 100..101);
        assert_eq!(last(&recent, 2), Ok(vec![99.0, 100.0]));
        hear(&recent, 120, 7..9);
        assert_eq!(last(&recent, 2), Ok(vec![7.0, 8.0]));
        assert_eq!(last(&recent, 3), Err(2));
        assert_eq!(last(&recent, u64::MAX), Err(2));
    }

    #[test]
    fn only_so_much_is_kept() {
        let recent = recent(100_000);
        for second in 0..40 {
            hear(&recent, second * 1_000, 0..100_000);
        }
        let kept = recent.lock().samples.len();
        assert_eq!(kept, MOST_VALUES);
        assert_eq!(last(&recent, 20_000), Err(14_400));
        hear(&recent, 40_000, 0..2_000_000);
        assert_eq!(recent.lock().samples.len(), MOST_VALUES);
        assert_eq!(last(&recent, 1).unwrap()[99], 1_999_999.0);
    }
}
