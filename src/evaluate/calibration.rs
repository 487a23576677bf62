//! A learner's contract for embeddings of which nothing but the numbers is
//! known.

use crate::learner::{Contract, FixedPoint, Pool, Transform};

use super::dataset::Dataset;
use super::error::EvaluateError;

/// A contract for embeddings that come without a backbone's card: the scale of
/// each feature is twice its largest magnitude among the training clips.
///
/// Only the range is taken from the data, before the stream begins, as a
/// card's `max-abs` would have been; test clips take no part in it.
///
/// # Errors
/// [`EvaluateError::Learner`] where no fixed-point scale suits the values.
pub fn contract_for(
    dataset: &Dataset,
    pool: Pool,
    transform: Transform,
) -> Result<Contract, EvaluateError> {
    let clips = dataset.clips();
    let mut max_abs = vec![0.0_f32; pool.width(clips.size())];
    let mut features = Vec::new();
    for &clip in dataset.train() {
        pool.pool_into(clips.windows(clip), clips.size(), &mut features)?;
        transform.apply(&mut features);
        for (max, x) in max_abs.iter_mut().zip(&features) {
            *max = max.max(x.abs());
        }
    }
    // A feature that is silent in training may still speak in testing.
    let largest = max_abs.iter().copied().fold(0.0, f32::max);
    let silent = if largest > 0.0 { largest } else { 1.0 };
    for max in &mut max_abs {
        *max = (if *max > 0.0 { *max } else { silent } * 2.0).clamp(f32::MIN_POSITIVE, f32::MAX);
    }
    Ok(Contract {
        backbone: "embeddings".to_owned(),
        backbone_sha256: String::new(),
        frontend: String::new(),
        embedding_size: clips.size(),
        pool,
        transform,
        fixed_point: FixedPoint::per_component(&max_abs)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Clips, Names, TestSide};
    use crate::learner::{Learner, Settings};

    #[test]
    fn only_training_clips_set_the_scale_and_silent_features_get_one() {
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
