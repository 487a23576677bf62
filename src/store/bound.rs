//! The limit of disk use, and the disk use.

use rusqlite::Connection;

use super::digest::{self, RowDigest};
use super::error::Fault;

/// If there is no limit, SQLite copies the write-ahead log into the database when the log reaches
/// this many bytes.
const LOG_BYTES: u64 = 1000 * 4096;

pub(super) fn max_disk(db: &Connection) -> Result<Option<u64>, Fault> {
    let mut statement = db.prepare_cached("SELECT max_disk_bytes, digest FROM bounds")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (bytes, found): (i64, [u8; digest::LEN]) = (row.get(0)?, row.get(1)?);
    match row_digest(bytes) == found {
        true => Ok(u64::try_from(bytes).ok()),
        false => Err(Fault::wrong(
            "its limit of disk use does not have its checksum",
        )),
    }
}

pub(super) fn set_max_disk(db: &Connection, bytes: Option<u64>) -> Result<(), Fault> {
    db.execute("DELETE FROM bounds", [])?;
    if let Some(bytes) = bytes {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        db.execute(
            "INSERT INTO bounds (one, max_disk_bytes, digest) VALUES (1, ?1, ?2)",
            (bytes, row_digest(bytes)),
        )?;
    }
    Ok(())
}

/// Keeps the write-ahead log small compared with the limit.
pub(super) fn bound_log(db: &Connection, max_disk: Option<u64>) -> Result<(), Fault> {
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page = u64::try_from(page).unwrap_or(4096).max(512);
    let bytes = max_disk.map_or(LOG_BYTES, |max| LOG_BYTES.min(max / 8));
    let pages = i64::try_from(bytes / page).unwrap_or(1).max(1);
    Ok(db.pragma_update(None, "wal_autocheckpoint", pages)?)
}

pub(super) fn used_bytes(db: &Connection) -> Result<u64, Fault> {
    let pragma = |name: &str| -> rusqlite::Result<i64> {
        db.pragma_query_value(None, name, |row| row.get(0))
    };
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages * pragma("page_size")?).unwrap_or(0))
}

fn row_digest(bytes: i64) -> [u8; digest::LEN] {
    RowDigest::of("bounds").number(bytes).finish()
}
