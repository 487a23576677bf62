//! Bundles: exports a learner to a bundle, and imports one.

use std::path::Path;

use super::{Error, Session};
use crate::bundle::{BundleError, Contents};
use crate::learner::{Contract, Learner, Settings};
use crate::model::Card;
use crate::store::{Checkpoint, ClipFilter, Entry, NewEntry, Reason, ReplicaId};

impl Session {
    /// The contents of a bundle of the learner. With examples: the clips and checkpoints in effect.
    /// Without: its state, which another learner can extend but from which it cannot unlearn.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub fn bundled(&self, with_examples: bool, now_unix_ms: i64) -> Result<Contents, Error> {
        let (learner, status) = (self.learner(), self.status());
        let whole = || Checkpoint {
            label: None,
            examples: learner.examples(),
            state: learner.save(),
        };
        let (checkpoints, clips) = if with_examples {
            (self.checkpoints()?, self.clips(&ClipFilter::default())?)
        } else if learner.examples() == 0 {
            (Vec::new(), Vec::new())
        } else {
            (vec![whole()], Vec::new())
        };
        let json = |value: serde_json::Result<String>| value.map_err(unusable);
        let settings = json(serde_json::to_string(learner.settings()))?;
        Ok(Contents {
            learner: ReplicaId::of(&status.contract, &settings, status.created_unix_ms),
            revision: u64::try_from(status.revision).unwrap_or(0),
            made_unix_ms: now_unix_ms,
            program: concat!("afield ", env!("CARGO_PKG_VERSION")).to_owned(),
            card: toml::to_string(self.card()).map_err(unusable)?,
            contract: json(serde_json::to_string(learner.contract()))?,
            settings,
            checkpoints,
            clips,
        })
    }

    /// Creates a learner in the folder `dir` from the contents of a bundle, all or nothing. A bundle
    /// does not record the replicas of its entries, so the entries become the new learner's own.
    ///
    /// # Errors
    /// [`Error`] if the contents are not a valid learner, or if there is a learner in `dir` already.
    pub fn unbundle(contents: Contents, dir: &Path, now_unix_ms: i64) -> Result<Self, Error> {
        let card = Card::parse(&contents.card, "the bundle's card")?;
        let contract: Contract = serde_json::from_str(&contents.contract).map_err(unusable)?;
        let settings: Settings = serde_json::from_str(&contents.settings).map_err(unusable)?;
        let fits = contract.backbone == card.name
            && contract.backbone_sha256 == card.origin.sha256()
            && contract.embedding_size == card.embedding.size;
        if !fits {
            return Err(unusable("its contract is not of its card's backbone"));
        }
        let empty = Learner::new(contract, settings)?;
        let checkpoints = contents.checkpoints.into_iter().map(Entry::Absorb);
        let clips = contents.clips.into_iter().map(Entry::Learn);
        let entries: Vec<NewEntry> = checkpoints.chain(clips).map(NewEntry::from).collect();
        let reason = Reason::new(
            format!("import of revision {}", contents.revision),
            now_unix_ms,
        );
        Self::create_from(dir, card, empty, &entries, &reason)
    }
}

fn unusable(reason: impl std::fmt::Display) -> Error {
    BundleError::NoLearner {
        reason: reason.to_string(),
    }
    .into()
}
