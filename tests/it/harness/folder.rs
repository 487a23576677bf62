//! A learner's folder on the smallest backbone.

use std::path::Path;

use afield::engine::{Session, backbone_contract};
use afield::head::HeadKind;
use afield::learner::Settings;

use super::models;

pub fn create(dir: &Path, head: HeadKind) -> Session {
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, None).unwrap();
    let settings = Settings {
        head,
        ..Settings::default()
    };
    Session::create(dir, card, contract, settings, 0).unwrap()
}
