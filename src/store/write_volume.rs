//! The write volume: how many bytes the store has written on each day. Flash cards endure a
//! limited volume.
//!
//! The store counts the bytes that it appends to the write-ahead log, by the growth of its file.
//! It counts them once more when SQLite copies the log into the database. SQLite copies pages that
//! several commits changed only once, so the sum is an upper bound. The count is saved after some
//! commits and at closing; a process that is killed loses the count of its last commits. The table
//! is called `wear`.

use std::path::Path;

use rusqlite::Connection;

use super::digest::{self, RowDigest};
use super::error::Fault;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// The number of days for which a count is kept.
const DAYS_KEPT: i64 = 400;

/// Bytes written on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteVolume {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Bytes.
    pub bytes: u64,
}

/// The bytes written since the count was last saved.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pending: u64,
    commits: u32,
    at_unix_ms: i64,
}

/// The number of commits after which the pending count is saved.
const COMMITS_BETWEEN_NOTES: u32 = 64;

impl Meter {
    /// Counts a commit during which the log's file changed from `before` to `after` bytes.
    pub(super) fn commit(&mut self, before: u64, after: u64, at_unix_ms: i64) {
        self.pending += match after.checked_sub(before) {
            Some(grown) => grown,
            // SQLite copied all of the log to the database and restarted it.
            None => before + after,
        };
        self.commits += 1;
        self.at_unix_ms = at_unix_ms;
    }

    /// Counts a copy of the log into the database.
    pub(super) fn copied(&mut self, bytes: u64) {
        self.pending += bytes;
    }

    pub(super) fn is_due(&self) -> bool {
        self.commits >= COMMITS_BETWEEN_NOTES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending == 0
    }

    /// Saves the pending count. It need not be durable.
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

/// Bytes of each day with writes, by day.
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
