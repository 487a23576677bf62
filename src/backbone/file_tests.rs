//! Random ONNX files, read as chains by Afield and run by tract.

use std::fmt::Debug;

use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tract_onnx::prelude::*;

use super::pb::tensor_proto::DataType;
use super::pb::tensor_shape_proto::{Dimension, dimension};
use super::pb::type_proto::{self, Value};
use super::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto::AttributeType,
};
use super::{Layout, chain_of_onnx, native, tract_parse};

const ROWS: usize = 24;
const BANDS: usize = 10;

/// An ONNX file under construction. Its latest tensor is `[1, channels, rows, bands]`.
struct Draft {
    graph: GraphProto,
    rng: ChaCha8Rng,
    at: String,
    shape: [usize; 4],
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|&value| value as i64).collect(),
        ..AttributeProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::String as i32,
        s: value.as_bytes().to_vec(),
        ..AttributeProto::default()
    }
}

fn info(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim = |&length: &usize| Dimension {
        value: Some(dimension::Value::DimValue(length as i64)),
        ..Dimension::default()
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(type_proto::Tensor {
                elem_type: DataType::Float as i32,
                shape: Some(TensorShapeProto {
                    dim: shape.iter().map(dim).collect(),
                }),
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

impl Draft {
    fn node(&mut self, op: &str, inputs: &[String], attributes: Vec<AttributeProto>) {
        let output = format!("t{}", self.graph.node.len());
        let first = std::mem::replace(&mut self.at, output.clone());
        self.graph.node.push(NodeProto {
            op_type: op.to_owned(),
            input: [&[first], inputs].concat(),
            output: vec![output],
            attribute: attributes,
            ..NodeProto::default()
        });
    }

    fn constant(&mut self, kind: DataType, shape: &[usize], raw_data: Vec<u8>) -> String {
        let name = format!("c{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..TensorProto::default()
        });
        name
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        let raw = raw.collect();
        self.constant(DataType::Int64, &[values.len()], raw)
    }

    fn floats(&mut self, shape: &[usize], low: f32, high: f32) -> String {
        let count = shape.iter().product();
        let raw = (0..count)
            .flat_map(|_| self.rng.random_range(low..high).to_le_bytes())
            .collect();
        self.constant(DataType::Float, shape, raw)
    }

    fn channels(&self) -> usize {
        self.shape[1]
    }

    /// Chooses kernel, strides and padding of a layer, and updates the size.
    fn window(&mut self, pads: bool) -> Vec<AttributeProto> {
        let (rows, bands) = (self.shape[2], self.shape[3]);
        let kernel = [1, 2, 3].map(|most| most.min(rows).min(bands));
        let kernel: Vec<usize> = (0..2)
            .map(|_| *kernel.choose(&mut self.rng).unwrap())
            .collect();
        let strides: Vec<usize> = (0..2).map(|_| self.rng.random_range(1..=2)).collect();
        let mut attributes = vec![ints("kernel_shape", &kernel), ints("strides", &strides)];
        let same = pads && self.rng.random_bool(0.5);
        if same {
            let upper = self.rng.random_bool(0.5);
            attributes.push(text(
                "auto_pad",
                if upper { "SAME_UPPER" } else { "SAME_LOWER" },
            ));
        }
        let given: Vec<usize> = (0..4)
            .map(|side| match pads && !same && kernel[side % 2] > 1 {
                true => self.rng.random_range(0..=1),
                false => 0,
            })
            .collect();
        if given.iter().any(|&pad| pad > 0) {
            attributes.push(ints("pads", &given));
        }
        for side in 0..2 {
            let length = self.shape[2 + side];
            self.shape[2 + side] = match same {
                true => length.div_ceil(strides[side]),
                false => {
                    let padded = length + given[side] + given[2 + side];
                    (padded - kernel[side]) / strides[side] + 1
                }
            };
        }
        attributes
    }

    fn conv(&mut self) {
        let inputs = self.channels();
        let depthwise = inputs > 1 && self.rng.random_bool(0.3);
        let mut attributes = self.window(true);
        let kernel = attributes[0].ints.clone();
        let outputs = if depthwise {
            inputs
        } else {
            self.rng.random_range(1..=6)
        };
        let groups = if depthwise { inputs } else { 1 };
        attributes.push(int("group", groups as i64));
        let shape = [
            outputs,
            inputs / groups,
            kernel[0] as usize,
            kernel[1] as usize,
        ];
        let mut given = vec![self.floats(&shape, -0.7, 0.7)];
        if self.rng.random_bool(0.7) {
            given.push(self.floats(&[outputs], -0.5, 0.5));
        }
        self.node("Conv", &given, attributes);
        self.shape[1] = outputs;
    }

    fn layer(&mut self) {
        let channels = self.channels();
        match self.rng.random_range(0..12) {
            0..=3 => self.conv(),
            4 => {
                let attributes = self.window(false);
                self.node("MaxPool", &[], attributes);
            }
            5 => {
                let attributes = self.window(false);
                self.node("AveragePool", &[], attributes);
            }
            6 => self.node("Relu", &[], vec![]),
            7 => {
                let (low, high) = (self.floats(&[], -0.5, 0.0), self.floats(&[], 0.5, 2.0));
                self.node("Clip", &[low, high], vec![]);
            }
            8 => {
                let op = *["Add", "Sub", "Mul", "Div"].choose(&mut self.rng).unwrap();
                let shape: &[usize] = match self.rng.random_range(0..3) {
                    0 => &[],
                    1 => &[1, channels, 1, 1],
                    _ => &[channels, 1, 1],
                };
                let value = self.floats(shape, 0.5, 1.5);
                self.node(op, &[value], vec![]);
            }
            9 => {
                let scale = self.floats(&[channels], 0.5, 1.5);
                let shift = self.floats(&[channels], -0.5, 0.5);
                let mean = self.floats(&[channels], -0.5, 0.5);
                let variance = self.floats(&[channels], 0.2, 1.5);
                self.node(
                    "BatchNormalization",
                    &[scale, shift, mean, variance],
                    vec![],
                );
            }
            10 => {
                // A transposition and its inverse, whose axes the reader has to track.
                self.node("Transpose", &[], vec![ints("perm", &[0, 2, 3, 1])]);
                let axes = self.integers(&[0]);
                self.node("Squeeze", std::slice::from_ref(&axes), vec![]);
                self.node("Unsqueeze", &[axes], vec![]);
                self.node("Transpose", &[], vec![ints("perm", &[0, 3, 1, 2])]);
            }
            _ => self.node("Identity", &[], vec![]),
        }
    }
}

/// A random file that gives one embedding a window, and the embedding's size.
fn random_file(seed: u64) -> (ModelProto, usize) {
    let mut draft = Draft {
        graph: GraphProto::default(),
        rng: ChaCha8Rng::seed_from_u64(seed),
        at: "frames".to_owned(),
        shape: [1, 1, ROWS, BANDS],
    };
    let shape = draft.integers(&[0, 1, ROWS as i64, -1]);
    draft.node("Reshape", &[shape], vec![]);
    draft.conv();
    for _ in 0..draft.rng.random_range(2..8) {
        draft.layer();
    }
    let channels = draft.channels();
    match draft.rng.random_range(0..3) {
        0 => {
            draft.node("GlobalAveragePool", &[], vec![]);
            draft.node("Flatten", &[], vec![]);
        }
        1 => {
            let attributes = vec![ints("axes", &[2, 3]), int("keepdims", 0)];
            draft.node("ReduceMean", &[], attributes);
        }
        _ => {
            draft.node("GlobalMaxPool", &[], vec![]);
            let shape = draft.integers(&[1, channels as i64]);
            draft.node("Reshape", &[shape], vec![]);
        }
    }
    draft.graph.input = vec![info("frames", &[1, ROWS, BANDS])];
    draft.graph.output = vec![info(&draft.at, &[1, channels])];
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 13,
        }],
        graph: Some(draft.graph),
        ..ModelProto::default()
    };
    (model, channels)
}

fn layout(size: usize) -> Layout {
    Layout {
        input: vec![1, ROWS, BANDS],
        frames_axis: 1,
        bands_axis: 2,
        bands: BANDS,
        channels: 1,
        window_frames: ROWS,
        hop_frames: 4,
        size,
    }
}

/// Runs the model on tract without optimising it. With optimisation, tract's results for ten of
/// these files differ from those of ONNX Runtime; without it, they agree (docs/upstream-tract.md).
fn run(model: &ModelProto, frames: &[f32]) -> TractResult<Vec<f32>> {
    let mut read = tract_parse::parse(model)?.model;
    read.set_input_fact(0, f32::fact([1, ROWS, BANDS]).into())?;
    let input = Tensor::from_shape(&[1, ROWS, BANDS], frames)?;
    let plan = read.into_typed()?.into_runnable()?;
    let output = plan.run(tvec!(input.into()))?;
    Ok(output[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn some<T: Debug>(seed: u64, what: Result<T, impl Debug>) -> T {
    what.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"))
}

#[test]
fn random_files_agree_with_tract() {
    for seed in 0..300 {
        let (model, size) = random_file(seed);
        let (layout, graph) = (layout(size), model.graph.as_ref().unwrap());
        let (chain, shape) = some(seed, chain_of_onnx::read(graph, &layout));
        assert_eq!(shape, [1, size], "seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let frames: Vec<f32> = (0..ROWS * BANDS)
            .map(|_| rng.random_range(-2.0..2.0))
            .collect();
        let expected = some(seed, run(&model, &frames));
        let (mut stream, mut actual) = (
            native::Plan::windowed(&chain, &layout).stream(&layout),
            Vec::new(),
        );
        stream.push(&layout, &frames, &mut actual);
        let scale = expected.iter().fold(1.0f32, |m, x| m.max(x.abs()));
        assert_eq!(actual.len(), expected.len(), "seed {seed}");
        for (a, e) in actual.iter().zip(&expected) {
            assert!((a - e).abs() < 2e-5 * scale, "seed {seed}: {a} for {e}");
        }
    }
}

#[test]
fn random_attributes_are_read_or_rejected() {
    let mut refused = 0;
    for seed in 0..2_000 {
        let (mut model, size) = random_file(seed % 100);
        let graph = model.graph.as_mut().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let any = |rng: &mut ChaCha8Rng| {
            *[-1, 0, 1, 2, 7, 1 << 17, 1 << 40, i64::MAX, i64::MIN]
                .choose(rng)
                .unwrap()
        };
        let at = rng.random_range(0..graph.node.len());
        let node = &mut graph.node[at];
        match node.attribute.choose_mut(&mut rng) {
            Some(attribute) => {
                attribute.i = any(&mut rng);
                for value in &mut attribute.ints {
                    if rng.random_bool(0.5) {
                        *value = any(&mut rng);
                    }
                }
            }
            None => drop(node.input.pop()),
        }
        let at = rng.random_range(0..graph.initializer.len());
        let tensor = &mut graph.initializer[at];
        match rng.random_range(0..3) {
            0 => tensor
                .raw_data
                .truncate(rng.random_range(0..=tensor.raw_data.len())),
            1 => tensor
                .dims
                .iter_mut()
                .for_each(|length| *length = any(&mut rng)),
            _ => {}
        }
        refused += usize::from(chain_of_onnx::read(graph, &layout(size)).is_err());
    }
    println!("{refused} of 2000 refused");
    assert!((500..2_000).contains(&refused), "{refused}");
}
