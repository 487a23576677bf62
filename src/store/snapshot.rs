//! Snapshots: states that need not be replayed.

use rusqlite::Connection;

use super::OperationId;
use super::digest::{self, RowDigest};
use super::error::Fault;
use super::line::Line;

/// How many snapshots are kept: the latest, and one to fall back on.
const KEPT: i64 = 2;

/// The latest snapshot on the line whose checksum holds; a damaged one is passed
/// over, since the log can rebuild what it held.
pub(super) fn latest(
    db: &Connection,
    line: &Line,
) -> Result<Option<(OperationId, Vec<u8>)>, Fault> {
    for at in entries(db)? {
        if line.contains(at)
            && let Ok(state) = get(db, at)
        {
            return Ok(Some((at, state)));
        }
    }
    Ok(None)
}

/// After which entries there are snapshots, latest first.
pub(super) fn entries(db: &Connection) -> Result<Vec<OperationId>, Fault> {
    let mut statement =
        db.prepare_cached("SELECT operation FROM snapshots ORDER BY operation DESC")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The snapshot after this entry.
pub(super) fn get(db: &Connection, at: OperationId) -> Result<Vec<u8>, Fault> {
    let mut statement =
        db.prepare_cached("SELECT state, digest FROM snapshots WHERE operation = ?1")?;
    let mut rows = statement.query([at])?;
    let missing = || Fault::wrong(format!("the snapshot after entry {at} is missing"));
    let row = rows.next()?.ok_or_else(missing)?;
    let state = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    let found: [u8; digest::LEN] = row.get(1)?;
    match row_digest(at, state) == found {
        true => Ok(state.to_vec()),
        false => Err(Fault::wrong(format!(
            "the snapshot after entry {at} does not have its checksum"
        ))),
    }
}

pub(super) fn insert(db: &Connection, at: OperationId, state: &[u8]) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR REPLACE INTO snapshots (operation, state, digest) VALUES (?1, ?2, ?3)",
        (at, state, row_digest(at, state)),
    )?;
    db.execute(
        "DELETE FROM snapshots WHERE operation NOT IN
         (SELECT operation FROM snapshots ORDER BY operation DESC LIMIT ?1)",
        [KEPT],
    )?;
    Ok(())
}

fn row_digest(at: OperationId, state: &[u8]) -> [u8; digest::LEN] {
    RowDigest::of("snapshots").number(at).bytes(state).finish()
}
