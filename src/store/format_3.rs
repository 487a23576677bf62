//! From format 2 to format 3: digests, revisions and bases (checkpoints).
//!
//! Operations keep their order and content. If numbers are missing, operations are renumbered
//! without gaps. Operations that were stored together become one revision, as far as this can
//! be determined: the two operations of a correction, and all clips that were forgotten at the
//! same time. Snapshots are dropped; the log rebuilds them.

use rusqlite::{Connection, Row};

use super::error::Fault;
use super::format_3_log::Operation;
use super::revision::{self, Reason, Revision, RevisionKind};
use super::{Identity, schema};

const BEFORE: &str = "
    ALTER TABLE identity RENAME TO identity_2;
    ALTER TABLE operations RENAME TO operations_2;
    DROP INDEX operations_by_clip;
    DROP TABLE snapshots;
    CREATE TABLE identity (
        one             INTEGER PRIMARY KEY CHECK (one = 1),
        contract        TEXT NOT NULL,
        contract_digest TEXT NOT NULL,
        settings        TEXT NOT NULL,
        card            TEXT NOT NULL,
        created_unix_ms INTEGER NOT NULL,
        digest          BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE TABLE operations (
        id             INTEGER PRIMARY KEY,
        kind           TEXT NOT NULL CHECK (kind IN ('learn', 'unlearn')),
        label          TEXT NOT NULL,
        features       BLOB NOT NULL,
        clip_sha256    BLOB NOT NULL CHECK (length(clip_sha256) = 32),
        clip_micros    INTEGER NOT NULL,
        source         TEXT NOT NULL,
        taught_unix_ms INTEGER NOT NULL,
        clip_group     TEXT,
        digest         BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE INDEX operations_by_clip ON operations (clip_sha256);
    CREATE TABLE bases (
        id       INTEGER PRIMARY KEY,
        label    TEXT,
        examples INTEGER NOT NULL,
        state    BLOB NOT NULL,
        releases INTEGER,
        digest   BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE TABLE revisions (
        id         INTEGER PRIMARY KEY,
        kind       TEXT NOT NULL CHECK (kind IN ('change', 'rollback', 'fold')),
        at_unix_ms INTEGER NOT NULL,
        reason     TEXT NOT NULL,
        command    INTEGER NOT NULL,
        first      INTEGER NOT NULL,
        last       INTEGER NOT NULL,
        target     INTEGER,
        turn       INTEGER NOT NULL,
        digest     BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE TABLE snapshots (
        operation INTEGER PRIMARY KEY,
        state     BLOB NOT NULL,
        digest    BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE TABLE bounds (
        one            INTEGER PRIMARY KEY CHECK (one = 1),
        max_disk_bytes INTEGER NOT NULL,
        digest         BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
    CREATE TABLE wear (
        day    INTEGER PRIMARY KEY,
        bytes  INTEGER NOT NULL,
        digest BLOB NOT NULL CHECK (length(digest) = 16)
    ) STRICT;
";

const AFTER: &str = "
    DROP TABLE identity_2;
    DROP TABLE operations_2;
";

pub(super) fn migrate(db: &Connection) -> Result<(), Fault> {
    db.execute_batch(BEFORE)?;
    let identity: Option<Identity> = {
        let mut statement = db.prepare(
            "SELECT contract, contract_digest, settings, card, created_unix_ms FROM identity_2",
        )?;
        let mut rows = statement.query([])?;
        let read = |row: &Row<'_>| {
            Ok::<_, Fault>(Identity {
                contract: row.get(0)?,
                contract_digest: row.get(1)?,
                settings: row.get(2)?,
                card: row.get(3)?,
                created_unix_ms: row.get(4)?,
            })
        };
        rows.next()?.map(read).transpose()?
    };
    // `None` if the tables are being created for the first time.
    if let Some(identity) = identity {
        schema::insert_identity(db, &identity)?;
        take_over(db, identity.created_unix_ms)?;
    }
    Ok(db.execute_batch(AFTER)?)
}

fn take_over(db: &Connection, created_unix_ms: i64) -> Result<(), Fault> {
    let made = Reason::new("init", created_unix_ms);
    let mut latest = Revision::next(None, RevisionKind::Change, &made, 0);
    revision::insert(db, &latest)?;
    let mut statement = db.prepare(
        "SELECT kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms,
                clip_group
         FROM operations_2 ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut open: Vec<Operation> = Vec::new();
    let mut id = 0;
    let mut close = |open: &mut Vec<Operation>| -> Result<(), Fault> {
        if let Some(last) = open.last() {
            let reason = Reason::new(reason(open, last), last.taught_unix_ms);
            let (before, entries) = (Some(&latest), open.len() as i64);
            latest = Revision::next(before, RevisionKind::Change, &reason, entries);
            revision::insert(db, &latest)?;
            open.clear();
        }
        Ok(())
    };
    while let Some(row) = rows.next()? {
        let operation = of_format_2(row)?;
        if open.last().is_some_and(|last| !together(last, &operation)) {
            close(&mut open)?;
        }
        id += 1;
        operation.insert(db, id)?;
        open.push(operation);
    }
    close(&mut open)
}

fn together(last: &Operation, next: &Operation) -> bool {
    last.kind != LEARN
        && last.taught_unix_ms == next.taught_unix_ms
        && (next.kind != LEARN || last.clip_sha256 == next.clip_sha256)
}

fn reason(all: &[Operation], last: &Operation) -> String {
    match (last.kind.as_str(), all.len()) {
        (LEARN, 1) => format!("teach {}", last.label),
        (LEARN, _) => format!("correct to {}", last.label),
        (_, n) => format!("forget {n} clips"),
    }
}

const LEARN: &str = "learn";

fn of_format_2(row: &Row<'_>) -> Result<Operation, Fault> {
    let (kind, mut features): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
    // Drop an odd last byte: a feature has two bytes.
    features.truncate(features.len() / 2 * 2);
    Ok(Operation {
        kind: if kind == LEARN {
            kind
        } else {
            "unlearn".to_owned()
        },
        label: row.get(1)?,
        features,
        clip_sha256: row.get(3)?,
        clip_micros: row.get::<_, i64>(4)?.max(0),
        source: row.get(5)?,
        taught_unix_ms: row.get(6)?,
        group: row.get(7)?,
    })
}
