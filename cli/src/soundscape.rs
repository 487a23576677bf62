//! `afield soundscape`: the sound of a learner's place.

use std::path::PathBuf;

use afield::Recording;
use afield::engine::Soundscape;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::SensorArgs;

/// Show or set the sound of the learner's place when nothing happens
///
/// Every clip that is taught from then on is also learned mixed with it, 3, 10 and 20 dB
/// above it, so that the learner knows the clip in its place. The soundscape itself is
/// learned as the class `background`, which is no event.
///
/// Up to two minutes are kept in the learner's folder, and nowhere else.
#[derive(Debug, Args)]
pub struct SoundscapeArgs {
    #[command(subcommand)]
    command: SoundscapeCommand,
}

#[derive(Debug, Subcommand)]
enum SoundscapeCommand {
    /// Show the length and the level of the soundscape
    Show {
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Use a recording as the soundscape, in place of an earlier one
    ///
    /// Examples that were taught before stay as they are. Teach their clips again after
    /// `afield forget` if they shall be learned in this place, too.
    #[command(after_help = "Examples:\n  \
        arecord -d 60 -f S16_LE -r 16000 -c 1 quiet.wav\n  \
        afield soundscape use quiet.wav --learner box")]
    Use {
        /// Recording of at least 4.5 s in which nothing happens
        file: PathBuf,
        #[command(flatten)]
        sensor: SensorArgs,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Remove the soundscape, and what was learned from it as `background`
    Drop {
        #[command(flatten)]
        place: LearnerPlace,
    },
}

/// Runs the command.
pub fn run(args: SoundscapeArgs, places: &Places) -> Result<()> {
    match args.command {
        SoundscapeCommand::Show { place } => {
            match place.open(places)?.soundscape()? {
                Some(soundscape) => println!("{}", described(&soundscape)),
                None => println!("no soundscape"),
            }
            Ok(())
        }
        SoundscapeCommand::Use {
            file,
            sensor,
            place,
        } => {
            let engine = place.open(places)?;
            let name = || file.display().to_string();
            let recording = Recording::open_with(&file, &sensor.format())?;
            let soundscape = engine.use_soundscape(recording).with_context(name)?;
            eprintln!("soundscape: {}", described(&soundscape));
            Ok(engine.close()?)
        }
        SoundscapeCommand::Drop { place } => {
            let engine = place.open(places)?;
            match engine.drop_soundscape()? {
                true => eprintln!("removed the soundscape"),
                false => eprintln!("there is no soundscape"),
            }
            Ok(engine.close()?)
        }
    }
}

fn described(soundscape: &Soundscape) -> String {
    let seconds = soundscape.duration().as_secs_f64();
    format!("{seconds:.1} s at {:.1} dB", soundscape.level_db())
}
