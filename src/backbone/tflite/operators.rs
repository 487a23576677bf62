//! Operators of TFLite, each written as nodes of ONNX.

use std::collections::HashSet;

use super::file::{File, Operator, Tensor};
use super::sizes::Sizes;
use super::writer::{Writer, float, int, ints};
use super::{Fault, name_of};
use crate::backbone::pb::{AttributeProto, ModelProto};

/// The most bytes of constants, in single precision.
const MOST_BYTES: usize = 1 << 30;

/// Converts what `outputs` need of the graph from `input` on.
pub(super) fn convert(
    file: &File<'_>,
    input: usize,
    outputs: &[usize],
) -> Result<ModelProto, Fault> {
    let sizes = Sizes::of(file);
    let mut conversion = Conversion {
        file,
        sizes,
        writer: Writer::default(),
        constants: HashSet::new(),
    };
    for index in needed(file, &conversion.sizes, input, outputs) {
        let operator = &file.operators[index];
        conversion.operator(operator).map_err(|reason| {
            let node = operator.outputs.first();
            Fault::Operator {
                operator: name_of(operator),
                node: node.map_or_else(String::new, |&t| file.tensors[t].name.clone()),
                reason,
            }
        })?;
        if conversion.writer.bytes() > MOST_BYTES {
            let reason = format!("its constants take more than {MOST_BYTES} bytes");
            return Err(Fault::File(reason));
        }
    }
    // The shapes of inner tensors may be those of another input.
    let is_whole = file.inputs.contains(&input);
    let input = &file.tensors[input];
    let shape = (is_whole && input.is_fixed).then_some(input.shape.as_slice());
    let outputs: Vec<&str> = (outputs.iter().map(|&t| file.tensors[t].name.as_str())).collect();
    Ok(conversion.writer.finish((&input.name, shape), &outputs))
}

/// The operators that the outputs depend on, in the order in which they run.
fn needed(file: &File<'_>, sizes: &Sizes, input: usize, outputs: &[usize]) -> Vec<usize> {
    let mut wanted: HashSet<usize> = outputs.iter().copied().collect();
    let mut operators = Vec::new();
    for (index, operator) in file.operators.iter().enumerate().rev() {
        let known = |&tensor: &usize| tensor == input || sizes.get(tensor).is_some();
        let gives = |tensor: &usize| wanted.contains(tensor) && !known(tensor);
        if operator.outputs.iter().any(gives) {
            wanted.extend(operator.inputs.iter().flatten());
            operators.push(index);
        }
    }
    operators.reverse();
    operators
}

/// A result, or the reason why an operator cannot be converted.
pub(super) type Converted<T = ()> = Result<T, String>;

pub(super) struct Conversion<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) sizes: Sizes,
    pub(super) writer: Writer,
    /// Tensors whose values were written as constants under their names.
    constants: HashSet<usize>,
}

impl<'a> Conversion<'a> {
    fn operator(&mut self, operator: &Operator<'_>) -> Converted {
        match operator.code {
            0 => self.binary(operator, "Add"),
            41 => self.binary(operator, "Sub"),
            18 => self.binary(operator, "Mul"),
            42 => self.binary(operator, "Div"),
            78 => self.binary(operator, "Pow"),
            55 => self.binary(operator, "Max"),
            57 => self.binary(operator, "Min"),
            99 => {
                let (a, b) = (self.input(operator, 0)?, self.input(operator, 1)?);
                let difference = self.writer.node("Sub", &[&a, &b], Vec::new());
                self.give(operator, "Mul", &[&difference, &difference], Vec::new())
            }
            1 => self.pool(operator, "AveragePool"),
            17 => self.pool(operator, "MaxPool"),
            3 => self.convolution(operator),
            4 => self.depthwise(operator),
            9 => self.fully_connected(operator),
            126 => self.matrix_product(operator),
            2 => self.concatenation(operator),
            83 => self.pack(operator),
            88 => self.unpack(operator),
            49 | 102 => self.split(operator),
            22 => self.reshape(operator),
            43 => self.squeeze(operator),
            70 => {
                let axes = self.list(operator, 1)?;
                let axes = self.writer.list(&axes);
                self.with_first(operator, "Unsqueeze", &[&axes], Vec::new())
            }
            39 => {
                let order = self.list(operator, 1)?;
                self.with_first(operator, "Transpose", &[], vec![ints("perm", &order)])
            }
            34 | 60 | 100 => self.pad(operator),
            36 => self.gather(operator),
            65 => self.slice(operator),
            45 => self.strided_slice(operator),
            69 => {
                let repeats = self.list(operator, 1)?;
                let repeats = self.writer.list(&repeats);
                self.with_first(operator, "Tile", &[&repeats], Vec::new())
            }
            105 => self.reverse(operator),
            40 => self.reduce(operator, "ReduceMean"),
            74 => self.reduce(operator, "ReduceSum"),
            81 => self.reduce(operator, "ReduceProd"),
            82 => self.reduce(operator, "ReduceMax"),
            89 => self.reduce(operator, "ReduceMin"),
            19 => self.activation(operator, 1),
            20 => self.activation(operator, 2),
            21 => self.activation(operator, 3),
            28 => self.unary(operator, "Tanh"),
            14 => self.unary(operator, "Sigmoid"),
            47 => self.unary(operator, "Exp"),
            73 => self.unary(operator, "Log"),
            75 => self.unary(operator, "Sqrt"),
            101 => self.unary(operator, "Abs"),
            59 => self.unary(operator, "Neg"),
            66 => self.unary(operator, "Sin"),
            108 => self.unary(operator, "Cos"),
            8 => self.unary(operator, "Floor"),
            104 => self.unary(operator, "Ceil"),
            116 => self.unary(operator, "Round"),
            111 => self.unary(operator, "Elu"),
            92 => {
                let x = self.input(operator, 0)?;
                self.give(operator, "Mul", &[&x, &x], Vec::new())
            }
            76 => {
                let x = self.input(operator, 0)?;
                let root = self.writer.node("Sqrt", &[&x], Vec::new());
                self.give(operator, "Reciprocal", &[&root], Vec::new())
            }
            98 => {
                let alpha = operator.float(0);
                self.with_first(operator, "LeakyRelu", &[], vec![float("alpha", alpha)])
            }
            54 => {
                let slope = self.input(operator, 1)?;
                self.with_first(operator, "PRelu", &[&slope], Vec::new())
            }
            117 => self.hard_swish(operator),
            150 => self.gelu(operator),
            25 => self.softmax(operator),
            50 => self.with_first(operator, "LogSoftmax", &[], vec![int("axis", -1)]),
            11 => {
                let with = vec![int("axis", -1), int("p", 2)];
                self.with_first(operator, "LpNormalization", &[], with)
            }
            6 | 53 | 114 => self.with_first(operator, "Identity", &[], Vec::new()),
            131 => {
                let reason = "computes a spectrum; the card can name a later tensor as its input";
                Err(reason.to_owned())
            }
            _ => Err("has no counterpart here".to_owned()),
        }
    }

    pub(super) fn tensor(
        &self,
        operator: &Operator<'_>,
        slot: usize,
    ) -> Converted<(usize, &'a Tensor<'a>)> {
        let given = operator.inputs.get(slot).copied().flatten();
        let index = given.ok_or_else(|| format!("lacks its input {slot}"))?;
        Ok((index, &self.file.tensors[index]))
    }

    /// The name of an input. A constant is written at its first use.
    pub(super) fn input(&mut self, operator: &Operator<'_>, slot: usize) -> Converted<String> {
        let (index, tensor) = self.tensor(operator, slot)?;
        let name = tensor.name.clone();
        if tensor.data.is_some() && self.constants.insert(index) {
            let values = tensor.floats();
            let values = values.ok_or_else(|| format!("cannot read its constant {name:?}"))?;
            let constant = self.writer.floats(&tensor.shape, &values);
            self.writer
                .named("Identity", &[&constant], &[&name], Vec::new());
        }
        Ok(name)
    }

    pub(super) fn has_input(&self, operator: &Operator<'_>, slot: usize) -> bool {
        operator.inputs.get(slot).copied().flatten().is_some()
    }

    /// Whole numbers that are known in advance.
    pub(super) fn list(&self, operator: &Operator<'_>, slot: usize) -> Converted<Vec<i64>> {
        let (index, tensor) = self.tensor(operator, slot)?;
        let known = self.sizes.get(index);
        let unknown = || format!("needs {:?} before it runs", tensor.name);
        known.map(<[i64]>::to_vec).ok_or_else(unknown)
    }

    /// The values of a constant.
    pub(super) fn weights(&self, operator: &Operator<'_>, slot: usize) -> Converted<Vec<f32>> {
        let (index, tensor) = self.tensor(operator, slot)?;
        // Weights of fewer bits may stand before a node that converts them.
        let converts = |other: &&Operator<'_>| other.code == 6 && other.outputs == [index];
        let before = || {
            let converted = self.file.operators.iter().find(converts)?;
            let (_, stored) = self.tensor(converted, 0).ok()?;
            stored.floats()
        };
        let values = tensor.floats().or_else(before);
        values.ok_or_else(|| format!("has no constant weights in {:?}", tensor.name))
    }

    /// Adds a node that gives the operator's output.
    pub(super) fn give(
        &mut self,
        operator: &Operator<'_>,
        op: &str,
        inputs: &[&str],
        with: Vec<AttributeProto>,
    ) -> Converted {
        self.give_activated(operator, op, inputs, with, 0)
    }

    /// As [`Self::give`], with a fused activation. A quantised output is limited to its range.
    pub(super) fn give_activated(
        &mut self,
        operator: &Operator<'_>,
        op: &str,
        inputs: &[&str],
        with: Vec<AttributeProto>,
        activation: u8,
    ) -> Converted {
        let [output] = operator.outputs[..] else {
            return Err(format!("has {} outputs", operator.outputs.len()));
        };
        let tensor = &self.file.tensors[output];
        let mut steps = vec![(
            op,
            inputs.iter().map(|&i| i.to_owned()).collect::<Vec<_>>(),
            with,
        )];
        let mut limits = |low: f32, high: f32, writer: &mut Writer| {
            let bounds = vec![String::new(), writer.scalar(low), writer.scalar(high)];
            steps.push(("Clip", bounds, Vec::new()));
        };
        match activation {
            0 => {}
            1 => limits(0.0, f32::MAX, &mut self.writer),
            2 => limits(-1.0, 1.0, &mut self.writer),
            3 => limits(0.0, 6.0, &mut self.writer),
            // TFLite's own kernels leave a fused hyperbolic tangent out.
            4 => return Err("has a fused hyperbolic tangent".to_owned()),
            other => return Err(format!("has the activation {other}")),
        }
        if activation == 1
            && let Some(last) = steps.last_mut()
        {
            *last = ("Relu", vec![String::new()], Vec::new());
        }
        if let Some((low, high)) = tensor.range() {
            let bounds = vec![
                String::new(),
                self.writer.scalar(low),
                self.writer.scalar(high),
            ];
            steps.push(("Clip", bounds, Vec::new()));
        }
        let count = steps.len();
        let mut before = String::new();
        for (index, (op, mut inputs, with)) in steps.into_iter().enumerate() {
            if index > 0 {
                inputs[0].clone_from(&before);
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            if index + 1 == count {
                self.writer.named(op, &inputs, &[&tensor.name], with);
            } else {
                before = self.writer.node(op, &inputs, with);
            }
        }
        Ok(())
    }

    pub(super) fn with_first(
        &mut self,
        operator: &Operator<'_>,
        op: &str,
        others: &[&str],
        with: Vec<AttributeProto>,
    ) -> Converted {
        let x = self.input(operator, 0)?;
        let mut inputs = vec![x.as_str()];
        inputs.extend_from_slice(others);
        self.give(operator, op, &inputs, with)
    }

    pub(super) fn unary(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        self.with_first(operator, op, &[], Vec::new())
    }

    fn activation(&mut self, operator: &Operator<'_>, which: u8) -> Converted {
        let x = self.input(operator, 0)?;
        self.give_activated(operator, "Identity", &[&x], Vec::new(), which)
    }

    fn binary(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        let (a, b) = (self.input(operator, 0)?, self.input(operator, 1)?);
        let fused = match op {
            "Add" | "Sub" | "Mul" | "Div" => operator.byte(0),
            _ => 0,
        };
        self.give_activated(operator, op, &[&a, &b], Vec::new(), fused)
    }

    pub(super) fn inputs(&mut self, operator: &Operator<'_>) -> Converted<Vec<String>> {
        let slots = 0..operator.inputs.len();
        slots.map(|slot| self.input(operator, slot)).collect()
    }

    fn hard_swish(&mut self, operator: &Operator<'_>) -> Converted {
        let x = self.input(operator, 0)?;
        let with = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
        let gate = self.writer.node("HardSigmoid", &[&x], with);
        self.give(operator, "Mul", &[&x, &gate], Vec::new())
    }

    fn gelu(&mut self, operator: &Operator<'_>) -> Converted {
        if operator.byte(0) != 0 {
            return Err("is approximated".to_owned());
        }
        let x = self.input(operator, 0)?;
        let (root, one) = (self.writer.scalar(0.5f32.sqrt()), self.writer.scalar(1.0));
        let half = self.writer.scalar(0.5);
        let scaled = self.writer.node("Mul", &[&x, &root], Vec::new());
        let erf = self.writer.node("Erf", &[&scaled], Vec::new());
        let gate = self.writer.node("Add", &[&erf, &one], Vec::new());
        let gate = self.writer.node("Mul", &[&gate, &half], Vec::new());
        self.give(operator, "Mul", &[&x, &gate], Vec::new())
    }

    fn softmax(&mut self, operator: &Operator<'_>) -> Converted {
        let x = self.input(operator, 0)?;
        let beta = self.writer.scalar(operator.float(0));
        let scaled = self.writer.node("Mul", &[&x, &beta], Vec::new());
        self.give(operator, "Softmax", &[&scaled], vec![int("axis", -1)])
    }
}
