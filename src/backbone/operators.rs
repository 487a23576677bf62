//! Names the operator that tract cannot run.
//!
//! tract looks operators up by type and ignores their domain. This module checks both before tract
//! reads the graph, so that an operator of a stranger is never run as ONNX's operator of that name.

use std::collections::HashMap;
use std::path::Path;

use super::BackboneError;
use super::pb::{GraphProto, NodeProto};

/// Operators of ONNX Runtime that tract runs with ONNX Runtime's results.
const OF_ONNX_RUNTIME: [&str; 5] = [
    "BiasGelu",
    "FastGelu",
    "Gelu",
    "QuickGelu",
    "SkipLayerNormalization",
];

/// The most characters of what tract says.
const MOST_REASON: usize = 300;

/// Rejects the first node whose operator tract does not know.
pub(super) fn check(
    path: &Path,
    graph: &GraphProto,
    known: &dyn Fn(&str) -> bool,
) -> Result<(), BackboneError> {
    for node in &graph.node {
        let of_domain = match node.domain.as_str() {
            "" | "ai.onnx" | "ai.onnx.ml" => true,
            "com.microsoft" => OF_ONNX_RUNTIME.contains(&node.op_type.as_str()),
            _ => false,
        };
        if !of_domain || !known(&node.op_type) {
            return Err(error(path, node, "is not supported"));
        }
        for inner in nested(node) {
            check(path, inner, known)?;
        }
    }
    Ok(())
}

/// The error for what tract said, with the operator if `reason` names a node of `graph`.
pub(super) fn rejected(path: &Path, graph: Option<&GraphProto>, reason: String) -> BackboneError {
    let named = graph.and_then(|graph| {
        let mut nodes = HashMap::new();
        collect(graph, &mut nodes);
        // As in `Translating node #4 "y" …` and `Building node y (Conv)`.
        let quoted = reason.split("node #").skip(1);
        let quoted = quoted.filter_map(|rest| rest.split('"').nth(1));
        let plain = reason.split("Building node ").skip(1);
        let plain = plain.filter_map(|rest| rest.split(" (").next());
        // The last one is the innermost.
        quoted
            .chain(plain)
            .filter_map(|name| nodes.get(name).copied())
            .last()
    });
    match named {
        Some(node) => {
            let reason = format!("cannot be used as it is here: {}", short(&reason));
            error(path, node, &reason)
        }
        None => BackboneError::Unsupported {
            path: path.to_owned(),
            reason: short(&reason),
        },
    }
}

/// The first line, up to a limit: tract prints whole graphs.
fn short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST_REASON) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn error(path: &Path, node: &NodeProto, reason: &str) -> BackboneError {
    let domain = match node.domain.as_str() {
        "ai.onnx" => "",
        other => other,
    };
    BackboneError::Operator {
        path: path.to_owned(),
        operator: node.op_type.clone(),
        domain: domain.to_owned(),
        node: label(node).to_owned(),
        reason: reason.to_owned(),
    }
}

/// The name by which tract calls the node.
fn label(node: &NodeProto) -> &str {
    if node.name.is_empty() {
        node.output.first().map_or("", String::as_str)
    } else {
        &node.name
    }
}

fn collect<'a>(graph: &'a GraphProto, nodes: &mut HashMap<&'a str, &'a NodeProto>) {
    for node in &graph.node {
        nodes.insert(label(node), node);
        for inner in nested(node) {
            collect(inner, nodes);
        }
    }
}

fn nested(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute
        .iter()
        .flat_map(|a| a.g.iter().chain(&a.graphs))
}
