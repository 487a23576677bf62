//! Parses an ONNX file and checks it: the sizes are within limits, there is no external data, and
//! the card's input and output are present. Local functions are replaced by their nodes, and half
//! precision by single precision.
//!
//! tract does not check its input everywhere: for example, it indexes maps by names from the file.
//! This module checks these places first.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use prost::Message;

use super::pb::tensor_proto::DataLocation;
use super::pb::tensor_proto::DataType;
use super::pb::tensor_shape_proto::{Dimension, dimension};
use super::pb::type_proto::{self, Value};
use super::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use super::{BackboneError, dequantise, functions, precision};
#[cfg(feature = "tract")]
use super::{edges, operators, tflite, tract_parse};
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
            #[cfg(feature = "tract")]
            operators::check(path, graph, &tract_parse::knows)?;
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

    /// As [`Self::unsupported`], with the operator if the reason names a node.
    #[cfg(feature = "tract")]
    pub(super) fn rejected(&self, reason: String) -> BackboneError {
        operators::rejected(&self.path, self.proto.graph.as_ref(), reason)
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
    let names = (card.input.name.as_deref(), card.output.name.as_deref());
    let mut proto = decoded(bytes, path, names)?;
    let graph = proto.graph.get_or_insert_default();
    precision::widen(graph);
    if let Some(name) = &card.input.name {
        begin_at(path, graph, name)?;
    }
    #[cfg_attr(
        not(feature = "tract"),
        expect(unused_variables, reason = "chains compute in single precision only")
    )]
    let input = check_input(path, graph, &card.input.shape)?;
    keep_output(path, graph, card.output.name.as_deref())?;
    keep_needed(graph);
    #[cfg(feature = "tract")]
    edges::convert(graph, &input).map_err(|reason| BackboneError::Unsupported {
        path: path.to_owned(),
        reason,
    })?;
    Ok(proto)
}

/// The model in the file within limits, with its functions inlined. It holds a graph. Of a TFLite
/// file, it holds what lies between the tensors that are named.
#[cfg_attr(
    not(feature = "tract"),
    expect(unused_variables, reason = "TFLite files need tract's messages")
)]
pub(super) fn decoded(
    bytes: &[u8],
    path: &Path,
    (input, output): (Option<&str>, Option<&str>),
) -> Result<ModelProto, BackboneError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(path, bytes.len() as u64));
    }
    #[cfg(feature = "tract")]
    if tflite::is_tflite(bytes) {
        let proto = tflite::to_onnx(bytes, input, output).map_err(|fault| match fault {
            tflite::Fault::File(reason) => not_tflite(path, reason),
            tflite::Fault::Operator {
                operator,
                node,
                reason,
            } => BackboneError::Operator {
                path: path.to_owned(),
                domain: String::new(),
                operator,
                node,
                reason,
            },
        })?;
        if let Some(graph) = &proto.graph {
            check(path, graph)?;
        }
        return Ok(proto);
    }
    #[cfg(not(feature = "tract"))]
    if bytes.get(4..8) == Some(b"TFL3") {
        let reason = "this build, without the feature `tract`, reads ONNX only";
        return Err(not_tflite(path, reason.to_owned()));
    }
    let mut proto = ModelProto::decode(bytes).map_err(|e| not_onnx(path, format!("{e:#}")))?;
    functions::inline(&mut proto, bytes).map_err(|reason| not_onnx(path, reason))?;
    match &proto.graph {
        Some(graph) => check(path, graph)?,
        None => return Err(not_onnx(path, "it holds no graph")),
    }
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
        check_tensor(path, tensor)?;
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

/// Rejects a tensor whose values lie in another file, or whose shape no memory holds.
fn check_tensor(path: &Path, tensor: &TensorProto) -> Result<(), BackboneError> {
    let name = &tensor.name;
    if tensor.data_location == Some(DataLocation::External as i32)
        || !tensor.external_data.is_empty()
    {
        let location = tensor.external_data.iter().find(|e| e.key == "location");
        return Err(BackboneError::ExternalData {
            path: path.to_owned(),
            tensor: name.clone(),
            location: location.map_or_else(String::new, |entry| entry.value.clone()),
        });
    }
    let values = tensor.dims.iter().try_fold(1i64, |n, &d| {
        n.checked_mul(d)
            .filter(|&n| d >= 0 && n <= MAX_BYTES as i64)
    });
    if values.is_none() {
        let reason = format!("tensor {name:?} has the shape {:?}", tensor.dims);
        return Err(not_onnx(path, reason));
    }
    Ok(())
}

/// Checks the tensors in attributes. Rejects a transposition that names an axis twice. tract does not
/// check for it, and would never return.
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
        for attribute in &node.attribute {
            let tensors = attribute.t.iter();
            #[cfg(feature = "tract")]
            let tensors = tensors.chain(&attribute.tensors);
            for tensor in tensors {
                check_tensor(path, tensor)?;
            }
        }
        // Nested graphs. Without tract, no node has any.
        #[cfg(feature = "tract")]
        for inner in node
            .attribute
            .iter()
            .flat_map(|a| a.g.iter().chain(&a.graphs))
        {
            for tensor in &inner.initializer {
                check_tensor(path, tensor)?;
            }
            check_nodes(path, inner)?;
        }
    }
    Ok(())
}

/// The name of the input, and the sizes that the file declares for it; `None` for an axis without
/// one. No size at all means that the file declares no shape.
pub(super) fn declared_input(
    path: &Path,
    graph: &GraphProto,
) -> Result<(String, Vec<Option<usize>>), BackboneError> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let input = graph
        .input
        .iter()
        .find(|i| !constants.contains(i.name.as_str()));
    let name = input.map_or_else(String::new, |i| i.name.clone());
    let tensor = match input
        .and_then(|i| i.r#type.as_ref())
        .and_then(|t| t.value.as_ref())
    {
        Some(Value::TensorType(tensor)) => tensor,
        _ => return Err(not_onnx(path, "its input is no tensor")),
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let size = |dim: &Dimension| match dim.value {
        Some(dimension::Value::DimValue(size)) => usize::try_from(size).ok().filter(|&s| s > 0),
        _ => None,
    };
    Ok((name, dims.iter().map(size).collect()))
}

/// Compares the sizes that the file declares for its input with the card's. Symbolic and missing
/// sizes agree with every size. Returns the name of the input.
fn check_input(path: &Path, graph: &GraphProto, card: &[usize]) -> Result<String, BackboneError> {
    let (name, declared) = declared_input(path, graph)?;
    if declared.is_empty() {
        return Ok(name);
    }
    let fits = declared.len() == card.len()
        && declared
            .iter()
            .zip(card)
            .all(|(d, &c)| d.is_none_or(|d| d == c));
    if fits {
        return Ok(name);
    }
    if let (Some(&Some(batch)), Some(1)) = (declared.first(), card.first())
        && declared.len() == card.len()
        && batch > 1
    {
        let path = path.to_owned();
        return Err(BackboneError::Batch { path, batch });
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

/// Makes the tensor `name`, which a node makes so far, the graph's input.
fn begin_at(path: &Path, graph: &mut GraphProto, name: &str) -> Result<(), BackboneError> {
    if graph.input.iter().any(|input| input.name == name) {
        return Ok(());
    }
    let maker = (graph.node.iter_mut()).find(|node| node.output.iter().any(|made| made == name));
    let Some(maker) = maker else {
        return Err(not_onnx(path, format!("it has no tensor {name:?}")));
    };
    for made in &mut maker.output {
        if made == name {
            *made = format!("{name} before");
        }
    }
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    graph
        .input
        .retain(|input| constants.contains(input.name.as_str()));
    graph.input.push(tensor_info(name, None));
    Ok(())
}

/// A tensor of single precision, of this shape or of any.
pub(super) fn tensor_info(name: &str, shape: Option<&[usize]>) -> ValueInfoProto {
    let dim = |&size: &usize| Dimension {
        value: Some(dimension::Value::DimValue(size as i64)),
        ..Dimension::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: shape.map(|shape| TensorShapeProto {
            dim: shape.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// Removes all outputs except the one asked for, which may be any tensor, so that nothing else is
/// computed.
fn keep_output(
    path: &Path,
    graph: &mut GraphProto,
    name: Option<&str>,
) -> Result<(), BackboneError> {
    let made: HashSet<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
    let names: Vec<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let wanted = match name {
        Some(name) => {
            let output = graph.output.iter().find(|output| output.name == name);
            let inner = || {
                made.iter()
                    .any(|made| *made == name)
                    .then(|| tensor_info(name, None))
            };
            output.cloned().or_else(inner)
        }
        None => graph.output.first().cloned(),
    };
    match wanted {
        Some(output) if made.contains(&output.name) => graph.output = vec![output],
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

/// Removes the nodes that the output does not depend on, so that they need not be supported.
fn keep_needed(graph: &mut GraphProto) {
    let makers: HashMap<&str, usize> = (graph.node.iter().enumerate())
        .flat_map(|(index, node)| node.output.iter().map(move |name| (name.as_str(), index)))
        .collect();
    let mut needed = vec![false; graph.node.len()];
    let mut open: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    while let Some(name) = open.pop() {
        let Some(&index) = makers.get(name) else {
            continue;
        };
        if !needed[index] {
            needed[index] = true;
            names_read(&graph.node[index], &mut open);
        }
    }
    let mut needed = needed.into_iter();
    graph.node.retain(|_| needed.next().unwrap_or(true));
}

/// The names that the node and the graphs nested in it read.
fn names_read<'a>(node: &'a NodeProto, names: &mut Vec<&'a str>) {
    names.extend(node.input.iter().map(String::as_str));
    #[cfg(feature = "tract")]
    for inner in (node.attribute.iter()).flat_map(|a| a.g.iter().chain(&a.graphs)) {
        names.extend(inner.output.iter().map(|o| o.name.as_str()));
        for node in &inner.node {
            names_read(node, names);
        }
    }
}

fn not_tflite(path: &Path, reason: String) -> BackboneError {
    BackboneError::NotTflite {
        path: path.to_owned(),
        reason,
    }
}

fn not_onnx(path: &Path, reason: impl Into<String>) -> BackboneError {
    BackboneError::NotOnnx {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
