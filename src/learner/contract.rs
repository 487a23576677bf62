//! The contract: the condition under which the states of two learners can be combined.
//!
//! A contract is an ordered list: a backbone's embeddings, the pooling of a clip, any number of
//! [`Stage`]s, and the fixed point. A new kind of stage does not change contracts that do not use
//! it. `contract_json` defines the written form of contracts.

use std::num::NonZeroUsize;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    EmbeddingSpace, FixedPoint, LearnError, Nuisance, Pool, Stage, Standardisation, Transform,
};

/// All processing steps between a clip's embeddings and its integers.
///
/// Sums over examples may be added, subtracted or compared only if their contracts are equal. A
/// saved learner contains its contract and loads only with an equal one.
///
/// ```
/// use afield::learner::{Contract, EmbeddingSpace, Pool, Transform};
/// let space = EmbeddingSpace::new("toy", 4, 8.0).file_sha256("00ff");
/// let ours = Contract::new(space, Pool::MeanMax, Transform::None)?;
/// assert_eq!(ours.width(), 8);
/// let space = EmbeddingSpace::new("other", 4, 8.0).file_sha256("00ff");
/// let theirs = Contract::new(space, Pool::MeanMax, Transform::None)?;
/// assert_eq!(
///     ours.difference(&theirs).map(|d| d.to_string()),
///     Some("backbone is toy here and other there".into())
/// );
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Name of the backbone.
    pub backbone: String,
    /// sha256 of its file, lower-case hex.
    pub backbone_sha256: String,
    /// Canonical description of the front end that feeds it.
    pub frontend: String,
    /// Length of the embedding of one window.
    pub embedding_size: usize,
    /// Embeddings in one example, pooled together: a decision window. `None`: all of a clip.
    pub window_rows: Option<NonZeroUsize>,
    /// How the embeddings of an example are pooled.
    pub pool: Pool,
    /// The stages applied to the pooled vector, in this order.
    pub(super) stages: Vec<Stage>,
    /// The integer format of the features; it has the width of the pooled vector.
    pub(super) fixed_point: FixedPoint,
}

impl Contract {
    /// The contract of clips that are pooled and then transformed. The fixed-point scale is
    /// computed from the largest magnitude of the embeddings after the transform.
    ///
    /// # Errors
    /// [`LearnError::Scale`] if no scale fits these numbers, [`LearnError::Contract`] for
    /// [`Transform::Standardise`]: use [`Self::standardised`].
    pub fn new(
        space: EmbeddingSpace,
        pool: Pool,
        transform: Transform,
    ) -> Result<Self, LearnError> {
        let stages = match transform {
            Transform::None => Vec::new(),
            Transform::L2 => vec![Stage::L2],
            Transform::SignedSqrt => vec![Stage::SignedSqrt],
            Transform::SignedSqrtL2 => vec![Stage::SignedSqrt, Stage::L2],
            Transform::Standardise => return Err(unstandardised()),
        };
        Self::of_stages(space, pool, stages)
    }

    /// The contract of clips that are pooled and then go through `stages`, in this order. The
    /// fixed-point scale is computed from the largest magnitude of the embeddings after the
    /// stages.
    ///
    /// # Errors
    /// [`LearnError::Scale`] if no scale fits these numbers, [`LearnError::Contract`] if the width
    /// of a stage differs from that of the pooled vector.
    pub(crate) fn of_stages(
        space: EmbeddingSpace,
        pool: Pool,
        stages: Vec<Stage>,
    ) -> Result<Self, LearnError> {
        let max_abs = (stages.iter()).fold(space.max_abs, |most, stage| stage.max_abs(most));
        let fixed_point = FixedPoint::uniform(max_abs, pool.width(space.size))?;
        let contract = Self {
            backbone: space.backbone,
            backbone_sha256: space.backbone_sha256,
            frontend: space.frontend,
            embedding_size: space.size,
            window_rows: None,
            pool,
            stages,
            fixed_point,
        };
        contract.check()?;
        Ok(contract)
    }

    /// This contract with decision windows of `rows` embeddings as examples, in place of whole
    /// clips. A clip is then 1 to [`Self::MOST_ROWS`] examples, which are learned and unlearned
    /// together.
    #[must_use]
    pub fn windowed(self, rows: NonZeroUsize) -> Self {
        Self {
            window_rows: Some(rows),
            ..self
        }
    }

    /// The most examples of one clip.
    pub const MOST_ROWS: usize = 16;

    /// The number of copies that an exact head learns of the examples of one clip together. A clip
    /// therefore counts as much as any other, however many windows it has.
    pub(crate) fn copies_of_clip(&self) -> u64 {
        match self.window_rows {
            Some(_) => Self::MOST_ROWS as u64,
            None => 1,
        }
    }

    /// This contract with damping of `nuisance` after its other stages.
    ///
    /// # Errors
    /// [`LearnError::Contract`] if the directions have another width.
    pub fn damped(mut self, nuisance: Nuisance) -> Result<Self, LearnError> {
        self.stages.push(Stage::Nuisance(nuisance));
        self.check()?;
        Ok(self)
    }

    /// This contract with standardisation in place of its stages. The scale covers 16
    /// deviations on each side.
    ///
    /// ```
    /// use afield::learner::{Contract, EmbeddingSpace, Pool, Standardisation, Transform};
    /// let toy = Contract::new(EmbeddingSpace::new("toy", 2, 8.0), Pool::Mean, Transform::None)?;
    /// let toy = toy.standardised(Standardisation::of(&[[1.0, 0.0], [3.0, 4.0]])?)?;
    /// let mut features = Vec::new();
    /// toy.features_into(&[3.0, 0.0], &mut features)?;
    /// assert_eq!(features, [1.0, -1.0]);
    /// # Ok::<(), afield::learner::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// [`LearnError::Contract`] if the statistics have another width.
    pub fn standardised(self, statistics: Standardisation) -> Result<Self, LearnError> {
        let contract = Self {
            fixed_point: FixedPoint::uniform(Standardisation::MAX_ABS, self.width())?,
            stages: vec![Stage::Standardise(statistics)],
            ..self
        };
        contract.check()?;
        Ok(contract)
    }

    /// This contract with another fixed-point scale.
    ///
    /// # Errors
    /// [`LearnError::Contract`] if the scale has another width.
    pub fn with_scale(self, fixed_point: FixedPoint) -> Result<Self, LearnError> {
        let contract = Self {
            fixed_point,
            ..self
        };
        contract.check()?;
        Ok(contract)
    }

    /// Overwrites `features` with the features of a clip before they become integers. It pools the
    /// embeddings `windows`, row-major `[n, embedding_size]` with `n >= 1`, and applies the
    /// stages.
    ///
    /// # Errors
    /// [`LearnError::Windows`], [`LearnError::NotFinite`].
    pub fn features_into(
        &self,
        windows: &[f32],
        features: &mut Vec<f32>,
    ) -> Result<(), LearnError> {
        (self.pool).pool_into(windows, self.embedding_size, features)?;
        for stage in &self.stages {
            stage.apply(features);
        }
        Ok(())
    }

    /// The features of a clip, whose embeddings are pooled already, before they become integers.
    ///
    /// # Errors
    /// [`LearnError::Width`], [`LearnError::NotFinite`].
    pub(crate) fn features_of_pooled(&self, pooled: &[f32]) -> Result<Vec<f32>, LearnError> {
        let (expected, actual) = (self.width(), pooled.len());
        if expected != actual {
            return Err(LearnError::Width { expected, actual });
        }
        if let Some(index) = pooled.iter().position(|x| !x.is_finite()) {
            return Err(LearnError::NotFinite { index });
        }
        let mut features = pooled.to_vec();
        for stage in &self.stages {
            stage.apply(&mut features);
        }
        Ok(features)
    }

    /// The stages applied to the pooled vector, in this order.
    #[cfg(feature = "tract")]
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The integer format of the features.
    pub fn fixed_point(&self) -> &FixedPoint {
        &self.fixed_point
    }

    /// The names of the stages that transform the pooled vector, except damping. This is the name
    /// of a [`Transform`] if the stages form one.
    pub fn transform_name(&self) -> String {
        let transforms = self
            .stages
            .iter()
            .filter(|stage| !matches!(stage, Stage::Nuisance(_)));
        let names: Vec<&str> = transforms.map(Stage::name).collect();
        if names.is_empty() {
            return Transform::None.name().to_owned();
        }
        names.join("+")
    }

    /// The means and deviations of the standardisation, if there is one.
    pub fn standardisation(&self) -> Option<&Standardisation> {
        self.stages.iter().find_map(|stage| match stage {
            Stage::Standardise(statistics) => Some(statistics),
            _ => None,
        })
    }

    /// The directions of the damping, if there is one.
    pub fn nuisance(&self) -> Option<&Nuisance> {
        self.stages.iter().find_map(|stage| match stage {
            Stage::Nuisance(nuisance) => Some(nuisance),
            _ => None,
        })
    }

    /// Features of an example: the pooled width.
    pub fn width(&self) -> usize {
        self.pool.width(self.embedding_size)
    }

    /// sha256, lower-case hex, of the contract as canonical JSON (compact,
    /// fields in declared order).
    pub fn digest(&self) -> String {
        sha256(&self.to_json())
    }

    pub(super) fn to_json(&self) -> String {
        json(self)
    }

    pub(super) fn check(&self) -> Result<(), LearnError> {
        let scale = ("a fixed-point scale", self.fixed_point.width());
        for (what, width) in self.stages.iter().filter_map(Stage::numbers).chain([scale]) {
            if width != self.width() {
                let (pool, size, expected) = (self.pool, self.embedding_size, self.width());
                return Err(LearnError::Contract {
                    what: format!("{what} for {width} features, {pool} of {size} give {expected}"),
                });
            }
        }
        Ok(())
    }
}

pub(super) fn unstandardised() -> LearnError {
    LearnError::Contract {
        what: "the transform standardise without means and deviations".to_owned(),
    }
}

pub(super) fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Contains only strings, numbers and lists of them, so writing JSON cannot fail.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_applied_in_their_order() {
        let space = EmbeddingSpace::new("toy", 2, 8.0);
        let stages = vec![Stage::SignedSqrt, Stage::L2];
        let contract = Contract::of_stages(space, Pool::Mean, stages).unwrap();
        let mut features = Vec::new();
        contract.features_into(&[9.0, 16.0], &mut features).unwrap();
        assert_eq!(features, [0.6, 0.8]);
    }

    fn contract(max_abs: f32, pool: Pool, transform: Transform) -> Contract {
        let space = EmbeddingSpace::new("b", 3, max_abs)
            .file_sha256("aa")
            .frontend("mel");
        Contract::new(space, pool, transform).unwrap()
    }

    #[test]
    fn difference_names_the_field_that_differs() {
        let ours = contract(64.0, Pool::Mean, Transform::None);
        let theirs = [
            (
                "backbone",
                Contract {
                    backbone: "c".into(),
                    ..ours.clone()
                },
            ),
            (
                "backbone-sha256",
                Contract {
                    backbone_sha256: "bb".into(),
                    ..ours.clone()
                },
            ),
            (
                "frontend",
                Contract {
                    frontend: "mfcc".into(),
                    ..ours.clone()
                },
            ),
            (
                "embedding-size",
                Contract {
                    embedding_size: 4,
                    ..ours.clone()
                },
            ),
            (
                "pool",
                Contract {
                    pool: Pool::MeanMax,
                    ..ours.clone()
                },
            ),
            ("transform", contract(64.0, Pool::Mean, Transform::L2)),
            ("nuisance", ours.clone().damped(nuisance(0.5)).unwrap()),
            ("fixed-point", contract(32.0, Pool::Mean, Transform::None)),
        ];
        for (field, theirs) in theirs {
            assert_eq!(ours.difference(&theirs).unwrap().field, field);
            assert_ne!(ours.digest(), theirs.digest(), "{field}");
        }
        assert_eq!(ours.difference(&ours), None);
    }

    fn nuisance(x: f32) -> Nuisance {
        Nuisance::new(vec![vec![x, 0.0, 0.5]]).unwrap()
    }

    #[test]
    fn damping_comes_after_the_transform_and_standardising_replaces_both() {
        let plain = contract(64.0, Pool::Mean, Transform::SignedSqrt);
        let damped = plain.clone().damped(nuisance(0.5)).unwrap();
        let mut x = [16.0, 4.0, 0.0];
        damped.stages.iter().for_each(|stage| stage.apply(&mut x));
        assert_eq!(x, [3.0, 2.0, -1.0]);
        let other = damped.clone().standardised(statistics(0.0)).unwrap();
        assert_eq!(other.nuisance(), None);
        let wide = contract(64.0, Pool::MeanMax, Transform::SignedSqrt);
        assert!(wide.damped(nuisance(0.5)).is_err());
        let read: Contract = serde_json::from_str(&damped.to_json()).unwrap();
        assert_eq!(read, damped);
    }

    fn statistics(offset: f32) -> Standardisation {
        Standardisation::of(&[[0.0, 1.0, offset], [4.0, 5.0, 8.0]]).unwrap()
    }

    #[test]
    fn other_means_or_deviations_make_another_contract() {
        let plain = contract(64.0, Pool::Mean, Transform::None);
        let of = |offset| plain.clone().standardised(statistics(offset)).unwrap();
        let difference = of(0.0).difference(&of(1.0)).unwrap();
        assert_eq!(difference.field, "standardisation");
        assert!(difference.to_string().len() < 200, "{difference}");
        assert_ne!(of(0.0).digest(), of(1.0).digest());
        assert_eq!(of(0.0).difference(&of(0.0)), None);
        assert_eq!(plain.difference(&of(0.0)).unwrap().field, "transform");
    }

    #[test]
    fn numbers_of_another_width_are_refused() {
        let good = contract(64.0, Pool::Mean, Transform::None);
        let good = good.standardised(statistics(0.0)).unwrap();
        assert_eq!(good.check(), Ok(()));
        let wide = Contract {
            embedding_size: 4,
            fixed_point: FixedPoint::uniform(16.0, 4).unwrap(),
            ..good.clone()
        };
        assert!(matches!(wide.check(), Err(LearnError::Contract { .. })));
        let scale = FixedPoint::uniform(16.0, 4).unwrap();
        assert!(good.with_scale(scale).is_err());
        let narrow = contract(64.0, Pool::MeanMax, Transform::None);
        assert!(narrow.standardised(statistics(0.0)).is_err());
        let space = EmbeddingSpace::new("b", 3, 1.0);
        assert!(Contract::new(space, Pool::Mean, Transform::Standardise).is_err());
    }

    #[test]
    fn json_and_digest_are_pinned() {
        // Saved states contain this digest: a change here is a change of format.
        let contract = contract(64.0, Pool::MeanMax, Transform::SignedSqrt);
        assert_eq!(
            contract.to_json(),
            r#"{"backbone":"b","backbone-sha256":"aa","frontend":"mel","embedding-size":3,"pool":"mean+max","transform":"signed-sqrt","fixed-point":{"width":6,"exponents":[12]}}"#
        );
        let read: Contract = serde_json::from_str(&contract.to_json()).unwrap();
        assert_eq!(read.digest(), contract.digest());
        assert_eq!(contract.digest().len(), 64);
        let contract = self::contract(1.0, Pool::Mean, Transform::L2);
        assert_eq!(
            contract.standardised(statistics(0.5)).unwrap().to_json(),
            r#"{"backbone":"b","backbone-sha256":"aa","frontend":"mel","embedding-size":3,"pool":"mean","transform":"standardise","standardisation":{"means":[2.0,3.0,4.25],"deviations":[2.0,2.0,3.75]},"fixed-point":{"width":3,"exponents":[11]}}"#
        );
    }
}
