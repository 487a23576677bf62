//! An open learner's folder.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::batch::Batch;
use super::error::damaged;
use super::memory::{AtRevision, Memory};
use super::novelty::{Calibration, Scores};
use super::prediction::Judgement;
use super::replay::apply;
use super::solver::Solver;
use super::status::{
    ClassStatus, CompactedStatus, GroupStatus, PublishedStatus, RehearsalStatus, Status,
};
use super::{ClipEmbeddings, Error};
use crate::decision::{Probabilities, TaughtSounds};
use crate::head::Evidence;
use crate::learner::{Contract, Example, Learner, Settings};
use crate::model::Card;
use crate::pipeline::{Decider, Embedder, WindowDecision};
use crate::signal::{Chunk, Micros};
use crate::store::{
    Checkpoint, ClipFilter, EntryId, Identity, NewEntry, Reason, Store, TaughtClip, WriteVolume,
};

/// The number of replayed entries at which a snapshot is worth its bytes: half a second of
/// learning at 2,048 features.
const ENTRIES_BETWEEN_SNAPSHOTS: EntryId = 256;

/// A learner in memory. It always equals the state of its log on disk, plus the pending changes if
/// durability is batched.
pub struct Session {
    pub(super) store: Store,
    pub(super) card: Card,
    pub(super) memory: Memory,
    pub(super) solver: Option<Solver>,
    pub(super) novelty: Option<AtRevision<Scores>>,
    pub(super) sounds: Option<AtRevision<Arc<TaughtSounds>>>,
}

impl Session {
    /// Creates a learner in the folder `dir`.
    ///
    /// # Errors
    /// [`Error`] when there is a learner already or the folder cannot be written.
    pub fn create(
        dir: &Path,
        card: Card,
        contract: Contract,
        settings: Settings,
        now_unix_ms: i64,
    ) -> Result<Self, Error> {
        let learner = Learner::new(contract, settings)?;
        let reason = Reason::new("init", now_unix_ms);
        Self::create_from(dir, card, learner, &[], &reason)
    }

    /// As [`Self::create`], with a log that begins with `entries` from other learners of the same
    /// contract, all or nothing. `empty` provides contract and settings, and has learned nothing.
    ///
    /// # Errors
    /// As [`Self::create`]; also when entries have another contract, or merge several checkpoints
    /// of a head that cannot merge.
    pub(super) fn create_from(
        dir: &Path,
        card: Card,
        empty: Learner,
        entries: &[NewEntry],
        reason: &Reason,
    ) -> Result<Self, Error> {
        let mut learner = empty;
        for new in entries {
            apply(&mut learner, &new.entry, |_| {
                Err(damaged("a new log begins with the removal of a checkpoint"))
            })?;
        }
        let json = |value: serde_json::Result<String>| value.map_err(damaged);
        let identity = Identity {
            contract: json(serde_json::to_string(learner.contract()))?,
            contract_digest: learner.contract().digest(),
            settings: json(serde_json::to_string(learner.settings()))?,
            card: toml::to_string(&card).map_err(damaged)?,
            created_unix_ms: reason.at_unix_ms,
        };
        let store = Store::create(dir, identity, entries, reason)?;
        let at = store.latest()?;
        let memory = Memory {
            learner,
            lineage: store.lineage(&at)?,
            at,
            snapshot_at: 0,
            batch: Batch::default(),
        };
        Ok(Self {
            store,
            card,
            memory,
            solver: None,
            novelty: None,
            sounds: None,
        })
    }

    /// Opens the learner in `dir`: loads its latest snapshot, and replays the log from there.
    ///
    /// # Errors
    /// [`Error`] when there is no learner, or a damaged one.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let store = Store::open(dir)?;
        let identity = store.identity();
        let (contract, settings) = contract_of(identity)?;
        let card = Card::parse(&identity.card, dir.join("card"))?;
        let memory = store.view(|view| Memory::restore(view, &contract, settings))?;
        Ok(Self {
            store,
            card,
            memory,
            solver: None,
            novelty: None,
            sounds: None,
        })
    }

    /// Whether there is a learner in `dir`, intact or damaged.
    pub fn exists(dir: &Path) -> bool {
        Store::exists(dir)
    }

    /// The card of the learner's backbone.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The learner, as it was after the last call of this session.
    pub fn learner(&self) -> &Learner {
        &self.memory.learner
    }

    /// The clips in effect that `filter` selects, in the order of their teaching. Compacted
    /// examples are no longer clips.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub fn clips(&self, filter: &ClipFilter) -> Result<Vec<TaughtClip>, Error> {
        let clips = self.store.clips(&self.memory.lineage, filter)?.into_iter();
        Ok(clips.map(|clip| clip.value).collect())
    }

    /// The checkpoints in effect: learned states without examples.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error> {
        let checkpoints = self.store.checkpoints(&self.memory.lineage)?.into_iter();
        Ok(checkpoints.map(|checkpoint| checkpoint.value).collect())
    }

    /// The number of compacted examples of each class, by label. The entry without a label counts
    /// the examples of a whole imported learner.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub fn compacted(&self) -> Result<Vec<CompactedStatus>, Error> {
        let mut compacted: Vec<CompactedStatus> = Vec::new();
        for checkpoint in self.checkpoints()? {
            let label = checkpoint.label.map(String::from);
            match compacted.iter_mut().find(|known| known.label == label) {
                Some(known) => known.examples += checkpoint.examples,
                None => compacted.push(CompactedStatus {
                    label,
                    examples: checkpoint.examples,
                }),
            }
        }
        compacted.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(compacted)
    }

    /// The number of clips in effect of each group, by name. Clips without a group are not
    /// counted.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupStatus>, Error> {
        let counts = self.store.group_counts(&self.memory.lineage)?.into_iter();
        let named = counts.filter_map(|(group, examples)| Some((group?, examples)));
        Ok(named
            .map(|(group, examples)| GroupStatus {
                group: group.into(),
                examples,
            })
            .collect())
    }

    /// Bytes written for this learner, by day.
    ///
    /// # Errors
    /// [`Error`] when they cannot be read.
    pub fn write_volume(&self) -> Result<Vec<WriteVolume>, Error> {
        Ok(self.store.write_volume()?)
    }

    /// The limit of disk use in bytes, if there is one.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read.
    pub fn max_disk(&self) -> Result<Option<u64>, Error> {
        Ok(self.store.max_disk()?)
    }

    /// The probabilities of the example of a clip, and how unlike its most probable class it is. No novelty if the
    /// head cannot say so, and no p-value if too few clips were taught.
    ///
    /// # Errors
    /// [`Error`] when the example does not fit the contract, or the log cannot be read.
    pub(super) fn judge(&mut self, example: &Example) -> Result<Judgement, Error> {
        let mut evidence = Evidence::with_distances();
        self.memory.learner.evidence_into(example, &mut evidence)?;
        let mut probabilities = Probabilities::of(&evidence);
        let raw_confidence = probabilities.best().map(|(_, confidence)| confidence);
        let best = probabilities.best().zip(evidence.squared_distances());
        let (mut novelty_score, mut p_value) = (None, None);
        if let Some(((class, _), distances)) = best {
            let Calibration {
                novelty,
                temperature,
            } = self.novelty()?.clips;
            novelty_score = novelty.score(class, distances);
            p_value = novelty_score.and_then(|score| novelty.p_value(score));
            temperature.apply(&mut probabilities);
        }
        Ok(Judgement {
            probabilities,
            raw_confidence,
            novelty_score,
            p_value,
        })
    }

    /// Probabilities of the classes for the embeddings of a clip.
    ///
    /// # Errors
    /// [`Error`] when the embeddings do not fit the contract.
    pub fn predict(&self, heard: &ClipEmbeddings) -> Result<Probabilities, Error> {
        Ok((self.memory.learner).predict_one(&self.encode(heard, false)?)?)
    }

    /// The example of a clip: for a contract of decision windows, those that sound, and, to teach,
    /// the same windows mixed with the soundscape.
    pub(super) fn encode(&self, heard: &ClipEmbeddings, to_teach: bool) -> Result<Example, Error> {
        let mixtures = match to_teach {
            true => heard.mixtures.as_slice(),
            false => &[],
        };
        let recordings = std::iter::once(&heard.windows).chain(mixtures);
        let recordings = recordings.map(Vec::as_slice);
        Ok((self.memory.learner).encode_recordings(recordings, &heard.sounding)?)
    }

    /// After this call [`Self::step`] never waits for a solve. A separate thread solves, and
    /// decisions may not yet include the latest examples.
    pub(crate) fn solve_in_background(&mut self) {
        // The first solve has no earlier result to use.
        self.memory.learner.solve();
        self.solver = Some(Solver::start());
    }

    /// Applies changes of other processes, then processes the next chunk of the source.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read or the backbone fails.
    pub fn step(
        &mut self,
        embedder: &mut Embedder,
        decider: &mut Decider,
        chunk: &Chunk,
        events: &mut Vec<WindowDecision>,
    ) -> Result<(), Error> {
        self.catch_up()?;
        if let Some(solver) = &mut self.solver {
            solver.tend(&mut self.memory.learner);
        }
        Ok(embedder.step(chunk, &mut [(decider, &mut self.memory.learner, events)])?)
    }

    /// Ends the source.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(
        &mut self,
        embedder: &mut Embedder,
        decider: &mut Decider,
        events: &mut Vec<WindowDecision>,
    ) -> Result<(), Error> {
        Ok(embedder.finish(&mut [(decider, &mut self.memory.learner, events)])?)
    }

    /// Applies the changes that other processes have stored since: examples learned or removed,
    /// and rollbacks.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub fn catch_up(&mut self) -> Result<(), Error> {
        let memory = &mut self.memory;
        self.store.view(|view| memory.catch_up(view))
    }

    /// Reloads memory from the log, with the pending changes on top.
    pub(super) fn reload(&mut self) -> Result<(), Error> {
        let memory = &mut self.memory;
        self.store.view(|view| memory.reload(view))
    }

    /// The median length of the taught clips, in seconds.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(crate) fn median_clip_seconds(&self) -> Result<Option<f64>, Error> {
        let median = self.store.median_clip(&self.memory.lineage)?;
        Ok(median.map(Micros::as_secs_f64))
    }

    /// Makes pending changes durable. Also keeps a snapshot if replaying the changes since the
    /// last one would slow down the next opening.
    ///
    /// # Errors
    /// [`Error`] when it cannot be written; durable data is not lost.
    pub fn close(mut self) -> Result<(), Error> {
        self.keep()
    }

    /// As [`Self::close`], but the session stays open.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub fn keep(&mut self) -> Result<(), Error> {
        self.flush()?;
        let end = self.memory.lineage.last();
        if end - self.memory.snapshot_at >= ENTRIES_BETWEEN_SNAPSHOTS {
            let state = self.memory.learner.save();
            let now = self.memory.at.at_unix_ms;
            self.store.keep_snapshot(end, &state, now)?;
            self.memory.snapshot_at = end;
        }
        Ok(())
    }

    /// The status of the learner in numbers.
    pub fn status(&self) -> Status {
        let (learner, contract) = (&self.memory.learner, self.memory.learner.contract());
        let settings = learner.settings();
        let classes = (learner.classes().iter().zip(learner.counts()))
            .map(|(label, examples)| ClassStatus {
                label: label.to_string(),
                examples,
            })
            .collect();
        let published = self.card.classes.as_ref().map(|spec| PublishedStatus {
            classes: spec.count,
            min_confidence: spec.min_confidence,
        });
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
            window_rows: contract.window_rows.map(NonZeroUsize::get),
            pool: contract.pool.to_string(),
            transform: contract.transform_name(),
            features: contract.width(),
            head: settings.head.to_string(),
            selection: learner.selection().cloned(),
            seed: settings.seed,
            examples: learner.examples(),
            operations: self.memory.lineage.len(),
            revision: self.memory.at.id,
            classes,
            published,
            rehearsal,
            state_bytes: learner.state_bytes(),
            disk_bytes: self.store.bytes_on_disk(),
            created_unix_ms: self.store.identity().created_unix_ms,
        }
    }
}

/// Parses the JSON of the identity.
pub(super) fn contract_of(identity: &Identity) -> Result<(Contract, Settings), Error> {
    let contract: Contract = serde_json::from_str(&identity.contract).map_err(damaged)?;
    if contract.digest() != identity.contract_digest {
        return Err(damaged("the contract does not have its checksum"));
    }
    let settings = serde_json::from_str(&identity.settings).map_err(damaged)?;
    Ok((contract, settings))
}
