//! CAF files: whether the samples are whole.

use std::fs::File;
use std::io;
use std::path::Path;

use super::file_bytes::bytes_at;

/// The most chunks that are looked at.
const MOST_CHUNKS: usize = 1024;

/// Whether the file breaks off before the stated end of a chunk. A recording to a pipe states none
/// for its samples.
///
/// # Errors
/// Those of reading the file.
pub(super) fn is_cut_caf(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut at = 8u64;
    for _ in 0..MOST_CHUNKS {
        let Some([_, _, _, _, size @ ..]) = bytes_at::<12>(&mut file, at)? else {
            return Ok(false);
        };
        // A size of -1 is that of samples up to the end of the file.
        let Ok(size) = u64::try_from(i64::from_be_bytes(size)) else {
            return Ok(false);
        };
        at = at.saturating_add(12).saturating_add(size);
        if at > len {
            return Ok(true);
        }
    }
    Ok(false)
}
