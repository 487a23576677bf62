//! An array of embeddings that appears complete or not at all, and survives an interruption.
//!
//! Rows go to `OUT.partial`, and a line for each recording to `OUT.partial.jsonl` after its rows.
//! When all is done, the array gets its name and the lines are removed. A resumed run checks the
//! rows against the checksums in the lines, and continues after the last recording that is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use afield_lab::data::NpyWriter;
use anyhow::Result;

use super::output::unwritable;
use super::resume::{Checksum, Line, Lines, MadeBy, MadeFrom, Standing};

/// The flag that names the array.
const FLAG: &str = "--output";

type Writer = NpyWriter<BufWriter<File>>;

/// An array that is written.
pub struct PartialArray {
    output: PathBuf,
    partial: PathBuf,
    lines: Lines,
    rows: Writer,
    size: usize,
    /// The rows since the last line: their number and checksum.
    unfinished: (u64, Checksum),
    /// The first row and the number of rows of each recording of this run, in order.
    ranges: Vec<(u64, u64)>,
}

impl PartialArray {
    /// Begins the array `output` of rows of `size` numbers, or continues one with `resume`.
    ///
    /// # Errors
    /// If it cannot be written, or as [`Lines::open`].
    pub fn open(output: &Path, size: usize, resume: bool, made_by: MadeBy) -> Result<Self> {
        let refused = |error| unwritable(FLAG, output, &error);
        if output.is_dir() {
            return Err(refused(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let (partial, journal) = (beside(output, ".partial"), beside(output, ".partial.jsonl"));
        // A missing folder is named, not a file in it.
        fs::metadata(folder(output)).map_err(refused)?;
        let mut stored = StoredRows::open(&partial, size);
        let is_intact = &mut |line: &Line| {
            let found = stored.next(line.rows);
            found.is_some() && found == line.made_from.rows_sha256
        };
        let lines = Lines::open(&journal, FLAG, resume, made_by, is_intact)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&partial).map_err(refused)?;
        let kept = lines.rows() as usize;
        let rows = match kept {
            0 => {
                file.set_len(0).map_err(refused)?;
                NpyWriter::new(BufWriter::new(file), size)
            }
            _ => {
                file.set_len(Writer::offset(size, kept)).map_err(refused)?;
                NpyWriter::resume(BufWriter::new(file), size, kept)
            }
        };
        Ok(Self {
            output: output.to_owned(),
            partial,
            lines,
            rows: rows.map_err(refused)?,
            size,
            unfinished: Default::default(),
            ranges: Vec::new(),
        })
    }

    /// The number of recordings whose rows are there.
    pub fn done(&self) -> usize {
        self.lines.done()
    }

    /// The next recording, and its line if its rows are there.
    ///
    /// # Errors
    /// If the line cannot be read.
    pub fn standing(&mut self, path: &Path) -> Result<(MadeFrom, Option<String>)> {
        let from = self.lines.made_from(path);
        let name = path.display().to_string();
        match self.lines.standing(&name, &from) {
            Standing::Done { at, rows } => {
                self.ranges.push(rows);
                Ok((from, Some(self.lines.line_at(at)?)))
            }
            Standing::Missing | Standing::Failed { .. } => Ok((from, None)),
        }
    }

    /// Appends rows of the recording that is next.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&mut self, rows: &[f32]) -> Result<()> {
        let written = self.rows.write(rows);
        written.map_err(|error| unwritable(FLAG, &self.output, &error))?;
        let (count, sum) = &mut self.unfinished;
        *count += (rows.len() / self.size) as u64;
        rows.iter().for_each(|x| sum.update(&x.to_le_bytes()));
        Ok(())
    }

    /// Removes the rows of a recording that failed.
    ///
    /// # Errors
    /// If the array cannot be written.
    pub fn discard(&mut self) -> Result<()> {
        if std::mem::take(&mut self.unfinished).0 == 0 {
            return Ok(());
        }
        let kept = usize::try_from(self.lines.rows()).unwrap_or(usize::MAX);
        let shortened = self.rows.truncate(kept).and_then(|()| {
            let file = OpenOptions::new().write(true).open(&self.partial)?;
            file.set_len(Writer::offset(self.size, kept))
        });
        shortened.map_err(|error| unwritable(FLAG, &self.output, &error))
    }

    /// Appends the line of a recording whose rows are all written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, path: &Path, line: &str, mut from: MadeFrom) -> Result<()> {
        let first = self.lines.rows();
        let written = self.rows.flush();
        written.map_err(|error| unwritable(FLAG, &self.output, &error))?;
        let (count, sum) = std::mem::take(&mut self.unfinished);
        from.rows_sha256 = Some(sum.finish());
        let name = path.display().to_string();
        self.lines.append(&name, line, count, &from)?;
        self.ranges.push((first, count));
        Ok(())
    }

    /// Gives the array its name.
    ///
    /// # Errors
    /// If it cannot be written. It can then be continued.
    pub fn finish(self) -> Result<()> {
        let output = self.output.clone();
        let journal = self.lines.path().to_owned();
        let finished = self.finish_array();
        finished.map_err(|error| unwritable(FLAG, &output, &error))?;
        // Nothing is lost if it stays.
        let _ = fs::remove_file(journal);
        Ok(())
    }

    fn finish_array(self) -> io::Result<()> {
        let mut next = 0;
        let in_order = self.ranges.iter().all(|&(first, count)| {
            let follows = first == next;
            next += count;
            follows
        });
        if in_order && next == self.lines.rows() {
            self.rows.finish()?;
            OpenOptions::new()
                .write(true)
                .open(&self.partial)?
                .sync_all()?;
            return fs::rename(&self.partial, &self.output);
        }
        // Recordings have changed, came later or are gone: their rows are put in order.
        drop(self.rows);
        let sorted = super::output::temporary(&self.output)?;
        let mut writer = NpyWriter::new(BufWriter::new(sorted.as_file()), self.size)?;
        let mut stored = BufReader::new(File::open(&self.partial)?);
        for &(first, count) in &self.ranges {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            stored.seek(SeekFrom::Start(Writer::offset(self.size, first)))?;
            let mut row = vec![0; self.size * 4];
            for _ in 0..count {
                stored.read_exact(&mut row)?;
                let (numbers, _) = row.as_chunks::<4>();
                let numbers: Vec<f32> = numbers.iter().map(|&x| f32::from_le_bytes(x)).collect();
                writer.write(&numbers)?;
            }
        }
        writer.finish()?;
        sorted.as_file().sync_all()?;
        sorted.persist(&self.output).map_err(|error| error.error)?;
        fs::remove_file(&self.partial)
    }

    /// Ends without an array. What is there is kept for a later run, if it is of any use.
    pub fn leave(self, keep: bool) {
        if keep && self.done() > 0 {
            eprintln!(
                "note: {} keeps {} recordings; --resume continues",
                self.partial.display(),
                self.done()
            );
            return;
        }
        for path in [self.partial.as_path(), self.lines.path()] {
            let _ = fs::remove_file(path);
        }
    }
}

/// The rows of an array that was interrupted.
struct StoredRows {
    /// `None` after the last row that can be read.
    reader: Option<BufReader<File>>,
    size: usize,
}

impl StoredRows {
    fn open(path: &Path, size: usize) -> Self {
        let begun = || {
            let mut reader = BufReader::new(File::open(path)?);
            reader.seek(SeekFrom::Start(Writer::offset(size, 0)))?;
            io::Result::Ok(reader)
        };
        Self {
            reader: begun().ok(),
            size,
        }
    }

    /// The checksum of the next `rows` rows; `None` if they are not there.
    fn next(&mut self, rows: u64) -> Option<String> {
        let length = rows.checked_mul(self.size as u64 * 4)?;
        let mut sum = Checksum::default();
        let reader = self.reader.as_mut()?;
        let read = io::copy(&mut reader.take(length), &mut sum);
        match read {
            Ok(found) if found == length => Some(sum.finish()),
            _ => {
                self.reader = None;
                None
            }
        }
    }
}

/// The path with an ending added.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The folder of the file at `path`.
fn folder(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_recording_that_failed_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, fails: bool| {
            let output = folder.path().join(name);
            let made_by = MadeBy {
                by: "x".to_owned(),
                options: String::new(),
            };
            let mut array = PartialArray::open(&output, 2, false, made_by).unwrap();
            for (path, rows) in [("a", [1.0, 2.0, 3.0, 4.0]), ("b", [5.0, 6.0, 7.0, 8.0])] {
                let path = Path::new(path);
                let (from, _) = array.standing(path).unwrap();
                if fails {
                    array.write(&[9.0; 20_000]).unwrap();
                    array.discard().unwrap();
                }
                rows.chunks(2).for_each(|rows| array.write(rows).unwrap());
                array.append(path, "{}", from).unwrap();
            }
            if fails {
                array.write(&[9.0; 6]).unwrap();
                array.discard().unwrap();
            }
            array.finish().unwrap();
            fs::read(output).unwrap()
        };
        let expected = written("plain.npy", false);
        assert_eq!(written("failed.npy", true), expected);
        let numbers = expected.len() as u64 - Writer::offset(2, 0);
        assert_eq!(numbers, 8 * 4);
    }
}
