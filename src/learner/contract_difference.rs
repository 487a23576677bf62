//! The difference between two contracts, as text for people.

use std::fmt;

use serde::Serialize;

use super::contract::{json, sha256};
use super::{Contract, Stage};

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

impl Contract {
    /// The first field in which `theirs` differs.
    pub fn difference(&self, theirs: &Self) -> Option<ContractDifference> {
        let (ours, theirs) = (self.fields(), theirs.fields());
        // Compares fields of the same names in the same order, or stages with a transform.
        let differs = (ours.into_iter().zip(theirs)).find(|(ours, theirs)| ours != theirs);
        differs.map(|((field, ours), (other_field, theirs))| {
            if field == other_field {
                return ContractDifference {
                    field,
                    ours,
                    theirs,
                };
            }
            ContractDifference {
                field: "stages",
                ours: format!("{field} {ours}"),
                theirs: format!("{other_field} {theirs}"),
            }
        })
    }

    /// Each field's written name, and its value as text for people.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("backbone", self.backbone.clone()),
            ("backbone-sha256", self.backbone_sha256.clone()),
            ("frontend", self.frontend.clone()),
            ("embedding-size", self.embedding_size.to_string()),
            (
                "window-rows",
                self.window_rows
                    .map_or_else(|| "all of a clip".to_owned(), |rows| rows.to_string()),
            ),
            ("pool", self.pool.to_string()),
        ];
        match self.as_transform() {
            Some(plain) => {
                let by = digest_of(plain.standardisation);
                let nuisance = digest_of(plain.nuisance);
                fields.push(("transform", plain.transform.to_string()));
                fields.push(("standardisation", by));
                fields.push(("nuisance", nuisance));
            }
            None => {
                let named = |stage: &Stage| match stage.numbers() {
                    Some(_) => format!("{} {}", stage.name(), digest_of(Some(stage))),
                    None => stage.name().to_owned(),
                };
                let stages: Vec<String> = self.stages.iter().map(named).collect();
                fields.push(("stages", stages.join(", ")));
            }
        }
        fields.push(("fixed-point", json(&self.fixed_point)));
        fields
    }
}

/// Identifies thousands of numbers by their sha256.
fn digest_of(numbers: Option<&impl Serialize>) -> String {
    numbers.map_or_else(
        || "none".to_owned(),
        |numbers| "by ".to_owned() + &sha256(&json(numbers)),
    )
}
