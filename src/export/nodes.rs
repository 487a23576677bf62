//! Nodes and constants of a graph under construction, with unique names.

use std::collections::HashSet;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{self, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

/// The name of a tensor.
pub(super) type Name = String;

/// Nodes in the order in which they run.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    prefix: String,
    made: usize,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Nodes {
    /// An empty list, whose names never equal a name in `inner`.
    pub(super) fn beside(inner: &GraphProto) -> Self {
        let inside = |names: &mut HashSet<String>, graph: &GraphProto| {
            names.extend(graph.initializer.iter().map(|t| t.name.clone()));
            names.extend((graph.input.iter().chain(&graph.output)).map(|v| v.name.clone()));
            for node in &graph.node {
                names.extend(node.output.iter().cloned());
            }
        };
        let mut taken = HashSet::new();
        inside(&mut taken, inner);
        let mut prefix = "afield.".to_owned();
        while taken.iter().any(|name| name.starts_with(&prefix)) {
            prefix.insert(0, '_');
        }
        Self {
            prefix,
            ..Self::default()
        }
    }

    /// An empty list for a graph nested in this one, whose names never equal a name of this
    /// one.
    pub(super) fn inside(&self) -> Self {
        Self {
            prefix: format!("{}inner.", self.prefix),
            ..Self::default()
        }
    }

    /// A new name that nothing else has.
    pub(super) fn name(&mut self, what: &str) -> Name {
        self.made += 1;
        format!("{}{what}.{}", self.prefix, self.made)
    }

    /// Adds a node with one output and returns the output's name.
    pub(super) fn add(
        &mut self,
        op: &str,
        inputs: &[&Name],
        attributes: &[AttributeProto],
    ) -> Name {
        let output = self.name(op);
        self.add_named(op, inputs, attributes, &output);
        output
    }

    /// Adds a node whose output has the given name.
    pub(super) fn add_named(
        &mut self,
        op: &str,
        inputs: &[&Name],
        attributes: &[AttributeProto],
        output: &str,
    ) {
        self.push(op, inputs, attributes, vec![output.to_owned()]);
    }

    fn push(
        &mut self,
        op: &str,
        inputs: &[&Name],
        attributes: &[AttributeProto],
        outputs: Vec<Name>,
    ) {
        let name = self.name("node");
        self.nodes.push(NodeProto {
            op_type: op.to_owned(),
            name,
            input: inputs.iter().map(|&name| name.clone()).collect(),
            output: outputs,
            attribute: attributes.to_vec(),
            ..NodeProto::default()
        });
    }

    /// The `k` largest values along `axis` and their indices, in descending order. Among equal
    /// values, the lower index comes first.
    pub(super) fn top_k(&mut self, values: &Name, k: i64, axis: i64) -> (Name, Name) {
        let k = self.integers(&[k], &[1]);
        let (best, at) = (self.name("top"), self.name("at"));
        let outputs = vec![best.clone(), at.clone()];
        self.push("TopK", &[values, &k], &[integer("axis", axis)], outputs);
        (best, at)
    }

    pub(super) fn double(&mut self, x: &Name) -> Name {
        self.cast(x, DataType::Double)
    }

    pub(super) fn float(&mut self, x: &Name) -> Name {
        self.cast(x, DataType::Float)
    }

    fn cast(&mut self, x: &Name, to: DataType) -> Name {
        self.add("Cast", &[x], &[integer("to", to as i64)])
    }

    /// `x` with this shape; -1 stands for the remaining size.
    pub(super) fn reshape(&mut self, x: &Name, shape: &[i64]) -> Name {
        let shape = self.integers(shape, &[shape.len()]);
        self.add("Reshape", &[x, &shape], &[])
    }

    /// The sum along the first axis, which is removed.
    pub(super) fn sum_first(&mut self, x: &Name) -> Name {
        let axes = self.integers(&[0], &[1]);
        self.add("ReduceSum", &[x, &axes], &[integer("keepdims", 0)])
    }

    /// The square root of the sum of the squares of all values.
    pub(super) fn length(&mut self, x: &Name) -> Name {
        let squares = self.add("Mul", &[x, x], &[]);
        let sum = self.add("ReduceSum", &[&squares], &[integer("keepdims", 0)]);
        self.add("Sqrt", &[&sum], &[])
    }

    /// `x / by`, in double precision; 0 where `by` is 0.
    pub(super) fn quotient(&mut self, x: &Name, by: &Name) -> Name {
        let zero = self.doubles(&[0.0], &[]);
        let infinite = self.doubles(&[f64::INFINITY], &[]);
        let nonzero = self.add("Greater", &[by, &zero], &[]);
        let by = self.add("Where", &[&nonzero, by, &infinite], &[]);
        self.add("Div", &[x, &by], &[])
    }

    /// `x` limited to `[low, high]`, in double precision.
    pub(super) fn clip(&mut self, x: &Name, low: f64, high: f64) -> Name {
        let (low, high) = (self.doubles(&[low], &[]), self.doubles(&[high], &[]));
        self.add("Clip", &[x, &low, &high], &[])
    }

    pub(super) fn integers(&mut self, values: &[i64], shape: &[usize]) -> Name {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(DataType::Int64, raw, shape)
    }

    pub(super) fn doubles(&mut self, values: &[f64], shape: &[usize]) -> Name {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(DataType::Double, raw, shape)
    }

    /// A constant stored in single precision and used in double precision.
    pub(super) fn widened(&mut self, values: &[f32], shape: &[usize]) -> Name {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let stored = self.constant(DataType::Float, raw, shape);
        self.double(&stored)
    }

    /// A constant stored as one byte a value and used in double precision.
    pub(super) fn small(&mut self, values: &[i8], shape: &[usize]) -> Name {
        let raw = values.iter().map(|&x| x as u8).collect();
        let stored = self.constant(DataType::Int8, raw, shape);
        self.double(&stored)
    }

    pub(super) fn strings(&mut self, values: &[&str]) -> Name {
        let name = self.name("strings");
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::String as i32,
            string_data: values.iter().map(|s| s.as_bytes().to_vec()).collect(),
            ..TensorProto::default()
        });
        name
    }

    fn constant(&mut self, kind: DataType, raw: Vec<u8>, shape: &[usize]) -> Name {
        let name = self.name("constant");
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: kind as i32,
            raw_data: raw,
            ..TensorProto::default()
        });
        name
    }

    /// All nodes and all constants.
    pub(super) fn finish(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.constants)
    }
}

pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

pub(super) fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

pub(super) fn graph(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Graph as i32,
        g: Some(graph),
        ..AttributeProto::default()
    }
}

/// The length of one axis of a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Length {
    Fixed(usize),
    Any(&'static str),
}

/// An input or output tensor of a graph.
pub(super) fn tensor(name: &str, kind: DataType, shape: &[Length], doc: &str) -> ValueInfoProto {
    let dim = |length: &Length| Dimension {
        value: Some(match length {
            Length::Fixed(n) => dimension::Value::DimValue(*n as i64),
            Length::Any(name) => dimension::Value::DimParam((*name).to_owned()),
        }),
        ..Dimension::default()
    };
    ValueInfoProto {
        name: name.to_owned(),
        doc_string: doc.to_owned(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(type_proto::Tensor {
                elem_type: kind as i32,
                shape: Some(TensorShapeProto {
                    dim: shape.iter().map(dim).collect(),
                }),
            })),
            ..TypeProto::default()
        }),
    }
}
