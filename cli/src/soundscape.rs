//! `afield soundscape`: the sound of a learner's place.

use std::path::PathBuf;

use afield::Recording;
use afield::engine::{Relearned, Soundscape};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::embedding::{advance, progress};
use super::learner::{LearnerPlace, accuracy};
use super::model::Places;
use super::recording::SensorArgs;
use super::upgrade::MovedArgs;

/// Show or set the sound of the learner's place when nothing happens
///
/// Every clip that is taught from then on is also learned mixed with it, 3, 10 and 20 dB
/// above it, so that the learner knows the clip in its place. The soundscape itself is
/// learned as the class `background`, which is no event.
///
/// Up to two minutes are kept in the learner's folder, and nowhere else. So are the quiet
/// moments of `afield listen --soundscape keep`.
#[derive(Debug, Args)]
pub struct SoundscapeArgs {
    #[command(subcommand)]
    command: SoundscapeCommand,
}

#[derive(Debug, Subcommand)]
enum SoundscapeCommand {
    /// Show the length and the level of the soundscape, and how many quiet moments are kept
    Show {
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Use a recording as the soundscape, in place of an earlier one
    ///
    /// Examples that were taught before stay as they are; `afield soundscape relearn` learns them
    /// in this place, too.
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
    /// Make the quiet moments that were kept while listening the soundscape, in place of an
    /// earlier one
    #[command(after_help = "Examples:\n  \
        afield listen --source mic --soundscape keep --learner box\n  \
        afield soundscape record --learner box")]
    Record {
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Learn the clips whose recordings are still there again, mixed with the soundscape
    ///
    /// For a learner that is moved, after `use` or `record`. One change, which `afield undo`
    /// takes back. It is taken back at once if the clips, each held out with its group or
    /// recording, would be known less well.
    Relearn {
        #[command(flatten)]
        moved: MovedArgs,

        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Remove the soundscape, what was learned from it as `background`, and the quiet moments
    Drop {
        #[command(flatten)]
        place: LearnerPlace,
    },
}

/// Runs the command.
pub fn run(args: SoundscapeArgs, places: &Places) -> Result<()> {
    match args.command {
        SoundscapeCommand::Show { place } => {
            let engine = place.open(places)?;
            match engine.soundscape()? {
                Some(soundscape) => println!("{}", described(&soundscape)),
                None => println!("no soundscape"),
            }
            match engine.quiet_moments()?.len() {
                0 => {}
                1 => println!("1 quiet moment of 4 s"),
                moments => println!("{moments} quiet moments of 4 s"),
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
        SoundscapeCommand::Record { place } => {
            let engine = place.open(places)?;
            let soundscape = engine.record_soundscape()?;
            eprintln!("soundscape: {}", described(&soundscape));
            Ok(engine.close()?)
        }
        SoundscapeCommand::Relearn { moved, place } => {
            let engine = place.open(places)?;
            let bar = progress(0, "held out or learned again");
            let relearned =
                engine.relearn(&moved.recordings, &|done, all| advance(&bar, done, all));
            bar.finish_and_clear();
            let relearned = relearned?;
            engine.close()?;
            report(&relearned)
        }
        SoundscapeCommand::Drop { place } => {
            let engine = place.open(places)?;
            engine.drop_quiet_moments()?;
            match engine.drop_soundscape()? {
                true => eprintln!("removed the soundscape"),
                false => eprintln!("there is no soundscape"),
            }
            Ok(engine.close()?)
        }
    }
}

/// Says what was learned again.
fn report(relearned: &Relearned) -> Result<()> {
    let (before, after) = (accuracy(relearned.before), accuracy(relearned.after));
    let missing = relearned.missing.len();
    if missing > 0 {
        eprintln!(
            "note: {missing} clips stay as they are, since their recordings are no longer there: {}",
            relearned.missing.join(", ")
        );
    }
    if relearned.taken_back {
        bail!(
            "taken back: the clips would be known less well ({before} before, {after} after)\nhint: `afield history` and `afield rollback` bring it back"
        );
    }
    eprintln!(
        "learned {} clips again; accuracy on held-out clips {before} before, {after} after",
        relearned.clips
    );
    Ok(())
}

fn described(soundscape: &Soundscape) -> String {
    let seconds = soundscape.duration().as_secs_f64();
    format!("{seconds:.1} s at {:.1} dB", soundscape.level_db())
}
