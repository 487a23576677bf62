//! Embedded clips and the contracts under which they become examples.

use std::str::FromStr;
use std::sync::Arc;

use afield::engine::backbone_contract;
use afield::learner::{Contract, LearnError, Pool, Transform};
use afield::model::Card;

use super::calibration::{contract_for, standardised};
use super::contracts::Contracts;
use super::error::EvaluateError;
use crate::data::{Clips, Dataset};

/// Embedded clips, and the backbone that embedded them if it is known.
#[derive(Debug, Clone)]
pub struct EmbeddedClips {
    /// The clips.
    pub clips: Arc<Clips>,
    /// The backbone's card, and the pool if it is not the card's own. `None` if only the embeddings
    /// are known.
    pub backbone: Option<(Card, Option<Pool>)>,
}

impl EmbeddedClips {
    /// The contracts for `dataset`, a split of these clips: one with `transform`, unless the
    /// transform is to be chosen, and, with `choose`, every contract to choose from.
    ///
    /// # Errors
    /// [`EvaluateError::Learner`] if the training clips allow no contract.
    pub fn contracts(
        &self,
        dataset: &Dataset,
        transform: TransformChoice,
        choose: bool,
    ) -> Result<Contracts, EvaluateError> {
        let fixed = match transform {
            TransformChoice::Auto => None,
            TransformChoice::Named(transform) => Some(self.contract(dataset, Some(transform))?),
            TransformChoice::Default => Some(self.contract(dataset, None)?),
        };
        let mut tried = Vec::new();
        if choose || fixed.is_none() {
            // The backbone's own transform comes first: another one must be clearly better.
            tried.push(self.contract(dataset, None)?);
            for transform in Transform::ALL {
                match self.contract(dataset, Some(transform)) {
                    // Clips that are all alike cannot be standardised. All other transforms accept
                    // them.
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
        Contracts::new(fixed, tried)
    }

    fn contract(
        &self,
        dataset: &Dataset,
        transform: Option<Transform>,
    ) -> Result<Contract, EvaluateError> {
        match (&self.backbone, transform) {
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

/// The transform of embeddings that a user requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransformChoice {
    /// The backbone's own transform.
    #[default]
    Default,
    /// The given transform.
    Named(Transform),
    /// The transform that does best on the training side.
    Auto,
}

impl FromStr for TransformChoice {
    type Err = LearnError;
    fn from_str(text: &str) -> Result<Self, LearnError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Named)
    }
}
