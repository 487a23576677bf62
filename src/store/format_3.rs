//! From format 2 to format 3: digests, revisions and bases.
//!
//! Operations keep their order and their words. They are numbered anew where
//! numbers are missing, and what was stored together becomes a revision, as far
//! as it can be told: a correction's two operations, and whatever was forgotten
//! at the same time. Snapshots are dropped; the log rebuilds them.

use rusqlite::{Connection, Row};

use super::error::Fault;
use super::operation::{self, Operation, OperationKind};
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
    // None where the tables are being laid for the first time.
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
        operation::insert(db, id, &operation)?;
        open.push(operation);
    }
    close(&mut open)
}

fn together(last: &Operation, next: &Operation) -> bool {
    last.kind == OperationKind::Unlearn
        && last.taught_unix_ms == next.taught_unix_ms
        && (next.kind == OperationKind::Unlearn || last.clip_sha256 == next.clip_sha256)
}

fn reason(all: &[Operation], last: &Operation) -> String {
    match (last.kind, all.len()) {
        (OperationKind::Learn, 1) => format!("teach {}", last.label),
        (OperationKind::Learn, _) => format!("correct to {}", last.label),
        (OperationKind::Unlearn, n) => format!("forget {n} clips"),
    }
}

fn of_format_2(row: &Row<'_>) -> Result<Operation, Fault> {
    let kind: String = row.get(0)?;
    let features = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Operation {
        kind: match kind.as_str() {
            "learn" => OperationKind::Learn,
            _ => OperationKind::Unlearn,
        },
        label: row.get(1)?,
        features: operation::from_bytes(features),
        clip_sha256: row.get(3)?,
        clip_micros: row.get::<_, i64>(4)?.try_into().unwrap_or(0),
        source: row.get(5)?,
        taught_unix_ms: row.get(6)?,
        group: row.get(7)?,
    })
}
