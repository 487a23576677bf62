//! Matroska and WebM files: whether the segment is whole.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const HEADER: u64 = 0x1A45_DFA3;
const SEGMENT: u64 = 0x1853_8067;
/// The most elements before the segment.
const MOST_ELEMENTS: usize = 64;

/// Whether the file breaks off before the stated end of its segment. A stream that was recorded live
/// states none.
///
/// # Errors
/// Those of reading the file.
pub(super) fn is_cut_matroska(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok(is_cut(&mut BufReader::new(file), len).unwrap_or(false))
}

fn is_cut(file: &mut (impl Read + Seek), len: u64) -> Option<bool> {
    for index in 0..MOST_ELEMENTS {
        let (id, _) = number(file, false)?;
        let (size, is_known) = number(file, true)?;
        if (index == 0) != (id == HEADER) {
            return None;
        }
        let end = file.stream_position().ok()?.checked_add(size)?;
        if id == SEGMENT {
            return Some(is_known && end > len);
        }
        file.seek(SeekFrom::Start(end)).ok()?;
    }
    None
}

/// A number of one to eight bytes, whose first byte tells how many. Of a size, the mark of the length
/// is taken off; a size of ones alone is not known.
fn number(file: &mut impl Read, is_size: bool) -> Option<(u64, bool)> {
    let mut first = [0];
    file.read_exact(&mut first).ok()?;
    let more = first[0].leading_zeros();
    if more > 7 {
        return None;
    }
    let mask = if is_size { 0xFFu64 >> (more + 1) } else { 0xFF };
    let mut value = u64::from(first[0]) & mask;
    let mut rest = vec![0; more as usize];
    file.read_exact(&mut rest).ok()?;
    for byte in rest {
        value = value << 8 | u64::from(byte);
    }
    let ones = (1u64 << (7 * (more + 1))) - 1;
    Some((value, value != ones))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_segment_is_cut_if_it_ends_beyond_the_file() {
        let file = |segment: &[u8], contents: usize| {
            let head: &[u8] = &[
                0x1A, 0x45, 0xDF, 0xA3, 0x83, 0, 0, 0, 0x18, 0x53, 0x80, 0x67,
            ];
            let mut bytes = [head, segment].concat();
            bytes.resize(bytes.len() + contents, 0);
            bytes
        };
        for (bytes, expected) in [
            (file(&[0x90], 16), Some(false)),
            (file(&[0x90], 15), Some(true)),
            (file(&[0x40, 0x10], 15), Some(true)),
            (file(&[0xFF], 3), Some(false)),
            (
                file(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 3),
                Some(false),
            ),
            (file(&[0], 3), None),
            (vec![0x42, 0x86, 0x81, 1], None),
            (Vec::new(), None),
        ] {
            let len = bytes.len() as u64;
            assert_eq!(
                is_cut(&mut Cursor::new(&bytes), len),
                expected,
                "{bytes:x?}"
            );
        }
    }
}
