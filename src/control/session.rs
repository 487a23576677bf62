//! A learner's folder, open.

use std::path::Path;

use super::Heard;
use super::solver::Solver;
use super::status::{ClassStatus, GroupStatus, RehearsalStatus, Status};
use crate::learner::{Contract, Example, LearnError, Learner, Origin, Settings};
use crate::model::{Card, ModelError};
use crate::pipeline::{Event, Listener, PipelineError};
use crate::signal::{Chunk, Group, Label, Scores, SignalError};
use crate::source::SourceError;
use crate::store::{
    Identity, Operation, OperationId, OperationKind, Selection, Store, StoreError, Taught,
};

/// Operations that are replayed at opening before a snapshot is worth its
/// bytes: half a second of learning at 2,048 features.
const OPERATIONS_BETWEEN_SNAPSHOTS: OperationId = 256;
/// Times to take in another process's operations before giving up.
const APPEND_ATTEMPTS: usize = 100;

/// A learner in memory, equal at all times to what its log on disk says.
pub struct Session {
    store: Store,
    card: Card,
    learner: Learner,
    /// The latest operation that `learner` has seen.
    seen: OperationId,
    snapshot_at: OperationId,
    solver: Option<Solver>,
}

/// What teaching a clip came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaughtAs {
    /// The clip was new.
    New,
    /// The clip had been taught so before; nothing changed.
    Already,
    /// The clip had been taught as another class, which was taken back.
    Corrected {
        /// The label before.
        from: String,
    },
    /// The clip had been taught as this class, but as of another group or of
    /// none, which was taken back.
    Regrouped {
        /// The group before, if there was one.
        from: Option<String>,
    },
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
        Self::create_taught(dir, card, contract, settings, &[], now_unix_ms)
    }

    /// As [`Self::create`], of a learner that was taught `operations` elsewhere
    /// under the same contract: all of them, or there is no learner.
    pub(super) fn create_taught(
        dir: &Path,
        card: Card,
        contract: Contract,
        settings: Settings,
        operations: &[Operation],
        now_unix_ms: i64,
    ) -> Result<Self, SessionError> {
        let mut learner = Learner::new(contract, settings)?;
        for operation in operations {
            apply(&mut learner, operation)?;
        }
        let json = |value: serde_json::Result<String>| value.map_err(damaged);
        let identity = Identity {
            contract: json(serde_json::to_string(learner.contract()))?,
            contract_digest: learner.contract().digest(),
            settings: json(serde_json::to_string(learner.settings()))?,
            card: toml::to_string(&card).map_err(damaged)?,
            created_unix_ms: now_unix_ms,
        };
        let store = Store::create(dir, identity, operations)?;
        Ok(Self {
            seen: store.latest()?,
            store,
            card,
            learner,
            snapshot_at: 0,
            solver: None,
        })
    }

    /// Opens the learner in `dir`: its latest snapshot, and the log from there.
    ///
    /// # Errors
    /// [`SessionError`] when there is no learner, or a damaged one.
    pub fn open(dir: &Path) -> Result<Self, SessionError> {
        let store = Store::open(dir)?;
        let identity = store.identity();
        let contract: Contract = serde_json::from_str(&identity.contract).map_err(damaged)?;
        if contract.digest() != identity.contract_digest {
            return Err(damaged("the contract does not have its checksum"));
        }
        let card = Card::parse(&identity.card, dir.join("card"))?;
        let (learner, seen) = restore(&store, contract)?;
        let mut session = Self {
            store,
            card,
            learner,
            seen,
            snapshot_at: seen,
            solver: None,
        };
        session.catch_up()?;
        Ok(session)
    }

    /// The card of the backbone that the learner listens through.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The learner, as of the last call of this session.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Learns what was heard as `label`; returns when it is on disk.
    ///
    /// A clip that was taught as another class is corrected: the old example
    /// is taken back and the new one learned, both or neither.
    ///
    /// # Errors
    /// [`SessionError`]; nothing has been learned or stored then.
    pub fn teach(
        &mut self,
        label: &Label,
        heard: &Heard,
        source: &str,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, SessionError> {
        self.teach_from(label, heard, source, None, now_unix_ms)
    }

    /// As [`Self::teach`], of a clip whose speaker, machine, site or subject may
    /// be known. A clip keeps the group it was taught with until it is taught
    /// with another one, which corrects it as another label does.
    ///
    /// # Errors
    /// As [`Self::teach`].
    pub fn teach_from(
        &mut self,
        label: &Label,
        heard: &Heard,
        source: &str,
        group: Option<&Group>,
        now_unix_ms: i64,
    ) -> Result<TaughtAs, SessionError> {
        let example = self.learner.encode(&heard.windows)?;
        for _ in 0..APPEND_ATTEMPTS {
            self.catch_up()?;
            let before = self.store.taught(&heard.clip_sha256)?;
            let learned = Taught {
                label: label.to_string(),
                features: example.features().to_vec(),
                group: (group.map(ToString::to_string))
                    .or_else(|| before.as_ref().and_then(|before| before.group.clone())),
            };
            let outcome = match &before {
                None => TaughtAs::New,
                Some(before) if before.label != learned.label => TaughtAs::Corrected {
                    from: before.label.clone(),
                },
                Some(before) if before.group != learned.group => TaughtAs::Regrouped {
                    from: before.group.clone(),
                },
                Some(_) => return Ok(TaughtAs::Already),
            };
            let operation = |kind, taught: Taught| Operation {
                kind,
                label: taught.label,
                features: taught.features,
                clip_sha256: heard.clip_sha256,
                clip_micros: heard.duration.0,
                source: source.to_owned(),
                group: taught.group,
                taught_unix_ms: now_unix_ms,
            };
            let unlearn = before.map(|before| operation(OperationKind::Unlearn, before));
            let learn = operation(OperationKind::Learn, learned);
            let operations: Vec<Operation> = unlearn.into_iter().chain([learn]).collect();
            match self.commit(&operations) {
                Err(SessionError::Store(StoreError::Behind { .. })) => continue,
                other => return other.map(|()| outcome),
            }
        }
        Err(SessionError::Contended)
    }

    /// The clips that are taught at the moment, as far as selected, in the order
    /// of their teaching.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn taught(&self, which: &Selection) -> Result<Vec<Operation>, SessionError> {
        Ok(self.store.standing(which)?)
    }

    /// Takes back every selected clip, all or none, and returns them; done when it
    /// is on disk. With an exact head the learner is then, to the bit, one that
    /// was never taught them.
    ///
    /// # Errors
    /// [`SessionError`], [`LearnError::Head`] among them where the head cannot
    /// unlearn; nothing has changed then.
    pub fn forget(
        &mut self,
        which: &Selection,
        now_unix_ms: i64,
    ) -> Result<Vec<Operation>, SessionError> {
        for _ in 0..APPEND_ATTEMPTS {
            self.catch_up()?;
            let taught = self.store.standing(which)?;
            let unlearn = |taught: &Operation| Operation {
                kind: OperationKind::Unlearn,
                taught_unix_ms: now_unix_ms,
                ..taught.clone()
            };
            let operations: Vec<Operation> = taught.iter().map(unlearn).collect();
            if operations.is_empty() {
                return Ok(taught);
            }
            match self.commit(&operations) {
                Err(SessionError::Store(StoreError::Behind { .. })) => continue,
                other => return other.map(|()| taught),
            }
        }
        Err(SessionError::Contended)
    }

    /// How many clips of each group are taught at the moment, by name; none where
    /// no group is known.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupStatus>, SessionError> {
        let counts = self.store.group_counts()?.into_iter();
        let named = counts.filter_map(|(group, examples)| Some((group?, examples)));
        Ok(named
            .map(|(group, examples)| GroupStatus { group, examples })
            .collect())
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

    /// Takes in what other processes have taught since.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn catch_up(&mut self) -> Result<(), SessionError> {
        let Self {
            store,
            learner,
            seen,
            ..
        } = self;
        store.replay(*seen, |id, operation| {
            apply(learner, &operation)?;
            *seen = id;
            Ok::<(), SessionError>(())
        })
    }

    /// The median length of the taught clips, in seconds.
    ///
    /// # Errors
    /// [`SessionError`] when the log cannot be read.
    pub fn median_clip_seconds(&self) -> Result<Option<f64>, SessionError> {
        Ok(self
            .store
            .median_clip_micros()?
            .map(|micros| micros as f64 / 1e6))
    }

    /// Keeps a snapshot where so much was taught since the last one that the
    /// next opening would feel it.
    ///
    /// # Errors
    /// [`SessionError`] when it cannot be written; nothing is lost then.
    pub fn close(mut self) -> Result<(), SessionError> {
        if self.seen - self.snapshot_at >= OPERATIONS_BETWEEN_SNAPSHOTS {
            let state = self.learner.save();
            self.store.keep_snapshot(self.seen, &state)?;
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
            operations: self.seen,
            classes,
            rehearsal,
            state_bytes: learner.state_bytes(),
            disk_bytes: self.store.bytes_on_disk(),
            created_unix_ms: self.store.identity().created_unix_ms,
        }
    }

    /// Forgets what memory holds beyond the log.
    ///
    /// Where the log cannot be read either, memory is left as it was after some
    /// operation of the log, from which the next [`Self::catch_up`] goes on.
    fn go_back_to_the_log(&mut self) -> Result<(), SessionError> {
        let (contract, settings) = (self.learner.contract().clone(), *self.learner.settings());
        (self.learner, self.seen) = (Learner::new(contract.clone(), settings)?, 0);
        if let Ok(restored) = restore(&self.store, contract) {
            (self.learner, self.seen) = restored;
        }
        // A failure here is met, and told, by whoever asks next.
        let _ = self.catch_up();
        Ok(())
    }

    /// Learns and stores `operations`, all or none.
    ///
    /// They are learned first: an operation that the learner refuses must
    /// never reach the log. When the disk then refuses, the memory goes back to
    /// what the disk says.
    fn commit(&mut self, operations: &[Operation]) -> Result<(), SessionError> {
        let learned = operations
            .iter()
            .try_for_each(|op| apply(&mut self.learner, op));
        let stored = learned.and_then(|()| Ok(self.store.append(self.seen, operations)?));
        match stored {
            Ok(latest) => {
                self.seen = latest;
                Ok(())
            }
            Err(error) => {
                self.go_back_to_the_log()?;
                Err(error)
            }
        }
    }
}

/// The state of the latest snapshot, or of no operation at all.
fn restore(store: &Store, contract: Contract) -> Result<(Learner, OperationId), SessionError> {
    let settings: Settings = serde_json::from_str(&store.identity().settings).map_err(damaged)?;
    if let Some((at, bytes)) = store.snapshot()?
        // One that cannot be read costs time, not knowledge: the log has it all.
        && let Ok(learner) = Learner::load(contract.clone(), settings, &bytes)
    {
        return Ok((learner, at));
    }
    Ok((Learner::new(contract, settings)?, 0))
}

fn apply(learner: &mut Learner, operation: &Operation) -> Result<(), SessionError> {
    let label = Label::new(operation.label.clone())?;
    let example = Example::from_fixed(operation.features.clone());
    match operation.kind {
        OperationKind::Learn => {
            let group = operation.group.clone().map(Group::new).transpose()?;
            let origin = Origin {
                group: group.map_or(0, |group| group.number()),
                at_unix_ms: operation.taught_unix_ms,
            };
            learner.learn_from(&example, &label, origin)?;
        }
        OperationKind::Unlearn => learner.unlearn_one(&example, &label)?,
    }
    Ok(())
}

/// What can go wrong in a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The front end or the backbone failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The stored card is not valid.
    #[error(transparent)]
    Card(#[from] ModelError),
    /// A stored label or group is not valid.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// What is stored contradicts itself.
    #[error(
        "the learner is damaged: {reason}\nhint: keep a copy of its folder before anything else"
    )]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The source ended without a sample.
    #[error("there is no sound in it\nhint: remove it or record it again")]
    Silent,
    /// Other processes store faster than this one can follow.
    #[error("other processes keep teaching this learner\nhint: try again when they are done")]
    Contended,
}

fn damaged(reason: impl std::fmt::Display) -> SessionError {
    SessionError::Damaged {
        reason: reason.to_string(),
    }
}
