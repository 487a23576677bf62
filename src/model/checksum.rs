//! sha256 of streamed data (FIPS 180-4), in lower-case hex.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

/// The checksum and length of the copied data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub sha256: String,
    pub bytes: u64,
}

/// Why a copy ended early: which side failed.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

impl CopyError {
    /// The cause, for callers that ignore which side failed.
    pub(super) fn into_reason(self) -> io::Error {
        match self {
            Self::Read(reason) | Self::Write(reason) => reason,
        }
    }
}

/// Copies at most `limit` bytes from `from` to `to` and computes their checksum. Calls `seen`
/// with the number of bytes so far.
pub(super) fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    limit: u64,
    seen: &mut dyn FnMut(u64),
) -> Result<Sum, CopyError> {
    let mut from = from.take(limit);
    let mut buffer = vec![0; 64 * 1024];
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(CopyError::Read(e)),
        };
        let piece = buffer.get(..read).unwrap_or_default();
        hasher.update(piece);
        to.write_all(piece).map_err(CopyError::Write)?;
        bytes += read as u64;
        seen(bytes);
    }
    Ok(Sum {
        sha256: hex(&hasher.finalize()),
        bytes,
    })
}

/// The sha256 of `bytes`, in lower-case hex, as on a card.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_abc_matches_the_standard() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), expected);
        let mut out = Vec::new();
        let sum = copy(&mut &b"abc"[..], &mut out, 10, &mut |_| {}).unwrap();
        assert_eq!((sum.sha256.as_str(), sum.bytes), (expected, 3));
        assert_eq!(out, b"abc");
    }

    #[test]
    fn a_copy_stops_at_its_limit() {
        let mut endless = io::repeat(7);
        let sum = copy(&mut endless, &mut io::sink(), 100_000, &mut |_| {}).unwrap();
        assert_eq!(sum.bytes, 100_000);
    }
}
