//! From format 3 to format 4: one table of entries, each with a replica and a sequence
//! number.
//!
//! Every row of `operations` and `bases` becomes a row of `entries` with the same number. The
//! learner's own replica is its writer, and the number is its sequence number. A row without a
//! correct checksum is copied without a checksum: opening a learner does not hide damage, and does
//! not fail because of damage in a row that is not used.

use rusqlite::Connection;

use super::digest;
use super::error::Fault;
use super::format_3_log::{BASES, OPERATIONS, OldRow, read_base, read_operation};
use super::replica::ReplicaId;

const BEFORE: &str = "
    CREATE TABLE entries (
        id             INTEGER PRIMARY KEY,
        replica        BLOB NOT NULL CHECK (length(replica) = 16),
        sequence       INTEGER NOT NULL,
        kind           TEXT NOT NULL,
        label          TEXT,
        clip_sha256    BLOB CHECK (length(clip_sha256) = 32),
        clip_micros    INTEGER,
        source         TEXT,
        clip_group     TEXT,
        taught_unix_ms INTEGER,
        payload        BLOB NOT NULL,
        digest         BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE INDEX entries_by_clip ON entries (clip_sha256);
";

const AFTER: &str = "
    DROP TABLE operations;
    DROP TABLE bases;
";

pub(super) fn migrate(db: &Connection) -> Result<(), Fault> {
    db.execute_batch(BEFORE)?;
    // `None` if the tables are being created for the first time.
    if let Some(replica) = replica(db)? {
        let sql = format!("SELECT {OPERATIONS} FROM operations ORDER BY id");
        let mut operations = db.prepare(&sql)?;
        let mut rows = operations.query([])?;
        while let Some(row) = rows.next()? {
            carry_over(db, &read_operation(row)?, replica)?;
        }
        let mut bases = db.prepare(&format!("SELECT {BASES} FROM bases ORDER BY id"))?;
        let mut rows = bases.query([])?;
        while let Some(row) = rows.next()? {
            carry_over(db, &read_base(row)?, replica)?;
        }
    }
    Ok(db.execute_batch(AFTER)?)
}

fn carry_over(db: &Connection, row: &OldRow, replica: ReplicaId) -> Result<(), Fault> {
    let columns = row.columns(replica);
    let digest = if row.is_intact {
        columns.digest()
    } else {
        [0; digest::LEN]
    };
    Ok(columns.insert(db, digest)?)
}

/// The replica that wrote the log, computed from the identity row of any format.
pub(super) fn replica(db: &Connection) -> Result<Option<ReplicaId>, Fault> {
    let mut statement =
        db.prepare("SELECT contract_digest, settings, created_unix_ms FROM identity")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (contract, settings): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(Some(ReplicaId::of(&contract, &settings, row.get(2)?)))
}
