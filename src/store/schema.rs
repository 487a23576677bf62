//! The tables, their version, and the identity row.
//!
//! | table | one row is |
//! |---|---|
//! | `identity` | the learner: contract, settings, card (one row) |
//! | `entries` | an entry of the log (`entry.rs`), in order; the truth |
//! | `revisions` | a change with its reason: entries of the log, a rollback, or a compaction |
//! | `snapshots` | the state after entry `operation` of its lineage |
//! | `bounds` | the limit of disk use, where there is one |
//! | `wear` | bytes written on a day |
//!
//! Every row has a digest of all its columns (`digest.rs`). Entries are numbered without gaps, and
//! a revision names its first and last entry. So missing rows are detected as well as wrong ones.
//!
//! `user_version` is the format; 0 is a file in which `init` was interrupted. A change of format
//! is a new item of [`MIGRATIONS`], never an edit of an old one.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::digest::{self, RowDigest};
use super::entry::NewEntry;
use super::error::Fault;
use super::revision::{self, Reason, Revision, RevisionKind};
use super::{Identity, StoreError, format_3, format_4};

/// "AFLD": distinguishes a learner's files from other SQLite databases.
pub(super) const APPLICATION_ID: i64 = 0x4146_4C44;

/// How a database moves from one format to the next.
enum Migration {
    Sql(&'static str),
    /// For steps that SQL cannot express.
    Code(fn(&Connection) -> Result<(), Fault>),
}

/// Item `i` migrates format `i` to `i + 1`.
const MIGRATIONS: &[Migration] = &[
    Migration::Sql(
        "
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
",
    ),
    Migration::Sql("ALTER TABLE operations ADD COLUMN clip_group TEXT;"),
    Migration::Code(format_3::migrate),
    Migration::Code(format_4::migrate),
];

pub(super) const FORMAT: i64 = MIGRATIONS.len() as i64;

/// Rejects a file that is not empty, without writing to it.
pub(super) fn refuse_taken(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let at = |fault: Fault| fault.at(path);
    if format(db).map_err(at)? == 0 && tables(db).map_err(at)? == 0 {
        return Ok(());
    }
    let path = path.to_owned();
    Err(match application(db).map_err(at)? {
        APPLICATION_ID => StoreError::Exists { path },
        _ => StoreError::Foreign { path },
    })
}

/// Creates the tables, the identity and the first entries, all or nothing.
pub(super) fn create(
    db: &mut Connection,
    path: &Path,
    identity: &Identity,
    entries: &[NewEntry],
    reason: &Reason,
) -> Result<(), StoreError> {
    let at = |fault: Fault| fault.at(path);
    let transaction = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| at(error.into()))?;
    // Check again: now no other process can write in between.
    refuse_taken(&transaction, path)?;
    let lay = || -> Result<(), Fault> {
        lay_tables(&transaction)?;
        insert_identity(&transaction, identity)?;
        let made = Revision::next(None, RevisionKind::Change, reason, entries.len() as i64);
        revision::insert(&transaction, &made)?;
        for (id, entry) in (made.first..).zip(entries) {
            entry.insert(&transaction, id, identity.replica())?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        Ok(())
    };
    lay().map_err(at)?;
    transaction.commit().map_err(|error| at(error.into()))
}

/// Creates the empty tables of the current format.
pub(super) fn lay_tables(db: &Connection) -> Result<(), Fault> {
    lay_tables_of(db, FORMAT)
}

/// Creates the empty tables of a format.
pub(super) fn lay_tables_of(db: &Connection, format: i64) -> Result<(), Fault> {
    let format = usize::try_from(format).unwrap_or(0);
    let migrations = MIGRATIONS.iter().take(format);
    migrations
        .into_iter()
        .try_for_each(|migration| migration.run(db))
}

/// Migrates a learner's file of an older format to the current one, all or nothing.
pub(super) fn upgrade(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let at = |fault: Fault| fault.at(path);
    let transaction = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| at(error.into()))?;
    // Check again: another process may have migrated the file while this one waited.
    let found = format(&transaction).map_err(at)?;
    let done = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        migration.run(&transaction).map_err(at)?;
    }
    if found < FORMAT {
        transaction
            .pragma_update(None, "user_version", FORMAT)
            .map_err(|error| at(error.into()))?;
    }
    transaction.commit().map_err(|error| at(error.into()))
}

impl Migration {
    fn run(&self, db: &Connection) -> Result<(), Fault> {
        match self {
            Self::Sql(sql) => Ok(db.execute_batch(sql)?),
            Self::Code(migrate) => migrate(db),
        }
    }
}

/// The format of a learner's file, if it is known.
pub(super) fn known_format(db: &Connection, path: &Path) -> Result<i64, StoreError> {
    let at = |fault: Fault| fault.at(path);
    let found = format(db).map_err(at)?;
    if application(db).map_err(at)? != APPLICATION_ID || found <= 0 {
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
    Ok(found)
}

/// The identity of a learner of the current format.
pub(super) fn identity(db: &Connection) -> Result<Identity, Fault> {
    let row = db
        .query_row(
            "SELECT contract, contract_digest, settings, card, created_unix_ms, digest
             FROM identity",
            [],
            |row| {
                let identity = Identity {
                    contract: row.get(0)?,
                    contract_digest: row.get(1)?,
                    settings: row.get(2)?,
                    card: row.get(3)?,
                    created_unix_ms: row.get(4)?,
                };
                Ok((identity, row.get::<_, [u8; digest::LEN]>(5)?))
            },
        )
        .optional()?;
    match row {
        Some((identity, found)) if identity_digest(&identity) == found => Ok(identity),
        Some(_) => Err(Fault::wrong("its identity does not have its checksum")),
        None => Err(Fault::wrong("its identity is missing")),
    }
}

pub(super) fn insert_identity(db: &Connection, identity: &Identity) -> Result<(), Fault> {
    db.execute(
        "INSERT INTO identity VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        (
            &identity.contract,
            &identity.contract_digest,
            &identity.settings,
            &identity.card,
            identity.created_unix_ms,
            identity_digest(identity),
        ),
    )?;
    Ok(())
}

fn identity_digest(identity: &Identity) -> [u8; digest::LEN] {
    RowDigest::of("identity")
        .text(&identity.contract)
        .text(&identity.contract_digest)
        .text(&identity.settings)
        .text(&identity.card)
        .number(identity.created_unix_ms)
        .finish()
}

/// The tables as SQLite describes them, in a fixed order.
pub(super) fn description(db: &Connection) -> Result<Vec<(String, String)>, Fault> {
    let mut statement =
        db.prepare("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn application(db: &Connection) -> Result<i64, Fault> {
    Ok(db.pragma_query_value(None, "application_id", |row| row.get(0))?)
}

pub(super) fn format(db: &Connection) -> Result<i64, Fault> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn tables(db: &Connection) -> Result<i64, Fault> {
    Ok(db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
}
