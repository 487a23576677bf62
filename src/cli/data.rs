//! `afield data`: recordings to try things on.

use std::io::{self, Write};

use afield::corpus::{self, Corpus, CorpusCard};
use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;

use super::model::Places;

/// List and fetch data sets of real recordings
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield data get rock-kit")]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// List the known data sets
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Fetch a data set into the cache, with your own package manager
    ///
    /// The Debian package that carries it is downloaded and unpacked, not
    /// installed; no rights are needed. The clips are verified by content and
    /// laid out as <class>/<clip>. Prints their folder.
    Get {
        /// Data set, as `afield data list` calls it
        name: String,
    },
}

/// Runs the command.
pub fn run(args: DataArgs, places: &Places) -> Result<()> {
    let cache = places.cache()?;
    let mut out = io::stdout().lock();
    match args.command {
        DataCommand::List { json } => {
            for card in corpus::built_in()? {
                let cached = corpus::place_of(card, cache.root()).is_dir();
                if json {
                    let line = json!({
                        "name": card.name, "task": card.task, "licence": card.licence,
                        "clips": card.count, "package": card.package, "cached": cached,
                    });
                    writeln!(out, "{line}")?;
                } else {
                    let cached = if cached { ", cached" } else { "" };
                    writeln!(
                        out,
                        "{}: {} ({} clips, {}{cached})",
                        card.name, card.task, card.count, card.licence
                    )?;
                }
            }
        }
        DataCommand::Get { name } => {
            let corpus = get(corpus::find(&name)?, places)?;
            writeln!(out, "{}", corpus.folder.display())?;
        }
    }
    Ok(())
}

/// The data set, fetched if it has to be, with a word about it on stderr.
pub fn get(card: &CorpusCard, places: &Places) -> Result<Corpus> {
    let bar = ProgressBar::new_spinner().with_message(format!("{}: apt-get", card.name));
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let corpus = corpus::fetch(card, places.cache()?.root())?;
    bar.finish_and_clear();
    if !corpus.was_cached {
        eprintln!("fetched {}, checksum verified", card.name);
    }
    Ok(corpus)
}
