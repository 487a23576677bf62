//! Snapshots: saved states, so that opening a learner replays only the entries after a snapshot.
//!
//! The column `operation` holds the number of the entry after which a snapshot was taken.

use rusqlite::Connection;

use super::EntryId;
use super::digest::{self, RowDigest};
use super::error::Fault;
use super::lineage::Lineage;

/// The number of snapshots kept: the latest, and one in case the latest is damaged.
const KEPT: i64 = 2;

/// The latest snapshot of the lineage with a correct checksum. Damaged snapshots are skipped: the
/// log can rebuild them.
pub(super) fn latest(
    db: &Connection,
    lineage: &Lineage,
) -> Result<Option<(EntryId, Vec<u8>)>, Fault> {
    for at in entries(db)? {
        if lineage.contains(at)
            && let Ok(state) = get(db, at)
        {
            return Ok(Some((at, state)));
        }
    }
    Ok(None)
}

/// The entries after which snapshots were taken, latest first.
pub(super) fn entries(db: &Connection) -> Result<Vec<EntryId>, Fault> {
    let mut statement =
        db.prepare_cached("SELECT operation FROM snapshots ORDER BY operation DESC")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The snapshot after this entry.
pub(super) fn get(db: &Connection, at: EntryId) -> Result<Vec<u8>, Fault> {
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

pub(super) fn insert(db: &Connection, at: EntryId, state: &[u8]) -> rusqlite::Result<()> {
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

fn row_digest(at: EntryId, state: &[u8]) -> [u8; digest::LEN] {
    RowDigest::of("snapshots").number(at).bytes(state).finish()
}
