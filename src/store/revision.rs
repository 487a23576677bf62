//! Revisions: every change of a learner, with its reason.
//!
//! A change appends entries to the log. A rollback appends no entry and names the revision on
//! which the next ones build. A compaction starts a new log. Each revision names its epoch: the
//! latest rollback or compaction up to and including itself. So a few steps from epoch to epoch
//! give the lineage of a revision, even if rows in between are missing.

use rusqlite::{Connection, Row, named_params};

use super::digest::RowDigest;
use super::error::Fault;
use super::lineage::Lineage;
use super::{EntryId, digest};

/// The number of a revision, starting at 1 for the creation of the learner.
pub type RevisionId = i64;

/// What a revision did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionKind {
    /// Entries were appended to the log.
    Change,
    /// The learner returned to the revision with this number.
    Rollback(RevisionId),
    /// Examples were compacted into checkpoints and a new log was started.
    Compaction,
}

/// One change of a learner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The number.
    pub id: RevisionId,
    /// The kind of change.
    pub kind: RevisionKind,
    /// The time, in milliseconds of Unix time.
    pub at_unix_ms: i64,
    /// The reason, in words.
    pub reason: String,
    /// The first revision of the command to which it belongs.
    pub command: RevisionId,
    /// The first entry of the log that it added.
    pub first: EntryId,
    /// The last entry of the log when the revision was stored; smaller than `first` if the
    /// revision has no entries.
    pub last: EntryId,
    /// See [`Self::epoch`].
    pub(super) epoch: RevisionId,
}

/// Why a change is made, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The reason in words, such as `teach kettle`.
    pub text: String,
    /// The time in milliseconds of Unix time.
    pub at_unix_ms: i64,
    /// The first revision of the command to which this change belongs; `None` if the change is a
    /// command of its own.
    pub command: Option<RevisionId>,
}

impl Reason {
    /// The reason of a change that is a command of its own.
    pub fn new(text: impl Into<String>, at_unix_ms: i64) -> Self {
        Self {
            text: text.into(),
            at_unix_ms,
            command: None,
        }
    }
}

pub(super) const COLUMNS: &str =
    "id, kind, at_unix_ms, reason, command, first, last, target, turn, digest";

impl Revision {
    /// The revision after `before` (if there is one) that appends `entries`.
    pub fn next(before: Option<&Self>, kind: RevisionKind, reason: &Reason, entries: i64) -> Self {
        let (id, last) = before.map_or((1, 0), |before| (before.id + 1, before.last));
        Self {
            id,
            kind,
            at_unix_ms: reason.at_unix_ms,
            reason: reason.text.clone(),
            command: reason.command.unwrap_or(id),
            first: last + 1,
            last: last + entries,
            epoch: match kind {
                RevisionKind::Change => before.map_or(0, |before| before.epoch),
                RevisionKind::Rollback(_) | RevisionKind::Compaction => id,
            },
        }
    }

    /// The latest rollback or compaction up to and including this revision; 0 if there was none.
    /// While the epoch stays the same, the lineage only grows.
    pub fn epoch(&self) -> RevisionId {
        self.epoch
    }

    fn words(&self) -> (&'static str, Option<RevisionId>) {
        match self.kind {
            RevisionKind::Change => ("change", None),
            RevisionKind::Rollback(target) => ("rollback", Some(target)),
            RevisionKind::Compaction => ("fold", None),
        }
    }

    fn digest(&self) -> [u8; digest::LEN] {
        let (kind, target) = self.words();
        RowDigest::of("revisions")
            .number(self.id)
            .text(kind)
            .number(self.at_unix_ms)
            .text(&self.reason)
            .number(self.command)
            .number(self.first)
            .number(self.last)
            .number(target.unwrap_or(0))
            .number(self.epoch)
            .finish()
    }
}

pub(super) fn insert(db: &Connection, revision: &Revision) -> rusqlite::Result<()> {
    let (kind, target) = revision.words();
    let mut statement = db.prepare_cached(
        "INSERT INTO revisions
         (id, kind, at_unix_ms, reason, command, first, last, target, turn, digest)
         VALUES (:id, :kind, :at, :reason, :command, :first, :last, :target, :turn, :digest)",
    )?;
    statement.execute(named_params! {
        ":id": revision.id,
        ":kind": kind,
        ":at": revision.at_unix_ms,
        ":reason": revision.reason,
        ":command": revision.command,
        ":first": revision.first,
        ":last": revision.last,
        ":target": target,
        ":turn": revision.epoch,
        ":digest": revision.digest(),
    })?;
    Ok(())
}

/// The latest revision.
pub(super) fn latest(db: &Connection) -> Result<Revision, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM revisions ORDER BY id DESC LIMIT 1"
    ))?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(Fault::wrong("it has no revision")),
    }
}

/// The revision with this number.
pub(super) fn get(db: &Connection, id: RevisionId) -> Result<Option<Revision>, Fault> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM revisions WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(read).transpose()
}

/// All revisions, in order.
pub(super) fn all(db: &Connection) -> Result<Vec<Revision>, Fault> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM revisions ORDER BY id"))?;
    let rows = statement.query_and_then([], read)?;
    rows.collect()
}

/// The entries that are in effect at `revision`.
pub(super) fn lineage(db: &Connection, revision: &Revision) -> Result<Lineage, Fault> {
    lineage_of(revision, |id| get(db, id))
}

/// As [`lineage`], with a function that looks up revisions.
pub(super) fn lineage_of(
    revision: &Revision,
    get: impl Fn(RevisionId) -> Result<Option<Revision>, Fault>,
) -> Result<Lineage, Fault> {
    let known = |id| get(id)?.ok_or_else(|| Fault::wrong(format!("revision {id} is missing")));
    let mut backwards = Vec::new();
    let mut at = revision.clone();
    loop {
        let epoch = match at.epoch {
            0 => {
                backwards.push((1, at.last));
                break;
            }
            epoch if epoch == at.id => at.clone(),
            epoch => known(epoch)?,
        };
        match epoch.kind {
            RevisionKind::Compaction => {
                backwards.push((epoch.first, at.last));
                break;
            }
            RevisionKind::Rollback(target) if target < epoch.id => {
                backwards.push((epoch.last + 1, at.last));
                at = known(target)?;
            }
            RevisionKind::Rollback(_) | RevisionKind::Change => {
                return Err(Fault::wrong(format!(
                    "revision {} begins no epoch",
                    epoch.id
                )));
            }
        }
    }
    Ok(Lineage::from_last(&backwards))
}

pub(super) fn read(row: &Row<'_>) -> Result<Revision, Fault> {
    let kind: String = row.get(1)?;
    let target: Option<RevisionId> = row.get(7)?;
    let id: RevisionId = row.get(0)?;
    let wrong = || {
        Err(Fault::wrong(format!(
            "revision {id} does not have its checksum"
        )))
    };
    let revision = Revision {
        id,
        kind: match (kind.as_str(), target) {
            ("change", None) => RevisionKind::Change,
            ("rollback", Some(target)) => RevisionKind::Rollback(target),
            ("fold", None) => RevisionKind::Compaction,
            _ => return wrong(),
        },
        at_unix_ms: row.get(2)?,
        reason: row.get(3)?,
        command: row.get(4)?,
        first: row.get(5)?,
        last: row.get(6)?,
        epoch: row.get(8)?,
    };
    let found: [u8; digest::LEN] = row.get(9)?;
    match revision.digest() == found {
        true => Ok(revision),
        false => wrong(),
    }
}
