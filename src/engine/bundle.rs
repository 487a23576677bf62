//! A learner into a bundle, and out of one.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Session, SessionError};
use crate::bundle::{Clip, Contents, Part};
use crate::learner::{Contract, Learner, Settings};
use crate::model::Card;
use crate::store::{Base, Operation, OperationKind, Reason, Selection};

/// What goes into a bundle of the learner: the examples that stand at the moment, where
/// they are asked for, else its state, from which it can learn on but take nothing back.
///
/// # Errors
/// [`SessionError`] when the log cannot be read.
pub fn bundled(
    session: &Session,
    with_examples: bool,
    now_unix_ms: i64,
) -> Result<Contents, SessionError> {
    let (learner, status) = (session.learner(), session.status());
    let whole = || Base {
        label: None,
        examples: learner.examples(),
        state: learner.save(),
    };
    let (bases, clips) = match with_examples {
        // What was folded into the statistic goes as it is.
        true => (session.bases()?, session.taught(&Selection::default())?),
        false if learner.examples() == 0 => (Vec::new(), Vec::new()),
        false => (vec![whole()], Vec::new()),
    };
    let json = |value: serde_json::Result<String>| value.map_err(unusable);
    let settings = json(serde_json::to_string(learner.settings()))?;
    Ok(Contents {
        learner: identity(&status.contract, &settings, status.created_unix_ms),
        revision: u64::try_from(status.revision).unwrap_or(0),
        made_unix_ms: now_unix_ms,
        program: concat!("afield ", env!("CARGO_PKG_VERSION")).to_owned(),
        card: toml::to_string(session.card()).map_err(unusable)?,
        contract: json(serde_json::to_string(learner.contract()))?,
        settings,
        parts: bases.into_iter().map(part).collect(),
        clips: clips.into_iter().map(clip).collect(),
    })
}

/// Makes the folder `dir` a learner of what a bundle holds: all of it, or there is no
/// learner.
///
/// # Errors
/// [`SessionError`] where the contents make no learner, or there is one in `dir` already.
pub fn unbundle(contents: Contents, dir: &Path, now_unix_ms: i64) -> Result<Session, SessionError> {
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
    let bases: Vec<Base> = contents.parts.into_iter().map(base).collect();
    let operations: Vec<Operation> = contents.clips.into_iter().map(operation).collect();
    let reason = Reason::new(
        format!("import of revision {}", contents.revision),
        now_unix_ms,
    );
    Session::create_from(dir, card, empty, &bases, &operations, &reason)
}

/// The same for as long as the folder of a learner lives, and for no other one.
fn identity(contract: &str, settings: &str, created_unix_ms: i64) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix("afield learner\n");
    hash.update(contract);
    hash.update(settings);
    hash.update(created_unix_ms.to_le_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let [first, _] = digest.as_chunks().0 else {
        return [0; 16];
    };
    *first
}

fn part(base: Base) -> Part {
    Part {
        label: base.label,
        examples: base.examples,
        state: base.state,
    }
}

fn base(part: Part) -> Base {
    Base {
        label: part.label,
        examples: part.examples,
        state: part.state,
    }
}

fn clip(taught: Operation) -> Clip {
    Clip {
        label: taught.label,
        features: taught.features,
        clip_sha256: taught.clip_sha256,
        clip_micros: taught.clip_micros,
        source: taught.source,
        group: taught.group,
        taught_unix_ms: taught.taught_unix_ms,
    }
}

fn operation(clip: Clip) -> Operation {
    Operation {
        kind: OperationKind::Learn,
        label: clip.label,
        features: clip.features,
        clip_sha256: clip.clip_sha256,
        clip_micros: clip.clip_micros,
        source: clip.source,
        group: clip.group,
        taught_unix_ms: clip.taught_unix_ms,
    }
}

fn unusable(reason: impl std::fmt::Display) -> SessionError {
    SessionError::Bundle {
        reason: reason.to_string(),
    }
}
