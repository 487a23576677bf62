//! Entries of the log: every kind, its fields, and its row.
//!
//! This is the only module that knows how an entry is laid out in the table `entries`. A new kind
//! is a variant of [`Entry`], its name in [`Entry::kind`], and an arm each in `encode` and
//! `decode`. Columns hold what queries search; `payload` holds the rest in an encoding of the
//! kind. The engine defines what an entry does to a learner.

use std::borrow::Cow;

use rusqlite::{Connection, Row, named_params};

use super::checkpoint::Checkpoint;
use super::clip::TaughtClip;
use super::digest::{self, RowDigest};
use super::error::Fault;
use super::replica::{ReplicaId, Stamp};
use crate::signal::{ClipId, Group, Label, Micros};

/// The number of an entry in this learner's log. Numbers start at 1, follow the order of storing
/// and have no gaps; 0 stands for "before the first".
pub(crate) type EntryId = i64;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A clip was learned.
    Learn(TaughtClip),
    /// A learned clip was unlearned.
    Unlearn(TaughtClip),
    /// A state without examples was merged.
    Absorb(Checkpoint),
    /// The checkpoint that this entry merged was removed.
    Release(EntryId),
}

impl Entry {
    /// The name of the kind in the log.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Learn(_) => "learn",
            Self::Unlearn(_) => "unlearn",
            Self::Absorb(_) => "absorb",
            Self::Release(_) => "release",
        }
    }

    /// The clip of the entry, if it has one.
    pub(crate) fn clip(&self) -> Option<&TaughtClip> {
        match self {
            Self::Learn(clip) | Self::Unlearn(clip) => Some(clip),
            Self::Absorb(_) | Self::Release(_) => None,
        }
    }
}

/// A stored value, with its number in the log and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored<T> {
    /// The number in this learner's log.
    pub id: EntryId,
    /// The replica that first wrote it, and its sequence number there.
    pub stamp: Stamp,
    /// The value.
    pub value: T,
}

impl<T> Stored<T> {
    /// The same value as a new entry that keeps its stamp.
    pub(crate) fn again(self, to: impl FnOnce(T) -> Entry) -> NewEntry {
        NewEntry {
            stamp: Some(self.stamp),
            entry: to(self.value),
        }
    }
}

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewEntry {
    /// Where it was first written; `None` if it is first written here.
    pub stamp: Option<Stamp>,
    /// The entry.
    pub entry: Entry,
}

impl From<Entry> for NewEntry {
    fn from(entry: Entry) -> Self {
        Self { stamp: None, entry }
    }
}

impl NewEntry {
    /// Stores the entry as number `id` in the log of `replica`.
    pub(super) fn insert(
        &self,
        db: &Connection,
        id: EntryId,
        replica: ReplicaId,
    ) -> rusqlite::Result<()> {
        let here = Stamp {
            replica,
            sequence: id,
        };
        insert(db, id, self.stamp.unwrap_or(here), &self.entry)
    }
}

pub(super) fn insert(
    db: &Connection,
    id: EntryId,
    stamp: Stamp,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let columns = Columns::encode(id, stamp, entry);
    columns.insert(db, columns.digest())
}

/// The columns of an entry, in the order in which [`Columns::of`] reads them.
pub(super) const COLUMNS: &str = "id, replica, sequence, kind, label, clip_sha256, clip_micros, \
                                  source, clip_group, taught_unix_ms, payload, digest";

/// Reads the entry of a row of [`COLUMNS`], or fails if the row is damaged.
pub(super) fn read(row: &Row<'_>) -> Result<Stored<Entry>, Fault> {
    let columns = Columns::of(row)?;
    let found: [u8; digest::LEN] = row.get(11)?;
    if columns.digest() == found {
        columns.decode()
    } else {
        Err(without_checksum(columns.id))
    }
}

/// The entry with this number.
pub(super) fn get(db: &Connection, id: EntryId) -> Result<Option<Stored<Entry>>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE id = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(read).transpose()
}

pub(super) fn without_checksum(id: EntryId) -> Fault {
    Fault::wrong(format!("entry {id} of the log does not have its checksum"))
}

/// A row of the table without its digest.
#[derive(Debug, PartialEq)]
pub(super) struct Columns<'a> {
    pub(super) id: EntryId,
    pub(super) replica: [u8; 16],
    pub(super) sequence: i64,
    pub(super) kind: &'a str,
    pub(super) label: Option<&'a str>,
    pub(super) clip_sha256: Option<&'a [u8]>,
    pub(super) clip_micros: Option<i64>,
    pub(super) source: Option<&'a str>,
    pub(super) clip_group: Option<&'a str>,
    pub(super) taught_unix_ms: Option<i64>,
    pub(super) payload: Cow<'a, [u8]>,
}

impl<'a> Columns<'a> {
    fn encode(id: EntryId, stamp: Stamp, entry: &'a Entry) -> Self {
        let mut columns = Self {
            id,
            replica: *stamp.replica.as_bytes(),
            sequence: stamp.sequence,
            kind: entry.kind(),
            label: None,
            clip_sha256: None,
            clip_micros: None,
            source: None,
            clip_group: None,
            taught_unix_ms: None,
            payload: Cow::Borrowed(&[]),
        };
        match entry {
            Entry::Learn(clip) | Entry::Unlearn(clip) => {
                columns.label = Some(clip.label.as_str());
                columns.clip_sha256 = Some(clip.id.as_bytes());
                columns.clip_micros = Some(signed(clip.duration.0));
                columns.source = Some(&clip.source);
                columns.clip_group = clip.group.as_ref().map(Group::as_str);
                columns.taught_unix_ms = Some(clip.taught_unix_ms);
                columns.payload = Cow::Owned(features_to_bytes(&clip.features));
            }
            Entry::Absorb(checkpoint) => {
                columns.label = checkpoint.label.as_ref().map(Label::as_str);
                let examples = checkpoint.examples.to_le_bytes();
                columns.payload = Cow::Owned([&examples, checkpoint.state.as_slice()].concat());
            }
            Entry::Release(absorbed) => {
                columns.payload = Cow::Owned(absorbed.to_le_bytes().to_vec());
            }
        }
        columns
    }

    pub(super) fn decode(&self) -> Result<Stored<Entry>, Fault> {
        let payload = self.payload.as_ref();
        let value = match self.kind {
            "learn" => Entry::Learn(self.clip()?),
            "unlearn" => Entry::Unlearn(self.clip()?),
            "absorb" => {
                let (examples, state) =
                    (payload.split_first_chunk()).ok_or_else(|| self.wrong("is cut short"))?;
                Entry::Absorb(Checkpoint {
                    label: self.label.map(|text| self.label(text)).transpose()?,
                    examples: u64::from_le_bytes(*examples),
                    state: state.to_vec(),
                })
            }
            "release" => {
                let absorbed = payload.try_into().map_err(|_| self.wrong("is cut short"))?;
                Entry::Release(i64::from_le_bytes(absorbed))
            }
            other => return Err(self.wrong(&format!("has the unknown kind {other:?}"))),
        };
        Ok(Stored {
            id: self.id,
            stamp: Stamp {
                replica: ReplicaId::from_bytes(self.replica),
                sequence: self.sequence,
            },
            value,
        })
    }

    fn clip(&self) -> Result<TaughtClip, Fault> {
        let missing = || self.wrong("lacks a column");
        let group = |text: &str| Group::new(text).map_err(|error| self.wrong(&error.to_string()));
        let id = self.clip_sha256.ok_or_else(missing)?;
        let micros = self.clip_micros.ok_or_else(missing)?;
        let (features, []) = self.payload.as_chunks() else {
            return Err(self.wrong("has half a feature"));
        };
        Ok(TaughtClip {
            label: self.label(self.label.ok_or_else(missing)?)?,
            features: features.iter().map(|x| i16::from_le_bytes(*x)).collect(),
            id: ClipId::from_bytes(id.try_into().map_err(|_| missing())?),
            duration: Micros(micros.try_into().unwrap_or(0)),
            source: self.source.ok_or_else(missing)?.to_owned(),
            group: self.clip_group.map(group).transpose()?,
            taught_unix_ms: self.taught_unix_ms.ok_or_else(missing)?,
        })
    }

    fn label(&self, text: &str) -> Result<Label, Fault> {
        Label::stored(text.to_owned()).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, what: &str) -> Fault {
        Fault::wrong(format!("entry {} of the log: {what}", self.id))
    }

    fn of(row: &'a Row<'_>) -> Result<Self, Fault> {
        let text = |column| {
            let value = row.get_ref(column)?;
            value.as_str_or_null().map_err(rusqlite::Error::from)
        };
        let blob = |column| {
            let value = row.get_ref(column)?;
            value.as_blob_or_null().map_err(rusqlite::Error::from)
        };
        Ok(Self {
            id: row.get(0)?,
            replica: row.get(1)?,
            sequence: row.get(2)?,
            kind: text(3)?.unwrap_or_default(),
            label: text(4)?,
            clip_sha256: blob(5)?,
            clip_micros: row.get(6)?,
            source: text(7)?,
            clip_group: text(8)?,
            taught_unix_ms: row.get(9)?,
            payload: Cow::Borrowed(blob(10)?.unwrap_or_default()),
        })
    }

    pub(super) fn digest(&self) -> [u8; digest::LEN] {
        RowDigest::of("entries")
            .number(self.id)
            .bytes(&self.replica)
            .number(self.sequence)
            .text(self.kind)
            .maybe(self.label)
            .maybe_bytes(self.clip_sha256)
            .maybe_number(self.clip_micros)
            .maybe(self.source)
            .maybe(self.clip_group)
            .maybe_number(self.taught_unix_ms)
            .bytes(&self.payload)
            .finish()
    }

    pub(super) fn insert(
        &self,
        db: &Connection,
        digest: [u8; digest::LEN],
    ) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(
            "INSERT INTO entries
             (id, replica, sequence, kind, label, clip_sha256, clip_micros, source, clip_group,
              taught_unix_ms, payload, digest)
             VALUES (:id, :replica, :sequence, :kind, :label, :clip, :micros, :source, :group,
                     :at, :payload, :digest)",
        )?;
        statement.execute(named_params! {
            ":id": self.id,
            ":replica": self.replica,
            ":sequence": self.sequence,
            ":kind": self.kind,
            ":label": self.label,
            ":clip": self.clip_sha256,
            ":micros": self.clip_micros,
            ":source": self.source,
            ":group": self.clip_group,
            ":at": self.taught_unix_ms,
            ":payload": self.payload.as_ref(),
            ":digest": digest,
        })?;
        Ok(())
    }
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The file stores features as little-endian pairs of bytes.
fn features_to_bytes(features: &[i16]) -> Vec<u8> {
    features.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn all_kinds() -> Vec<Entry> {
        let clip = TaughtClip {
            label: Label::new("dog").unwrap(),
            features: vec![-32_767, 0, 300],
            id: ClipId::from_bytes([5; 32]),
            duration: Micros(7),
            source: "dog.wav".into(),
            group: None,
            taught_unix_ms: -2,
        };
        let grouped = TaughtClip {
            group: Some(Group::new("anna").unwrap()),
            ..clip.clone()
        };
        let checkpoint = |label| Checkpoint {
            label,
            examples: 3,
            state: vec![1, 2, 3],
        };
        vec![
            Entry::Learn(clip.clone()),
            Entry::Learn(grouped),
            Entry::Unlearn(clip),
            Entry::Absorb(checkpoint(None)),
            Entry::Absorb(checkpoint(Some(Label::new("rain").unwrap()))),
            Entry::Release(4),
        ]
    }

    fn stamp() -> Stamp {
        Stamp {
            replica: ReplicaId::from_bytes([9; 16]),
            sequence: 300,
        }
    }

    #[test]
    fn every_kind_of_entry_is_read_back_as_stored() {
        let db = Connection::open_in_memory().unwrap();
        schema::lay_tables(&db).unwrap();
        for (id, entry) in (1..).zip(all_kinds()) {
            insert(&db, id, stamp(), &entry).unwrap();
            let stored = get(&db, id).unwrap().unwrap();
            assert_eq!((stored.id, stored.stamp), (id, stamp()));
            assert_eq!(stored.value, entry);
        }
        assert!(get(&db, 99).unwrap().is_none());
    }

    #[test]
    fn change_of_any_column_is_detected() {
        let changes = [
            "id = id + 100",
            "replica = zeroblob(16)",
            "sequence = sequence + 1",
            "kind = iif(kind = 'learn', 'unlearn', 'learn')",
            "label = iif(label IS NULL, 'x', NULL)",
            "label = coalesce(label, '') || 'x'",
            "clip_sha256 = iif(clip_sha256 IS NULL, zeroblob(32), NULL)",
            "clip_sha256 = zeroblob(32)",
            "clip_micros = coalesce(clip_micros, 0) + 1",
            "source = coalesce(source, '') || 'x'",
            "clip_group = coalesce(clip_group, '') || 'x'",
            "taught_unix_ms = coalesce(taught_unix_ms, 0) + 1",
            "payload = CAST(payload || x'00' AS BLOB)",
            "payload = x''",
            "digest = zeroblob(16)",
        ];
        for entry in all_kinds() {
            for change in changes {
                let db = Connection::open_in_memory().unwrap();
                schema::lay_tables(&db).unwrap();
                insert(&db, 1, stamp(), &entry).unwrap();
                let changed = db.execute(&format!("UPDATE entries SET {change}"), []);
                assert_eq!(changed.unwrap(), 1, "{change}");
                let sql = format!("SELECT {COLUMNS} FROM entries");
                let read = db.query_row(&sql, [], |row| Ok(read(row).is_err()));
                assert!(read.unwrap(), "{entry:?}: {change}");
            }
        }
    }

    #[test]
    fn digests_of_rows_are_pinned() {
        // Files store these digests: a change here is a change of format.
        let hex = |bytes: [u8; 16]| bytes.map(|byte| format!("{byte:02x}")).concat();
        let entries = all_kinds();
        let digests = (1..).zip(&entries).map(|(id, entry)| {
            let digest = Columns::encode(id, stamp(), entry).digest();
            format!("{} {}", entry.kind(), hex(digest))
        });
        let expected = [
            "learn 3fbb9f79eaaaad00347ae7ace8330621",
            "learn 38a20847a9aef8dde7114cf0a6627d53",
            "unlearn e216ed5a75eacfe6718a198758b25a24",
            "absorb 7e8324e9b6c79c2aa770e635a3885806",
            "absorb 4a3ebd68a35027e0a875a203d391d839",
            "release 090ec92f2e7c6901626714e4a5099829",
        ];
        assert_eq!(digests.collect::<Vec<_>>(), expected);
    }
}
