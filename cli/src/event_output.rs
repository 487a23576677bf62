//! Lines of `afield listen`: events as JSON, CSV, a Raven selection table or an Audacity label
//! track, and single windows as JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use afield::Event;
use afield::decision::AnswerFrom;
use afield::engine::EventId;
use afield::signal::{Label, Timestamp};
use afield::source::Health;
use clap::ValueEnum;
use serde::Serialize;

/// The format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// A selection table of Raven
    Raven,
    /// A label track of Audacity
    Audacity,
}

impl Output {
    /// Whether the times of a line belong to one recording that the line need not name.
    pub fn is_of_one_recording(self) -> bool {
        matches!(self, Self::Raven | Self::Audacity)
    }
}

/// What an event that is of no taught class is called, where a name must be given.
pub const UNKNOWN: &str = "unknown";

const CSV_HEADER: &str = "start,end,label,kind,confidence,novelty,at,path";
const RAVEN_HEADER: &str = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tSpecies\tConfidence";

/// Writes events as lines.
pub struct EventLines {
    /// The format of events, or `None` for a line of JSON for each window.
    pub output: Option<Output>,
    /// Whether the source is live.
    pub is_live: bool,
    /// Half the sampling rate of what the backbone takes.
    pub highest_hz: f64,
    /// The number of events written.
    pub written: u64,
}

impl EventLines {
    /// Writes what comes before the first event.
    pub fn begin(&self, out: &mut impl Write) -> io::Result<()> {
        match self.output {
            Some(Output::Csv) => writeln!(out, "{CSV_HEADER}"),
            Some(Output::Raven) => writeln!(out, "{RAVEN_HEADER}"),
            _ => Ok(()),
        }
    }

    /// Writes an event of a source, with the health of its device.
    pub fn write(
        &mut self,
        out: &mut impl Write,
        event: &Event,
        health: Option<&Health>,
    ) -> io::Result<()> {
        self.written += 1;
        let line = match self.output {
            None => serde_json::to_string(&WindowLine::new(event, self.is_live, health))?,
            Some(Output::Jsonl) => {
                serde_json::to_string(&EventLine::new(event, self.is_live, health))?
            }
            Some(Output::Csv) => csv(event),
            Some(Output::Raven) => self.raven(event),
            Some(Output::Audacity) => {
                let (start, end) = (event.start.as_secs_f64(), event.end.as_secs_f64());
                format!("{start:.6}\t{end:.6}\t{}", name(event))
            }
        };
        writeln!(out, "{line}")
    }

    fn raven(&self, event: &Event) -> String {
        let (start, end) = (event.start.as_secs_f64(), event.end.as_secs_f64());
        format!(
            "{}\tSpectrogram 1\t1\t{start:.6}\t{end:.6}\t0\t{}\t{}\t{}\t{}",
            self.written,
            self.highest_hz,
            in_one_cell(&event.source),
            name(event),
            event.confidence
        )
    }
}

/// The label, or `unknown`. Labels hold no tab and no end of a line.
pub fn name(event: &Event) -> &str {
    event.label.as_ref().map_or(UNKNOWN, Label::as_str)
}

/// A file's name without tabs and ends of lines.
fn in_one_cell(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn csv(event: &Event) -> String {
    let (start, end) = (event.start.as_secs_f64(), event.end.as_secs_f64());
    let mut line = format!("{start:.6},{end:.6}");
    let number = |value: Option<f32>| value.map_or_else(String::new, |value| value.to_string());
    let cells = [
        event.label.as_ref().map_or("", Label::as_str),
        event.kind.as_str(),
        &event.confidence.to_string(),
        &number(event.novelty),
        &event
            .at
            .as_ref()
            .map_or_else(String::new, Timestamp::to_string),
        &event.source,
    ];
    for cell in cells {
        line.push(',');
        if cell.contains([',', '"', '\n', '\r']) {
            let _ = write!(line, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            line.push_str(cell);
        }
    }
    line
}

/// One event, as a line of output.
#[derive(Serialize)]
struct EventLine<'a> {
    event: EventId,
    start: f64,
    end: f64,
    /// Wall-clock time of `start`, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    label: Option<&'a Label>,
    kind: &'static str,
    /// Of a learner with published classes: which classes the label is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<AnswerFrom>,
    confidence: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<f32>,
    /// Of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// Of a live source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(flatten)]
    device: Option<DeviceFields>,
}

impl<'a> EventLine<'a> {
    fn new(event: &'a Event, is_live: bool, health: Option<&Health>) -> Self {
        let source = &*event.source;
        Self {
            event: event.id,
            start: event.start.as_secs_f64(),
            end: event.end.as_secs_f64(),
            at: event.at,
            label: event.label.as_ref(),
            kind: event.kind.as_str(),
            from: event.from,
            confidence: event.confidence,
            novelty: event.novelty,
            path: (!is_live).then_some(source),
            source: is_live.then_some(source),
            device: health.map(DeviceFields::of),
        }
    }
}

/// One decision, as a line of output.
#[derive(Serialize)]
struct WindowLine<'a> {
    time: f64,
    start: f64,
    label: Option<&'a Label>,
    /// Of a learner with published classes: which classes the label is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<AnswerFrom>,
    confidence: f32,
    /// True on the line that begins a quiet period, otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// Wall-clock time of `time`, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Of a live source: the event's id, for `afield teach --event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventId>,
    #[serde(flatten)]
    device: Option<DeviceFields>,
}

impl<'a> WindowLine<'a> {
    fn new(event: &'a Event, is_live: bool, health: Option<&Health>) -> Self {
        Self {
            time: event.end.as_secs_f64(),
            start: event.start.as_secs_f64(),
            label: event.label.as_ref(),
            from: event.from,
            confidence: event.confidence,
            quiet: event.quiet.then_some(true),
            path: (!is_live).then_some(&*event.source),
            at: event.at,
            event: is_live.then_some(event.id),
            device: health.map(DeviceFields::of),
        }
    }
}

/// For a device: samples lost so far, the latency of the latest ones, and overruns of the
/// system's buffer.
#[derive(Serialize)]
struct DeviceFields {
    lost: u64,
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    overruns: Option<u64>,
}

impl DeviceFields {
    fn of(health: &Health) -> Self {
        Self {
            lost: health.lost_samples,
            latency_ms: health.latency_us as f64 / 1e3,
            overruns: health.overruns,
        }
    }
}
