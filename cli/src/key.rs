//! `afield key`: keys that bundles are signed with.

use std::io::{self, Write};
use std::path::PathBuf;

use afield::bundle::KeyFolder;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

/// Where the user's keys lie.
#[derive(Debug, Args)]
pub struct KeyPlace {
    /// Folder of the keys and of the record of imports [default: afield/keys in the
    /// user's data folder]
    #[arg(long, value_name = "DIR", env = "AFIELD_KEYS")]
    keys: Option<PathBuf>,
}

impl KeyPlace {
    /// The folder.
    pub fn folder(&self) -> Result<KeyFolder> {
        KeyFolder::locate(self.keys.as_deref()).context("--keys")
    }
}

/// Create and show the keys that sign bundles
///
/// A secret key is a file that only its owner can read (mode 600). No command prints or
/// exports it. Others give its public half to `afield import --trust`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  afield key new\n  afield key show")]
pub struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key and print its public half
    New {
        /// Name of the key
        #[arg(default_value = KeyFolder::DEFAULT)]
        name: String,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Print the public half of a key, or of all keys with their names
    Show {
        /// Name of the key [default: all keys]
        name: Option<String>,
        #[command(flatten)]
        place: KeyPlace,
    },
}

/// Runs the command.
pub fn run(args: KeyArgs) -> Result<()> {
    let mut out = io::stdout().lock();
    match args.action {
        Action::New { name, place } => {
            let folder = place.folder()?;
            let public = folder.make(&name)?;
            eprintln!("made the key {name} in {}", folder.root().display());
            writeln!(out, "{public}")?;
        }
        Action::Show {
            name: Some(name),
            place,
        } => {
            writeln!(out, "{}", place.folder()?.secret(&name)?.public())?;
        }
        Action::Show { name: None, place } => {
            let folder = place.folder()?;
            let keys = folder.list()?;
            match keys.as_slice() {
                [] => bail!(
                    "there is no key in {}\nhint: `afield key new` makes one",
                    folder.root().display()
                ),
                [(_, only)] => writeln!(out, "{only}")?,
                several => {
                    for (name, public) in several {
                        writeln!(out, "{public}  {name}")?;
                    }
                }
            }
        }
    }
    Ok(())
}
