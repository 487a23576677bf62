//! Snapshots: states that need not be replayed.

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::OperationId;

/// How many snapshots are kept: the latest, and one to fall back on.
const KEPT: i64 = 2;

/// The latest snapshot whose checksum holds; a damaged one is passed over,
/// since the log can rebuild what it held.
pub(super) fn latest(db: &Connection) -> rusqlite::Result<Option<(OperationId, Vec<u8>)>> {
    let mut statement = db
        .prepare_cached("SELECT operation, state, sha256 FROM snapshots ORDER BY operation DESC")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let state = row.get_ref(1)?.as_blob()?;
        let sha256: [u8; 32] = row.get(2)?;
        if Sha256::digest(state).as_slice() == sha256 {
            return Ok(Some((row.get(0)?, state.to_vec())));
        }
    }
    Ok(None)
}

pub(super) fn keep(db: &mut Connection, at: OperationId, state: &[u8]) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3)",
        (at, state, Sha256::digest(state).as_slice()),
    )?;
    transaction.execute(
        "DELETE FROM snapshots WHERE operation NOT IN
         (SELECT operation FROM snapshots ORDER BY operation DESC LIMIT ?1)",
        [KEPT],
    )?;
    transaction.commit()
}
