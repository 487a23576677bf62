//! The witness: the last revision that was acknowledged, beside the database.
//!
//! SQLite ends a write-ahead log silently at the first frame whose checksum does
//! not hold, since that is what a power cut leaves of a write that nobody was
//! told of. A flipped bit in a write that somebody was told of looks the same.
//! So every acknowledged revision is noted here, after it is durable and without
//! a sync: the note may lag behind after a power cut, never run ahead, and a
//! database that ends before it has lost something.
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

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Testimony {
    /// This revision was acknowledged.
    Acknowledged(RevisionId),
    /// There is no witness.
    Absent,
    /// It does not have its checksum: cut off by a power cut, or damaged.
    Unreadable,
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

pub(super) fn read(dir: &Path) -> Testimony {
    let Ok(bytes) = std::fs::read(path(dir)) else {
        return Testimony::Absent;
    };
    let revision = (bytes.strip_prefix(MAGIC))
        .and_then(|rest| rest.split_first_chunk())
        .map(|(revision, _)| i64::from_le_bytes(*revision));
    match revision {
        Some(revision) if bytes == encoded(revision) => Testimony::Acknowledged(revision),
        _ => Testimony::Unreadable,
    }
}

/// Notes that `revision` is durable. Not to be able to is no failure: nothing
/// but a second opinion is missing then.
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
    fn every_flipped_bit_makes_it_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), Testimony::Absent);
        note(dir.path(), 7);
        note(dir.path(), 41);
        assert_eq!(read(dir.path()), Testimony::Acknowledged(41));
        let whole = std::fs::read(path(dir.path())).unwrap();
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path(dir.path()), &bytes).unwrap();
            assert_eq!(read(dir.path()), Testimony::Unreadable, "bit {bit}");
        }
        std::fs::write(path(dir.path()), b"").unwrap();
        assert_eq!(read(dir.path()), Testimony::Unreadable);
    }
}
