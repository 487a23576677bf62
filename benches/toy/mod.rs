//! Learners on synthetic features, for measuring their cost.

use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::signal::Label;

pub const CLASSES: usize = 50;

pub fn learner(head: HeadKind, width: usize) -> Learner {
    let contract = Contract::new(
        EmbeddingSpace::new("b", width, 8.0),
        Pool::Mean,
        Transform::None,
    );
    let settings = Settings {
        head,
        ..Settings::default()
    };
    contract
        .and_then(|contract| Learner::new(contract, settings))
        .expect("a plain learner")
}

/// One of [`CLASSES`] labels.
pub fn label(i: usize) -> Label {
    Label::new(format!("class {}", i % CLASSES)).expect("a plain label")
}
