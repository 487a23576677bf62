//! Exports a learner as one ONNX graph from log-mel frames to probabilities. ONNX Runtime and
//! similar programs run it without Afield.
//!
//! The graph runs the frozen backbone, unchanged from its file, over every window of the
//! frames. The learner's computation on embeddings follows, in operators of ONNX's opset 13 or
//! later. The graph is a copy of the learner's current state and does not learn. docs/ONNX.md
//! is its reference. The graph does not read samples or compute log-mel frames: in ONNX
//! operators, that would be a dense Fourier transform.
//!
//! This module uses only tract's message types and runs nothing.

mod classifier;
mod embeddings;
mod error;
mod features;
mod metadata;
mod nodes;

use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};

use crate::backbone;
use crate::learner::Learner;
use crate::model::Card;

pub use error::ExportError;

use nodes::Nodes;

/// The lowest supported opset: before 13, some operators used here have a different form.
const FIRST_OPSET: i64 = 13;
/// Since this version of the file format, constants need not be inputs, and more.
const IR_VERSION: i64 = 8;
/// The largest protobuf message, in bytes.
const MAX_BYTES: usize = i32::MAX as usize;

/// Returns the ONNX file of `learner`. `card` is the card of its backbone, and `backbone` is
/// the content of the backbone's file.
///
/// The input is `frames`, float `[T, bands]`: the log-mel frames of a clip, at least one
/// window. There are three outputs. `probabilities`, float `[classes]`, has the order of the
/// metadata `afield.labels`. `label`, a string, is the most probable label. `features`, int16
/// `[width]`, are the integers from which the probabilities are computed. A value halfway
/// between two integers may round differently in another program, because that program may sum
/// in another order.
///
/// # Errors
/// [`ExportError`] if the learner has no class, if its head or its backbone's graph cannot be
/// exported, or if the backbone's file does not match the contract.
pub fn onnx(learner: &Learner, card: &Card, backbone: &[u8]) -> Result<Vec<u8>, ExportError> {
    if learner.classes().is_empty() {
        return Err(ExportError::NothingTaught);
    }
    let head = learner.settings().head;
    let formula = (learner.formula()).ok_or(ExportError::Head { head })?;
    if card.waveform().is_some_and(|front| front.needs_windows()) {
        return Err(ExportError::Backbone {
            reason: "its front end normalises each window, or makes spectrograms of it",
        });
    }
    let mut model = backbone::checked_onnx(backbone, card)?;
    let opset = opset(&model);
    if opset < FIRST_OPSET {
        let first = FIRST_OPSET;
        return Err(ExportError::Opset { opset, first });
    }
    let inner = model.graph.take().unwrap_or_default();
    let mut nodes = Nodes::beside(&inner);
    let embeddings = embeddings::add(&mut nodes, card, inner)?;
    let features = features::add(&mut nodes, learner.contract(), &embeddings);
    classifier::add(&mut nodes, &formula, learner.classes(), &features);
    let (node, initializer) = nodes.finish();
    model.graph = Some(GraphProto {
        name: "afield".to_owned(),
        node,
        initializer,
        input: vec![embeddings::input(card)],
        output: (classifier::outputs(learner.classes().len()).into_iter())
            .chain([features::output(learner.contract())])
            .collect(),
        ..GraphProto::default()
    });
    model.ir_version = model.ir_version.max(IR_VERSION);
    metadata::describe(&mut model, learner, card);
    let bytes = model.encoded_len();
    if bytes > MAX_BYTES {
        return Err(ExportError::TooLarge { bytes });
    }
    Ok(model.encode_to_vec())
}

/// The version of ONNX's standard operators.
fn opset(model: &ModelProto) -> i64 {
    let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let import = model.opset_import.iter().find(|set| own(&set.domain));
    import.map_or(1, |set| set.version)
}
