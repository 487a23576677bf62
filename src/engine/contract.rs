//! The contract between a backbone's card and a learner.

use crate::learner::{Contract, EmbeddingSpace, LearnError, Nuisance, Pool, Transform};
use crate::model::Card;

/// The contract of a learner on `card`'s backbone. A pooling or transform that is not given comes
/// from the card. The card's nuisance directions are damped only after the card's own pooling and
/// transform, because they were measured in that space.
///
/// # Errors
/// [`LearnError`] if the card's names or range do not form a valid contract.
pub fn backbone_contract(
    card: &Card,
    pool: Option<Pool>,
    transform: Option<Transform>,
) -> Result<Contract, LearnError> {
    let spec = &card.embedding;
    let own: (Pool, Transform) = (spec.pool.parse()?, spec.transform.parse()?);
    let (pool, transform) = (pool.unwrap_or(own.0), transform.unwrap_or(own.1));
    damped(Contract::new(space(card), pool, transform)?, card)
}

/// The contract of a learner on the decision windows of `card`'s backbone; `None` if the card names
/// none.
///
/// # Errors
/// As [`backbone_contract`].
pub fn window_contract(
    card: &Card,
    pool: Option<Pool>,
    transform: Option<Transform>,
) -> Result<Option<Contract>, LearnError> {
    let Some(spec) = &card.decision else {
        return Ok(None);
    };
    let own: (Pool, Transform) = (spec.pool.parse()?, spec.transform.parse()?);
    let (pool, transform) = (pool.unwrap_or(own.0), transform.unwrap_or(own.1));
    let contract = damped(Contract::new(space(card), pool, transform)?, card)?;
    Ok(Some(contract.windowed(spec.rows)))
}

/// `contract` with the card's nuisance directions, if it pools and transforms as the directions
/// were measured.
fn damped(contract: Contract, card: &Card) -> Result<Contract, LearnError> {
    let spec = &card.embedding;
    let (pool, transform): (Pool, Transform) = (spec.pool.parse()?, spec.transform.parse()?);
    let is_own = contract.pool == pool && contract.transform_name() == transform.name();
    if is_own && !spec.nuisance.is_empty() {
        return contract.damped(Nuisance::new(spec.nuisance.clone())?);
    }
    Ok(contract)
}

fn space(card: &Card) -> EmbeddingSpace {
    EmbeddingSpace::new(&card.name, card.embedding.size, card.embedding.max_abs)
        .file_sha256(card.origin.sha256())
        .frontend(front_description(card))
}

/// Everything on the card that affects the embeddings of a signal, as canonical JSON.
fn front_description(card: &Card) -> String {
    let mut description = serde_json::json!({
        "sample-rate": card.sample_rate,
        "hop-frames": card.embedding.hop_frames,
        "frontend": card.frontend,
        "padding": card.padding,
    });
    // Cards that could not name inner tensors keep the description that their learners have.
    if let Some(name) = &card.input.name {
        description["input"] = name.as_str().into();
        description["output"] = card.output.name.as_deref().into();
    }
    description.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cache;

    #[test]
    fn nuisance_is_damped_only_after_the_cards_own_pool_and_transform() {
        let card = Cache::at("/nowhere").find("imu").unwrap();
        let damped = |pool, transform| {
            let contract = backbone_contract(&card, pool, transform).unwrap();
            contract.nuisance().is_some()
        };
        assert!(damped(None, None));
        assert!(damped(Some(Pool::MeanStdMax), Some(Transform::SignedSqrt)));
        assert!(!damped(Some(Pool::Mean), None));
        assert!(!damped(None, Some(Transform::None)));
    }
}
