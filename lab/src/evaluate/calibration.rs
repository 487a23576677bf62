//! Computes the parts of a contract that come from the clips: the fixed-point scale of embeddings
//! without a card, and the means and deviations for standardising.
//!
//! They come from the training side and use no labels.

use afield::learner::{Contract, EmbeddingSpace, FixedPoint, Pool, Standardisation, Transform};

use super::error::EvaluateError;
use crate::data::Clips;
use crate::data::Dataset;

/// A contract for embeddings without a backbone's card. The scale of each feature is twice its
/// largest magnitude among the training clips.
///
/// Only the range is computed from the data, before the stream begins, as a card's `max-abs` would
/// be. Test clips are not used. [`Transform::Standardise`] has its own scale: see `standardised`.
///
/// # Errors
/// [`EvaluateError::Learner`] if no fixed-point scale suits the values, and the errors of
/// `standardised`.
pub fn contract_for(
    dataset: &Dataset,
    pool: Pool,
    transform: Transform,
) -> Result<Contract, EvaluateError> {
    let clips = dataset.clips();
    let space = EmbeddingSpace::new("embeddings", clips.size(), 1.0);
    if transform == Transform::Standardise {
        return standardised(Contract::new(space, pool, Transform::None)?, dataset);
    }
    let plain = Contract::new(space, pool, transform)?;
    let mut max_abs = vec![0.0_f32; plain.width()];
    let mut features = Vec::new();
    for &clip in dataset.train() {
        plain.features_into(clips.windows(clip), &mut features)?;
        for (max, x) in max_abs.iter_mut().zip(&features) {
            *max = max.max(x.abs());
        }
    }
    // A feature that is zero in training may be non-zero in testing.
    let largest = max_abs.iter().copied().fold(0.0, f32::max);
    let silent = if largest > 0.0 { largest } else { 1.0 };
    for max in &mut max_abs {
        *max = (if *max > 0.0 { *max } else { silent } * 2.0).clamp(f32::MIN_POSITIVE, f32::MAX);
    }
    Ok(plain.with_scale(FixedPoint::per_component(&max_abs)?)?)
}

/// `contract` with [`Transform::Standardise`] in place of its transform. The means and deviations
/// are those of the training clips.
///
/// # Errors
/// [`EvaluateError::Learner`] if the training clips are too few or all alike.
pub fn standardised(contract: Contract, dataset: &Dataset) -> Result<Contract, EvaluateError> {
    standardised_by(contract, dataset.clips(), dataset.train())
}

/// Like `standardised`, but from the listed clips.
pub(crate) fn standardised_by(
    contract: Contract,
    clips: &Clips,
    listed: &[usize],
) -> Result<Contract, EvaluateError> {
    let mut rows = Vec::with_capacity(listed.len());
    for &clip in listed {
        let mut pooled = Vec::with_capacity(contract.width());
        (contract.pool).pool_into(clips.windows(clip), contract.embedding_size, &mut pooled)?;
        rows.push(pooled);
    }
    Ok(contract.standardised(Standardisation::of(&rows)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Names, TestSide};
    use afield::learner::{Learner, Settings};

    #[test]
    fn only_training_clips_set_means_and_deviations() {
        let windows = vec![1.0, 0.0, 3.0, 4.0, 100.0, -9.0, 7.0, 7.0];
        let names = Names::from_text(&["a", "b", "a", "b"]);
        let test = Some(vec![false, false, true, true]);
        let clips = Clips::of_rows(2, windows, names, None, test).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let contract = contract_for(&dataset, Pool::Mean, Transform::Standardise).unwrap();
        let by = contract.standardisation().unwrap();
        assert_eq!(
            (by.means(), by.deviations()),
            (&[2.0, 2.0][..], &[1.0, 2.0][..])
        );
    }

    #[test]
    fn only_training_clips_set_the_scale_and_zero_features_get_one() {
        let windows = vec![1.0, 0.0, 3.0, 0.0, 1.0, 0.0, 100.0, 2.0];
        let names = Names::from_text(&["a", "b", "a", "b"]);
        let test = Some(vec![false, false, true, true]);
        let clips = Clips::of_rows(2, windows, names, None, test).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let contract = contract_for(&dataset, Pool::Mean, Transform::None).unwrap();
        let learner = Learner::new(contract, Settings::default()).unwrap();
        let clamped = |clip| {
            learner
                .encode(dataset.clips().windows(clip))
                .unwrap()
                .saturated()
        };
        assert_eq!([clamped(0), clamped(1), clamped(2)], [0; 3]);
        assert_eq!(clamped(3), 1, "100 is beyond twice 3, 2 is not");
    }
}
