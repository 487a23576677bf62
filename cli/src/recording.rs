//! The shared part of the commands that read recordings: sound or sensor data, as the backbone
//! reads it.

use std::mem::discriminant;
use std::path::Path;

use afield::engine::recorded;
use afield::model::Card;
use afield::pipeline::Window;
use afield::signal::Timestamp;
use afield::source::{
    ChannelChoice, Note, SensorFormat, SensorRate, Source, SourceError, SourceOptions,
    open_recording,
};
use clap::Args;

use super::hints;

/// How recordings of sensors are read.
#[derive(Debug, Clone, Default, Args)]
pub struct SensorArgs {
    /// Rate of sensor data in rows per second, such as 50 or 12.5 [default: from the
    /// first line `# rate: 50 Hz`, or from the times]
    #[arg(long, value_name = "HZ", value_parser = hints::parse::<SensorRate>)]
    rate: Option<SensorRate>,

    /// Columns of sensor data to read as channels, comma-separated, such as 'ax=accX
    /// [m/s2],ay=accY [m/s2]' [default: all but the time]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,

    /// Channel of audio to read: mix (the mean), left, right, a number from 1, or best
    /// (the most power in the first second)
    #[arg(long, default_value_t = ChannelChoice::Mix, value_name = "CHANNEL", value_parser = hints::parse::<ChannelChoice>)]
    channel: ChannelChoice,
}

impl SensorArgs {
    /// The same options, for the library.
    pub fn options(&self) -> SourceOptions {
        SourceOptions {
            sensor: self.format(),
            ..SourceOptions::default()
        }
    }

    /// Rejects options that have no effect on the input of the backbone of `card`.
    pub fn check(&self, card: &Card) -> Result<(), SourceError> {
        self.options().check(recorded(card))
    }

    /// The same options, as a sensor format.
    pub fn format(&self) -> SensorFormat {
        SensorFormat {
            rate: self.rate,
            columns: self.columns.clone(),
            channel: self.channel,
        }
    }

    /// The options that differ from their defaults, as on the command line.
    pub fn flags(&self) -> String {
        let mut flags = Vec::new();
        if let Some(rate) = self.rate {
            flags.push(format!("--rate {rate}"));
        }
        if !self.columns.is_empty() {
            flags.push(format!("--columns {}", self.columns.join(",")));
        }
        if self.channel != ChannelChoice::default() {
            flags.push(format!("--channel {}", self.channel));
        }
        flags.join(" ")
    }

    /// The recording at `path`.
    pub fn open(&self, path: &Path) -> Result<Box<dyn Source>, SourceError> {
        open_recording(path, &self.format())
    }
}

/// When a recording began.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct StartArgs {
    /// Start time of the recording, such as 2026-06-01T22:10:00 (local time) or
    /// 2026-06-01T20:10:00Z [default: from its metadata or name, if stated]
    #[arg(long, value_name = "TIME", value_parser = hints::parse::<Timestamp>)]
    pub start: Option<Timestamp>,
}

/// Prints what is odd about a recording, as one line.
pub fn note(notes: &[Note], name: &str) {
    if !notes.is_empty() {
        eprintln!("note: {name}: {}", Note::joined(notes));
    }
}

/// The most recordings whose notes are printed one by one.
const MOST_NOTED: usize = 5;

/// Prints what is odd about several recordings: one line each, or one line a kind if there are
/// many.
pub fn note_all<'a>(noted: impl Iterator<Item = (&'a str, &'a [Note])> + Clone) {
    if noted.clone().count() <= MOST_NOTED {
        noted.for_each(|(name, notes)| note(notes, name));
        return;
    }
    let mut kinds: Vec<(&Note, &str, usize)> = Vec::new();
    for (name, notes) in noted {
        for (position, note) in notes.iter().enumerate() {
            let is_same = |other: &Note| discriminant(other) == discriminant(note);
            if notes.iter().take(position).any(is_same) {
                continue;
            }
            match kinds.iter_mut().find(|(first, ..)| is_same(first)) {
                Some((.., count)) => *count += 1,
                None => kinds.push((note, name, 1)),
            }
        }
    }
    for (note, name, count) in kinds {
        match count {
            1 => eprintln!("note: {name}: {note}"),
            _ => eprintln!("note: {count} recordings, the first {name}: {note}"),
        }
    }
}

/// Seconds that recordings are cut into, and seconds from one piece to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    seconds: f64,
    every: f64,
}

impl Cut {
    /// The same length and step, in whole embeddings of `card`'s backbone.
    pub fn window(self, card: &Card) -> Window {
        Window::spanning(card, self.seconds, self.every)
    }
}

impl std::str::FromStr for Cut {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |text: &str| match text.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
            _ => Err("expected SECONDS or SECONDS:STEP, above 0, up to 3600".to_owned()),
        };
        let (all, step) = text.split_once(':').unwrap_or((text, text));
        Ok(Self {
            seconds: seconds(all)?,
            every: seconds(step)?,
        })
    }
}
