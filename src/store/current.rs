//! The state in effect on a lineage: the clips and checkpoints that were not removed again.

use rusqlite::{Connection, named_params};

use super::checkpoint::Checkpoint;
use super::clip::{ClipFilter, TaughtClip};
use super::entry::{self, COLUMNS, Entry, Stored};
use super::error::Fault;
use super::lineage::Lineage;
use crate::signal::{ClipId, Group, Micros};

/// The last entry of every clip on a lineage, of which `:lineage` is the JSON.
const LAST_OF_CLIPS: &str = "
    SELECT max(e.id) FROM json_each(:lineage) AS l
    JOIN entries AS e ON e.id BETWEEN l.value ->> 0 AND l.value ->> 1
    WHERE e.clip_sha256 IS NOT NULL
    GROUP BY e.clip_sha256";

/// The clip with this hash as it was last taught; `None` if it was unlearned after that.
pub(super) fn clip(
    db: &Connection,
    lineage: &Lineage,
    id: &ClipId,
) -> Result<Option<TaughtClip>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entries WHERE clip_sha256 = ?1 ORDER BY id DESC"
    ))?;
    let mut rows = statement.query([id.as_bytes().as_slice()])?;
    while let Some(row) = rows.next()? {
        if !lineage.contains(row.get(0)?) {
            continue;
        }
        let last = entry::read(row)?.value;
        if last.clip().is_none_or(|clip| clip.id != *id) {
            return Err(Fault::wrong("the index of clips names another one"));
        }
        return Ok(match last {
            Entry::Learn(clip) => Some(clip),
            _ => None,
        });
    }
    Ok(None)
}

/// All clips in effect that `filter` selects, in the order of their last teaching.
pub(super) fn clips(
    db: &Connection,
    lineage: &Lineage,
    filter: &ClipFilter,
) -> Result<Vec<Stored<TaughtClip>>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}
         FROM entries
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
    let mut rows = statement.query(named_params! {
        ":lineage": lineage.to_json(),
        ":label": filter.label.as_ref().map(|label| label.as_str()),
        ":clip": filter.clip.as_ref().map(|prefix| prefix.as_str()),
        ":source": filter.source,
        ":group": filter.group.as_ref().map(|group| group.as_str()),
        ":since": filter.since_unix_ms,
    })?;
    let mut clips = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = entry::read(row)?;
        let Stored { id, stamp, value } = stored;
        if let Entry::Learn(value) = value {
            clips.push(Stored { id, stamp, value });
        }
    }
    Ok(clips)
}

/// The checkpoints in effect, in the order in which they were merged.
pub(super) fn checkpoints(
    db: &Connection,
    lineage: &Lineage,
) -> Result<Vec<Stored<Checkpoint>>, Fault> {
    // The index of clips begins with all entries that have no clip.
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entries WHERE clip_sha256 IS NULL ORDER BY id"
    ))?;
    let mut rows = statement.query([])?;
    let mut current: Vec<Stored<Checkpoint>> = Vec::new();
    while let Some(row) = rows.next()? {
        if !lineage.contains(row.get(0)?) {
            continue;
        }
        let Stored { id, stamp, value } = entry::read(row)?;
        match value {
            Entry::Absorb(value) => current.push(Stored { id, stamp, value }),
            Entry::Release(absorbed) => current.retain(|checkpoint| checkpoint.id != absorbed),
            Entry::Learn(_) | Entry::Unlearn(_) => {}
        }
    }
    Ok(current)
}

/// How many clips of each group are in effect, by name; clips without a group first.
pub(super) fn group_counts(
    db: &Connection,
    lineage: &Lineage,
) -> Result<Vec<(Option<Group>, u64)>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT clip_group, count(*) FROM entries
         WHERE kind = 'learn'
         AND id IN ({LAST_OF_CLIPS})
         GROUP BY clip_group ORDER BY clip_group"
    ))?;
    let rows =
        statement.query_and_then(named_params! { ":lineage": lineage.to_json() }, |row| {
            let (group, clips): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
            let group = group.map(Group::new).transpose();
            let group = group.map_err(|error| Fault::wrong(error.to_string()))?;
            Ok((group, clips.try_into().unwrap_or(0)))
        })?;
    rows.collect()
}

/// The median length of the clips in effect.
pub(super) fn median_clip(db: &Connection, lineage: &Lineage) -> Result<Option<Micros>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "WITH taught AS (
             SELECT clip_micros FROM entries
             WHERE kind = 'learn' AND id IN ({LAST_OF_CLIPS}))
         SELECT clip_micros FROM taught ORDER BY clip_micros
         LIMIT 1 OFFSET (SELECT count(*) / 2 FROM taught)"
    ))?;
    let mut rows = statement.query(named_params! { ":lineage": lineage.to_json() })?;
    let median: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(median
        .and_then(|micros| u64::try_from(micros).ok())
        .map(Micros))
}
