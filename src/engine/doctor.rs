//! Doctor: checks a learner on disk, and repairs what can be repaired.
//!
//! Diagnosing checks rows against their checksums, and compares snapshots, bit by bit, with the
//! result of replaying the log. Repairing keeps a copy of the files, makes a new database from the
//! intact data, and lists what is lost. If examples are lost but a snapshot of an exact head
//! contains them, their contribution is kept as a checkpoint. It is the difference of two exact
//! statistics, which is exactly what the lost examples had added.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::replay::{absorb, apply, learn};
use super::{Error, backbone_contract};
use crate::learner::{Contract, Learner, Settings};
use crate::model::Card;
use crate::signal::ClipId;
use crate::store::{
    Checkpoint, Damage, Entry, EntryId, Identity, Inspection, NewEntry, Reason, Rebuild, Revision,
    RevisionId, RevisionKind, Stored, TaughtClip, WriterLock, keep_copy, spans,
};

/// The result of a diagnosis.
#[derive(Debug)]
pub struct Diagnosis {
    /// All faults; empty for an intact learner.
    pub findings: Vec<Finding>,
    /// The card, if it can be read.
    pub card: Option<Card>,
    /// The number of intact entries of the log.
    pub entries: usize,
    /// The number of snapshots that equal, bit by bit, the result of replaying the log.
    pub snapshots: usize,
    /// The number of intact revisions.
    pub revisions: usize,
    /// The number of examples after replaying the log.
    pub examples: Option<u64>,
    inspection: Inspection,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Stored data is damaged.
    Stored(Damage),
    /// The contract, the settings or the card cannot be parsed.
    Identity {
        /// The reason.
        reason: String,
    },
    /// The contract was made from another card.
    Card,
    /// An entry of the log cannot be replayed.
    Replay {
        /// The entry.
        entry: EntryId,
        /// The reason.
        reason: String,
    },
    /// A snapshot differs from the result of replaying the log.
    Snapshot {
        /// The entry after which it was taken.
        after: EntryId,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(damage) => damage.fmt(out),
            Self::Identity { reason } => write!(out, "its identity: {reason}"),
            Self::Card => out.write_str("the stored card is not that of the contract"),
            Self::Replay { entry, reason } => {
                write!(out, "entry {entry} of the log cannot be replayed: {reason}")
            }
            Self::Snapshot { after } => write!(
                out,
                "the snapshot after entry {after} is not what the log gives"
            ),
        }
    }
}

/// The result of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The folder with a copy of the damaged files.
    pub copy: PathBuf,
    /// What was restored.
    pub kept: Vec<Kept>,
    /// What is lost.
    pub lost: Vec<Lost>,
}

/// Something that a repair kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// The whole log and the whole history.
    Everything {
        /// Entries of the log.
        entries: usize,
        /// Revisions.
        revisions: usize,
    },
    /// The contribution of lost examples, without the examples.
    Remainder {
        /// The number of examples.
        examples: u64,
        /// The entry after which the snapshot that contains them was taken.
        after: EntryId,
    },
    /// Clips.
    Clips(usize),
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything { entries, revisions } => write!(
                out,
                "all {entries} entries of the log and all {revisions} revisions"
            ),
            Self::Remainder { examples, after } => write!(
                out,
                "what was learned from {examples} lost examples, by the snapshot after entry {after}; they are no clips any more, and cannot be forgotten alone"
            ),
            Self::Clips(clips) => write!(out, "{clips} clips"),
        }
    }
}

/// Something that a repair could not restore.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// Which entries had been undone.
    Undone,
    /// Entries of the log.
    Entries {
        /// The first of these entries.
        first: EntryId,
        /// The last of these entries.
        last: EntryId,
    },
    /// Acknowledged revisions.
    Revisions {
        /// The first of these revisions.
        first: RevisionId,
        /// The last of these revisions.
        last: RevisionId,
    },
    /// The revisions before the repair.
    History,
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undone => out.write_str(
                "what was undone or rolled back: all entries that are left are taken to hold",
            ),
            Self::Entries { first, last } => write!(
                out,
                "entries {first} to {last} of the log: clips that were taught or taken back there"
            ),
            Self::Revisions { first, last } => {
                write!(out, "revisions {first} to {last}, which were acknowledged")
            }
            Self::History => {
                out.write_str("the history: nothing before the repair can be gone back to")
            }
        }
    }
}

/// Checks the learner in `dir`, without writing.
///
/// # Errors
/// [`Error`] when there is no learner. Damage is not an error.
pub fn diagnose(dir: &Path) -> Result<Diagnosis, Error> {
    let inspection = Inspection::of(dir)?;
    let mut found = Diagnosis {
        findings: inspection
            .damage
            .iter()
            .cloned()
            .map(Finding::Stored)
            .collect(),
        card: None,
        entries: inspection.entries.len(),
        snapshots: 0,
        revisions: inspection.revisions.len(),
        examples: None,
        inspection,
    };
    let Some(identity) = found.inspection.identity.clone() else {
        return Ok(found);
    };
    let empty = match empty_learner(&identity) {
        Ok((empty, card)) => {
            found.check_card(&empty, &card);
            found.card = Some(card);
            empty
        }
        Err(error) => {
            found.findings.push(Finding::Identity {
                reason: error.to_string(),
            });
            return Ok(found);
        }
    };
    found.recompute(empty);
    Ok(found)
}

impl Diagnosis {
    /// Checks that the contract was made from this card.
    fn check_card(&mut self, empty: &Learner, card: &Card) {
        let contract = empty.contract();
        let of_card = backbone_contract(card, Some(contract.pool), None);
        let same = |of_card: Contract| {
            of_card.backbone == contract.backbone
                && of_card.backbone_sha256 == contract.backbone_sha256
                && of_card.frontend == contract.frontend
                && of_card.embedding_size == contract.embedding_size
        };
        if !of_card.is_ok_and(same) {
            self.findings.push(Finding::Card);
        }
    }

    /// Replays the whole lineage, and compares each snapshot with the state at its entry.
    fn recompute(&mut self, mut learner: Learner) {
        let Some(lineage) = &self.inspection.lineage else {
            return;
        };
        let (entries, snapshots) = (&self.inspection.entries, &self.inspection.snapshots);
        for (&id, entry) in entries.iter().filter(|(id, _)| lineage.contains(**id)) {
            if let Err(error) = take(&mut learner, &entry.value, entries) {
                self.findings.push(Finding::Replay {
                    entry: id,
                    reason: error.to_string(),
                });
                return;
            }
            for (_, state) in snapshots.iter().filter(|(at, _)| *at == id) {
                if learner.save() == *state {
                    self.snapshots += 1;
                } else if self.inspection.missing.is_empty() {
                    self.findings.push(Finding::Snapshot { after: id });
                }
            }
        }
        self.examples = Some(learner.examples());
    }
}

/// Repairs the learner in `dir`, as far as the intact data allows. Returns `None` if it is not
/// damaged.
///
/// # Errors
/// [`Error::Damaged`] if too little is intact for a repair; [`Error::Store`] if the write fails.
/// The files are then unchanged.
pub fn repair(dir: &Path, now_unix_ms: i64) -> Result<Option<Repair>, Error> {
    let _lock = WriterLock::take(dir, Some("doctor --repair"))?;
    let found = diagnose(dir)?;
    if found.findings.is_empty() {
        return Ok(None);
    }
    let left = found.inspection;
    let Some(identity) = &left.identity else {
        return Err(super::error::damaged(
            "its identity (contract, settings, card) is gone, and without it nothing that is left means anything",
        ));
    };
    let (empty, _) = empty_learner(identity)?;
    let copy = keep_copy(dir, now_unix_ms)?;
    let (rebuild, kept, lost) = match left.missing.is_empty() && left.history_is_whole {
        true => whole(identity, &left),
        false => salvage(identity, &left, &empty, now_unix_ms)?,
    };
    rebuild.put_in_place(dir)?;
    Ok(Some(Repair { copy, kept, lost }))
}

/// The log and the history are intact: everything else follows from them.
fn whole<'a>(identity: &'a Identity, left: &Inspection) -> (Rebuild<'a>, Vec<Kept>, Vec<Lost>) {
    let entries: Vec<(EntryId, NewEntry)> = (left.entries.iter())
        .map(|(id, entry)| (*id, entry.clone().again(|entry| entry)))
        .collect();
    let kept = vec![Kept::Everything {
        entries: entries.len(),
        revisions: left.revisions.len(),
    }];
    let rebuild = Rebuild {
        identity,
        entries,
        revisions: left.revisions.clone(),
        max_disk: left.max_disk,
    };
    (rebuild, kept, Vec::new())
}

/// A part of the log is lost: keeps the entries in effect of the rest, and the contribution of the
/// lost entries that a snapshot contains.
fn salvage<'a>(
    identity: &'a Identity,
    left: &Inspection,
    empty: &Learner,
    now_unix_ms: i64,
) -> Result<(Rebuild<'a>, Vec<Kept>, Vec<Lost>), Error> {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    if left.lineage.is_none() {
        lost.push(Lost::Undone);
    }
    let holds = |id: EntryId| (left.lineage.as_ref()).is_none_or(|lineage| lineage.contains(id));
    let entries: Entries = (left.entries.iter())
        .filter(|(id, _)| holds(**id))
        .map(|(id, entry)| (*id, entry.clone()))
        .collect();
    let (checkpoints, clips) = current(&entries, EntryId::MAX);
    let missing: Vec<EntryId> = left
        .missing
        .iter()
        .copied()
        .filter(|id| holds(*id))
        .collect();
    for (first, last) in spans(&missing) {
        lost.push(Lost::Entries { first, last });
    }
    let remainder = remainder(left, &entries, &missing, empty);
    if let Some((after, checkpoint)) = &remainder {
        let any_later = missing.iter().any(|id| id > after);
        lost.retain(|lost| any_later || !matches!(lost, Lost::Entries { .. }));
        kept.push(Kept::Remainder {
            examples: checkpoint.examples,
            after: *after,
        });
    }
    let latest = left.revisions.last();
    if left.acknowledged > latest.map_or(0, |latest| latest.id) {
        lost.push(Lost::Revisions {
            first: latest.map_or(1, |latest| latest.id + 1),
            last: left.acknowledged,
        });
    }
    lost.push(Lost::History);
    kept.push(Kept::Clips(clips.len()));
    let last_entry = left.entries.keys().next_back().copied().unwrap_or(0);
    let mut before = Revision::next(None, RevisionKind::Change, &Reason::new("", 0), 0);
    before.id = left.acknowledged.max(latest.map_or(0, |latest| latest.id));
    before.last = last_entry.max(latest.map_or(0, |latest| latest.last));
    let reason = Reason::new("doctor --repair", now_unix_ms);
    let checkpoints = checkpoints
        .into_iter()
        .map(|stored| stored.again(Entry::Absorb));
    let remainder = remainder.map(|(_, checkpoint)| Entry::Absorb(checkpoint).into());
    let clips = clips.into_iter().map(|clip| clip.again(Entry::Learn));
    let all: Vec<NewEntry> = checkpoints.chain(remainder).chain(clips).collect();
    let kind = RevisionKind::Compaction;
    let compaction = Revision::next(Some(&before), kind, &reason, all.len() as i64);
    let rebuild = Rebuild {
        identity,
        entries: (compaction.first..).zip(all).collect(),
        revisions: vec![compaction],
        max_disk: left.max_disk,
    };
    Ok((rebuild, kept, lost))
}

/// Intact entries by their numbers.
type Entries = BTreeMap<EntryId, Stored<Entry>>;

/// The difference between the latest snapshot that contains some of the missing entries and the
/// rest of the log up to it, with the entry after which it was taken.
fn remainder(
    left: &Inspection,
    entries: &Entries,
    missing: &[EntryId],
    empty: &Learner,
) -> Option<(EntryId, Checkpoint)> {
    let lineage = left.lineage.as_ref()?;
    let snapshots = left.snapshots.iter();
    let snapshots = snapshots.filter(|(at, _)| lineage.contains(*at));
    let (at, state) = snapshots.max_by_key(|(at, _)| *at)?;
    missing.iter().find(|id| *id <= at)?;
    let load =
        |state: &[u8]| Learner::load(empty.contract().clone(), *empty.settings(), state).ok();
    let mut knew = load(state)?;
    let (checkpoints, clips) = current(entries, *at);
    let mut remaining = Learner::new(empty.contract().clone(), *empty.settings()).ok()?;
    checkpoints
        .iter()
        .try_for_each(|checkpoint| absorb(&mut remaining, &checkpoint.value))
        .ok()?;
    clips
        .iter()
        .try_for_each(|clip| learn(&mut remaining, &clip.value))
        .ok()?;
    if remaining.examples() > 0 {
        knew.unmerge(&remaining).ok()?;
    }
    let label = match knew.classes() {
        [] => return None,
        [only] => Some(only.clone()),
        _ => None,
    };
    let checkpoint = Checkpoint {
        label,
        examples: knew.examples(),
        state: knew.save(),
    };
    Some((*at, checkpoint))
}

/// The checkpoints and clips in effect after entry `last`, in the order of their entries.
fn current(entries: &Entries, last: EntryId) -> (Vec<Stored<Checkpoint>>, Vec<Stored<TaughtClip>>) {
    let mut checkpoints: BTreeMap<EntryId, Stored<Checkpoint>> = BTreeMap::new();
    let mut clips: BTreeMap<ClipId, Stored<&TaughtClip>> = BTreeMap::new();
    for (&id, entry) in entries.range(..=last) {
        let stamp = entry.stamp;
        match &entry.value {
            Entry::Learn(value) => {
                clips.insert(value.id, Stored { id, stamp, value });
            }
            Entry::Unlearn(clip) => {
                clips.remove(&clip.id);
            }
            Entry::Absorb(checkpoint) => {
                let value = checkpoint.clone();
                checkpoints.insert(id, Stored { id, stamp, value });
            }
            Entry::Release(absorbed) => {
                checkpoints.remove(absorbed);
            }
        }
    }
    let mut clips: Vec<Stored<TaughtClip>> = (clips.into_values())
        .map(|Stored { id, stamp, value }| Stored {
            id,
            stamp,
            value: value.clone(),
        })
        .collect();
    clips.sort_by_key(|clip| clip.id);
    (checkpoints.into_values().collect(), clips)
}

fn take(learner: &mut Learner, entry: &Entry, entries: &Entries) -> Result<(), Error> {
    apply(learner, entry, |absorbed| {
        match entries.get(&absorbed).map(|entry| &entry.value) {
            Some(Entry::Absorb(checkpoint)) => Ok(checkpoint.clone()),
            _ => Err(super::error::damaged("what it takes back is missing")),
        }
    })
}

/// The learner before its first example, and its card.
fn empty_learner(identity: &Identity) -> Result<(Learner, Card), Error> {
    let (contract, settings): (Contract, Settings) = super::session::contract_of(identity)?;
    let card = Card::parse(&identity.card, PathBuf::from("card"))?;
    Ok((Learner::new(contract, settings)?, card))
}
