//! A learner's folder, open.

use std::path::Path;

use super::batch::Batch;
use super::error::damaged;
use super::replay::{absorb, apply, replay, restore};
use super::solver::Solver;
use super::status::{ClassStatus, FoldedStatus, GroupStatus, RehearsalStatus, Status};
use super::{Heard, SessionError};
use crate::learner::{Contract, Learner, Settings};
use crate::model::Card;
use crate::pipeline::{Event, Listener};
use crate::signal::{Chunk, Scores};
use crate::store::{
    Base, Identity, Line, Operation, OperationId, Reason, Revision, RevisionId, Selection, Store,
    Wear,
};

/// Entries that are replayed at opening before a snapshot is worth its bytes:
/// half a second of learning at 2,048 features.
const ENTRIES_BETWEEN_SNAPSHOTS: OperationId = 256;

/// A learner in memory, equal at all times to what its log on disk says (and
/// what is pending, where durability is batched).
pub struct Session {
    pub(super) store: Store,
    pub(super) card: Card,
    pub(super) learner: Learner,
    /// The latest revision that `learner` has seen.
    pub(super) at: Revision,
    /// The entries of the log that it stands on.
    pub(super) line: Line,
    snapshot_at: OperationId,
    solver: Option<Solver>,
    pub(super) batch: Batch,
    /// Where all changes are one command: its first revision, once there is one.
    pub(super) command: Option<Option<RevisionId>>,
}

impl Session {
    /// Makes the folder `dir` a learner's.
    ///
    /// # Errors
    /// [`SessionError`] when there is a learner already or the folder cannot
    /// be written.
    pub fn create(
        dir: &Path,
        card: Card,
        contract: Contract,
        settings: Settings,
        now_unix_ms: i64,
    ) -> Result<Self, SessionError> {
        let learner = Learner::new(contract, settings)?;
        let reason = Reason::new("init", now_unix_ms);
        Self::create_from(dir, card, learner, &[], &[], &reason)
    }

    /// As [`Self::create`], of a learner that begins from `bases` and was taught
    /// `operations` elsewhere under the same contract: all of them, or there is
    /// no learner. `empty` gives contract and settings, and has learned nothing.
    ///
    /// # Errors
    /// As [`Self::create`], and when bases or operations are not of this
    /// contract, or several bases of a head that cannot be merged.
    pub fn create_from(
        dir: &Path,
        card: Card,
        empty: Learner,
        bases: &[Base],
        operations: &[Operation],
        reason: &Reason,
    ) -> Result<Self, SessionError> {
        let mut learner = empty;
        for base in bases {
            absorb(&mut learner, base)?;
        }
        for operation in operations {
            apply(&mut learner, operation)?;
        }
        let json = |value: serde_json::Result<String>| value.map_err(damaged);
        let identity = Identity {
            contract: json(serde_json::to_string(learner.contract()))?,
            contract_digest: learner.contract().digest(),
            settings: json(serde_json::to_string(learner.settings()))?,
            card: toml::to_string(&card).map_err(damaged)?,
            created_unix_ms: reason.at_unix_ms,
        };
        let store = Store::create(dir, identity, bases, operations, reason)?;
        let at = store.latest()?;
        Ok(Self {
            line: store.line(&at)?,
            at,
            store,
            card,
            learner,
            snapshot_at: 0,
            solver: None,
            batch: Batch::default(),
            command: None,
        })
    }

    /// Opens the learner in `dir`: its latest snapshot, and the log from there.
    ///
    /// # Errors
    /// [`SessionError`] when there is no learner, or a damaged one.
    pub fn open(dir: &Path) -> Result<Self, SessionError> {
        let store = Store::open(dir)?;
        let identity = store.identity();
        let (contract, settings) = contract_of(identity)?;
        let card = Card::parse(&identity.card, dir.join("card"))?;
        store.begin_view()?;
        let read = || -> Result<_, SessionError> {
            let at = store.latest()?;
            let line = store.line(&at)?;
            let (learner, snapshot_at) = restore(&store, &contract, settings, &line)?;
            Ok((at, line, learner, snapshot_at))
        };
        let read = read();
        store.end_view();
        let (at, line, learner, snapshot_at) = read?;
        Ok(Self {
            store,
            card,
            learner,
            at,
            line,
            snapshot_at,
            solver: None,
            batch: Batch::default(),
            command: None,
        })
    }

    /// Whether there is a learner in `dir`, sound or not.
    pub fn exists(dir: &Path) -> bool {
        Store::exists(dir)
    }

    /// The card of the backbone that the learner listens through.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The learner, as of the last call of this session.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// The clips that are taught at the moment, as far as selected, in the order
    /// of their teaching. Folded examples are no clips any more.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn taught(&self, which: &Selection) -> Result<Vec<Operation>, SessionError> {
        Ok(self.store.standing(&self.line, which)?)
    }

    /// What the learner knows without keeping the examples.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn bases(&self) -> Result<Vec<Base>, SessionError> {
        let bases = self.store.bases(&self.line)?.into_iter();
        Ok(bases.map(|(_, base)| base).collect())
    }

    /// How many examples of each class have been folded into the statistic, by
    /// label; of no label those that came with a whole learner.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn folded(&self) -> Result<Vec<FoldedStatus>, SessionError> {
        let mut folded: Vec<FoldedStatus> = Vec::new();
        for base in self.bases()? {
            match folded.iter_mut().find(|known| known.label == base.label) {
                Some(known) => known.examples += base.examples,
                None => folded.push(FoldedStatus {
                    label: base.label,
                    examples: base.examples,
                }),
            }
        }
        folded.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(folded)
    }

    /// How many clips of each group are taught at the moment, by name; none where
    /// no group is known.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupStatus>, SessionError> {
        let counts = self.store.group_counts(&self.line)?.into_iter();
        let named = counts.filter_map(|(group, examples)| Some((group?, examples)));
        Ok(named
            .map(|(group, examples)| GroupStatus { group, examples })
            .collect())
    }

    /// Bytes that were written for this learner, by day.
    ///
    /// # Errors
    /// [`SessionError`] when they cannot be read.
    pub fn wear(&self) -> Result<Vec<Wear>, SessionError> {
        Ok(self.store.wear()?)
    }

    /// The limit of disk use in bytes, where there is one.
    ///
    /// # Errors
    /// [`SessionError`] when it cannot be read.
    pub fn max_disk(&self) -> Result<Option<u64>, SessionError> {
        Ok(self.store.max_disk()?)
    }

    /// Probabilities of the classes for what was heard.
    ///
    /// # Errors
    /// [`SessionError`] when the embeddings are not the contract's.
    pub fn predict(&self, heard: &Heard) -> Result<Scores, SessionError> {
        Ok(self
            .learner
            .predict_one(&self.learner.encode(&heard.windows)?)?)
    }

    /// From now on [`Self::step`] never waits for a solve: a thread of its own
    /// does them, and decisions may lag behind by what is taught meanwhile.
    pub fn solve_in_background(&mut self) {
        // The first one has nothing to fall back on.
        self.learner.solve();
        self.solver = Some(Solver::start());
    }

    /// Takes in what other processes have taught, then the next chunk of what is
    /// listened to.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read or the backbone fails.
    pub fn step(
        &mut self,
        listener: &mut Listener,
        chunk: &Chunk,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        self.catch_up()?;
        if let Some(solver) = &mut self.solver {
            solver.tend(&mut self.learner);
        }
        Ok(listener.step(chunk, &mut self.learner, events)?)
    }

    /// Ends what is listened to.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(
        &mut self,
        listener: &mut Listener,
        events: &mut Vec<Event>,
    ) -> Result<(), SessionError> {
        Ok(listener.finish(&mut self.learner, events)?)
    }

    /// Takes in what other processes have taught, forgotten or gone back to
    /// since.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn catch_up(&mut self) -> Result<(), SessionError> {
        self.store.begin_view()?;
        let caught_up = self.catch_up_in_view();
        self.store.end_view();
        caught_up
    }

    fn catch_up_in_view(&mut self) -> Result<(), SessionError> {
        let latest = self.store.latest()?;
        if latest.id == self.at.id {
            return Ok(());
        }
        if latest.turn() != self.at.turn() || !self.batch.is_empty() {
            return self.read_the_log();
        }
        let line = self.store.line(&latest)?;
        let caught_up = replay(&self.store, &line, self.line.last(), &mut self.learner);
        if let Err(error) = caught_up {
            // It has taken in a part.
            self.read_the_log()?;
            return Err(error);
        }
        (self.at, self.line) = (latest, line);
        Ok(())
    }

    /// Makes memory what the log says, and what is pending on top of that.
    pub(super) fn go_to_the_log(&mut self) -> Result<(), SessionError> {
        self.store.begin_view()?;
        let read = self.read_the_log();
        self.store.end_view();
        read
    }

    fn read_the_log(&mut self) -> Result<(), SessionError> {
        let (contract, settings) = (self.learner.contract().clone(), *self.learner.settings());
        let latest = self.store.latest()?;
        let line = self.store.line(&latest)?;
        (self.learner, self.snapshot_at) = restore(&self.store, &contract, settings, &line)?;
        (self.at, self.line) = (latest, line);
        self.teach_pending_again()
    }

    /// The median length of the taught clips, in seconds.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn median_clip_seconds(&self) -> Result<Option<f64>, SessionError> {
        let micros = self.store.median_clip_micros(&self.line)?;
        Ok(micros.map(|micros| micros as f64 / 1e6))
    }

    /// Makes durable what is pending, and keeps a snapshot where so much was
    /// taught since the last one that the next opening would feel it.
    ///
    /// # Errors
    /// [`SessionError`] when it cannot be written; nothing that was durable is
    /// lost then.
    pub fn close(mut self) -> Result<(), SessionError> {
        self.keep()
    }

    /// As [`Self::close`], of a session that goes on.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub fn keep(&mut self) -> Result<(), SessionError> {
        self.flush()?;
        let end = self.line.last();
        if end - self.snapshot_at >= ENTRIES_BETWEEN_SNAPSHOTS {
            let state = self.learner.save();
            let now = self.at.at_unix_ms;
            self.store.keep_snapshot(end, &state, now)?;
            self.snapshot_at = end;
        }
        Ok(())
    }

    /// The learner in numbers.
    pub fn status(&self) -> Status {
        let (learner, contract) = (&self.learner, self.learner.contract());
        let settings = learner.settings();
        let classes = (learner.classes().iter().zip(learner.counts()))
            .map(|(label, &examples)| ClassStatus {
                label: label.to_string(),
                examples,
            })
            .collect();
        let rehearsal = learner.rehearsal().map(|memory| RehearsalStatus {
            setting: settings.rehearsal.to_string(),
            examples: memory.len(),
            capacity: memory.capacity(),
            bytes: memory.bytes(),
        });
        Status {
            backbone: contract.backbone.clone(),
            backbone_sha256: contract.backbone_sha256.clone(),
            contract: contract.digest(),
            pool: contract.pool.to_string(),
            transform: contract.transform.to_string(),
            features: contract.width(),
            head: settings.head.to_string(),
            selection: learner.selection().cloned(),
            seed: settings.seed,
            examples: learner.examples(),
            operations: self.line.len(),
            revision: self.at.id,
            classes,
            rehearsal,
            state_bytes: learner.state_bytes(),
            disk_bytes: self.store.bytes_on_disk(),
            created_unix_ms: self.store.identity().created_unix_ms,
        }
    }
}

/// What the identity says in JSON.
pub(super) fn contract_of(identity: &Identity) -> Result<(Contract, Settings), SessionError> {
    let contract: Contract = serde_json::from_str(&identity.contract).map_err(damaged)?;
    if contract.digest() != identity.contract_digest {
        return Err(damaged("the contract does not have its checksum"));
    }
    let settings = serde_json::from_str(&identity.settings).map_err(damaged)?;
    Ok((contract, settings))
}
