//! The high-water mark: the last acknowledged revision, in a file beside the database.
//!
//! SQLite silently ends a write-ahead log at the first frame with a wrong checksum. A power cut
//! during an unacknowledged write leaves such a frame. A flipped bit in an acknowledged write
//! leaves the same. So the store writes the number of each acknowledged revision to this file,
//! after the revision is durable and without a sync. The mark may be too low after a power cut and
//! is never too high. So a database that ends before the mark has lost data.
//!
//! `"afieldwt" | revision i64 | first 16 bytes of the sha256 of both`,
//! little-endian.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::RevisionId;
use super::digest::RowDigest;

/// The file inside a learner's folder.
const FILE_NAME: &str = "learner.witness";
const MAGIC: &[u8; 8] = b"afieldwt";
const LEN: usize = 32;

/// The content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HighWaterMark {
    /// This revision was acknowledged.
    Acknowledged(RevisionId),
    /// The file does not exist.
    Absent,
    /// The checksum of the file is wrong: a power cut truncated it, or it is damaged.
    Unreadable,
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

pub(super) fn read(dir: &Path) -> HighWaterMark {
    let Ok(bytes) = std::fs::read(path(dir)) else {
        return HighWaterMark::Absent;
    };
    let revision = (bytes.strip_prefix(MAGIC))
        .and_then(|rest| rest.split_first_chunk())
        .map(|(revision, _)| i64::from_le_bytes(*revision));
    match revision {
        Some(revision) if bytes == encoded(revision) => HighWaterMark::Acknowledged(revision),
        _ => HighWaterMark::Unreadable,
    }
}

/// Records that `revision` is durable. If the file cannot be written, the store continues without
/// this check.
pub(super) fn note(dir: &Path, revision: RevisionId) {
    let file = (OpenOptions::new().write(true))
        .create(true)
        .truncate(false)
        .open(path(dir));
    if let Ok(mut file) = file {
        let _ = file.write_all(&encoded(revision));
    }
}

fn encoded(revision: RevisionId) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&revision.to_le_bytes());
    bytes[16..].copy_from_slice(&RowDigest::of("witness").number(revision).finish());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipped_bit_makes_the_mark_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), HighWaterMark::Absent);
        note(dir.path(), 7);
        note(dir.path(), 41);
        assert_eq!(read(dir.path()), HighWaterMark::Acknowledged(41));
        let whole = std::fs::read(path(dir.path())).unwrap();
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path(dir.path()), &bytes).unwrap();
            assert_eq!(read(dir.path()), HighWaterMark::Unreadable, "bit {bit}");
        }
        std::fs::write(path(dir.path()), b"").unwrap();
        assert_eq!(read(dir.path()), HighWaterMark::Unreadable);
    }
}
