//! Nodes and constants of the ONNX graph that a TFLite file becomes.

use crate::backbone::graph::tensor_info;
use crate::backbone::pb::attribute_proto::AttributeType;
use crate::backbone::pb::tensor_proto::DataType;
use crate::backbone::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};

/// The version of ONNX's operators that the nodes follow.
const OPSET: i64 = 13;

/// A graph under construction. Names of its own begin with a character that keeps them apart from
/// the names of the file.
#[derive(Default)]
pub(super) struct Writer {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    made: usize,
    /// Bytes of all constants.
    bytes: usize,
}

impl Writer {
    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("\u{b7}{}", self.made)
    }

    /// Adds a node and returns the name of its only output.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], with: Vec<AttributeProto>) -> String {
        let output = self.fresh();
        self.named(op, inputs, &[&output], with);
        output
    }

    /// Adds a node whose outputs have the given names.
    pub(super) fn named(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        with: Vec<AttributeProto>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(NodeProto {
            op_type: op.to_owned(),
            name: outputs.first().map_or_else(String::new, |&n| n.to_owned()),
            input: owned(inputs),
            output: owned(outputs),
            attribute: with,
            ..NodeProto::default()
        });
    }

    /// Several new names, for the outputs of one node.
    pub(super) fn names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.fresh()).collect()
    }

    pub(super) fn floats(&mut self, shape: &[usize], values: &[f32]) -> String {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(DataType::Float, shape, bytes)
    }

    pub(super) fn scalar(&mut self, value: f32) -> String {
        self.floats(&[], &[value])
    }

    /// A list of whole numbers.
    pub(super) fn list(&mut self, values: &[i64]) -> String {
        self.ints(&[values.len()], values)
    }

    pub(super) fn ints(&mut self, shape: &[usize], values: &[i64]) -> String {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(DataType::Int64, shape, bytes)
    }

    fn constant(&mut self, kind: DataType, shape: &[usize], bytes: Vec<u8>) -> String {
        let name = self.fresh();
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: kind as i32,
            raw_data: bytes,
            ..TensorProto::default()
        });
        name
    }

    /// Bytes of all constants so far. Operators may share those of the file.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole graph.
    pub(super) fn finish(self, input: (&str, Option<&[usize]>), outputs: &[&str]) -> ModelProto {
        let outputs = outputs.iter().map(|name| tensor_info(name, None)).collect();
        ModelProto {
            opset_import: vec![OperatorSetIdProto {
                version: OPSET,
                ..OperatorSetIdProto::default()
            }],
            ir_version: 8,
            graph: Some(GraphProto {
                node: self.nodes,
                initializer: self.constants,
                input: vec![tensor_info(input.0, input.1)],
                output: outputs,
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        }
    }
}

/// A whole number as an attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Float as i32,
        f: value,
        ..AttributeProto::default()
    }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::String as i32,
        s: value.as_bytes().to_vec(),
        ..AttributeProto::default()
    }
}
