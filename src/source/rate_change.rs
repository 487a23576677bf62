//! Brings the sound after a change of a file's sample rate to the rate at its beginning.
//!
//! Files that were joined, as by `cat a.mp3 b.mp3`, may have several rates. A source has one. The
//! filter's delay is removed, and no time is lost at the change: the samples of each rate take
//! the time that they take at their own rate.

use super::Note;
use crate::resample::{ResampleError, Resampler};
use crate::signal::{Chunk, Micros, SampleRate};

/// Where samples of one rate are in the file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the samples of this rate begin, in samples at the file's first rate.
    pub(super) base: u64,
    /// The position after it, in samples of this rate.
    pub(super) at: u64,
    /// This rate in Hz.
    pub(super) hz: u32,
}

impl Place {
    /// The position in samples of a file whose first rate is `first_hz`.
    pub(super) fn at_first_rate(self, first_hz: u32) -> u64 {
        if self.hz == first_hz || self.hz == 0 {
            return self.base + self.at;
        }
        let (from, to) = (u128::from(self.hz), u128::from(first_hz));
        let after = (u128::from(self.at) * to + from / 2) / from;
        self.base
            .saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }
}

/// The conversion of a file to its first rate.
#[derive(Debug)]
pub(super) struct RateChange {
    rate: SampleRate,
    current: Option<Stream>,
    /// The rate in Hz of the samples before.
    before_hz: u32,
    changes: u64,
    /// The seconds, the rate before and the rate after, of the first change.
    first: Option<(f64, u32, u32)>,
}

/// The samples of another rate up to the next change or gap.
#[derive(Debug)]
struct Stream {
    resampler: Resampler,
    /// The place of the next sample.
    next: Place,
    /// The position of the next sample that comes out, at the first rate.
    out_at: u64,
}

impl RateChange {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            current: None,
            before_hz: rate.hz(),
            changes: 0,
            first: None,
        }
    }

    /// Whether samples at `place` do not continue those that are being converted.
    pub(super) fn ends_before(&self, place: Place) -> bool {
        self.current
            .as_ref()
            .is_some_and(|stream| stream.next != place)
    }

    /// Ends the conversion. `chunk` receives the samples that it held back, if any.
    pub(super) fn finish(&mut self, chunk: &mut Chunk) {
        if let Some(mut stream) = self.current.take() {
            chunk.start = Micros::from_samples(stream.out_at, self.rate);
            stream.resampler.finish(&mut chunk.samples);
        }
    }

    /// Takes samples of any rate. `chunk` receives those that are ready at the first rate, which
    /// may be none. What was converted before must have ended, unless the samples continue it.
    ///
    /// # Errors
    /// [`ResampleError`] if the rate cannot be converted, or is none.
    pub(super) fn push(
        &mut self,
        place: Place,
        samples: &mut Vec<f32>,
        chunk: &mut Chunk,
    ) -> Result<(), ResampleError> {
        if place.hz != self.before_hz {
            let seconds = place.base as f64 / f64::from(self.rate.hz());
            self.first
                .get_or_insert((seconds, self.before_hz, place.hz));
            self.changes += 1;
            self.before_hz = place.hz;
        }
        if place.hz == self.rate.hz() {
            chunk.start = Micros::from_samples(place.base + place.at, self.rate);
            std::mem::swap(&mut chunk.samples, samples);
            return Ok(());
        }
        let stream = match &mut self.current {
            Some(stream) => stream,
            None => self.current.insert(Stream {
                resampler: Resampler::new(rate_of(place.hz, self.rate)?, self.rate)?,
                next: place,
                out_at: place.at_first_rate(self.rate.hz()),
            }),
        };
        chunk.start = Micros::from_samples(stream.out_at, self.rate);
        stream.resampler.push(samples, &mut chunk.samples);
        stream.next.at += samples.len() as u64;
        stream.out_at += chunk.samples.len() as u64;
        Ok(())
    }

    /// That the rate changed, if it did.
    pub(super) fn note(&self) -> Option<Note> {
        let (seconds, from_hz, to_hz) = self.first?;
        Some(Note::SampleRateChanged {
            changes: self.changes,
            seconds,
            from_hz,
            to_hz,
            used_hz: self.rate.hz(),
        })
    }
}

fn rate_of(hz: u32, to: SampleRate) -> Result<SampleRate, ResampleError> {
    SampleRate::new(hz).map_err(|error| ResampleError {
        from: SampleRate::ONE_HZ,
        to,
        reason: error.to_string(),
    })
}
