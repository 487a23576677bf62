//! The write volume: how many bytes the store has written, by day. Flash cards endure a
//! limited volume.
//!
//! The store counts what it appends to the write-ahead log, by the growth of its file, and
//! counts it once more when SQLite copies the log into the database. Pages that several
//! commits changed are copied once, so the sum is an upper bound. The count is saved now
//! and then and at closing; a process that is killed loses the count of its last commits.
//! The table is called `wear`.

use std::path::Path;

use rusqlite::Connection;

use super::digest::{self, RowDigest};
use super::error::Fault;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// Days of which a count is kept.
const DAYS_KEPT: i64 = 400;

/// Bytes written on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteVolume {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Bytes.
    pub bytes: u64,
}

/// What has been written since it was last noted.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pending: u64,
    commits: u32,
    at_unix_ms: i64,
}

/// Commits after which what is pending is noted.
const COMMITS_BETWEEN_NOTES: u32 = 64;

impl Meter {
    /// Takes in a commit during which the log's file went from `before` to
    /// `after` bytes.
    pub(super) fn commit(&mut self, before: u64, after: u64, at_unix_ms: i64) {
        self.pending += match after.checked_sub(before) {
            Some(grown) => grown,
            // All of it was copied to the database, and a new one begun.
            None => before + after,
        };
        self.commits += 1;
        self.at_unix_ms = at_unix_ms;
    }

    /// Takes in that the log was copied into the database.
    pub(super) fn copied(&mut self, bytes: u64) {
        self.pending += bytes;
    }

    pub(super) fn is_due(&self) -> bool {
        self.commits >= COMMITS_BETWEEN_NOTES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending == 0
    }

    /// Notes what is pending. It need not be durable.
    pub(super) fn note(&mut self, db: &Connection) -> Result<(), Fault> {
        let day = self.at_unix_ms.div_euclid(DAY_MS);
        let before = all(db)?.into_iter().find(|volume| volume.day == day);
        let volume = WriteVolume {
            day,
            bytes: self.pending + before.map_or(0, |volume| volume.bytes),
        };
        db.execute(
            "INSERT OR REPLACE INTO wear (day, bytes, digest) VALUES (?1, ?2, ?3)",
            (day, stored(volume.bytes), row_digest(volume)),
        )?;
        db.execute("DELETE FROM wear WHERE day < ?1", [day - DAYS_KEPT])?;
        *self = Self::default();
        Ok(())
    }
}

/// Bytes of each day on which something was written, by day.
pub(super) fn all(db: &Connection) -> Result<Vec<WriteVolume>, Fault> {
    let mut statement = db.prepare_cached("SELECT day, bytes, digest FROM wear ORDER BY day")?;
    let rows = statement.query_and_then([], |row| {
        let volume = WriteVolume {
            day: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.try_into().unwrap_or(0),
        };
        let found: [u8; digest::LEN] = row.get(2)?;
        match row_digest(volume) == found {
            true => Ok(volume),
            false => Err(Fault::wrong(format!(
                "the bytes written on day {} do not have their checksum",
                volume.day
            ))),
        }
    })?;
    rows.collect()
}

/// Bytes of the write-ahead log of the database at `path`.
pub(super) fn log_bytes(path: &Path) -> u64 {
    let mut name = path.to_owned().into_os_string();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |m| m.len())
}

fn row_digest(volume: WriteVolume) -> [u8; digest::LEN] {
    RowDigest::of("wear")
        .number(volume.day)
        .number(stored(volume.bytes))
        .finish()
}

fn stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
