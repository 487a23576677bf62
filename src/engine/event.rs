//! An event: one sound, or one decision, as a value that can be printed, sent and taught.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use std::time::Duration;

use super::{Error, Recording, RetainedAudio};
use crate::decision::{AnswerFrom, SegmentKind};
use crate::signal::{Chunk, Label, Micros, Timestamp};
use crate::source::{Excerpt, SensorFormat, open_recording};

/// The id of an event: where its stream comes from, and a counter.
///
/// Written as `HEX-N`, such as `19ac5e1f2b3-17`. For a live source the first part is the time at
/// which listening began, in milliseconds of Unix time. For files it is a hash of their name and
/// of the windows, so that the same file always gives the same events, and two files differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    origin: u64,
    number: u64,
}

impl EventId {
    pub(super) fn new(origin: u64, number: u64) -> Self {
        Self { origin, number }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.origin, self.number)
    }
}

impl FromStr for EventId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('-').and_then(|(began, number)| {
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
            if !plain(began) || !plain(number) {
                return None;
            }
            let began = u64::from_str_radix(began, 16).ok()?;
            Some(Self::new(began, number.parse().ok()?))
        });
        parsed.ok_or_else(|| Error::NoEvent {
            id: text.to_owned(),
            reason: "expected an id such as 19ac5e1f2b3-17",
        })
    }
}

impl TryFrom<String> for EventId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

/// One sound of a source; or one window, with
/// [`ListenOptions::windows`](super::ListenOptions::windows).
///
/// Serialised as `{"event", "start", "end", "peak", "at"?, "label", "kind", "from"?,
/// "confidence", "novelty"?, "quiet"?, "drift"?, "source"}`, times in seconds of the stream, `at` as RFC 3339.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The number of the event.
    #[serde(rename = "event")]
    pub id: EventId,
    /// Stream time at which the event begins, as [`Segment::start`](crate::decision::Segment)
    /// defines it, or its window.
    #[serde(serialize_with = "seconds")]
    pub start: Micros,
    /// Stream time at which it ends.
    #[serde(serialize_with = "seconds")]
    pub end: Micros,
    /// Stream time at which it is clearest.
    #[serde(serialize_with = "seconds")]
    pub peak: Micros,
    /// Wall-clock time at which the event began; of a single window, at which it ended. By the
    /// host's clock for live sources, and by [`recorded_at`](crate::source::recorded_at) for
    /// files; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The class; `None` if the event is unknown or quiet.
    pub label: Option<Label>,
    /// What it is.
    #[serde(serialize_with = "kind")]
    pub kind: SegmentKind,
    /// The classes that the label comes from; `None` without a label, or if the learner has no
    /// published classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<AnswerFrom>,
    /// The probability of the most probable class, in `[0, 1]`; 0 if there is none.
    pub confidence: f32,
    /// How unlike the taught clips of its class it is: the share of them that are less unlike, in
    /// `[0, 1]`. `None` for a single window, or if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f32>,
    /// Whether the gate found only background, so that nothing was decided.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Whether the place has sounded different since before it: what was taught may no longer hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
    /// The source: a file's path, or the name of a live source.
    #[serde(serialize_with = "text")]
    pub source: Arc<str>,
    /// Where its samples begin and end, as far as they are kept.
    #[serde(skip)]
    pub(super) samples: (Micros, Micros),
    #[serde(skip)]
    pub(super) audio: Audio,
}

impl Event {
    /// Whether the event is of no taught class.
    pub fn is_unknown(&self) -> bool {
        self.kind == SegmentKind::Unknown
    }

    /// The samples of the event, to be taught. At most the last 30 s of a live source are kept, and
    /// none from before a gap; of an event longer than 20 s, the last 20 s. A file is read again.
    ///
    /// # Errors
    /// [`Error::TooLittleAudio`] if the samples are no longer kept, [`Error::Source`] if the file
    /// can no longer be read.
    pub fn recording(&self) -> Result<Recording, Error> {
        let (start, end) = self.samples;
        self.audio.recording(&self.source, start, end)
    }

    /// As [`Self::recording`], from `pre_roll` before the event on, or from the beginning of the
    /// source. Without it, if the samples before the event are no longer kept.
    ///
    /// # Errors
    /// As [`Self::recording`].
    pub fn recording_after(&self, pre_roll: Duration) -> Result<Recording, Error> {
        let (start, end) = self.samples;
        let before = u64::try_from(pre_roll.as_micros()).unwrap_or(u64::MAX);
        let earlier = Micros(start.0.saturating_sub(before));
        match self.audio.recording(&self.source, earlier, end) {
            Err(Error::TooLittleAudio { .. }) => self.recording(),
            recording => recording,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start.as_secs_f64(), self.end.as_secs_f64());
        write!(f, "{start:.2} to {end:.2} s: ")?;
        match &self.label {
            Some(label) => write!(f, "{label} ({:.2})", self.confidence),
            None if self.quiet => f.write_str("quiet"),
            None => f.write_str("unknown"),
        }
    }
}

/// Where the samples of events come from.
#[derive(Debug, Clone)]
pub(super) enum Audio {
    /// The audio buffer of a live source.
    Live(RetainedAudio),
    /// A file, and its latest samples if they are kept.
    File(Arc<SensorFormat>, Option<RetainedAudio>),
}

impl Audio {
    /// The samples of the source from `start` to `end`.
    pub(super) fn recording(
        &self,
        source: &str,
        start: Micros,
        end: Micros,
    ) -> Result<Recording, Error> {
        let excerpt = match self {
            Self::Live(recent) => {
                recent
                    .between(start, end)
                    .map_err(|less| Error::TooLittleAudio {
                        requested: Duration::from_micros(end.0.saturating_sub(start.0)),
                        available: less.available,
                    })?
            }
            Self::File(format, recent) => {
                let kept = recent.as_ref().map(|recent| recent.between(start, end));
                match kept {
                    Some(Ok(excerpt)) => excerpt,
                    _ => cut(source, format, start, end)?,
                }
            }
        };
        let name = format!(
            "{source} from {:.2} to {:.2} s",
            start.as_secs_f64(),
            end.as_secs_f64()
        );
        Ok(Recording::from_source(Box::new(excerpt), name))
    }
}

/// Where the samples of an event begin. An event may begin in the padding of a short clip, after
/// its last sample: then the last second is taken.
pub(super) fn first_sample(start: Micros, end: Micros) -> Micros {
    if start < end {
        return start;
    }
    Micros(end.0.saturating_sub(1_000_000))
}

/// The samples of the file at `path` from `start` to `end`.
fn cut(path: &str, format: &SensorFormat, start: Micros, end: Micros) -> Result<Excerpt, Error> {
    let mut source = open_recording(path, format)?;
    let (rate, channels) = (source.rate(), source.channels().to_vec());
    let width = channels.len().max(1);
    let mut samples = Vec::new();
    let mut chunk = Chunk::default();
    while source.read(&mut chunk)? {
        if chunk.start >= end {
            break;
        }
        // A tolerance of half a sample covers the rounding of time stamps.
        let rows = |time: Micros| {
            let micros = u128::from(time.0.saturating_sub(chunk.start.0));
            usize::try_from((micros * u128::from(rate.hz()) + 500_000) / 1_000_000)
                .unwrap_or(usize::MAX)
        };
        let all = chunk.samples.len() / width;
        let (from, to) = (rows(start).min(all), rows(end).min(all));
        samples.extend_from_slice(
            chunk
                .samples
                .get(from * width..to * width)
                .unwrap_or_default(),
        );
    }
    Ok(Excerpt::new(rate, channels, samples))
}

fn kind<S: serde::Serializer>(kind: &SegmentKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn seconds<S: serde::Serializer>(time: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_survive_text() {
        let id = EventId::new(1_764_201_600_123, 17);
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        for wrong in [
            "", "-", "1", "1-", "-1", "x-1", "1-x", "+1-2", "1-+2", "1-2-3",
        ] {
            assert!(wrong.parse::<EventId>().is_err(), "{wrong}");
        }
    }
}
