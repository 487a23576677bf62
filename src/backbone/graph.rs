//! Parses an ONNX file and checks it: the sizes are within limits, there is no external data, and
//! the card's input and output are present.
//!
//! tract does not check its input everywhere: for example, it indexes maps by names from the file.
//! This module checks these places first.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use prost::Message;

use super::pb::tensor_proto::DataLocation;
use super::pb::tensor_shape_proto::dimension;
use super::pb::type_proto::Value;
use super::pb::{GraphProto, ModelProto};
use super::{BackboneError, dequantise};
use crate::model::Card;

/// The largest ONNX file accepted.
const MAX_BYTES: u64 = 512 << 20;
/// The most nodes accepted.
const MAX_NODES: usize = 100_000;

/// A parsed graph with one input and the one output that the card asks for.
pub(super) struct Graph {
    path: PathBuf,
    pub(super) proto: ModelProto,
    output_shape: Vec<usize>,
}

impl Graph {
    pub(super) fn read(path: &Path, card: &Card) -> Result<Self, BackboneError> {
        Self::parse(&read_bounded(path)?, path, card)
    }

    /// As [`Self::read`], for bytes that messages call `path`.
    pub(super) fn parse(bytes: &[u8], path: &Path, card: &Card) -> Result<Self, BackboneError> {
        let mut proto = checked(bytes, path, card)?;
        if let Some(graph) = proto.graph.as_mut() {
            dequantise::fold(graph);
        }
        Ok(Self {
            path: path.to_owned(),
            proto,
            output_shape: card.output.shape.clone(),
        })
    }

    /// Compares the shape of the graph's output with the card's.
    pub(super) fn check_output(
        &self,
        actual: impl IntoIterator<Item = String>,
    ) -> Result<(), BackboneError> {
        let actual: Vec<String> = actual.into_iter().collect();
        let expected: Vec<String> = self.output_shape.iter().map(|d| d.to_string()).collect();
        if actual == expected {
            return Ok(());
        }
        Err(BackboneError::Shape {
            path: self.path.clone(),
            what: "output shape",
            expected: format!("[{}]", expected.join(", ")),
            actual: format!("[{}]", actual.join(", ")),
        })
    }

    pub(super) fn unsupported(&self, reason: impl std::fmt::Display) -> BackboneError {
        BackboneError::Unsupported {
            path: self.path.clone(),
            reason: format!("{reason:#}"),
        }
    }
}

/// The model in the file, without the outputs that the card does not name.
pub(super) fn checked(bytes: &[u8], path: &Path, card: &Card) -> Result<ModelProto, BackboneError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(path, bytes.len() as u64));
    }
    let mut proto = ModelProto::decode(bytes).map_err(|e| not_onnx(path, format!("{e:#}")))?;
    let Some(graph) = proto.graph.as_mut() else {
        return Err(not_onnx(path, "it holds no graph"));
    };
    check(path, graph)?;
    check_input(path, graph, &card.input.shape)?;
    keep_output(path, graph, card.output.name.as_deref())?;
    Ok(proto)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, BackboneError> {
    let read = |source| BackboneError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    Ok(bytes)
}

fn too_large(path: &Path, bytes: u64) -> BackboneError {
    BackboneError::TooLarge {
        path: path.to_owned(),
        bytes,
        limit: MAX_BYTES,
    }
}

fn check(path: &Path, graph: &GraphProto) -> Result<(), BackboneError> {
    if graph.node.is_empty() {
        return Err(not_onnx(path, "its graph has no nodes"));
    }
    if graph.node.len() > MAX_NODES {
        let nodes = graph.node.len();
        return Err(not_onnx(
            path,
            format!("its graph has {nodes} nodes, {MAX_NODES} at most"),
        ));
    }
    check_nodes(path, graph)?;
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    for tensor in &graph.initializer {
        let name = &tensor.name;
        if tensor.data_location == Some(DataLocation::External as i32)
            || !tensor.external_data.is_empty()
        {
            return Err(not_onnx(
                path,
                format!("tensor {name:?} lies in another file"),
            ));
        }
        let values = tensor.dims.iter().try_fold(1i64, |n, &d| {
            n.checked_mul(d)
                .filter(|&n| d >= 0 && n <= MAX_BYTES as i64)
        });
        if values.is_none() {
            return Err(not_onnx(
                path,
                format!("tensor {name:?} has the shape {:?}", tensor.dims),
            ));
        }
    }
    let inputs = graph
        .input
        .iter()
        .filter(|i| !constants.contains(i.name.as_str()))
        .count();
    if inputs != 1 {
        return Err(not_onnx(
            path,
            format!("its graph has {inputs} inputs, a backbone has one"),
        ));
    }
    Ok(())
}

/// Rejects a transposition that names an axis twice. tract does not check for it, and would never
/// return.
fn check_nodes(path: &Path, graph: &GraphProto) -> Result<(), BackboneError> {
    for node in &graph.node {
        let orders = (node.attribute.iter())
            .filter(|given| node.op_type == "Transpose" && given.name == "perm");
        for order in orders {
            let mut axes = order.ints.clone();
            axes.sort_unstable();
            if !axes.iter().copied().eq(0..axes.len() as i64) {
                let reason = format!("a Transpose puts axes in the order {:?}", order.ints);
                return Err(not_onnx(path, reason));
            }
        }
        // Nested graphs. Without tract, no node has any.
        #[cfg(feature = "tract")]
        for inner in node
            .attribute
            .iter()
            .flat_map(|a| a.g.iter().chain(&a.graphs))
        {
            check_nodes(path, inner)?;
        }
    }
    Ok(())
}

/// Compares the sizes that the file declares for its input with the card's. Symbolic and missing
/// sizes agree with every size.
fn check_input(path: &Path, graph: &GraphProto, card: &[usize]) -> Result<(), BackboneError> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let input = graph
        .input
        .iter()
        .find(|i| !constants.contains(i.name.as_str()));
    let tensor = match input
        .and_then(|i| i.r#type.as_ref())
        .and_then(|t| t.value.as_ref())
    {
        Some(Value::TensorType(tensor)) => tensor,
        _ => return Err(not_onnx(path, "its input is no tensor")),
    };
    let Some(shape) = &tensor.shape else {
        return Ok(());
    };
    let declared: Vec<Option<i64>> = (shape.dim.iter())
        .map(|dim| match dim.value {
            Some(dimension::Value::DimValue(size)) => Some(size),
            _ => None,
        })
        .collect();
    let fits = declared.len() == card.len()
        && declared
            .iter()
            .zip(card)
            .all(|(d, &c)| d.is_none_or(|d| d <= 0 || d == c as i64));
    if fits {
        return Ok(());
    }
    let actual: Vec<String> = declared
        .iter()
        .map(|d| d.map_or("?".to_owned(), |d| d.to_string()))
        .collect();
    Err(BackboneError::Shape {
        path: path.to_owned(),
        what: "input shape",
        expected: format!("{card:?}"),
        actual: format!("[{}]", actual.join(", ")),
    })
}

/// Removes all outputs except the one asked for, so that nothing else is computed.
fn keep_output(
    path: &Path,
    graph: &mut GraphProto,
    name: Option<&str>,
) -> Result<(), BackboneError> {
    let made: HashSet<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
    let names: Vec<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let wanted = match name {
        Some(name) => graph.output.iter().find(|output| output.name == name),
        None => graph.output.first(),
    };
    match wanted {
        Some(output) if made.contains(&output.name) => graph.output = vec![output.clone()],
        Some(output) => {
            return Err(not_onnx(
                path,
                format!("no node makes its output {:?}", output.name),
            ));
        }
        None => {
            return Err(BackboneError::Shape {
                path: path.to_owned(),
                what: "list of outputs",
                expected: name.map_or("one output".to_owned(), |n| format!("{n:?}")),
                actual: format!("{names:?}"),
            });
        }
    }
    Ok(())
}

fn not_onnx(path: &Path, reason: impl Into<String>) -> BackboneError {
    BackboneError::NotOnnx {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
