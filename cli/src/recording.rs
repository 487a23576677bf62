//! What the commands that read recordings share: of sound or of sensors, as the
//! backbone reads them.

use std::path::Path;

use afield::model::Card;
use afield::pipeline::Window;
use afield::signal::SampleRate;
use afield::source::{
    LabelledClip, Recorded, RowFaults, SensorFormat, Source, SourceError, labelled_recordings,
    open_recording,
};
use anyhow::bail;
use clap::Args;

/// How recordings of sensors are read.
#[derive(Debug, Clone, Default, Args)]
pub struct SensorArgs {
    /// Samples a second of sensor data [default: what their first line `# rate: 50 Hz`
    /// or their times say]
    #[arg(long, value_name = "HZ", value_parser = rate)]
    rate: Option<SampleRate>,

    /// Columns of sensor data to take as channels, comma-separated, such as
    /// 'ax=accX [m/s2],ay=accY [m/s2]' [default: all but the time]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
}

impl SensorArgs {
    /// Refuses what says nothing of sound where the backbone of `card` reads sound.
    pub fn check(&self, card: &Card) -> anyhow::Result<()> {
        let flag = match (self.rate, self.columns.as_slice()) {
            (Some(_), _) => "--rate",
            (None, [_, ..]) => "--columns",
            (None, []) => return Ok(()),
        };
        if kind(card) == Recorded::Sound {
            bail!(
                "{flag} is for sensors, {} reads sound\nhint: leave it out; recordings and microphones say their own rate, raw PCM on stdin has --format",
                card.name
            );
        }
        Ok(())
    }

    /// Whether columns are chosen.
    pub fn chooses_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The same, for the rooms below.
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

/// Tells what was wrong with `source`, if anything.
pub fn note(source: &dyn Source, name: &str) {
    let faults = source.faults();
    if faults != RowFaults::default() {
        eprintln!("note: {name}: {faults}");
    }
}

/// The recordings under `root` that the backbone of `card` can read.
pub fn labelled(root: &Path, card: &Card) -> Result<Vec<LabelledClip>, SourceError> {
    labelled_recordings(root, kind(card))
}

/// What the backbone of `card` reads.
pub fn kind(card: &Card) -> Recorded {
    match card.sensor() {
        Some(_) => Recorded::Sensor,
        None => Recorded::Sound,
    }
}

/// Seconds that recordings are cut into, and seconds from one piece to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    seconds: f64,
    every: f64,
}

impl Cut {
    /// Three seconds, half of them shared with the next piece: an exercise's usual cut.
    pub const EXERCISE: Self = Self {
        seconds: 3.0,
        every: 1.5,
    };

    /// The same in whole embeddings of `card`'s backbone.
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

fn rate(text: &str) -> Result<SampleRate, String> {
    let hz = text.parse().map_err(|_| "expected a whole number of Hz")?;
    SampleRate::new(hz).map_err(|error| error.to_string())
}
