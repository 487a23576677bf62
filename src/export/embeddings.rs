//! Adds the operators that turn the frames of a clip into one embedding for each window.
//!
//! The backbone becomes the body of a `Scan` over the windows. A backbone whose shapes are
//! fixed to a single window therefore stays valid.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ValueInfoProto};

use super::ExportError;
use super::nodes::{Length, Name, Nodes, graph, integer, integers, tensor};
use crate::model::Card;

const FRAMES: &str = "frames";

/// The graph's input.
pub(super) fn input(card: &Card) -> ValueInfoProto {
    let shape = [Length::Any("T"), Length::Fixed(card.bands())];
    let doc = "log-mel frames of a clip, see the metadata afield.frontend";
    tensor(FRAMES, DataType::Float, &shape, doc)
}

/// Adds the embeddings, float `[windows, size]`, computed by the backbone `inner`.
pub(super) fn add(nodes: &mut Nodes, card: &Card, inner: GraphProto) -> Result<Name, ExportError> {
    let body = body(nodes, card, inner)?;
    let windows = windows(nodes, card);
    let attributes = [graph("body", body), integer("num_scan_inputs", 1)];
    Ok(nodes.add("Scan", &[&windows], &attributes))
}

/// All windows, float `[n, window, bands]`. If the frames are fewer than one window, the graph
/// reads a missing frame, which fails when the graph runs.
fn windows(nodes: &mut Nodes, card: &Card) -> Name {
    let (window, hop) = (card.window_frames(), card.embedding.hop_frames);
    let frames = FRAMES.to_owned();
    let shape = nodes.add("Shape", &[&frames], &[]);
    let zero = nodes.integers(&[0], &[]);
    let one = nodes.integers(&[1], &[]);
    let length = nodes.add("Gather", &[&shape, &zero], &[]);
    let beyond = nodes.integers(&[window as i64 - 1], &[]);
    let ends = nodes.add("Sub", &[&length, &beyond], &[]);
    let ends = nodes.add("Max", &[&ends, &one], &[]);
    let hop = nodes.integers(&[hop as i64], &[]);
    let starts = nodes.add("Range", &[&zero, &ends, &hop], &[]);
    let starts = nodes.reshape(&starts, &[-1, 1]);
    let within: Vec<i64> = (0..window as i64).collect();
    let within = nodes.integers(&within, &[1, window]);
    let rows = nodes.add("Add", &[&starts, &within], &[]);
    nodes.add("Gather", &[&frames, &rows], &[])
}

/// The backbone, with one window `[window, bands]` as input and one embedding `[size]` as
/// output.
fn body(outer: &Nodes, card: &Card, mut inner: GraphProto) -> Result<GraphProto, ExportError> {
    if !inner.sparse_initializer.is_empty() {
        let reason = "it has sparse constants";
        return Err(ExportError::Backbone { reason });
    }
    // Constants may also be listed as inputs. They are defaults, and nothing overrides them
    // here.
    let constant = |input: &ValueInfoProto| inner.initializer.iter().any(|t| t.name == input.name);
    let input = inner.input.iter().find(|input| !constant(input));
    let (Some(input), Some(output)) = (input, inner.output.first()) else {
        let reason = "it has no input or no output";
        return Err(ExportError::Backbone { reason });
    };
    let (input, output) = (input.name.clone(), output.name.clone());

    let mut before = outer.inside();
    let window = before.name("window");
    let (frames_axis, bands_axis) = (card.input.frames_axis, card.input.bands_axis);
    let turned = match bands_axis.is_none_or(|bands_axis| frames_axis < bands_axis) {
        true => window.clone(),
        false => before.add("Transpose", &[&window], &[integers("perm", &[1, 0])]),
    };
    let shape: Vec<i64> = card.input.shape.iter().map(|&n| n as i64).collect();
    let to = before.integers(&shape, &[shape.len()]);
    before.add_named("Reshape", &[&turned, &to], &[], &input);
    let flat = before.integers(&[card.embedding.size as i64], &[1]);
    let embedding = before.name("embedding");
    let (before, mut constants) = before.finish();

    let mut after = Nodes::default();
    after.add_named("Reshape", &[&output, &flat], &[], &embedding);
    let (mut after, _) = after.finish();
    for node in &mut after {
        node.name = format!("{embedding}.node");
    }

    let shape = [
        Length::Fixed(card.window_frames()),
        Length::Fixed(card.bands()),
    ];
    inner.input = vec![tensor(&window, DataType::Float, &shape, "")];
    let shape = [Length::Fixed(card.embedding.size)];
    inner.output = vec![tensor(&embedding, DataType::Float, &shape, "")];
    // The shapes in the file apply to another batch size.
    inner.value_info.clear();
    inner.initializer.append(&mut constants);
    let backbone = std::mem::replace(&mut inner.node, before);
    inner.node.extend(backbone);
    inner.node.append(&mut after);
    Ok(inner)
}
