//! Is the learner on the disk the one that was taught, and if not, what is left?
//!
//! Diagnosing reads everything and compares it with what it must be: rows with
//! their checksums, snapshots with what replaying the log gives, bit by bit.
//! Repairing makes a new database from what can be trusted, keeps a copy of the
//! old files, and names what is gone. Where examples are gone but a snapshot of
//! an exact head knew them, what was learned from them is kept as a base: the
//! difference of two exact statistics is exactly what the lost examples had added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::replay::{absorb, apply, release};
use super::{SessionError, backbone_contract};
use crate::learner::{Contract, Learner, Settings};
use crate::model::Card;
use crate::store::{
    Base, Entry, Identity, Inspection, Operation, OperationId, OperationKind, Reason, Rebuild,
    Revision, RevisionKind, WriterLock, keep_copy,
};

/// What was found.
#[derive(Debug)]
pub struct Diagnosis {
    /// Everything that is not as it was stored, in words; none in a sound learner.
    pub findings: Vec<String>,
    /// The card, where it can be read.
    pub card: Option<Card>,
    /// Entries of the log that were read and are intact.
    pub entries: usize,
    /// Snapshots that are, bit by bit, what the log gives.
    pub snapshots: usize,
    /// Revisions that are intact.
    pub revisions: usize,
    /// Examples that the log gives.
    pub examples: Option<u64>,
    inspection: Inspection,
}

/// What a repair came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Where the files lie as they were.
    pub copy: PathBuf,
    /// What is as it was before the damage.
    pub kept: Vec<String>,
    /// What is gone.
    pub lost: Vec<String>,
}

/// Looks at the learner in `dir`, without writing.
///
/// # Errors
/// [`SessionError`] when there is no learner or a newer Afield wrote it; damage
/// is no error.
pub fn diagnose(dir: &Path) -> Result<Diagnosis, SessionError> {
    let inspection = Inspection::of(dir)?;
    let mut found = Diagnosis {
        findings: inspection.findings.clone(),
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
            found.findings.push(format!("its identity: {error}"));
            return Ok(found);
        }
    };
    found.recompute(empty);
    Ok(found)
}

impl Diagnosis {
    /// The card is what the contract was made of.
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
            let what = "the stored card is not that of the contract";
            self.findings.push(what.to_owned());
        }
    }

    /// Replays the whole line, and compares each snapshot on the way.
    fn recompute(&mut self, mut learner: Learner) {
        let Some(line) = &self.inspection.line else {
            return;
        };
        let (entries, snapshots) = (&self.inspection.entries, &self.inspection.snapshots);
        for (&id, entry) in entries.iter().filter(|(id, _)| line.contains(**id)) {
            if let Err(error) = take(&mut learner, entry, entries) {
                let what = format!("entry {id} of the log cannot be replayed: {error}");
                self.findings.push(what);
                return;
            }
            for (_, state) in snapshots.iter().filter(|(at, _)| *at == id) {
                match learner.save() == *state {
                    true => self.snapshots += 1,
                    false if self.inspection.missing.is_empty() => self.findings.push(format!(
                        "the snapshot after entry {id} is not what the log gives"
                    )),
                    false => {}
                }
            }
        }
        self.examples = Some(learner.examples());
    }
}

/// Makes the learner in `dir` sound again, as far as what is left allows; `None`
/// where it is sound.
///
/// # Errors
/// [`SessionError::Damaged`] where nothing can be made of it,
/// [`SessionError::Store`] when the disk refuses. The files are as they were then.
pub fn repair(dir: &Path, now_unix_ms: i64) -> Result<Option<Repair>, SessionError> {
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

/// Log and history are intact: all else follows from them.
fn whole<'a>(identity: &'a Identity, left: &Inspection) -> (Rebuild<'a>, Vec<String>, Vec<String>) {
    let entries: Vec<(OperationId, Entry)> = left
        .entries
        .iter()
        .map(|(id, entry)| (*id, entry.clone()))
        .collect();
    let kept = vec![format!(
        "all {} entries of the log and all {} revisions",
        entries.len(),
        left.revisions.len()
    )];
    let rebuild = Rebuild {
        identity,
        entries,
        revisions: left.revisions.clone(),
        max_disk: left.max_disk,
    };
    (rebuild, kept, Vec::new())
}

/// Something of the log is gone: what stands on what is left, and what a snapshot
/// knew of the rest.
fn salvage<'a>(
    identity: &'a Identity,
    left: &Inspection,
    empty: &Learner,
    now_unix_ms: i64,
) -> Result<(Rebuild<'a>, Vec<String>, Vec<String>), SessionError> {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    if left.line.is_none() {
        lost.push(
            "what was undone or rolled back: all entries that are left are taken to hold"
                .to_owned(),
        );
    }
    let holds = |id: OperationId| left.line.as_ref().is_none_or(|line| line.contains(id));
    let entries: BTreeMap<OperationId, Entry> = (left.entries.iter())
        .filter(|(id, _)| holds(**id))
        .map(|(id, entry)| (*id, entry.clone()))
        .collect();
    let (mut bases, operations) = standing(&entries, OperationId::MAX);
    let missing: Vec<OperationId> = left
        .missing
        .iter()
        .copied()
        .filter(|id| holds(*id))
        .collect();
    for (from, to) in crate::store::spans(&missing) {
        lost.push(format!(
            "entries {from} to {to} of the log: clips that were taught or taken back there"
        ));
    }
    if let Some((at, base)) = remainder(left, &entries, &missing, empty) {
        lost.retain(|what| !what.starts_with("entries ") || missing.iter().any(|id| *id > at));
        kept.push(format!(
            "what was learned from {} lost examples, by the snapshot after entry {at}; they are no clips any more, and cannot be forgotten alone",
            base.examples
        ));
        bases.push(base);
    }
    let latest = left.revisions.last();
    if left.acknowledged > latest.map_or(0, |latest| latest.id) {
        let first = latest.map_or(1, |latest| latest.id + 1);
        lost.push(format!(
            "revisions {first} to {}, which were acknowledged",
            left.acknowledged
        ));
    }
    lost.push("the history: nothing before the repair can be gone back to".to_owned());
    kept.push(format!("{} clips", operations.len()));
    let last_entry = left.entries.keys().next_back().copied().unwrap_or(0);
    let mut before = Revision::next(None, RevisionKind::Change, &Reason::new("", 0), 0);
    before.id = left.acknowledged.max(latest.map_or(0, |latest| latest.id));
    before.last = last_entry.max(latest.map_or(0, |latest| latest.last));
    let reason = Reason::new("doctor --repair", now_unix_ms);
    let count = (bases.len() + operations.len()) as i64;
    let fold = Revision::next(Some(&before), RevisionKind::Fold, &reason, count);
    let all =
        (bases.into_iter().map(Entry::Absorb)).chain(operations.into_iter().map(Entry::Operation));
    let rebuild = Rebuild {
        identity,
        entries: (fold.first..).zip(all).collect(),
        revisions: vec![fold],
        max_disk: left.max_disk,
    };
    Ok((rebuild, kept, lost))
}

/// What the latest snapshot that knew some of the missing entries knew beyond
/// what is left of the log up to it, and after which entry it was.
fn remainder(
    left: &Inspection,
    entries: &BTreeMap<OperationId, Entry>,
    missing: &[OperationId],
    empty: &Learner,
) -> Option<(OperationId, Base)> {
    let line = left.line.as_ref()?;
    let snapshots = left.snapshots.iter().filter(|(at, _)| line.contains(*at));
    let (at, state) = snapshots.max_by_key(|(at, _)| *at)?;
    missing.iter().find(|id| *id <= at)?;
    let load =
        |state: &[u8]| Learner::load(empty.contract().clone(), *empty.settings(), state).ok();
    let mut knew = load(state)?;
    let (bases, operations) = standing(entries, *at);
    let mut remaining = Learner::new(empty.contract().clone(), *empty.settings()).ok()?;
    bases
        .iter()
        .try_for_each(|base| absorb(&mut remaining, base))
        .ok()?;
    operations
        .iter()
        .try_for_each(|op| apply(&mut remaining, op))
        .ok()?;
    if remaining.examples() > 0 {
        knew.unmerge(&remaining).ok()?;
    }
    let label = match knew.classes() {
        [] => return None,
        [only] => Some(only.to_string()),
        _ => None,
    };
    Some((
        *at,
        Base {
            label,
            examples: knew.examples(),
            state: knew.save(),
        },
    ))
}

/// The bases and the last teachings that stand on entries up to `last`, in order.
fn standing(
    entries: &BTreeMap<OperationId, Entry>,
    last: OperationId,
) -> (Vec<Base>, Vec<Operation>) {
    let mut bases: BTreeMap<OperationId, Base> = BTreeMap::new();
    let mut clips: BTreeMap<[u8; 32], (OperationId, &Operation)> = BTreeMap::new();
    for (&id, entry) in entries.range(..=last) {
        match entry {
            Entry::Operation(op) => {
                clips.insert(op.clip_sha256, (id, op));
            }
            Entry::Absorb(base) => {
                bases.insert(id, base.clone());
            }
            Entry::Release(absorbed) => {
                bases.remove(absorbed);
            }
        }
    }
    let mut standing: Vec<(OperationId, &Operation)> = (clips.into_values())
        .filter(|(_, op)| op.kind == OperationKind::Learn)
        .collect();
    standing.sort_by_key(|(id, _)| *id);
    let operations = standing.into_iter().map(|(_, op)| op.clone()).collect();
    (bases.into_values().collect(), operations)
}

fn take(
    learner: &mut Learner,
    entry: &Entry,
    entries: &BTreeMap<OperationId, Entry>,
) -> Result<(), SessionError> {
    match entry {
        Entry::Operation(operation) => apply(learner, operation),
        Entry::Absorb(base) => absorb(learner, base),
        Entry::Release(absorbed) => match entries.get(absorbed) {
            Some(Entry::Absorb(base)) => release(learner, base),
            _ => Err(super::error::damaged("what it takes back is missing")),
        },
    }
}

/// The learner before it was taught anything, and its card.
fn empty_learner(identity: &Identity) -> Result<(Learner, Card), SessionError> {
    let (contract, settings): (Contract, Settings) = super::session::contract_of(identity)?;
    let card = Card::parse(&identity.card, PathBuf::from("card"))?;
    Ok((Learner::new(contract, settings)?, card))
}
