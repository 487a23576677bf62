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
    pub strict: bool,
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
    path: String,
    /// The message, which names the recording.
    text: String,
    hint: Option<String>,
    /// The number of recordings: 1, or those of a folder.
    recordings: usize,
}

/// A failure as JSON.
#[derive(Serialize)]
pub struct FailureLine<'a> {
    path: &'a str,
    error: &'a str,
    /// For a folder, if it is more than 1.
    #[serde(skip_serializing_if = "is_one")]
    recordings: usize,
}

fn is_one(count: &usize) -> bool {
    *count == 1
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
                    self.add(1);
                    self.fail(root, error.into())?;
                    continue;
                }
            };
            for error in found.unreadable {
                self.add(1);
                self.fail(root, error.into())?;
            }
            note_passed_over(root, &found.passed_over);
            self.add(found.paths.len());
            paths.extend(found.paths);
        }
        Ok(paths)
    }

    /// Counts `recordings` more.
    pub fn add(&mut self, recordings: usize) {
        self.all += recordings;
    }

    /// Whether the command stops at the first failure.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Notes that the recording at `path` failed.
    ///
    /// # Errors
    /// The error itself with `--strict`.
    pub fn fail(&mut self, path: &Path, error: anyhow::Error) -> Result<()> {
        self.fail_all(path, 1, error)
    }

    /// Notes that all `recordings` of a folder failed.
    ///
    /// # Errors
    /// The error itself with `--strict`.
    pub fn fail_all(&mut self, path: &Path, recordings: usize, error: anyhow::Error) -> Result<()> {
        if self.strict {
            return Err(error);
        }
        self.failed.push(Failure::of(path, recordings, &error));
        self.first.get_or_insert(error);
        Ok(())
    }

    /// As [`Self::fail`], for a recording that has a line of output: returns the line, unless it
    /// is the only recording.
    ///
    /// # Errors
    /// As [`Self::fail`].
    pub fn fail_with_line(&mut self, path: &Path, error: anyhow::Error) -> Result<Option<String>> {
        let failure = Failure::of(path, 1, &error);
        self.fail(path, error)?;
        Ok(match self.all {
            1 => None,
            _ => Some(serde_json::to_string(&failure.line())?),
        })
    }

    /// The failures so far, as JSON.
    pub fn failures(&self) -> Vec<FailureLine<'_>> {
        self.failed.iter().map(Failure::line).collect()
    }

    /// The number of recordings, and of those that failed.
    pub fn counts(&self) -> (usize, usize) {
        (self.all, recordings(&self.failed))
    }

    /// Whether any recording did not fail.
    pub fn has_result(&self) -> bool {
        recordings(&self.failed) < self.all
    }

    /// Ends a command that works on all recordings together, with the result of this work. If the
    /// work failed, the failures are named in a note before its error, or are the error if nothing
    /// was left to work on.
    ///
    /// # Errors
    /// The error of the work, or as [`Self::finish`].
    pub fn finish_after(self, work: Result<()>) -> Result<()> {
        let Err(error) = work else {
            return self.finish();
        };
        if self.failed.is_empty() {
            return Err(error);
        }
        if !self.has_result() {
            return self.finish();
        }
        let (all, failed) = (self.all, self.failed);
        eprintln!("note: {}", PartlyFailed { all, failed });
        Err(error)
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
        recordings(&self.failed) < self.all
    }
}

/// The number of recordings that failed.
fn recordings(failed: &[Failure]) -> usize {
    failed.iter().map(|failure| failure.recordings).sum()
}

impl std::error::Error for PartlyFailed {}

impl fmt::Display for PartlyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = recordings(&self.failed);
        write!(f, "{failed} of {} recordings failed", self.all)?;
        for failure in self.failed.iter().take(MOST_LISTED) {
            write!(f, "\n  {}", failure.text)?;
            if failure.recordings > 1 {
                write!(f, " ({} recordings)", failure.recordings)?;
            }
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
    fn of(path: &Path, recordings: usize, error: &anyhow::Error) -> Self {
        let message = message(error);
        let (text, hint) = match message.split_once("\nhint: ") {
            Some((text, hint)) => (text.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        Self {
            path: path.display().to_string(),
            text,
            hint,
            recordings,
        }
    }

    fn line(&self) -> FailureLine<'_> {
        FailureLine {
            path: &self.path,
            error: &self.text,
            recordings: self.recordings,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Names files of a folder that are not recordings, by their names.
pub fn note_passed_over(root: &Path, files: &[PathBuf]) {
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
