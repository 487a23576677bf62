//! Results that several runs of one split share, so that they are computed once.
//!
//! The key of a result is the sha256 of all its inputs, so a shared result equals a new
//! computation.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use afield::learner::{Contract, Example};

use super::judged::Judged;
use super::report::UpperBoundFit;

/// Joint fits and cross-validated accuracies of the runs so far.
#[derive(Debug, Default)]
pub struct Fits {
    pub(crate) upper_bounds: HashMap<Fingerprint, UpperBoundFit>,
    pub(crate) accuracies: HashMap<Fingerprint, Judged>,
}

impl Fits {
    /// Number of joint fits that were computed.
    pub fn joint_fits(&self) -> usize {
        self.upper_bounds.len()
    }
}

/// sha256 of all inputs of a result.
pub(crate) type Fingerprint = [u8; 32];

/// Builds a fingerprint.
#[derive(Default)]
pub(crate) struct Ingredients(Sha256);

impl Ingredients {
    pub fn text(&mut self, text: &str) -> &mut Self {
        // The length comes first, so that no two lists of parts hash the same bytes.
        self.number(text.len());
        self.0.update(text);
        self
    }

    pub fn number(&mut self, number: usize) -> &mut Self {
        self.0.update((number as u64).to_le_bytes());
        self
    }

    pub fn contract(&mut self, contract: &Contract) -> &mut Self {
        self.text(&contract.digest())
    }

    pub fn example(&mut self, example: &Example, label: usize) -> &mut Self {
        self.number(example.features().len()).number(label);
        for feature in example.features() {
            self.0.update(feature.to_le_bytes());
        }
        self
    }

    pub fn fingerprint(self) -> Fingerprint {
        self.0.finalize().into()
    }
}
