//! What makes two learners' states comparable.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FixedPoint, LearnError, Nuisance, Pool, Standardisation, Transform};

/// Everything that an example went through before it became integers.
///
/// Sums over examples may be added, subtracted or compared only where this is
/// equal; a saved learner carries its contract and refuses another.
///
/// ```
/// use afield::learner::{Contract, Pool, Transform};
/// let ours = Contract::for_backbone("toy", "00ff", "mel", 4, 8.0, Pool::MeanMax, Transform::None)?;
/// assert_eq!(ours.width(), 8);
/// let theirs = Contract { backbone: "other".into(), ..ours.clone() };
/// assert_eq!(
///     ours.difference(&theirs).map(|d| d.to_string()),
///     Some("backbone is toy here and other there".into())
/// );
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contract {
    /// Name of the backbone.
    pub backbone: String,
    /// sha256 of its file, lower-case hex.
    pub backbone_sha256: String,
    /// Canonical description of the front end that feeds it.
    pub frontend: String,
    /// Numbers in the embedding of one window.
    pub embedding_size: usize,
    /// What summarises the windows of a clip.
    pub pool: Pool,
    /// What the pooled vector goes through.
    pub transform: Transform,
    /// What [`Transform::Standardise`] standardises by, and only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standardisation: Option<Standardisation>,
    /// What is damped after the transform, where the backbone's card says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nuisance: Option<Nuisance>,
    /// The integers it ends as; as wide as the pooled vector.
    pub fixed_point: FixedPoint,
}

impl Contract {
    /// The contract of a backbone whose embedding has `embedding_size` numbers
    /// of magnitude up to `max_abs`. The fixed-point scale follows from
    /// `max_abs` taken through the transform.
    ///
    /// # Errors
    /// [`LearnError::Scale`] where no scale suits these numbers,
    /// [`LearnError::Contract`] for [`Transform::Standardise`], which is had from
    /// [`Self::standardised`].
    pub fn for_backbone(
        backbone: &str,
        backbone_sha256: &str,
        frontend: &str,
        embedding_size: usize,
        max_abs: f32,
        pool: Pool,
        transform: Transform,
    ) -> Result<Self, LearnError> {
        let width = pool.width(embedding_size);
        if transform == Transform::Standardise {
            return Err(unstandardised());
        }
        Ok(Self {
            backbone: backbone.to_owned(),
            backbone_sha256: backbone_sha256.to_owned(),
            frontend: frontend.to_owned(),
            embedding_size,
            pool,
            transform,
            standardisation: None,
            nuisance: None,
            fixed_point: FixedPoint::uniform(transform.max_abs(max_abs), width)?,
        })
    }

    /// This contract with `nuisance` damped after its transform.
    ///
    /// # Errors
    /// [`LearnError::Contract`] where the directions have another width.
    pub fn damped(self, nuisance: Nuisance) -> Result<Self, LearnError> {
        let contract = Self {
            nuisance: Some(nuisance),
            ..self
        };
        contract.check()?;
        Ok(contract)
    }

    /// This contract with [`Transform::Standardise`] in place of its transform and of
    /// what is damped, on a scale of 16 deviations to either side.
    ///
    /// ```
    /// use afield::learner::{Contract, Pool, Standardisation, Transform};
    /// let toy = Contract::for_backbone("toy", "", "", 2, 8.0, Pool::Mean, Transform::None)?;
    /// let toy = toy.standardised(Standardisation::of(&[[1.0, 0.0], [3.0, 4.0]])?)?;
    /// let mut x = [3.0, 0.0];
    /// toy.transform(&mut x);
    /// assert_eq!(x, [1.0, -1.0]);
    /// # Ok::<(), afield::learner::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// [`LearnError::Contract`] where the statistics have another width.
    pub fn standardised(self, statistics: Standardisation) -> Result<Self, LearnError> {
        let contract = Self {
            transform: Transform::Standardise,
            standardisation: Some(statistics),
            nuisance: None,
            fixed_point: FixedPoint::uniform(Standardisation::MAX_ABS, self.width())?,
            ..self
        };
        contract.check()?;
        Ok(contract)
    }

    /// Takes a pooled vector through the transform, in place.
    pub fn transform(&self, pooled: &mut [f32]) {
        (self.transform).apply(pooled, self.standardisation.as_ref());
        if let Some(nuisance) = &self.nuisance {
            nuisance.apply(pooled);
        }
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

    /// Thousands of numbers, told apart by their sha256.
    fn digest_of(numbers: Option<&impl Serialize>) -> String {
        numbers.map_or_else(
            || "none".to_owned(),
            |numbers| "by ".to_owned() + &sha256(&json(numbers)),
        )
    }

    /// The first field in which `theirs` differs.
    pub fn difference(&self, theirs: &Self) -> Option<ContractDifference> {
        let fields = [
            ("backbone", self.backbone.clone(), theirs.backbone.clone()),
            (
                "backbone-sha256",
                self.backbone_sha256.clone(),
                theirs.backbone_sha256.clone(),
            ),
            ("frontend", self.frontend.clone(), theirs.frontend.clone()),
            (
                "embedding-size",
                self.embedding_size.to_string(),
                theirs.embedding_size.to_string(),
            ),
            ("pool", self.pool.to_string(), theirs.pool.to_string()),
            (
                "transform",
                self.transform.to_string(),
                theirs.transform.to_string(),
            ),
            (
                "standardisation",
                Self::digest_of(self.standardisation.as_ref()),
                Self::digest_of(theirs.standardisation.as_ref()),
            ),
            (
                "nuisance",
                Self::digest_of(self.nuisance.as_ref()),
                Self::digest_of(theirs.nuisance.as_ref()),
            ),
            (
                "fixed-point",
                json(&self.fixed_point),
                json(&theirs.fixed_point),
            ),
        ];
        let differs = fields.into_iter().find(|(_, ours, theirs)| ours != theirs);
        differs.map(|(field, ours, theirs)| ContractDifference {
            field,
            ours,
            theirs,
        })
    }

    pub(super) fn to_json(&self) -> String {
        json(self)
    }

    pub(super) fn check(&self) -> Result<(), LearnError> {
        let standardise = self.transform == Transform::Standardise;
        let widths = [
            ("a fixed-point scale", Some(self.fixed_point.width())),
            (
                "means and deviations",
                self.standardisation.as_ref().map(Standardisation::width),
            ),
            ("directions", self.nuisance.as_ref().map(Nuisance::width)),
        ];
        for (what, width) in widths {
            if let Some(width) = width
                && width != self.width()
            {
                let (pool, size, expected) = (self.pool, self.embedding_size, self.width());
                return Err(LearnError::Contract {
                    what: format!("{what} for {width} features, {pool} of {size} give {expected}"),
                });
            }
        }
        match (&self.standardisation, standardise) {
            (None, true) => Err(unstandardised()),
            (Some(_), false) => Err(LearnError::Contract {
                what: format!("means and deviations for the transform {}", self.transform),
            }),
            _ => Ok(()),
        }
    }
}

fn unstandardised() -> LearnError {
    LearnError::Contract {
        what: "the transform standardise without means and deviations".to_owned(),
    }
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Strings, numbers and lists of them: writing these as JSON cannot fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The first field in which two contracts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractDifference {
    /// The field's name, as serialised.
    pub field: &'static str,
    /// Its value on this side.
    pub ours: String,
    /// Its value on the other side.
    pub theirs: String,
}

impl fmt::Display for ContractDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            ours,
            theirs,
        } = self;
        write!(f, "{field} is {ours} here and {theirs} there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(max_abs: f32, pool: Pool, transform: Transform) -> Contract {
        Contract::for_backbone("b", "aa", "mel", 3, max_abs, pool, transform).unwrap()
    }

    #[test]
    fn every_field_is_told_apart_by_name_and_by_digest() {
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
            (
                "transform",
                Contract {
                    transform: Transform::L2,
                    ..ours.clone()
                },
            ),
            (
                "standardisation",
                Contract {
                    standardisation: Some(statistics(0.0)),
                    ..ours.clone()
                },
            ),
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
    fn what_is_damped_is_damped_after_the_transform_and_before_no_other_one() {
        let plain = contract(64.0, Pool::Mean, Transform::SignedSqrt);
        let damped = plain.clone().damped(nuisance(0.5)).unwrap();
        let mut x = [16.0, 4.0, 0.0];
        damped.transform(&mut x);
        assert_eq!(x, [3.0, 2.0, -1.0]);
        let other = damped.clone().standardised(statistics(0.0)).unwrap();
        assert_eq!(other.nuisance, None);
        let wide = contract(64.0, Pool::MeanMax, Transform::SignedSqrt);
        assert!(wide.damped(nuisance(0.5)).is_err());
        let read: Contract = serde_json::from_str(&damped.to_json()).unwrap();
        assert_eq!(read, damped);
    }

    fn statistics(offset: f32) -> Standardisation {
        Standardisation::of(&[[0.0, 1.0, offset], [4.0, 5.0, 8.0]]).unwrap()
    }

    #[test]
    fn other_means_or_deviations_are_another_contract() {
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
    fn a_contract_that_contradicts_itself_does_not_hold() {
        let plain = contract(64.0, Pool::Mean, Transform::None);
        let good = plain.clone().standardised(statistics(0.0)).unwrap();
        assert_eq!(good.check(), Ok(()));
        let bad = [
            Contract {
                standardisation: None,
                ..good.clone()
            },
            Contract {
                transform: Transform::L2,
                ..good.clone()
            },
            Contract {
                embedding_size: 4,
                fixed_point: FixedPoint::uniform(16.0, 4).unwrap(),
                ..good.clone()
            },
        ];
        for bad in bad {
            let read: Contract = serde_json::from_str(&bad.to_json()).unwrap();
            assert!(matches!(read.check(), Err(LearnError::Contract { .. })));
        }
        let narrow = contract(64.0, Pool::MeanMax, Transform::None);
        assert!(narrow.standardised(statistics(0.0)).is_err());
        let made = Contract::for_backbone("b", "", "", 3, 1.0, Pool::Mean, Transform::Standardise);
        assert!(made.is_err());
    }

    #[test]
    fn the_digest_is_pinned() {
        // Saved states name it: a change here is a change of format.
        let contract = contract(64.0, Pool::MeanMax, Transform::SignedSqrt);
        assert_eq!(
            contract.to_json(),
            r#"{"backbone":"b","backbone-sha256":"aa","frontend":"mel","embedding-size":3,"pool":"mean+max","transform":"signed-sqrt","fixed-point":{"width":6,"exponents":[12]}}"#
        );
        let read: Contract = serde_json::from_str(&contract.to_json()).unwrap();
        assert_eq!(read.digest(), contract.digest());
        assert_eq!(contract.digest().len(), 64);
        let contract = Contract::for_backbone("b", "aa", "mel", 3, 1.0, Pool::Mean, Transform::L2)
            .and_then(|contract| contract.standardised(statistics(0.5)));
        assert_eq!(
            contract.unwrap().to_json(),
            r#"{"backbone":"b","backbone-sha256":"aa","frontend":"mel","embedding-size":3,"pool":"mean","transform":"standardise","standardisation":{"means":[2.0,3.0,4.25],"deviations":[2.0,2.0,3.75]},"fixed-point":{"width":3,"exponents":[11]}}"#
        );
    }
}
