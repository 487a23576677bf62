//! Helpers for the tests of this module.

use super::{Evidence, Head};

/// The probabilities that a head gives for one example.
pub(super) fn probabilities(head: &dyn Head, x: &[i16]) -> Vec<f32> {
    let (mut evidence, mut shares) = (Evidence::default(), Vec::new());
    head.evidence_into(x, &mut evidence).unwrap();
    evidence.shares_into(&mut shares);
    shares
}
