//! What is evaluated: clips with their embeddings, out of a folder, a list or
//! an npz, and the sides they are split into.

use std::path::Path;
use std::sync::Arc;

use afield::engine::backbone_contract;
use afield::learner::{Contract, LearnError, Pool, Transform};
use afield::model::Card;
use afield_lab::evaluate::{
    ClipList, Clips, Contracts, Dataset, EvaluateError, TestSide, contract_for, standardised,
};
use anyhow::{Result, bail};

use super::recording::labelled;

/// The word that holds out every group in turn.
const EACH: &str = "each";

/// Embedded clips, and how they become examples.
pub struct Input {
    /// The clips.
    pub clips: Arc<Clips>,
    /// Their backbone and pool, unless embeddings are all that is known.
    pub heard: Option<(Card, Option<Pool>)>,
}

impl Input {
    /// The contracts over `dataset`: one after `transform`, where that is given
    /// or the backbone's own suits; and with `choose`, all there are to choose
    /// from.
    pub fn contracts(
        &self,
        dataset: &Dataset,
        transform: TransformChoice,
        choose: bool,
    ) -> Result<Contracts> {
        let fixed = match transform {
            TransformChoice::Auto => None,
            TransformChoice::Named(transform) => Some(self.contract(dataset, Some(transform))?),
            TransformChoice::Default => Some(self.contract(dataset, None)?),
        };
        let mut tried = Vec::new();
        if choose || fixed.is_none() {
            // What suits the backbone first: others have to be clearly better.
            tried.push(self.contract(dataset, None)?);
            for transform in Transform::ALL {
                match self.contract(dataset, Some(transform)) {
                    // Clips that are all alike can go through any other.
                    Err(EvaluateError::Learner(LearnError::Calibration { .. })) => {}
                    contract => {
                        let contract = contract?;
                        if !tried.contains(&contract) {
                            tried.push(contract);
                        }
                    }
                }
            }
        }
        Ok(Contracts::new(fixed, tried)?)
    }

    fn contract(
        &self,
        dataset: &Dataset,
        transform: Option<Transform>,
    ) -> Result<Contract, EvaluateError> {
        match (&self.heard, transform) {
            (Some((card, pool)), Some(Transform::Standardise)) => {
                standardised(backbone_contract(card, *pool, None)?, dataset)
            }
            (Some((card, pool)), transform) => Ok(backbone_contract(card, *pool, transform)?),
            (None, transform) => {
                contract_for(dataset, Pool::Mean, transform.unwrap_or(Transform::None))
            }
        }
    }
}

/// What embeddings go through, as a user asks for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransformChoice {
    /// What suits the backbone.
    #[default]
    Default,
    /// This one.
    Named(Transform),
    /// Whichever does best on the training side.
    Auto,
}

impl std::str::FromStr for TransformChoice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Named).map_err(
                // The enum of known names cannot know of `auto`.
                |fault: afield::learner::LearnError| format!("{fault}, or auto"),
            ),
        }
    }
}

/// The clips under `folder` that the backbone of `card` can read, one folder a class.
pub fn list_folder(folder: &Path, card: &Card) -> Result<ClipList> {
    let mut pairs = Vec::new();
    for clip in labelled(folder, card)? {
        let Some(label) = clip.label else {
            bail!(
                "{} lies in no class's folder\nhint: lay clips out as DIR/<class>/<clip>, or list them with --manifest",
                clip.path.display()
            );
        };
        pairs.push((clip.path, label));
    }
    Ok(ClipList::from_pairs(pairs))
}

/// Every seed with every way to split the clips, seed after seed; what was
/// drawn is told about.
pub fn runs(
    clips: &Arc<Clips>,
    test_groups: &[String],
    seeds: impl Iterator<Item = u64>,
) -> Result<Vec<(u64, Dataset)>> {
    let mut runs = Vec::new();
    for seed in seeds {
        match test_groups {
            [each] if each == EACH => {
                let groups = clips.groups().ok_or(EvaluateError::NoGroups {
                    needed_by: "--test-groups each",
                })?;
                for group in groups.names() {
                    let side = TestSide::Groups(vec![group.clone()]);
                    runs.push((seed, Dataset::new(Arc::clone(clips), &side)?));
                }
            }
            named => runs.push((seed, split(Arc::clone(clips), named, seed)?)),
        }
    }
    Ok(runs)
}

/// The two sides of the clips: `test_groups` where any are named, else what the
/// data mark, else a draw, which is told about.
pub fn split(clips: impl Into<Arc<Clips>>, test_groups: &[String], seed: u64) -> Result<Dataset> {
    let clips = clips.into();
    let side = if !test_groups.is_empty() {
        TestSide::Groups(test_groups.to_vec())
    } else if clips.marked_test().is_some() {
        TestSide::Marked
    } else {
        TestSide::Automatic { seed }
    };
    let dataset = Dataset::new(clips, &side)?;
    if let TestSide::Automatic { seed } = side {
        let (held_out, all) = (dataset.test().len(), dataset.clips().len());
        let how = match dataset.test_groups().as_slice() {
            [] => "drawn from every class".to_owned(),
            groups => format!("whole groups: {}", groups.join(", ")),
        };
        eprintln!(
            "note: no test side was named; {held_out} of {all} clips are held out ({how}; seed {seed})"
        );
    }
    Ok(dataset)
}
