//! The log of formats 1 to 3: tables `operations` and `bases`, with one numbering.
//!
//! Only migrations and the inspection of damaged learners read it. Only the migration to format 3
//! writes it. It never changes.

use std::borrow::Cow;

use rusqlite::{Connection, Row, named_params};

use super::digest::{self, RowDigest};
use super::entry::{Columns, Entry, EntryId, Stored, without_checksum};
use super::error::Fault;
use super::replica::ReplicaId;

/// A row of `operations`: a clip that was learned or unlearned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) features: Vec<u8>,
    pub(super) clip_sha256: [u8; 32],
    pub(super) clip_micros: i64,
    pub(super) source: String,
    pub(super) taught_unix_ms: i64,
    pub(super) group: Option<String>,
}

/// A row of `bases`: a checkpoint, or the removal of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
struct Base {
    label: Option<String>,
    examples: i64,
    state: Vec<u8>,
    releases: Option<EntryId>,
}

/// A row of either table, with its number and whether its digest is correct.
pub(super) struct OldRow {
    pub(super) id: EntryId,
    pub(super) is_intact: bool,
    kind: OldKind,
}

enum OldKind {
    Operation(Operation),
    Base(Base),
}

pub(super) const OPERATIONS: &str = "id, kind, label, features, clip_sha256, clip_micros, \
                                     source, taught_unix_ms, clip_group, digest";
pub(super) const BASES: &str = "id, label, examples, state, releases, digest";

pub(super) fn read_operation(row: &Row<'_>) -> Result<OldRow, Fault> {
    let id = row.get(0)?;
    let operation = Operation {
        kind: row.get(1)?,
        label: row.get(2)?,
        features: row.get(3)?,
        clip_sha256: row.get(4)?,
        clip_micros: row.get(5)?,
        source: row.get(6)?,
        taught_unix_ms: row.get(7)?,
        group: row.get(8)?,
    };
    let found: [u8; digest::LEN] = row.get(9)?;
    Ok(OldRow {
        id,
        is_intact: operation.digest(id) == found,
        kind: OldKind::Operation(operation),
    })
}

pub(super) fn read_base(row: &Row<'_>) -> Result<OldRow, Fault> {
    let id = row.get(0)?;
    let base = Base {
        label: row.get(1)?,
        examples: row.get(2)?,
        state: row.get(3)?,
        releases: row.get(4)?,
    };
    let found: [u8; digest::LEN] = row.get(5)?;
    Ok(OldRow {
        id,
        is_intact: base.digest(id) == found,
        kind: OldKind::Base(base),
    })
}

impl Operation {
    fn digest(&self, id: EntryId) -> [u8; digest::LEN] {
        RowDigest::of("operations")
            .number(id)
            .text(&self.kind)
            .text(&self.label)
            .bytes(&self.features)
            .bytes(&self.clip_sha256)
            .number(self.clip_micros)
            .text(&self.source)
            .number(self.taught_unix_ms)
            .maybe(self.group.as_deref())
            .finish()
    }

    /// Stores the row as format 3 did, for a migration that continues to the next format.
    pub(super) fn insert(&self, db: &Connection, id: EntryId) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(
            "INSERT INTO operations
             (id, kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms,
              clip_group, digest)
             VALUES (:id, :kind, :label, :features, :clip, :micros, :source, :at, :group,
                     :digest)",
        )?;
        statement.execute(named_params! {
            ":id": id,
            ":kind": self.kind,
            ":label": self.label,
            ":features": self.features,
            ":clip": self.clip_sha256,
            ":micros": self.clip_micros,
            ":source": self.source,
            ":at": self.taught_unix_ms,
            ":group": self.group,
            ":digest": self.digest(id),
        })?;
        Ok(())
    }
}

impl Base {
    fn digest(&self, id: EntryId) -> [u8; digest::LEN] {
        let row = RowDigest::of("bases").number(id);
        match self.releases {
            None => row
                .maybe(self.label.as_deref())
                .number(self.examples)
                .bytes(&self.state),
            Some(absorbed) => row.number(absorbed),
        }
        .finish()
    }
}

impl OldRow {
    /// The row of table `entries` that replaces this row, with `replica` as its first writer.
    pub(super) fn columns(&self, replica: ReplicaId) -> Columns<'_> {
        let empty = Columns {
            id: self.id,
            replica: *replica.as_bytes(),
            sequence: self.id,
            kind: "",
            label: None,
            clip_sha256: None,
            clip_micros: None,
            source: None,
            clip_group: None,
            taught_unix_ms: None,
            payload: Cow::Borrowed(&[]),
        };
        match &self.kind {
            OldKind::Operation(operation) => Columns {
                kind: &operation.kind,
                label: Some(&operation.label),
                clip_sha256: Some(&operation.clip_sha256),
                clip_micros: Some(operation.clip_micros),
                source: Some(&operation.source),
                clip_group: operation.group.as_deref(),
                taught_unix_ms: Some(operation.taught_unix_ms),
                payload: Cow::Borrowed(&operation.features),
                ..empty
            },
            OldKind::Base(Base {
                releases: Some(absorbed),
                ..
            }) => Columns {
                kind: "release",
                payload: Cow::Owned(absorbed.to_le_bytes().to_vec()),
                ..empty
            },
            OldKind::Base(base) => {
                let examples = u64::try_from(base.examples).unwrap_or(0).to_le_bytes();
                Columns {
                    kind: "absorb",
                    label: base.label.as_deref(),
                    payload: Cow::Owned([&examples, base.state.as_slice()].concat()),
                    ..empty
                }
            }
        }
    }

    /// The entry that replaces this row, if the row is intact.
    pub(super) fn entry(&self, replica: ReplicaId) -> Result<Stored<Entry>, Fault> {
        if self.is_intact {
            self.columns(replica).decode()
        } else {
            Err(without_checksum(self.id))
        }
    }
}
