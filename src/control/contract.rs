//! The contract between a backbone's card and a learner.

use crate::learner::{Contract, LearnError, Pool, Transform};
use crate::model::Card;

/// The contract of a learner that listens through `card`'s backbone; what is
/// not given is what suits the backbone.
///
/// # Errors
/// [`LearnError`] where the card's words or range make no contract.
pub fn backbone_contract(
    card: &Card,
    pool: Option<Pool>,
    transform: Option<Transform>,
) -> Result<Contract, LearnError> {
    let pool = pool.map_or_else(|| card.embedding.pool.parse(), Ok)?;
    let transform = transform.map_or_else(|| card.embedding.transform.parse(), Ok)?;
    let spec = &card.embedding;
    Contract::for_backbone(
        &card.name,
        card.origin.sha256(),
        &front_description(card),
        spec.size,
        spec.max_abs,
        pool,
        transform,
    )
}

/// Everything on the card that decides which embedding a sample becomes, as
/// canonical JSON.
fn front_description(card: &Card) -> String {
    serde_json::json!({
        "sample-rate": card.sample_rate,
        "hop-frames": card.embedding.hop_frames,
        "frontend": card.frontend,
        "padding": card.padding,
    })
    .to_string()
}
