//! Bytes of a file at an offset.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The `len` bytes at the offset `at`; fewer if the file ends before.
pub(super) fn read_at(file: &mut File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The `N` bytes at the offset `at`; `None` if the file ends before.
pub(super) fn bytes_at<const N: usize>(file: &mut File, at: u64) -> io::Result<Option<[u8; N]>> {
    Ok(read_at(file, at, N as u64)?.try_into().ok())
}
