//! Operations: the log of what was taught.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::StoreError;

/// The number of an operation, from 1 on in the order of storing; 0 stands for
/// "before the first".
pub type OperationId = i64;

/// What an operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// An example was learned.
    Learn,
    /// An example that had been learned was taken back.
    Unlearn,
}

/// One example, learned or unlearned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Learned or unlearned.
    pub kind: OperationKind,
    /// Its label.
    pub label: String,
    /// Its features, in the contract's fixed point.
    pub features: Vec<i16>,
    /// sha256 of the clip's samples.
    pub clip_sha256: [u8; 32],
    /// The clip's length.
    pub clip_micros: u64,
    /// Where the clip came from.
    pub source: String,
    /// When it was taught, in milliseconds of Unix time.
    pub taught_unix_ms: i64,
}

/// What a clip is taught as at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taught {
    /// The label.
    pub label: String,
    /// The features that were learned.
    pub features: Vec<i16>,
}

impl OperationKind {
    fn name(self) -> &'static str {
        match self {
            OperationKind::Learn => "learn",
            OperationKind::Unlearn => "unlearn",
        }
    }
}

pub(super) fn latest(db: &Connection) -> rusqlite::Result<OperationId> {
    db.query_row("SELECT coalesce(max(id), 0) FROM operations", [], |row| {
        row.get(0)
    })
}

pub(super) fn insert(db: &Connection, operation: &Operation) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO operations
         (kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms)
         VALUES (:kind, :label, :features, :clip, :micros, :source, :at)",
    )?;
    statement.execute(named_params! {
        ":kind": operation.kind.name(),
        ":label": operation.label,
        ":features": to_bytes(&operation.features),
        ":clip": operation.clip_sha256,
        ":micros": i64::try_from(operation.clip_micros).unwrap_or(i64::MAX),
        ":source": operation.source,
        ":at": operation.taught_unix_ms,
    })?;
    Ok(())
}

pub(super) fn replay<E: From<StoreError>>(
    db: &Connection,
    after: OperationId,
    mut take: impl FnMut(OperationId, Operation) -> Result<(), E>,
    database: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<(), E> {
    let mut statement = db
        .prepare_cached(
            "SELECT id, kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms
             FROM operations WHERE id > ?1 ORDER BY id",
        )
        .map_err(&database)?;
    let mut rows = statement.query([after]).map_err(&database)?;
    while let Some(row) = rows.next().map_err(&database)? {
        let id = row.get(0).map_err(&database)?;
        take(id, operation(row).map_err(&database)?)?;
    }
    Ok(())
}

/// A clip is taught as the label of its last operation, unless that took it
/// back.
pub(super) fn taught(db: &Connection, clip: &[u8; 32]) -> rusqlite::Result<Option<Taught>> {
    let mut statement = db.prepare_cached(
        "SELECT kind, label, features FROM operations
         WHERE clip_sha256 = ?1 ORDER BY id DESC LIMIT 1",
    )?;
    let last = statement
        .query_row([clip.as_slice()], |row| {
            let kind: String = row.get(0)?;
            let taught = Taught {
                label: row.get(1)?,
                features: from_bytes(row.get_ref(2)?.as_blob()?),
            };
            Ok((kind == OperationKind::Learn.name()).then_some(taught))
        })
        .optional()?;
    Ok(last.flatten())
}

/// Which of the clips that are taught at the moment; all that is given must
/// hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Taught as this.
    pub label: Option<String>,
    /// The first lower-case hex digits of the clip's sha256.
    pub clip: Option<String>,
    /// Where the clip came from: the very name, a folder above it, or a pattern
    /// with `*` and `?`.
    pub source: Option<String>,
    /// Taught then or later, in milliseconds of Unix time.
    pub since_unix_ms: Option<i64>,
}

/// The last teaching of every selected clip that was not taken back, in the
/// order of teaching.
pub(super) fn standing(db: &Connection, which: &Selection) -> rusqlite::Result<Vec<Operation>> {
    let mut statement = db.prepare_cached(
        "SELECT id, kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms
         FROM operations
         WHERE kind = 'learn'
         AND id IN (SELECT max(id) FROM operations GROUP BY clip_sha256)
         AND (:label IS NULL OR label = :label)
         AND (:clip IS NULL OR substr(lower(hex(clip_sha256)), 1, length(:clip)) = :clip)
         AND (:source IS NULL OR source = :source OR source GLOB :source
              OR substr(source, 1, length(:source) + 1) = rtrim(:source, '/') || '/'
              OR substr(source, 1, length(:source)) = rtrim(:source, '/') || '/')
         AND (:since IS NULL OR taught_unix_ms >= :since)
         ORDER BY id",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":label": which.label,
            ":clip": which.clip,
            ":source": which.source,
            ":since": which.since_unix_ms,
        },
        operation,
    )?;
    rows.collect()
}

pub(super) fn median_clip_micros(db: &Connection) -> rusqlite::Result<Option<u64>> {
    let median: Option<i64> = db
        .query_row(
            "WITH taught AS (
                 SELECT clip_micros FROM operations
                 WHERE kind = 'learn'
                 AND id IN (SELECT max(id) FROM operations GROUP BY clip_sha256))
             SELECT clip_micros FROM taught ORDER BY clip_micros
             LIMIT 1 OFFSET (SELECT count(*) / 2 FROM taught)",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(median.and_then(|micros| u64::try_from(micros).ok()))
}

fn operation(row: &Row<'_>) -> rusqlite::Result<Operation> {
    let kind: String = row.get(1)?;
    Ok(Operation {
        kind: match kind.as_str() {
            "learn" => OperationKind::Learn,
            _ => OperationKind::Unlearn,
        },
        label: row.get(2)?,
        features: from_bytes(row.get_ref(3)?.as_blob()?),
        clip_sha256: row.get(4)?,
        clip_micros: row.get::<_, i64>(5)?.try_into().unwrap_or(0),
        source: row.get(6)?,
        taught_unix_ms: row.get(7)?,
    })
}

/// Features lie in the file as little-endian pairs of bytes.
fn to_bytes(features: &[i16]) -> Vec<u8> {
    features.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect()
}
