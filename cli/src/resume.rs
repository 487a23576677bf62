//! Lines of output in a file, one a recording, which a later run continues.
//!
//! Each line says of which recording it was made (size and time of change) and by what, in
//! `made_from`. So the file alone tells what is done, and every line is whole or absent. A line that
//! is cut short is removed. The last line of a recording counts; [`Lines::finish`] removes earlier
//! ones.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::output::{temporary, unwritable};

/// What stands between a line and what it was made from.
const KEY: &str = ",\"made_from\":";

/// What makes results: a learner or a backbone, and options that differ from their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// The start of a checksum.
    pub by: String,
    /// As on the command line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
}

/// The recording that a line was made from, and what made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// `None` if the file is not there.
    bytes: Option<u64>,
    modified_unix_ms: Option<u64>,
    /// Which of several mentions of the same path, if not the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    mention: usize,
    /// Checksum of the embeddings, if they are in another file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_sha256: Option<String>,
    #[serde(flatten)]
    made_by: MadeBy,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A line, as far as this module reads it.
#[derive(Deserialize)]
pub struct Line {
    path: String,
    error: Option<String>,
    /// Number of embeddings.
    #[serde(default)]
    pub rows: u64,
    pub made_from: MadeFrom,
}

/// The last line of a recording.
struct Known {
    bytes: Option<u64>,
    modified_unix_ms: Option<u64>,
    has_error: bool,
    /// The byte at which the line begins.
    at: u64,
    /// The first of its embeddings, and their number.
    rows: (u64, u64),
}

/// What the file has of a recording.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// No line, or one of an earlier state of the recording.
    Missing,
    /// An error. Its line begins at this byte.
    Failed { at: u64 },
    /// A result. Its line begins at this byte; its embeddings are these.
    Done { at: u64, rows: (u64, u64) },
}

/// A file of lines that is written.
pub struct Lines {
    path: PathBuf,
    /// The flag that names the output.
    flag: &'static str,
    file: File,
    end: u64,
    made_by: MadeBy,
    known: HashMap<String, Known>,
    mentions: HashMap<PathBuf, usize>,
    /// Whether any line is no longer the last of its recording.
    has_superseded: bool,
    /// Number of embeddings of all lines.
    rows: u64,
}

impl Lines {
    /// Opens the file at `path`, which no other run may write to. With `resume`, reads its lines as
    /// far as `is_intact` holds, and removes the rest.
    ///
    /// # Errors
    /// If another run writes to the file; without `resume`, if it has lines; if its lines were made
    /// by something else than `made_by`, or are none of this program.
    pub fn open(
        path: &Path,
        flag: &'static str,
        resume: bool,
        made_by: MadeBy,
        is_intact: &mut dyn FnMut(&Line) -> bool,
    ) -> Result<Self> {
        let refused = |error| unwritable(flag, path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(refused)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "{flag}: another run writes to {}\nhint: wait for it, or name another file",
                    path.display()
                )
            }
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut lines = Self {
            path: path.to_owned(),
            flag,
            file,
            end: 0,
            made_by,
            known: HashMap::new(),
            mentions: HashMap::new(),
            has_superseded: false,
            rows: 0,
        };
        if !resume && lines.file.metadata().map_err(refused)?.len() > 0 {
            bail!(
                "{flag}: {} has results already\nhint: --resume adds those that are missing; to begin again, delete it",
                path.display()
            );
        }
        lines.read(is_intact)?;
        lines.file.set_len(lines.end).map_err(refused)?;
        let end = SeekFrom::Start(lines.end);
        lines.file.seek(end).map_err(refused)?;
        Ok(lines)
    }

    fn read(&mut self, is_intact: &mut dyn FnMut(&Line) -> bool) -> Result<()> {
        let refused = |error| {
            anyhow!(
                "{}: cannot read {}: {error}",
                self.flag,
                self.path.display()
            )
        };
        let mut reader = BufReader::new(&self.file);
        let mut text = Vec::new();
        let (mut number, mut end, mut rows) = (0, 0, 0);
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(refused)?;
            // The end of a run that was interrupted.
            if text.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            let Ok(line) = serde_json::from_slice::<Line>(&text) else {
                bail!(
                    "{}: line {number} of {} was not written by this command\nhint: name another file, which --resume can continue later",
                    self.flag,
                    self.path.display()
                );
            };
            self.check(&line.made_from.made_by)?;
            if !is_intact(&line) {
                break;
            }
            let known = Known {
                bytes: line.made_from.bytes,
                modified_unix_ms: line.made_from.modified_unix_ms,
                has_error: line.error.is_some(),
                at: end,
                rows: (rows, line.rows),
            };
            let before = (self.known).insert(key(&line.path, line.made_from.mention), known);
            self.has_superseded |= before.is_some();
            end += length as u64;
            rows += line.rows;
        }
        (self.end, self.rows) = (end, rows);
        Ok(())
    }

    fn check(&self, found: &MadeBy) -> Result<()> {
        let path = self.path.display();
        if found.by != self.made_by.by {
            bail!(
                "{}: {path} was made by another learner, another state of it or another backbone\nhint: name another file",
                self.flag
            );
        }
        if found.options != self.made_by.options {
            let text = |options: &str| match options {
                "" => "no options".to_owned(),
                _ => options.to_owned(),
            };
            bail!(
                "{}: {path} was made with {}, and this run has {}\nhint: give the same options, or name another file",
                self.flag,
                text(&found.options),
                text(&self.made_by.options)
            );
        }
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of recordings that have a result.
    pub fn done(&self) -> usize {
        let known = self.known.values();
        known.filter(|known| !known.has_error).count()
    }

    /// The number of embeddings of all lines.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next recording of this run, as it is now.
    pub fn made_from(&mut self, path: &Path) -> MadeFrom {
        let metadata = fs::metadata(path).ok();
        let modified = metadata.as_ref().and_then(|data| data.modified().ok());
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mentions = self.mentions.entry(path.to_owned()).or_default();
        *mentions += 1;
        MadeFrom {
            bytes: metadata.map(|data| data.len()),
            modified_unix_ms: modified.map(|time| time.as_millis() as u64),
            mention: *mentions - 1,
            rows_sha256: None,
            made_by: self.made_by.clone(),
        }
    }

    /// What the file has of a recording.
    pub fn standing(&self, path: &str, from: &MadeFrom) -> Standing {
        match self.known.get(&key(path, from.mention)) {
            Some(known)
                if known.bytes == from.bytes && known.modified_unix_ms == from.modified_unix_ms =>
            {
                let (at, rows) = (known.at, known.rows);
                match known.has_error {
                    true => Standing::Failed { at },
                    false => Standing::Done { at, rows },
                }
            }
            _ => Standing::Missing,
        }
    }

    /// Appends the line of a recording, which is a JSON object, with `made_from` at its end.
    /// Embeddings must be in their file before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, path: &str, line: &str, rows: u64, from: &MadeFrom) -> Result<()> {
        let open = line.strip_suffix('}').unwrap_or(line);
        let text = format!("{open}{KEY}{}}}\n", serde_json::to_string(from)?);
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| unwritable(self.flag, &self.path, &error))?;
        let known = Known {
            bytes: from.bytes,
            modified_unix_ms: from.modified_unix_ms,
            // Standings of this run are not asked for.
            has_error: false,
            at: self.end,
            rows: (self.rows, rows),
        };
        let before = self.known.insert(key(path, from.mention), known);
        self.has_superseded |= before.is_some();
        self.end += text.len() as u64;
        self.rows += rows;
        Ok(())
    }

    /// The line that begins at the byte `at`, without `made_from`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn line_at(&self, at: u64) -> Result<String> {
        // The same handle: the lock keeps others out, on some systems this process, too.
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut text = String::new();
        BufReader::new(file).read_line(&mut text)?;
        file.seek(SeekFrom::Start(self.end))?;
        // Quotes in a value are escaped: this is the key.
        let open = text.rsplit_once(KEY).map_or("", |(open, _)| open);
        Ok(format!("{open}}}"))
    }

    /// Removes lines that are not the last of their recording. A file without lines is removed.
    ///
    /// # Errors
    /// If the file cannot be written. It is then as before.
    pub fn finish(self) -> Result<()> {
        let refused = |error| unwritable(self.flag, &self.path, &error);
        if self.end == 0 {
            return fs::remove_file(&self.path).map_err(refused);
        }
        self.file.sync_all().map_err(refused)?;
        if !self.has_superseded {
            return Ok(());
        }
        let last: HashSet<u64> = self.known.values().map(|known| known.at).collect();
        let short = temporary(&self.path).map_err(refused)?;
        let mut writer = BufWriter::new(short.as_file());
        (&self.file).seek(SeekFrom::Start(0)).map_err(refused)?;
        let mut reader = BufReader::new(&self.file);
        let (mut at, mut text) = (0, Vec::new());
        while (&mut reader)
            .take(self.end - at)
            .read_until(b'\n', &mut text)
            .map_err(refused)?
            > 0
        {
            if last.contains(&at) {
                writer.write_all(&text).map_err(refused)?;
            }
            at += text.len() as u64;
            text.clear();
        }
        writer.flush().map_err(refused)?;
        drop(writer);
        short.as_file().sync_all().map_err(refused)?;
        drop(reader);
        drop(self.file);
        let persisted = short.persist(&self.path);
        persisted.map_err(|error| refused(error.error))?;
        Ok(())
    }
}

/// The key of a recording: its path, and which mention of it.
fn key(path: &str, mention: usize) -> String {
    match mention {
        0 => path.to_owned(),
        // No path has a NUL.
        _ => format!("{path}\0{mention}"),
    }
}

/// The start of the sha256 of `bytes`.
pub fn checksum(bytes: &[u8]) -> String {
    let mut sum = Checksum::default();
    sum.update(bytes);
    sum.finish()
}

/// As [`checksum`], of bytes that come in parts.
#[derive(Debug, Default)]
pub struct Checksum(Sha256);

impl Checksum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> String {
        let digest = self.0.finalize();
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
