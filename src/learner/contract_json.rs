//! Contracts as JSON, the form used in states, stores and bundles.
//!
//! A contract's digest is the digest of its JSON. Each contract therefore has exactly one form,
//! which must never change:
//!
//! - a contract of whole clips has no field `window-rows`;
//! - at most one transform, followed by at most one nuisance: the fields `transform`,
//!   `standardisation` and `nuisance`, the original format;
//! - any other list of stages: the field `stages`, in order, in place of these three.
//!
//! Both forms can be read for every list.

use std::num::NonZeroUsize;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::contract::unstandardised;
use super::{Contract, FixedPoint, LearnError, Nuisance, Pool, Stage, Standardisation, Transform};

/// Stages that equal a named transform with its numbers, followed by at most one nuisance.
pub(super) struct Plain<'a> {
    pub(super) transform: Transform,
    pub(super) standardisation: Option<&'a Standardisation>,
    pub(super) nuisance: Option<&'a Nuisance>,
}

impl Contract {
    /// The stages as a transform and a nuisance, if they have this form.
    pub(super) fn as_transform(&self) -> Option<Plain<'_>> {
        let (nuisance, before) = match self.stages.as_slice() {
            [before @ .., Stage::Nuisance(nuisance)] => (Some(nuisance), before),
            all => (None, all),
        };
        let (transform, standardisation) = match before {
            [] => (Transform::None, None),
            [Stage::L2] => (Transform::L2, None),
            [Stage::SignedSqrt] => (Transform::SignedSqrt, None),
            [Stage::Standardise(by)] => (Transform::Standardise, Some(by)),
            _ => return None,
        };
        Some(Plain {
            transform,
            standardisation,
            nuisance,
        })
    }
}

/// The fields to write, in this order.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Written<'a> {
    backbone: &'a str,
    backbone_sha256: &'a str,
    frontend: &'a str,
    embedding_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_rows: Option<NonZeroUsize>,
    pool: Pool,
    #[serde(skip_serializing_if = "Option::is_none")]
    transform: Option<Transform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standardisation: Option<&'a Standardisation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nuisance: Option<&'a Nuisance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<&'a [Stage]>,
    fixed_point: &'a FixedPoint,
}

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = self.as_transform();
        let written = Written {
            backbone: &self.backbone,
            backbone_sha256: &self.backbone_sha256,
            frontend: &self.frontend,
            embedding_size: self.embedding_size,
            window_rows: self.window_rows,
            pool: self.pool,
            transform: plain.as_ref().map(|plain| plain.transform),
            standardisation: plain.as_ref().and_then(|plain| plain.standardisation),
            nuisance: plain.as_ref().and_then(|plain| plain.nuisance),
            stages: plain.is_none().then_some(self.stages.as_slice()),
            fixed_point: &self.fixed_point,
        };
        written.serialize(serializer)
    }
}

/// The fields to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Read {
    backbone: String,
    backbone_sha256: String,
    frontend: String,
    embedding_size: usize,
    window_rows: Option<NonZeroUsize>,
    pool: Pool,
    transform: Option<Transform>,
    standardisation: Option<Standardisation>,
    nuisance: Option<Nuisance>,
    stages: Option<Vec<Stage>>,
    fixed_point: FixedPoint,
}

impl Read {
    fn contract(self) -> Result<Contract, LearnError> {
        let fault = |what: String| Err(LearnError::Contract { what });
        let mut stages = Vec::new();
        match (self.transform, self.standardisation) {
            (None, None) => {}
            (Some(Transform::Standardise), Some(by)) => stages.push(Stage::Standardise(by)),
            (Some(Transform::Standardise), None) => return Err(unstandardised()),
            (Some(Transform::None), None) => {}
            (Some(Transform::L2), None) => stages.push(Stage::L2),
            (Some(Transform::SignedSqrt), None) => stages.push(Stage::SignedSqrt),
            (Some(Transform::SignedSqrtL2), None) => {
                return fault("the transform signed-sqrt+l2 is written as stages".to_owned());
            }
            (transform, Some(_)) => {
                let transform = transform.unwrap_or(Transform::None);
                return fault(format!(
                    "means and deviations for the transform {transform}"
                ));
            }
        }
        stages.extend(self.nuisance.map(Stage::Nuisance));
        match (self.transform, self.stages) {
            (Some(_), None) => {}
            (None, Some(listed)) if stages.is_empty() => stages = listed,
            (None, None) => return fault("neither a transform nor stages".to_owned()),
            (_, Some(_)) => return fault("stages beside a transform or a nuisance".to_owned()),
        }
        let contract = Contract {
            backbone: self.backbone,
            backbone_sha256: self.backbone_sha256,
            frontend: self.frontend,
            embedding_size: self.embedding_size,
            window_rows: self.window_rows,
            pool: self.pool,
            stages,
            fixed_point: self.fixed_point,
        };
        contract.check()?;
        Ok(contract)
    }
}

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        read.contract().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::EmbeddingSpace;

    fn contract(stages: Vec<Stage>) -> Contract {
        let space = EmbeddingSpace::new("b", 2, 4.0).file_sha256("aa");
        Contract::of_stages(space.frontend("mel"), Pool::Mean, stages).unwrap()
    }

    fn nuisance() -> Stage {
        Stage::Nuisance(Nuisance::new(vec![vec![0.5, 0.0]]).unwrap())
    }

    fn standardise() -> Stage {
        Stage::Standardise(Standardisation::of(&[[0.0, 1.0], [4.0, 5.0]]).unwrap())
    }

    #[test]
    fn lists_that_are_no_transform_are_written_as_stages() {
        let pinned = [
            (
                vec![Stage::SignedSqrt, Stage::L2],
                r#""stages":["signed-sqrt","l2"],"fixed-point":{"width":2,"exponents":[15]}}"#,
            ),
            (
                vec![nuisance(), standardise()],
                r#""stages":[{"nuisance":[[0.5,0.0]]},{"standardise":{"means":[2.0,3.0],"deviations":[2.0,2.0]}}],"fixed-point":{"width":2,"exponents":[11]}}"#,
            ),
            (
                vec![nuisance(), nuisance()],
                r#""stages":[{"nuisance":[[0.5,0.0]]},{"nuisance":[[0.5,0.0]]}],"fixed-point":{"width":2,"exponents":[13]}}"#,
            ),
        ];
        for (stages, end) in pinned {
            let made = contract(stages);
            let begin = r#"{"backbone":"b","backbone-sha256":"aa","frontend":"mel","embedding-size":2,"pool":"mean","#;
            assert_eq!(made.to_json(), format!("{begin}{end}"));
            let read: Contract = serde_json::from_str(&made.to_json()).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.digest(), made.digest());
            let plain = contract(Vec::new());
            assert_eq!(plain.difference(&made).unwrap().field, "stages");
            assert_eq!(made.difference(&plain).unwrap().field, "stages");
            assert_eq!(made.difference(&read), None);
        }
    }

    #[test]
    fn other_stages_are_another_contract() {
        let [a, b] = [[nuisance(), Stage::L2], [Stage::L2, Stage::L2]].map(|s| contract(s.into()));
        let difference = a.difference(&b).unwrap();
        assert_eq!(
            (difference.field, difference.theirs.as_str()),
            ("stages", "l2, l2")
        );
        assert!(difference.ours.starts_with("nuisance by "), "{difference}");
        assert_ne!(a.digest(), b.digest());
    }

    #[test]
    fn a_transform_given_as_stages_is_the_same_contract() {
        for stages in [
            vec![],
            vec![Stage::L2],
            vec![Stage::SignedSqrt, nuisance()],
            vec![standardise()],
            vec![standardise(), nuisance()],
        ] {
            let made = contract(stages);
            let mut json: serde_json::Value = serde_json::from_str(&made.to_json()).unwrap();
            let fields = json.as_object_mut().unwrap();
            for field in ["transform", "standardisation", "nuisance"] {
                fields.remove(field);
            }
            let listed = serde_json::to_value(&made.stages).unwrap();
            fields.insert("stages".to_owned(), listed);
            let read: Contract = serde_json::from_value(json).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.digest(), made.digest());
            assert!(!read.to_json().contains("stages"));
        }
    }

    #[test]
    fn json_that_contradicts_itself_is_refused() {
        let of = |fields: &str| {
            format!(
                r#"{{"backbone":"b","backbone-sha256":"","frontend":"","embedding-size":2,"pool":"mean",{fields}"fixed-point":{{"width":2,"exponents":[11]}}}}"#
            )
        };
        let by = r#""standardisation":{"means":[0.0,0.0],"deviations":[1.0,1.0]},"#;
        let read = |fields: &str| serde_json::from_str::<Contract>(&of(fields));
        assert!(read(r#""transform":"none","#).is_ok());
        assert!(read(&format!(r#""transform":"standardise",{by}"#)).is_ok());
        for wrong in [
            "",
            by,
            r#""nuisance":[[0.5,0.0]],"#,
            r#""transform":"standardise","#,
            r#""transform":"max","#,
            r#""transform":"none","nuisance":[[0.5,0.0,0.0]],"#,
            r#""transform":"none","stages":[],"#,
            r#""stages":["l2"],"nuisance":[[0.5,0.0]],"#,
            r#""stages":["l3"],"#,
            r#""stages":[{"nuisance":[[0.5]]}],"#,
            r#""transform":"none","other":1,"#,
            &format!(r#""transform":"l2",{by}"#),
            &format!(r#""stages":[],{by}"#),
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let wide = of(r#""transform":"none","#).replace("size\":2", "size\":3");
        assert!(serde_json::from_str::<Contract>(&wide).is_err());
    }
}
