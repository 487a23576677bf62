//! Writes npy arrays and npz archives that [`super::read_npz`] and NumPy read.
//!
//! Members are stored without compression, because embeddings hardly shrink. Classes and groups are
//! written as text. Rows are pooled but not transformed: the reader applies the transform.

use std::io::{self, Seek, SeekFrom, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use afield::learner::Pool;

use super::clips::Clips;

/// Writes `X` float32 `[clips, width]`, `y` text `[clips]` and, where the clips
/// have them, `group` text `[clips]` and `test` bool `[clips]`.
///
/// The same clips give the same bytes.
///
/// # Errors
/// The error of `sink`, and an error if the windows of a clip cannot be pooled.
///
/// ```
/// use std::{io::Cursor, path::Path};
/// use afield_lab::data::{Clips, Names, decode_npz, write_npz};
/// use afield::learner::Pool;
/// let names = Names::from_text(&["rain", "dog"]);
/// let clips = Clips::new(1, vec![1.0, 3.0, 5.0], vec![0, 2, 3], names, None, None)?;
/// let mut file = Cursor::new(Vec::new());
/// write_npz(&clips, Pool::Mean, &mut file)?;
/// let read = decode_npz(file, Path::new("clips.npz"))?;
/// assert_eq!((read.windows(0), read.windows(1)), (&[2.0][..], &[5.0][..]));
/// assert_eq!(read.classes()[read.label(1)].as_str(), "dog");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_npz<W: Write + Seek>(clips: &Clips, pool: Pool, sink: W) -> io::Result<()> {
    let width = pool.width(clips.size());
    let (mut pooled, mut rows) = (Vec::with_capacity(width), Vec::new());
    for clip in 0..clips.len() {
        pool.pool_into(clips.windows(clip), clips.size(), &mut pooled)
            .map_err(io::Error::other)?;
        rows.extend(pooled.iter().flat_map(|x| x.to_le_bytes()));
    }
    let classes: Vec<&str> = (clips.labels().iter())
        .filter_map(|&class| clips.classes().get(class))
        .map(|class| class.as_str())
        .collect();
    let mut zip = ZipWriter::new(sink);
    let n = clips.len();
    member(&mut zip, "X", "<f4", &format!("({n}, {width})"), &rows)?;
    text(&mut zip, "y", &classes)?;
    if let Some(groups) = clips.groups() {
        let of = groups.of().iter();
        let named: Vec<&str> = of.map(|&group| groups.names()[group].as_str()).collect();
        text(&mut zip, "group", &named)?;
    }
    if let Some(test) = clips.marked_test() {
        let flags: Vec<u8> = test.iter().map(|&test| u8::from(test)).collect();
        member(&mut zip, "test", "|b1", &format!("({n},)"), &flags)?;
    }
    zip.finish()?;
    Ok(())
}

/// An array of float32 that is written row by row: only the latest rows are in memory.
pub struct NpyWriter<W> {
    sink: W,
    size: usize,
    rows: usize,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> NpyWriter<W> {
    /// Begins an array of rows of `size` numbers in `sink`, which is at its start.
    ///
    /// # Errors
    /// The sink's.
    pub fn new(mut sink: W, size: usize) -> io::Result<Self> {
        sink.write_all(&rows_header(0, size))?;
        Ok(Self {
            sink,
            size,
            rows: 0,
            bytes: Vec::new(),
        })
    }

    /// Continues an array of rows of `size` numbers after the first `rows`, which are whole. Later
    /// bytes are replaced. The number of rows in its header is not read.
    ///
    /// # Errors
    /// The sink's.
    pub fn resume(mut sink: W, size: usize, rows: usize) -> io::Result<Self> {
        sink.seek(SeekFrom::Start(Self::offset(size, rows)))?;
        Ok(Self {
            sink,
            size,
            rows,
            bytes: Vec::new(),
        })
    }

    /// The byte at which the row `row` of an array of rows of `size` numbers begins.
    pub fn offset(size: usize, row: usize) -> u64 {
        rows_header(0, size).len() as u64 + row as u64 * size as u64 * 4
    }

    /// Writes what was appended to the sink.
    ///
    /// # Errors
    /// The sink's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Goes back behind the first `rows` rows. Later bytes are replaced by the next rows.
    ///
    /// # Errors
    /// The sink's.
    pub fn truncate(&mut self, rows: usize) -> io::Result<()> {
        self.sink
            .seek(SeekFrom::Start(Self::offset(self.size, rows)))?;
        self.rows = rows;
        Ok(())
    }

    /// Appends rows, row-major `[n, size]`.
    ///
    /// # Errors
    /// The sink's.
    pub fn write(&mut self, rows: &[f32]) -> io::Result<()> {
        for row in rows.chunks(self.size.max(1)) {
            self.bytes.clear();
            self.bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
            self.sink.write_all(&self.bytes)?;
            self.rows += 1;
        }
        Ok(())
    }

    /// Writes the number of rows into the header.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(mut self) -> io::Result<()> {
        self.sink.seek(SeekFrom::Start(0))?;
        self.sink.write_all(&rows_header(self.rows, self.size))?;
        self.sink.flush()
    }
}

/// The header of an array of rows. Its length is the same for any number of rows up to 10^20.
fn rows_header(rows: usize, size: usize) -> Vec<u8> {
    padded(format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {size})}}"
    ))
}

/// A column of text: UTF-32 of one length, padded with zeros.
fn text<W: Write + Seek>(zip: &mut ZipWriter<W>, name: &str, values: &[&str]) -> io::Result<()> {
    let longest = values.iter().map(|value| value.chars().count()).max();
    let length = longest.unwrap_or(0).max(1);
    let mut bytes = Vec::with_capacity(values.len() * length * 4);
    for value in values {
        let padded = value.chars().chain(std::iter::repeat('\0')).take(length);
        bytes.extend(padded.flat_map(|c| u32::from(c).to_le_bytes()));
    }
    let shape = format!("({},)", values.len());
    member(zip, name, &format!("<U{length}"), &shape, &bytes)
}

fn member<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    descr: &str,
    shape: &str,
    data: &[u8],
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(u32::try_from(data.len()).is_err());
    zip.start_file(format!("{name}.npy"), options)?;
    zip.write_all(&header(descr, shape))?;
    zip.write_all(data)
}

/// The header of an array, as NumPy writes it.
fn header(descr: &str, shape: &str) -> Vec<u8> {
    padded(format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    ))
}

/// The header of npy version 1.0 around `dict`, padded to a multiple of 64 bytes.
fn padded(dict: String) -> Vec<u8> {
    const BEFORE: usize = 10;
    let mut text = dict.into_bytes();
    let length = (BEFORE + text.len() + 1).next_multiple_of(64) - BEFORE;
    text.resize(length - 1, b' ');
    text.push(b'\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    // The text holds a dtype and a shape of at most two sizes: far below 65,536 bytes.
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text);
    header
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::*;
    use crate::data::{Names, decode_npz};

    #[test]
    fn an_archive_reads_back_pooled_with_names_groups_and_marks() {
        let windows = vec![1.0, 2.0, 3.0, -2.0, 5.0, 0.25, 7.0, 8.0];
        let classes = Names::from_text(&["čaj", "rain", "čaj"]);
        let groups = Names::from_text(&["ben", "anna", ""]);
        let test = Some(vec![false, true, false]);
        let clips = Clips::new(2, windows, vec![0, 2, 3, 4], classes, Some(groups), test).unwrap();
        let mut file = Cursor::new(Vec::new());
        write_npz(&clips, Pool::MeanMax, &mut file).unwrap();
        let read = decode_npz(Cursor::new(file.get_ref()), Path::new("x.npz")).unwrap();
        assert_eq!(read.windows(0), [2.0, 0.0, 3.0, 2.0]);
        assert_eq!(read.windows(1), [5.0, 0.25, 5.0, 0.25]);
        assert_eq!(
            (read.classes(), read.labels()),
            (clips.classes(), clips.labels())
        );
        assert_eq!(read.groups(), clips.groups());
        assert_eq!(read.marked_test(), clips.marked_test());
        let mut again = Cursor::new(Vec::new());
        write_npz(&clips, Pool::MeanMax, &mut again).unwrap();
        assert_eq!(file, again);
    }

    #[test]
    fn an_array_of_rows_has_a_header_and_its_numbers() {
        let mut file = Cursor::new(Vec::new());
        let mut array = NpyWriter::new(&mut file, 3).unwrap();
        array.write(&[1.0, 2.0, 3.0]).unwrap();
        array.write(&[4.0, 5.0, 6.0]).unwrap();
        array.finish().unwrap();
        let bytes = file.into_inner();
        let (header, numbers) = bytes.split_at(128);
        assert!(header.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4'"));
        assert!(header.ends_with(b" \n"));
        let text = String::from_utf8_lossy(header);
        assert!(text.contains("'shape': (2, 3)}"), "{text}");
        assert_eq!(
            (numbers.len(), &numbers[20..]),
            (24, &6_f32.to_le_bytes()[..])
        );
    }

    #[test]
    fn an_array_is_continued_after_rows_that_are_whole() {
        let whole = {
            let mut file = Cursor::new(Vec::new());
            let mut array = NpyWriter::new(&mut file, 2).unwrap();
            array.write(&[1.0, 2.0, 3.0, 4.0]).unwrap();
            array.finish().unwrap();
            file.into_inner()
        };
        let mut file = Cursor::new(Vec::new());
        let mut array = NpyWriter::new(&mut file, 2).unwrap();
        array.write(&[1.0, 2.0, 9.0]).unwrap();
        drop(array);
        let mut array = NpyWriter::resume(&mut file, 2, 1).unwrap();
        array.write(&[3.0, 4.0]).unwrap();
        array.finish().unwrap();
        assert_eq!(file.into_inner(), whole);
    }

    #[test]
    fn a_header_is_padded_as_numpy_pads_it() {
        let header = header("<f4", "(3, 4)");
        assert_eq!(header.len() % 64, 0);
        assert_eq!(header.last(), Some(&b'\n'));
    }
}
