//! Ogg files: whether the last page is whole, and marked as the last.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The longest page: its header, 255 lengths of segments, and 255 segments of 255 bytes.
const LONGEST_PAGE: u64 = 27 + 255 + 255 * 255;
/// The flag of the last page of a stream.
const LAST: u8 = 4;

/// Whether the file breaks off: the page that is last in it is cut, or is not the stream's last.
///
/// # Errors
/// Those of reading the file.
pub(super) fn is_cut(file: &mut File, len: u64) -> io::Result<bool> {
    // The page before a cut one is whole.
    let start = len.saturating_sub(2 * LONGEST_PAGE);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(len - start).read_to_end(&mut bytes)?;
    let Some(at) = (bytes.windows(6)).rposition(|start| start.starts_with(b"OggS\0")) else {
        return Ok(false);
    };
    let page = bytes.get(at..).unwrap_or_default();
    let count = page.get(26).copied().map(usize::from);
    let Some(lengths) = count.and_then(|count| page.get(27..27 + count)) else {
        return Ok(true);
    };
    let body: usize = lengths.iter().map(|&length| usize::from(length)).sum();
    let is_last = page.get(5).is_some_and(|flags| flags & LAST != 0);
    Ok(!is_last || 27 + lengths.len() + body > page.len())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn page(flags: u8, body: usize) -> Vec<u8> {
        let mut page = [b"OggS\0", &[flags][..], &[0; 20], &[2, 255, 7]].concat();
        page.resize(page.len() + 262, 9);
        page.truncate(29 + body);
        page
    }

    #[test]
    fn a_file_without_its_last_page_is_cut() {
        for (pages, expected) in [
            (vec![page(2, 262), page(LAST, 262)], false),
            (vec![page(2, 262), page(0, 262)], true),
            (vec![page(2, 262), page(LAST, 200)], true),
            (vec![page(2, 262), page(LAST, 262), vec![0; 99]], false),
            (vec![page(LAST, 262), b"OggS\0\x04\0".to_vec()], true),
            (vec![vec![1; 99]], false),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            let bytes = pages.concat();
            file.write_all(&bytes).unwrap();
            let cut = is_cut(&mut file, bytes.len() as u64).unwrap();
            assert_eq!(cut, expected, "{} pages", pages.len());
        }
    }
}
