//! Bases: what was learned from examples that are not kept.
//!
//! A base is the saved state of a learner that was taught some examples, as an
//! entry of the log: folding puts old examples of one class into one, and a
//! learner that came without its examples begins from one of all classes. The
//! log takes a base back by naming the entry that brought it.

use rusqlite::{Connection, Row};

use super::digest::RowDigest;
use super::error::Fault;
use super::line::Line;
use super::{OperationId, digest};

/// Knowledge without its examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The one class that it is of and with which it can be forgotten; `None`
    /// for a whole learner, of which no part can be taken back.
    pub label: Option<String>,
    /// Examples that it stands for.
    pub examples: u64,
    /// The learner's saved state.
    pub state: Vec<u8>,
}

/// What the log says of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BaseEntry {
    Absorb(Base),
    /// The entry that absorbed what is now taken back.
    Release(OperationId),
}

pub(super) const COLUMNS: &str = "id, label, examples, state, releases, digest";

fn row_digest(id: OperationId, entry: &BaseEntry) -> [u8; digest::LEN] {
    let row = RowDigest::of("bases").number(id);
    match entry {
        BaseEntry::Absorb(base) => row
            .maybe(base.label.as_deref())
            .number(stored_examples(base))
            .bytes(&base.state),
        BaseEntry::Release(absorbed) => row.number(*absorbed),
    }
    .finish()
}

pub(super) fn insert(db: &Connection, id: OperationId, entry: &BaseEntry) -> rusqlite::Result<()> {
    let (label, examples, state, releases) = match entry {
        BaseEntry::Absorb(base) => (
            base.label.as_deref(),
            stored_examples(base),
            base.state.as_slice(),
            None,
        ),
        BaseEntry::Release(absorbed) => (None, 0, &[][..], Some(*absorbed)),
    };
    db.execute(
        "INSERT INTO bases (id, label, examples, state, releases, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (id, label, examples, state, releases, row_digest(id, entry)),
    )?;
    Ok(())
}

/// The entry with this number, if it is one of a base.
pub(super) fn entry(db: &Connection, id: OperationId) -> Result<Option<BaseEntry>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM bases WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => Ok(Some(read(row)?.1)),
        None => Ok(None),
    }
}

/// The bases that hold on the line, with their entries.
pub(super) fn standing(db: &Connection, line: &Line) -> Result<Vec<(OperationId, Base)>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM bases ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut standing = Vec::new();
    while let Some(row) = rows.next()? {
        if !line.contains(row.get(0)?) {
            continue;
        }
        match read(row)? {
            (id, BaseEntry::Absorb(base)) => standing.push((id, base)),
            (_, BaseEntry::Release(gone)) => standing.retain(|(id, _)| *id != gone),
        }
    }
    Ok(standing)
}

pub(super) fn read(row: &Row<'_>) -> Result<(OperationId, BaseEntry), Fault> {
    let (id, releases): (OperationId, Option<OperationId>) = (row.get(0)?, row.get(4)?);
    let state = row
        .get_ref(3)?
        .as_blob()
        .map_err(rusqlite::Error::from)?
        .to_vec();
    let entry = match releases {
        Some(absorbed) => BaseEntry::Release(absorbed),
        None => BaseEntry::Absorb(Base {
            label: row.get(1)?,
            examples: row.get::<_, i64>(2)?.try_into().unwrap_or(0),
            state,
        }),
    };
    let found: [u8; digest::LEN] = row.get(5)?;
    match row_digest(id, &entry) == found {
        true => Ok((id, entry)),
        false => Err(Fault::wrong(format!(
            "base {id} does not have its checksum"
        ))),
    }
}

/// SQLite's integers have a sign.
fn stored_examples(base: &Base) -> i64 {
    i64::try_from(base.examples).unwrap_or(i64::MAX)
}
