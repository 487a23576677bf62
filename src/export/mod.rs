//! A learner in another program's language: as one ONNX graph from log-mel frames to
//! probabilities, which ONNX Runtime and its like run without Afield.
//!
//! The graph is the frozen backbone as its file has it, run over every window of the
//! frames, and behind it what a learner does to embeddings, in operators of ONNX's opset
//! 13 or later. It is a picture of one moment: it learns nothing. docs/ONNX.md is its
//! reference. Reading samples and computing log-mel frames stay outside of it, since
//! operators for these would have to be computed as a dense Fourier transform.
//!
//! Only tract's message types are used here; nothing is run.

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

/// The latest opset before 13 gives operators that are used here another form.
const FIRST_OPSET: i64 = 13;
/// Since this version of the file format constants need not be inputs, and more.
const IR_VERSION: i64 = 8;
/// What a protobuf message may have at most, in bytes.
const MAX_BYTES: usize = i32::MAX as usize;

/// The ONNX file of `learner`, whose backbone's file is `backbone` and whose card is
/// `card`.
///
/// Input `frames`, float `[T, bands]`: the log-mel frames of a clip, at least one window.
/// Outputs `probabilities`, float `[classes]`, in the order of the metadata
/// `afield.labels`; `label`, a string: the most probable one; `features`, int16 `[width]`:
/// the integers that probabilities are a function of. An embedding that lies between two
/// of these may fall to either side in another program, which sums in another order.
///
/// # Errors
/// [`ExportError`] where the learner knows no class, its head or the graph of its
/// backbone cannot be written so, or the backbone's file is not the contract's.
pub fn onnx(learner: &Learner, card: &Card, backbone: &[u8]) -> Result<Vec<u8>, ExportError> {
    if learner.classes().is_empty() {
        return Err(ExportError::NothingTaught);
    }
    let head = learner.settings().head;
    let formula = (learner.formula()).ok_or(ExportError::Head { head })?;
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

/// The version of ONNX's own operators.
fn opset(model: &ModelProto) -> i64 {
    let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let import = model.opset_import.iter().find(|set| own(&set.domain));
    import.map_or(1, |set| set.version)
}
