//! Digests of rows: the first 16 bytes of a sha256 over the table's name and all columns, with the
//! row's number. The length of each part precedes the part.
//!
//! A digest detects damage. It does not detect tampering: a program that can write the file can
//! also write a digest.

use sha2::{Digest, Sha256};

/// Bytes of a digest.
pub(super) const LEN: usize = 16;

/// A digest under construction.
pub(super) struct RowDigest(Sha256);

impl RowDigest {
    /// Starts the digest of a row of `table`.
    pub(super) fn of(table: &str) -> Self {
        Self(Sha256::new()).bytes(table.as_bytes())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// NULL and an empty text have different digests.
    pub(super) fn maybe(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.number(1).text(text),
            None => self.number(0),
        }
    }

    pub(super) fn maybe_bytes(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    pub(super) fn maybe_number(self, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.number(1).number(number),
            None => self.number(0),
        }
    }

    pub(super) fn finish(self) -> [u8; LEN] {
        let whole: [u8; 32] = self.0.finalize().into();
        let mut short = [0; LEN];
        short.copy_from_slice(&whole[..LEN]);
        short
    }
}
