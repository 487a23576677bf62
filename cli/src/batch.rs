//! Many recordings in one command: one that fails stops nothing.
//!
//! What failed is listed at the end, and the exit status says that it was only a part.

use std::fmt;
use std::path::{Path, PathBuf};

use afield::engine::recorded;
use afield::model::Card;
use afield::source::find_recordings;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::message;

/// The most failures that are listed; more are counted.
const MOST_LISTED: usize = 20;
/// The most files of a folder that are named as passed over.
const MOST_NAMED: usize = 3;

/// How a command treats recordings that fail.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct BatchArgs {
    /// Stop at the first recording that fails. By default, the other recordings are
    /// processed, the failures are listed at the end, and the exit status is 3
    #[arg(long)]
    strict: bool,
}

/// The recordings of one command.
pub struct Batch {
    strict: bool,
    all: usize,
    failed: Vec<Failure>,
    /// The only failure, as long as there is one: it is reported as it is.
    first: Option<anyhow::Error>,
}

/// A recording or folder that failed.
struct Failure {
    /// The message, which names the recording.
    text: String,
    hint: Option<String>,
}

impl Batch {
    pub fn new(args: BatchArgs) -> Self {
        Self {
            strict: args.strict,
            all: 0,
            failed: Vec::new(),
            first: None,
        }
    }

    /// The recordings under `roots` that the backbone of `card` can read. Files in folders that
    /// are not recordings are named on stderr.
    ///
    /// # Errors
    /// With `--strict`, for a root that cannot be read.
    pub fn paths(&mut self, roots: &[PathBuf], card: &Card) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for root in roots {
            let found = match find_recordings(root, recorded(card)) {
                Ok(found) => found,
                Err(error) => {
                    self.all += 1;
                    self.fail(error.into())?;
                    continue;
                }
            };
            for error in found.unreadable {
                self.all += 1;
                self.fail(error.into())?;
            }
            note_passed_over(root, &found.passed_over);
            self.all += found.paths.len();
            paths.extend(found.paths);
        }
        Ok(paths)
    }

    /// Notes that a recording failed.
    ///
    /// # Errors
    /// The error itself with `--strict`.
    pub fn fail(&mut self, error: anyhow::Error) -> Result<()> {
        if self.strict {
            return Err(error);
        }
        self.failed.push(Failure::of(&error));
        self.first.get_or_insert(error);
        Ok(())
    }

    /// As [`Self::fail`], for a recording that has a line of output: returns the line, unless it
    /// is the only recording.
    ///
    /// # Errors
    /// As [`Self::fail`].
    pub fn fail_with_line(&mut self, path: &str, error: anyhow::Error) -> Result<Option<String>> {
        let line = match self.all {
            1 => None,
            _ => Some(failed_line(path, &error)?),
        };
        self.fail(error)?;
        Ok(line)
    }

    /// Whether any recording did not fail.
    pub fn has_result(&self) -> bool {
        self.failed.len() < self.all
    }

    /// Ends the command.
    ///
    /// # Errors
    /// If any recording failed. The only recording's own error, if there was one recording.
    pub fn finish(self) -> Result<()> {
        match self.first {
            None => Ok(()),
            Some(error) if self.all == 1 => Err(error),
            Some(_) => Err(PartlyFailed {
                all: self.all,
                failed: self.failed,
            }
            .into()),
        }
    }
}

/// Some or all of many recordings failed.
#[derive(Debug)]
pub struct PartlyFailed {
    all: usize,
    failed: Vec<Failure>,
}

impl PartlyFailed {
    /// Whether some recordings did not fail.
    pub fn is_partly(&self) -> bool {
        self.failed.len() < self.all
    }
}

impl std::error::Error for PartlyFailed {}

impl fmt::Display for PartlyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} recordings failed", self.failed.len(), self.all)?;
        for failure in self.failed.iter().take(MOST_LISTED) {
            write!(f, "\n  {}", failure.text)?;
        }
        if let Some(more) = self.failed.len().checked_sub(MOST_LISTED + 1) {
            write!(f, "\n  and {} more", more + 1)?;
        }
        // Each hint once: a folder of one kind of file fails in one way.
        let mut said: Vec<&str> = Vec::new();
        for hint in self
            .failed
            .iter()
            .filter_map(|failure| failure.hint.as_deref())
        {
            if !said.contains(&hint) && said.len() < MOST_NAMED {
                write!(f, "\nhint: {hint}")?;
                said.push(hint);
            }
        }
        Ok(())
    }
}

impl Failure {
    fn of(error: &anyhow::Error) -> Self {
        let text = message(error);
        match text.split_once("\nhint: ") {
            Some((text, hint)) => Self {
                text: text.to_owned(),
                hint: Some(hint.to_owned()),
            },
            None => Self { text, hint: None },
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The line of output for one of several recordings that failed.
fn failed_line(path: &str, error: &anyhow::Error) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        path: &'a str,
        error: &'a str,
    }
    let error = &Failure::of(error).text;
    Ok(serde_json::to_string(&Line { path, error })?)
}

/// Names files of a folder that are not recordings, by their names.
fn note_passed_over(root: &Path, files: &[PathBuf]) {
    let names = files.iter().take(MOST_NAMED);
    let names: Vec<String> = names
        .map(|file| {
            file.strip_prefix(root)
                .unwrap_or(file)
                .display()
                .to_string()
        })
        .collect();
    let more = match files.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !files.is_empty() {
        let count = files.len();
        let noun = if count == 1 { "file" } else { "files" };
        eprintln!(
            "note: {}: {count} {noun} passed over, not recordings by their names: {}{more}",
            root.display(),
            names.join(", ")
        );
    }
}
