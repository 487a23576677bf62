//! Storage of the rows: encoded features and their origins.

use super::{Origin, Storage};

/// Rows of one width and one storage, numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arena {
    storage: Storage,
    row_bytes: usize,
    bytes: Vec<u8>,
    origins: Vec<Origin>,
}

impl Arena {
    pub(super) fn new(storage: Storage, width: usize) -> Self {
        Self {
            storage,
            row_bytes: storage.row_bytes(width),
            bytes: Vec::new(),
            origins: Vec::new(),
        }
    }

    pub(super) fn storage(&self) -> Storage {
        self.storage
    }

    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    /// The bytes of all rows, without their origins.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn origin(&self, row: u32) -> Origin {
        self.origins[row as usize]
    }

    pub(super) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The encoded features of a row.
    pub(super) fn row(&self, row: u32) -> &[u8] {
        let start = row as usize * self.row_bytes;
        &self.bytes[start..start + self.row_bytes]
    }

    pub(super) fn read_into(&self, row: u32, out: &mut Vec<i16>) {
        self.storage.decode_into(self.row(row), out);
    }

    /// Overwrites `out` with the encoded features.
    pub(super) fn encode_into(&self, features: &[i16], out: &mut Vec<u8>) {
        out.resize(self.row_bytes, 0);
        self.storage.encode(features, out);
    }

    /// Appends a row. The allocation doubles as needed but never exceeds `limit` rows, so the
    /// memory limit holds.
    pub(super) fn push(&mut self, features: &[i16], origin: Origin, limit: usize) -> u32 {
        let row = self.len();
        if self.bytes.len() + self.row_bytes > self.bytes.capacity() {
            let more = ((2 * row).clamp(1, limit.max(1)).saturating_sub(row)).max(1);
            self.bytes.reserve_exact(more * self.row_bytes);
            self.origins.reserve_exact(more);
        }
        self.bytes.resize(self.bytes.len() + self.row_bytes, 0);
        self.origins.push(origin);
        self.write(row as u32, features, origin);
        row as u32
    }

    pub(super) fn write(&mut self, row: u32, features: &[i16], origin: Origin) {
        let start = row as usize * self.row_bytes;
        let place = &mut self.bytes[start..start + self.row_bytes];
        self.storage.encode(features, place);
        self.origins[row as usize] = origin;
    }

    /// Removes a row. The last row gets its number.
    pub(super) fn swap_remove(&mut self, row: u32) {
        let (row, last) = (row as usize, self.len() - 1);
        let start = last * self.row_bytes;
        (self.bytes).copy_within(start..start + self.row_bytes, row * self.row_bytes);
        self.bytes.truncate(start);
        self.origins.swap_remove(row);
    }

    /// Removes a row. The rows after it move down by one.
    pub(super) fn remove(&mut self, row: u32) {
        let start = row as usize * self.row_bytes;
        self.bytes.drain(start..start + self.row_bytes);
        self.origins.remove(row as usize);
    }

    /// Renumbers the rows in a circle: row `first` becomes 0, the next one 1, and so on.
    pub(super) fn rotate_left(&mut self, first: u32) {
        self.bytes.rotate_left(first as usize * self.row_bytes);
        self.origins.rotate_left(first as usize);
    }

    /// Frees the allocation beyond `limit` rows.
    pub(super) fn shrink_to(&mut self, limit: usize) {
        self.bytes.shrink_to(limit.saturating_mul(self.row_bytes));
        self.origins.shrink_to(limit);
    }

    /// Restores saved rows. Returns whether [`Storage`] can have written every row.
    pub(super) fn restore(&mut self, bytes: &[u8], origins: Vec<Origin>) -> bool {
        let mut values = Vec::new();
        let mut again = vec![0; self.row_bytes];
        for row in bytes.chunks(self.row_bytes.max(1)) {
            values.clear();
            self.storage.decode_into(row, &mut values);
            self.storage.encode(&values, &mut again);
            if again != row {
                return false;
            }
        }
        self.bytes = bytes.to_vec();
        self.origins = origins;
        self.bytes.len() == self.origins.len() * self.row_bytes
    }

    /// Number of allocated bytes, including origins.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity() + self.origins.capacity() * Origin::BYTES
    }
}
