//! `afield doubts`: clips whose label the others contradict.

use std::io::{self, Write};

use afield::engine::Doubt;
use afield::signal::ClipIdPrefix;
use afield::{Engine, Error};
use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Subcommand};

use super::embedding::{advance, progress};
use super::learner::LearnerPlace;
use super::model::Places;

/// List clips whose label the others contradict, and set them aside
///
/// A clip is doubtful if, without its own recording, another class is clearly nearer to it than
/// its own. Both classes need six recordings, so a first correction is never doubtful.
/// Doubtful clips stay learned until they are set aside; `afield undo` brings them back.
/// Clips of `background` and of `not LABEL` are not doubted. The head must be lda.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield doubts list --learner box\n  \
    afield doubts keep 3f9a12c07b44 --learner box\n  \
    afield doubts drop --all --learner box")]
pub struct DoubtsArgs {
    #[command(subcommand)]
    command: DoubtsCommand,
}

#[derive(Debug, Subcommand)]
enum DoubtsCommand {
    /// List the doubtful clips, the clearest first
    List {
        /// Print one JSON line a clip
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Unlearn doubtful clips, as one change
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Say that doubtful clips are right: they are not listed again
    Keep {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: LearnerPlace,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("chosen").required(true).args(["clips", "all"]))]
struct Which {
    /// Clips, by the first digits of their sha256, 8 or more
    #[arg(value_name = "CLIP")]
    clips: Vec<String>,

    /// All doubtful clips
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub fn run(args: DoubtsArgs, places: &Places) -> Result<()> {
    match args.command {
        DoubtsCommand::List { json, place } => {
            let doubts = doubts(&place.open(places)?)?;
            let mut out = io::stdout().lock();
            for doubt in &doubts {
                match json {
                    true => writeln!(out, "{}", serde_json::to_string(doubt)?)?,
                    false => writeln!(out, "{}", described(doubt))?,
                }
            }
            if doubts.is_empty() {
                eprintln!("no doubtful clips");
            }
            Ok(())
        }
        DoubtsCommand::Drop { which, place } => {
            let engine = place.open(places)?;
            let chosen = which.of(doubts(&engine)?)?;
            let count = engine.set_aside(&chosen)?;
            eprintln!(
                "set aside {} (`afield undo` brings them back)",
                clips(count)
            );
            Ok(engine.close()?)
        }
        DoubtsCommand::Keep { which, place } => {
            let engine = place.open(places)?;
            let chosen = which.of(doubts(&engine)?)?;
            let count = engine.keep_doubtful(&chosen)?;
            eprintln!("kept {}", clips(count));
            Ok(engine.close()?)
        }
    }
}

impl Which {
    /// The chosen ones of `doubts`.
    fn of(&self, doubts: Vec<Doubt>) -> Result<Vec<Doubt>> {
        let mut chosen: Vec<Doubt> = Vec::new();
        if self.all {
            chosen = doubts;
        } else {
            for digits in &self.clips {
                let prefix = ClipIdPrefix::parse(digits).filter(|_| digits.len() >= 8);
                let Some(prefix) = prefix else {
                    bail!(
                        "CLIP: {digits} is not 8 or more digits of a sha256\nhint: `afield doubts list` begins each line with them"
                    );
                };
                let found = doubts.iter().find(|doubt| prefix.matches(&doubt.clip));
                match found {
                    Some(doubt) if chosen.contains(doubt) => {}
                    Some(doubt) => chosen.push(doubt.clone()),
                    None => bail!(
                        "CLIP: no doubtful clip {digits}\nhint: `afield doubts list` lists them; `afield forget --clip` unlearns any clip"
                    ),
                }
            }
        }
        Ok(chosen)
    }
}

/// The doubtful clips, with a bar while they are looked for.
fn doubts(engine: &Engine) -> Result<Vec<Doubt>> {
    let bar = progress(0, "recordings judged");
    let doubts = engine.doubts(&|done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    Ok(doubts?)
}

/// Names clips that were taught while listening and are doubtful, or says why nothing is known.
pub fn note_doubtful(doubts: Result<Vec<Doubt>, Error>) {
    let doubts = match doubts {
        Ok(doubts) if doubts.is_empty() => return,
        Ok(doubts) => doubts,
        Err(error) => return eprintln!("note: no doubts were looked for: {error}"),
    };
    let named: Vec<String> = (doubts.iter())
        .map(|doubt| format!("{} ({}, like {})", doubt.source, doubt.label, doubt.like))
        .collect();
    eprintln!(
        "note: {} taught while listening may have a wrong label: {}; see `afield doubts list`",
        clips(doubts.len()),
        named.join(", ")
    );
}

fn described(doubt: &Doubt) -> String {
    let group = doubt.group.as_ref().map(|group| format!("  of {group}"));
    format!(
        "{}  {}, like {} ({:.1})  {}{}",
        doubt.clip.short(),
        doubt.label,
        doubt.like,
        doubt.margin,
        doubt.source,
        group.unwrap_or_default()
    )
}

fn clips(count: usize) -> String {
    match count {
        1 => "1 clip".to_owned(),
        more => format!("{more} clips"),
    }
}
