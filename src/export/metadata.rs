//! Writes the information that a reader of the graph needs besides its tensors.

use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use crate::learner::Learner;
use crate::model::Card;
use crate::signal::Label;

/// The version of the exported graph and of its metadata.
const FORMAT: &str = "1";

/// Writes the name of the program, and the learner's front end, labels, head and contract.
pub(super) fn describe(model: &mut ModelProto, learner: &Learner, card: &Card) {
    model.producer_name = "afield".to_owned();
    model.producer_version = env!("CARGO_PKG_VERSION").to_owned();
    model.doc_string = format!(
        "log-mel frames to probabilities of {} classes: {} behind {}",
        learner.classes().len(),
        learner.settings().head,
        card.name
    );
    let labels: Vec<&str> = learner.classes().iter().map(Label::as_str).collect();
    let contract = learner.contract();
    let json = |value: serde_json::Value| value.to_string();
    let entries = [
        ("afield.format", FORMAT.to_owned()),
        ("afield.labels", json(serde_json::json!(labels))),
        ("afield.head", learner.settings().head.to_string()),
        ("afield.examples", learner.examples().to_string()),
        ("afield.contract", contract.digest()),
        ("afield.backbone", contract.backbone.clone()),
        ("afield.backbone-sha256", contract.backbone_sha256.clone()),
        ("afield.backbone-licence", card.licence.clone()),
        ("afield.backbone-source", card.source.clone()),
        ("afield.sample-rate", card.sample_rate.hz().to_string()),
        ("afield.window-frames", card.window_frames().to_string()),
        ("afield.hop-frames", card.embedding.hop_frames.to_string()),
        ("afield.frontend", json(serde_json::json!(card.frontend))),
        ("afield.padding", json(serde_json::json!(card.padding))),
    ];
    model
        .metadata_props
        .retain(|entry| !entry.key.starts_with("afield."));
    let entries = entries.map(|(key, value)| StringStringEntryProto {
        key: key.to_owned(),
        value,
    });
    model.metadata_props.extend(entries);
}
