//! The heads that a claim about all heads must hold for.

use afield::head::HeadKind;

/// Every head, and every option at least once.
pub fn every() -> Vec<HeadKind> {
    let texts = include_str!("../../fixtures/heads.txt").lines();
    texts.map(|text| text.parse().unwrap()).collect()
}

/// Those whose state is a sum over the examples.
pub fn exact() -> impl Iterator<Item = HeadKind> {
    every().into_iter().filter(|head| head.is_exact())
}
