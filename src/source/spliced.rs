//! A part of a file behind other first bytes: a header that was corrected, and the samples.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

/// `head`, then the bytes of `file` in a range.
#[derive(Debug)]
pub(super) struct Spliced {
    head: Vec<u8>,
    file: BufReader<File>,
    part: Range<u64>,
    position: u64,
}

impl Spliced {
    pub(super) fn new(head: Vec<u8>, file: File, part: Range<u64>) -> Self {
        Self {
            head,
            file: BufReader::new(file),
            part,
            position: 0,
        }
    }

    fn len(&self) -> u64 {
        self.head.len() as u64 + self.part.end.saturating_sub(self.part.start)
    }
}

impl Read for Spliced {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        let count = if self.position < head {
            let at = usize::try_from(self.position).unwrap_or(usize::MAX);
            self.head.get(at..).unwrap_or_default().read(out)?
        } else {
            let left = self.len().saturating_sub(self.position);
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
            let at = self.part.start + (self.position - head);
            let from = self.file.stream_position()?;
            // Relative seeks within the buffer keep the buffer.
            let offset = i64::try_from(i128::from(at) - i128::from(from));
            self.file.seek_relative(offset.map_err(io::Error::other)?)?;
            self.file.read(out.get_mut(..most).unwrap_or_default())?
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Spliced {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let base = match to {
            SeekFrom::Start(at) => return Ok(self.go(at)),
            SeekFrom::Current(offset) => (self.position, offset),
            SeekFrom::End(offset) => (self.len(), offset),
        };
        let (from, offset) = base;
        let at = from.checked_add_signed(offset);
        let at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.go(at))
    }
}

impl Spliced {
    fn go(&mut self, at: u64) -> u64 {
        self.position = at;
        at
    }
}

impl MediaSource for Spliced {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_the_file_follows_the_head() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), b"0123456789").unwrap();
        let file = File::open(path.path()).unwrap();
        let mut spliced = Spliced::new(b"head".to_vec(), file, 3..8);
        let mut text = String::new();
        spliced.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), spliced.byte_len()), ("head34567", Some(9)));
        spliced.seek(SeekFrom::End(-6)).unwrap();
        let mut two = [0; 2];
        spliced.read_exact(&mut two[..1]).unwrap();
        spliced.read_exact(&mut two[1..]).unwrap();
        assert_eq!(&two, b"d3");
        assert!(spliced.seek(SeekFrom::Current(-99)).is_err());
        spliced.seek(SeekFrom::Start(99)).unwrap();
        assert_eq!(spliced.read(&mut two).unwrap(), 0);
    }
}
