//! The shared part of the commands that read recordings: sound or sensor data, as the backbone
//! reads it.

use std::path::Path;

use afield::engine::recorded;
use afield::model::Card;
use afield::pipeline::Window;
use afield::source::{
    Note, SensorFormat, SensorRate, Source, SourceError, SourceOptions, open_recording,
};
use clap::Args;

use super::hints;

/// How recordings of sensors are read.
#[derive(Debug, Clone, Default, Args)]
pub struct SensorArgs {
    /// Rows a second of sensor data, such as 50 or 12.5 [default: what their first line
    /// `# rate: 50 Hz` or their times say]
    #[arg(long, value_name = "HZ", value_parser = hints::parse::<SensorRate>)]
    rate: Option<SensorRate>,

    /// Columns of sensor data to take as channels, comma-separated, such as
    /// 'ax=accX [m/s2],ay=accY [m/s2]' [default: all but the time]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
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
        }
    }

    /// The recording at `path`.
    pub fn open(&self, path: &Path) -> Result<Box<dyn Source>, SourceError> {
        open_recording(path, &self.format())
    }
}

/// Prints what is odd about a recording, as one line.
pub fn note(notes: &[Note], name: &str) {
    if !notes.is_empty() {
        let texts: Vec<String> = notes.iter().map(Note::to_string).collect();
        eprintln!("note: {name}: {}", texts.join("; "));
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
