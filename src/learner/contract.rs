//! What makes two learners' states comparable.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FixedPoint, LearnError, Pool, Transform};

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
    /// The integers it ends as; as wide as the pooled vector.
    pub fixed_point: FixedPoint,
}

impl Contract {
    /// The contract of a backbone whose embedding has `embedding_size` numbers
    /// of magnitude up to `max_abs`. The fixed-point scale follows from
    /// `max_abs` taken through the transform.
    ///
    /// # Errors
    /// [`LearnError::Scale`] where no scale suits these numbers.
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
        Ok(Self {
            backbone: backbone.to_owned(),
            backbone_sha256: backbone_sha256.to_owned(),
            frontend: frontend.to_owned(),
            embedding_size,
            pool,
            transform,
            fixed_point: FixedPoint::uniform(transform.max_abs(max_abs), width)?,
        })
    }

    /// Features of an example: the pooled width.
    pub fn width(&self) -> usize {
        self.pool.width(self.embedding_size)
    }

    /// sha256, lower-case hex, of the contract as canonical JSON (compact,
    /// fields in declared order).
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.to_json());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
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
        if self.fixed_point.width() == self.width() {
            return Ok(());
        }
        Err(LearnError::Contract {
            what: format!(
                "a fixed-point scale for {} features, {} of {} give {}",
                self.fixed_point.width(),
                self.pool,
                self.embedding_size,
                self.width()
            ),
        })
    }
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
            ("fixed-point", contract(32.0, Pool::Mean, Transform::None)),
        ];
        for (field, theirs) in theirs {
            assert_eq!(ours.difference(&theirs).unwrap().field, field);
            assert_ne!(ours.digest(), theirs.digest(), "{field}");
        }
        assert_eq!(ours.difference(&ours), None);
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
    }
}
