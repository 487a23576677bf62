//! The tables, their version, and the identity row.
//!
//! | table | one row is |
//! |---|---|
//! | `identity` | the learner: contract, settings, card (one row) |
//! | `operations` | something taught or untaught, in order; the truth |
//! | `snapshots` | a state that the operations up to `operation` give |
//!
//! `user_version` is the format; 0 is a file in which `init` was cut off.
//! A change of format is a new entry of [`MIGRATIONS`], never an edit of an
//! old one.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Identity, Operation, StoreError, operation};

/// "AFLD": tells our files from other SQLite databases.
const APPLICATION_ID: i64 = 0x4146_4C44;

/// Entry `i` takes format `i` to `i + 1`.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE identity (
        one             INTEGER PRIMARY KEY CHECK (one = 1),
        contract        TEXT NOT NULL,
        contract_digest TEXT NOT NULL,
        settings        TEXT NOT NULL,
        card            TEXT NOT NULL,
        created_unix_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE operations (
        id             INTEGER PRIMARY KEY AUTOINCREMENT,
        kind           TEXT NOT NULL CHECK (kind IN ('learn', 'unlearn')),
        label          TEXT NOT NULL,
        features       BLOB NOT NULL,
        clip_sha256    BLOB NOT NULL CHECK (length(clip_sha256) = 32),
        clip_micros    INTEGER NOT NULL,
        source         TEXT NOT NULL,
        taught_unix_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX operations_by_clip ON operations (clip_sha256);
    CREATE TABLE snapshots (
        operation INTEGER PRIMARY KEY,
        state     BLOB NOT NULL,
        sha256    BLOB NOT NULL CHECK (length(sha256) = 32)
    ) STRICT;
"];

const FORMAT: i64 = MIGRATIONS.len() as i64;

/// Refuses a file that holds anything already, without writing to it.
pub(super) fn refuse_taken(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let database = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    if format(db).map_err(database)? == 0 && tables(db).map_err(database)? == 0 {
        return Ok(());
    }
    let path = path.to_owned();
    Err(match application(db).map_err(database)? {
        APPLICATION_ID => StoreError::Exists { path },
        _ => StoreError::Foreign { path },
    })
}

/// Lays the tables, the identity and the first operations, all or nothing.
pub(super) fn create(
    db: &mut Connection,
    path: &Path,
    identity: &Identity,
    operations: &[Operation],
) -> Result<(), StoreError> {
    let database = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    let transaction = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(database)?;
    // Again, now that no other process can come in between.
    refuse_taken(&transaction, path)?;
    for migration in MIGRATIONS {
        transaction.execute_batch(migration).map_err(database)?;
    }
    transaction
        .execute(
            "INSERT INTO identity VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            (
                &identity.contract,
                &identity.contract_digest,
                &identity.settings,
                &identity.card,
                identity.created_unix_ms,
            ),
        )
        .map_err(database)?;
    for operation in operations {
        operation::insert(&transaction, operation).map_err(database)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(database)?;
    transaction
        .pragma_update(None, "user_version", FORMAT)
        .map_err(database)?;
    transaction.commit().map_err(database)
}

/// The identity of a file that is a learner's, in a format we know.
pub(super) fn identity(db: &Connection, path: &Path) -> Result<Identity, StoreError> {
    let database = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    let found = format(db).map_err(database)?;
    if application(db).map_err(database)? != APPLICATION_ID || found == 0 {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    if found > FORMAT {
        return Err(StoreError::Version {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    let row = db
        .query_row(
            "SELECT contract, contract_digest, settings, card, created_unix_ms FROM identity",
            [],
            |row| {
                Ok(Identity {
                    contract: row.get(0)?,
                    contract_digest: row.get(1)?,
                    settings: row.get(2)?,
                    card: row.get(3)?,
                    created_unix_ms: row.get(4)?,
                })
            },
        )
        .optional()
        .map_err(database)?;
    row.ok_or_else(|| StoreError::Foreign {
        path: path.to_owned(),
    })
}

fn application(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn format(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn tables(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}
