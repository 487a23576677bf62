//! Operations: the log of what was taught.

use rusqlite::{Connection, Row, named_params};

use super::digest::RowDigest;
use super::error::Fault;
use super::line::Line;

/// The number of an entry of the log, an operation or a base, from 1 on in the
/// order of storing; 0 stands for "before the first".
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
    /// The speaker, machine, site or subject it is of, where known.
    pub group: Option<String>,
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
    /// The group, where known.
    pub group: Option<String>,
}

/// The columns of an operation, in the order in which [`read`] reads them.
pub(super) const COLUMNS: &str = "id, kind, label, features, clip_sha256, clip_micros, source, \
                                  taught_unix_ms, clip_group, digest";

/// The last operation of every clip on a line, of which `:line` is the JSON.
const LAST_OF_CLIPS: &str = "
    SELECT max(o.id) FROM json_each(:line) AS l
    JOIN operations AS o ON o.id BETWEEN l.value ->> 0 AND l.value ->> 1
    GROUP BY o.clip_sha256";

impl OperationKind {
    fn name(self) -> &'static str {
        match self {
            OperationKind::Learn => "learn",
            OperationKind::Unlearn => "unlearn",
        }
    }
}

/// The digest of a row as it lies in the file.
pub(super) fn digest(id: OperationId, operation: &Operation) -> [u8; super::digest::LEN] {
    RowDigest::of("operations")
        .number(id)
        .text(operation.kind.name())
        .text(&operation.label)
        .bytes(&to_bytes(&operation.features))
        .bytes(&operation.clip_sha256)
        .number(stored_micros(operation))
        .text(&operation.source)
        .number(operation.taught_unix_ms)
        .maybe(operation.group.as_deref())
        .finish()
}

pub(super) fn insert(
    db: &Connection,
    id: OperationId,
    operation: &Operation,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO operations
         (id, kind, label, features, clip_sha256, clip_micros, source, taught_unix_ms, clip_group,
          digest)
         VALUES (:id, :kind, :label, :features, :clip, :micros, :source, :at, :group, :digest)",
    )?;
    statement.execute(named_params! {
        ":id": id,
        ":kind": operation.kind.name(),
        ":label": operation.label,
        ":features": to_bytes(&operation.features),
        ":clip": operation.clip_sha256,
        ":micros": stored_micros(operation),
        ":source": operation.source,
        ":at": operation.taught_unix_ms,
        ":group": operation.group,
        ":digest": digest(id, operation),
    })?;
    Ok(())
}

/// What the clip with this hash is taught as on the line: the label of its last
/// operation, unless that took it back.
pub(super) fn taught(
    db: &Connection,
    line: &Line,
    clip: &[u8; 32],
) -> Result<Option<Taught>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM operations WHERE clip_sha256 = ?1 ORDER BY id DESC"
    ))?;
    let mut rows = statement.query([clip.as_slice()])?;
    while let Some(row) = rows.next()? {
        if !line.contains(row.get(0)?) {
            continue;
        }
        let (_, last) = read(row)?;
        if last.clip_sha256 != *clip {
            return Err(Fault::wrong("the index of clips names another one"));
        }
        return Ok((last.kind == OperationKind::Learn).then_some(Taught {
            label: last.label,
            features: last.features,
            group: last.group,
        }));
    }
    Ok(None)
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
    /// Of this group.
    pub group: Option<String>,
    /// Taught then or later, in milliseconds of Unix time.
    pub since_unix_ms: Option<i64>,
}

impl Selection {
    /// The class that is selected as a whole, if it is one.
    pub fn whole_class(&self) -> Option<&str> {
        let Self {
            label,
            clip,
            source,
            group,
            since_unix_ms,
        } = self;
        let narrowed =
            clip.is_some() || source.is_some() || group.is_some() || since_unix_ms.is_some();
        label.as_deref().filter(|_| !narrowed)
    }
}

/// The last teaching of every selected clip that was not taken back, in the
/// order of teaching.
pub(super) fn standing(
    db: &Connection,
    line: &Line,
    which: &Selection,
) -> Result<Vec<Operation>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}
         FROM operations
         WHERE kind = 'learn'
         AND id IN ({LAST_OF_CLIPS})
         AND (:label IS NULL OR label = :label)
         AND (:clip IS NULL OR substr(lower(hex(clip_sha256)), 1, length(:clip)) = :clip)
         AND (:source IS NULL OR source = :source OR source GLOB :source
              OR substr(source, 1, length(:source) + 1) = rtrim(:source, '/') || '/'
              OR substr(source, 1, length(:source)) = rtrim(:source, '/') || '/')
         AND (:group IS NULL OR clip_group = :group)
         AND (:since IS NULL OR taught_unix_ms >= :since)
         ORDER BY id"
    ))?;
    let rows = statement.query_and_then(
        named_params! {
            ":line": line.to_json(),
            ":label": which.label,
            ":clip": which.clip,
            ":source": which.source,
            ":group": which.group,
            ":since": which.since_unix_ms,
        },
        read,
    )?;
    rows.map(|row| Ok(row?.1)).collect()
}

/// How many clips of each group are taught at the moment, by name; those of no
/// known group first.
pub(super) fn group_counts(
    db: &Connection,
    line: &Line,
) -> rusqlite::Result<Vec<(Option<String>, u64)>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT clip_group, count(*) FROM operations
         WHERE kind = 'learn'
         AND id IN ({LAST_OF_CLIPS})
         GROUP BY clip_group ORDER BY clip_group"
    ))?;
    let rows = statement.query_map(named_params! { ":line": line.to_json() }, |row| {
        let clips: i64 = row.get(1)?;
        Ok((row.get(0)?, clips.try_into().unwrap_or(0)))
    })?;
    rows.collect()
}

pub(super) fn median_clip_micros(db: &Connection, line: &Line) -> rusqlite::Result<Option<u64>> {
    let mut statement = db.prepare_cached(&format!(
        "WITH taught AS (
             SELECT clip_micros FROM operations
             WHERE kind = 'learn' AND id IN ({LAST_OF_CLIPS}))
         SELECT clip_micros FROM taught ORDER BY clip_micros
         LIMIT 1 OFFSET (SELECT count(*) / 2 FROM taught)"
    ))?;
    let mut rows = statement.query(named_params! { ":line": line.to_json() })?;
    let median: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(median.and_then(|micros| u64::try_from(micros).ok()))
}

/// The operation of a row of [`COLUMNS`], or what is wrong with it.
pub(super) fn read(row: &Row<'_>) -> Result<(OperationId, Operation), Fault> {
    let (id, kind): (OperationId, String) = (row.get(0)?, row.get(1)?);
    let bytes = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    let operation = Operation {
        kind: match kind.as_str() {
            "learn" => OperationKind::Learn,
            _ => OperationKind::Unlearn,
        },
        label: row.get(2)?,
        features: from_bytes(bytes),
        clip_sha256: row.get(4)?,
        clip_micros: row.get::<_, i64>(5)?.try_into().unwrap_or(0),
        source: row.get(6)?,
        taught_unix_ms: row.get(7)?,
        group: row.get(8)?,
    };
    let found: [u8; super::digest::LEN] = row.get(9)?;
    let sound = digest(id, &operation) == found
        && kind == operation.kind.name()
        && bytes.len() == 2 * operation.features.len();
    match sound {
        true => Ok((id, operation)),
        false => Err(Fault::wrong(format!(
            "operation {id} does not have its checksum"
        ))),
    }
}

/// SQLite's integers have a sign.
fn stored_micros(operation: &Operation) -> i64 {
    i64::try_from(operation.clip_micros).unwrap_or(i64::MAX)
}

/// Features lie in the file as little-endian pairs of bytes.
fn to_bytes(features: &[i16]) -> Vec<u8> {
    features.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(super) fn from_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect()
}
