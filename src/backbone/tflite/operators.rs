//! Operators of TFLite, each written as nodes of ONNX.

use std::collections::HashSet;

use super::super::pb::{AttributeProto, ModelProto};
use super::file::{File, Operator, Tensor};
use super::sizes::Sizes;
use super::writer::{Writer, float, int, ints, text};
use super::{Fault, name_of};

/// The operators that can be converted, or that a message may name.
pub(super) const NAMES: [(i32, &str); 84] = [
    (0, "ADD"),
    (1, "AVERAGE_POOL_2D"),
    (2, "CONCATENATION"),
    (3, "CONV_2D"),
    (4, "DEPTHWISE_CONV_2D"),
    (6, "DEQUANTIZE"),
    (8, "FLOOR"),
    (9, "FULLY_CONNECTED"),
    (11, "L2_NORMALIZATION"),
    (14, "LOGISTIC"),
    (16, "LSTM"),
    (17, "MAX_POOL_2D"),
    (18, "MUL"),
    (19, "RELU"),
    (20, "RELU_N1_TO_1"),
    (21, "RELU6"),
    (22, "RESHAPE"),
    (23, "RESIZE_BILINEAR"),
    (25, "SOFTMAX"),
    (26, "SPACE_TO_DEPTH"),
    (27, "SVDF"),
    (28, "TANH"),
    (32, "CUSTOM"),
    (34, "PAD"),
    (36, "GATHER"),
    (37, "BATCH_TO_SPACE_ND"),
    (38, "SPACE_TO_BATCH_ND"),
    (39, "TRANSPOSE"),
    (40, "MEAN"),
    (41, "SUB"),
    (42, "DIV"),
    (43, "SQUEEZE"),
    (44, "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    (45, "STRIDED_SLICE"),
    (47, "EXP"),
    (48, "TOPK_V2"),
    (49, "SPLIT"),
    (50, "LOG_SOFTMAX"),
    (53, "CAST"),
    (54, "PRELU"),
    (55, "MAXIMUM"),
    (56, "ARG_MAX"),
    (57, "MINIMUM"),
    (59, "NEG"),
    (60, "PADV2"),
    (65, "SLICE"),
    (66, "SIN"),
    (67, "TRANSPOSE_CONV"),
    (69, "TILE"),
    (70, "EXPAND_DIMS"),
    (73, "LOG"),
    (74, "SUM"),
    (75, "SQRT"),
    (76, "RSQRT"),
    (77, "SHAPE"),
    (78, "POW"),
    (81, "REDUCE_PROD"),
    (82, "REDUCE_MAX"),
    (83, "PACK"),
    (88, "UNPACK"),
    (89, "REDUCE_MIN"),
    (90, "FLOOR_DIV"),
    (92, "SQUARE"),
    (94, "FILL"),
    (96, "RANGE"),
    (97, "RESIZE_NEAREST_NEIGHBOR"),
    (98, "LEAKY_RELU"),
    (99, "SQUARED_DIFFERENCE"),
    (100, "MIRROR_PAD"),
    (101, "ABS"),
    (102, "SPLIT_V"),
    (104, "CEIL"),
    (105, "REVERSE_V2"),
    (108, "COS"),
    (111, "ELU"),
    (114, "QUANTIZE"),
    (116, "ROUND"),
    (117, "HARD_SWISH"),
    (118, "IF"),
    (119, "WHILE"),
    (126, "BATCH_MATMUL"),
    (130, "BROADCAST_TO"),
    (131, "RFFT2D"),
    (150, "GELU"),
];

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
type Converted<T = ()> = Result<T, String>;

struct Conversion<'a> {
    file: &'a File<'a>,
    sizes: Sizes,
    writer: Writer,
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
            28 => self.activation(operator, 4),
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
            _ => Err("has no counterpart here".to_owned()),
        }
    }

    fn tensor(&self, operator: &Operator<'_>, slot: usize) -> Converted<(usize, &'a Tensor<'a>)> {
        let given = operator.inputs.get(slot).copied().flatten();
        let index = given.ok_or_else(|| format!("lacks its input {slot}"))?;
        Ok((index, &self.file.tensors[index]))
    }

    /// The name of an input. A constant is written at its first use.
    fn input(&mut self, operator: &Operator<'_>, slot: usize) -> Converted<String> {
        let (index, tensor) = self.tensor(operator, slot)?;
        let name = tensor.name.clone();
        if tensor.data.is_some() && self.constants.insert(index) {
            let values = tensor.floats();
            let values = values.ok_or_else(|| format!("cannot read its constant {name:?}"))?;
            let constant = self.writer.floats(&tensor.shape, &values);
            self.writer.named("Identity", &[&constant], &[&name], Vec::new());
        }
        Ok(name)
    }

    fn has_input(&self, operator: &Operator<'_>, slot: usize) -> bool {
        operator.inputs.get(slot).copied().flatten().is_some()
    }

    /// Whole numbers that are known in advance.
    fn list(&self, operator: &Operator<'_>, slot: usize) -> Converted<Vec<i64>> {
        let (index, tensor) = self.tensor(operator, slot)?;
        let known = self.sizes.get(index);
        let unknown = || format!("needs {:?} before it runs", tensor.name);
        known.map(<[i64]>::to_vec).ok_or_else(unknown)
    }

    /// The values of a constant.
    fn weights(&self, operator: &Operator<'_>, slot: usize) -> Converted<Vec<f32>> {
        let (_, tensor) = self.tensor(operator, slot)?;
        let values = tensor.floats();
        values.ok_or_else(|| format!("has no constant weights in {:?}", tensor.name))
    }

    /// Adds a node that gives the operator's output.
    fn give(
        &mut self,
        operator: &Operator<'_>,
        op: &str,
        inputs: &[&str],
        with: Vec<AttributeProto>,
    ) -> Converted {
        self.give_activated(operator, op, inputs, with, 0)
    }

    /// As [`Self::give`], with a fused activation. A quantised output is limited to its range.
    fn give_activated(
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
        let mut steps = vec![(op, inputs.iter().map(|&i| i.to_owned()).collect::<Vec<_>>(), with)];
        let mut limits = |low: f32, high: f32, writer: &mut Writer| {
            let bounds = vec![String::new(), writer.scalar(low), writer.scalar(high)];
            steps.push(("Clip", bounds, Vec::new()));
        };
        match activation {
            0 => {}
            1 => limits(0.0, f32::MAX, &mut self.writer),
            2 => limits(-1.0, 1.0, &mut self.writer),
            3 => limits(0.0, 6.0, &mut self.writer),
            4 => steps.push(("Tanh", vec![String::new()], Vec::new())),
            other => return Err(format!("has the activation {other}")),
        }
        if activation == 1
            && let Some(last) = steps.last_mut()
        {
            *last = ("Relu", vec![String::new()], Vec::new());
        }
        if let Some((low, high)) = tensor.range() {
            let bounds = vec![String::new(), self.writer.scalar(low), self.writer.scalar(high)];
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

    fn with_first(
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

    fn unary(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
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

    /// Runs `op` on channels before height and width, and puts the channels last again.
    fn channels_first(
        &mut self,
        operator: &Operator<'_>,
        op: &str,
        others: &[&str],
        with: Vec<AttributeProto>,
        activation: u8,
    ) -> Converted {
        let x = self.input(operator, 0)?;
        let first = vec![ints("perm", &[0, 3, 1, 2])];
        let x = self.writer.node("Transpose", &[&x], first);
        let mut inputs = vec![x.as_str()];
        inputs.extend_from_slice(others);
        let y = self.writer.node(op, &inputs, with);
        let last = vec![ints("perm", &[0, 2, 3, 1])];
        self.give_activated(operator, "Transpose", &[&y], last, activation)
    }

    fn padding(operator: &Operator<'_>) -> Converted<AttributeProto> {
        match operator.byte(0) {
            0 => Ok(text("auto_pad", "SAME_UPPER")),
            1 => Ok(text("auto_pad", "VALID")),
            other => Err(format!("pads by the rule {other}")),
        }
    }

    fn pool(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        let field = |index| i64::from(operator.int(index, 0));
        let with = vec![
            Self::padding(operator)?,
            ints("strides", &[field(2), field(1)]),
            ints("kernel_shape", &[field(4), field(3)]),
        ];
        self.channels_first(operator, op, &[], with, operator.byte(5))
    }

    fn convolution(&mut self, operator: &Operator<'_>) -> Converted {
        let (_, weights) = self.tensor(operator, 1)?;
        let [outputs, height, width, inputs] = weights.shape[..] else {
            return Err(format!("has weights of shape {:?}", weights.shape));
        };
        let (_, x) = self.tensor(operator, 0)?;
        let channels = x.shape.get(3).copied().unwrap_or(inputs);
        if inputs == 0 || !channels.is_multiple_of(inputs) {
            return Err(format!("reads {inputs} of {channels} channels"));
        }
        // From [outputs, height, width, inputs] to [outputs, inputs, height, width].
        let given = self.weights(operator, 1)?;
        let mut values = Vec::with_capacity(given.len());
        for filter in given.chunks_exact((height * width * inputs).max(1)) {
            for input in 0..inputs {
                values.extend(filter.iter().skip(input).step_by(inputs));
            }
        }
        let weights = self.writer.floats(&[outputs, inputs, height, width], &values);
        let field = |index, default| i64::from(operator.int(index, default));
        let with = vec![
            Self::padding(operator)?,
            ints("strides", &[field(2, 1), field(1, 1)]),
            ints("dilations", &[field(5, 1), field(4, 1)]),
            ints("kernel_shape", &[height as i64, width as i64]),
            int("group", (channels / inputs) as i64),
        ];
        self.with_bias(operator, &weights, with, operator.byte(3))
    }

    fn depthwise(&mut self, operator: &Operator<'_>) -> Converted {
        let (_, weights) = self.tensor(operator, 1)?;
        let [1, height, width, outputs] = weights.shape[..] else {
            return Err(format!("has weights of shape {:?}", weights.shape));
        };
        let (_, x) = self.tensor(operator, 0)?;
        let channels = x.shape.get(3).copied().unwrap_or(outputs);
        if channels == 0 || !outputs.is_multiple_of(channels) {
            return Err(format!("gives {outputs} for {channels} channels"));
        }
        let given = self.weights(operator, 1)?;
        let mut values = Vec::with_capacity(given.len());
        for output in 0..outputs {
            values.extend(given.iter().skip(output).step_by(outputs));
        }
        let weights = self.writer.floats(&[outputs, 1, height, width], &values);
        let field = |index, default| i64::from(operator.int(index, default));
        let with = vec![
            Self::padding(operator)?,
            ints("strides", &[field(2, 1), field(1, 1)]),
            ints("dilations", &[field(6, 1), field(5, 1)]),
            ints("kernel_shape", &[height as i64, width as i64]),
            int("group", channels as i64),
        ];
        self.with_bias(operator, &weights, with, operator.byte(4))
    }

    fn with_bias(
        &mut self,
        operator: &Operator<'_>,
        weights: &str,
        with: Vec<AttributeProto>,
        activation: u8,
    ) -> Converted {
        if !self.has_input(operator, 2) {
            return self.channels_first(operator, "Conv", &[weights], with, activation);
        }
        let bias = self.weights(operator, 2)?;
        let bias = self.writer.floats(&[bias.len()], &bias);
        self.channels_first(operator, "Conv", &[weights, &bias], with, activation)
    }

    fn fully_connected(&mut self, operator: &Operator<'_>) -> Converted {
        let (_, weights) = self.tensor(operator, 1)?;
        let [outputs, inputs] = weights.shape[..] else {
            return Err(format!("has weights of shape {:?}", weights.shape));
        };
        if operator.byte(1) != 0 {
            return Err("has shuffled weights".to_owned());
        }
        let given = self.weights(operator, 1)?;
        let mut values = Vec::with_capacity(given.len());
        for input in 0..inputs {
            values.extend(given.iter().skip(input).step_by(inputs));
        }
        let weights = self.writer.floats(&[inputs, outputs], &values);
        let mut x = self.input(operator, 0)?;
        if operator.byte(2) == 0 && self.tensor(operator, 0)?.1.shape.len() != 2 {
            let flat = self.writer.list(&[-1, inputs as i64]);
            x = self.writer.node("Reshape", &[&x, &flat], Vec::new());
        }
        if !self.has_input(operator, 2) {
            let inputs = [x.as_str(), &weights];
            return self.give_activated(operator, "MatMul", &inputs, Vec::new(), operator.byte(0));
        }
        let product = self.writer.node("MatMul", &[&x, &weights], Vec::new());
        let bias = self.weights(operator, 2)?;
        let bias = self.writer.floats(&[bias.len()], &bias);
        let inputs = [product.as_str(), &bias];
        self.give_activated(operator, "Add", &inputs, Vec::new(), operator.byte(0))
    }

    fn matrix_product(&mut self, operator: &Operator<'_>) -> Converted {
        let mut sides = [self.input(operator, 0)?, self.input(operator, 1)?];
        for (slot, side) in sides.iter_mut().enumerate() {
            if operator.byte(slot) != 0 {
                let rank = self.tensor(operator, slot)?.1.shape.len() as i64;
                let mut order: Vec<i64> = (0..rank).collect();
                if rank < 2 {
                    return Err(format!("multiplies by {rank} axes"));
                }
                order.swap(rank as usize - 2, rank as usize - 1);
                *side = (self.writer).node("Transpose", &[side], vec![ints("perm", &order)]);
            }
        }
        self.give(operator, "MatMul", &[&sides[0], &sides[1]], Vec::new())
    }

    fn inputs(&mut self, operator: &Operator<'_>) -> Converted<Vec<String>> {
        let slots = 0..operator.inputs.len();
        slots.map(|slot| self.input(operator, slot)).collect()
    }

    fn concatenation(&mut self, operator: &Operator<'_>) -> Converted {
        let inputs = self.inputs(operator)?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let with = vec![int("axis", i64::from(operator.int(0, 0)))];
        self.give_activated(operator, "Concat", &inputs, with, operator.byte(1))
    }

    fn pack(&mut self, operator: &Operator<'_>) -> Converted {
        let axis = i64::from(operator.int(1, 0));
        let axes = self.writer.list(&[axis]);
        let mut parts = Vec::new();
        for part in self.inputs(operator)? {
            parts.push(self.writer.node("Unsqueeze", &[&part, &axes], Vec::new()));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.give(operator, "Concat", &parts, vec![int("axis", axis)])
    }

    fn unpack(&mut self, operator: &Operator<'_>) -> Converted {
        let axis = i64::from(operator.int(1, 0));
        let x = self.input(operator, 0)?;
        let parts = self.writer.names(operator.outputs.len());
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        (self.writer).named("Split", &[&x], &names, vec![int("axis", axis)]);
        let axes = self.writer.list(&[axis]);
        for (part, &output) in parts.iter().zip(&operator.outputs) {
            let name = &self.file.tensors[output].name;
            (self.writer).named("Squeeze", &[part, &axes], &[name], Vec::new());
        }
        Ok(())
    }

    fn split(&mut self, operator: &Operator<'_>) -> Converted {
        // SPLIT has the axis before the values, SPLIT_V after the lengths of the parts.
        let (value, axis) = if operator.code == 49 { (1, 0) } else { (0, 2) };
        let axis = self.list(operator, axis)?.first().copied().unwrap_or(0);
        let mut inputs = vec![self.input(operator, value)?];
        if operator.code == 102 {
            let lengths = self.list(operator, 1)?;
            if lengths.iter().any(|&length| length < 0) {
                return Err("leaves the length of a part open".to_owned());
            }
            inputs.push(self.writer.list(&lengths));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let outputs: Vec<&str> = (operator.outputs.iter())
            .map(|&output| self.file.tensors[output].name.as_str())
            .collect();
        (self.writer).named("Split", &inputs, &outputs, vec![int("axis", axis)]);
        Ok(())
    }

    fn reshape(&mut self, operator: &Operator<'_>) -> Converted {
        let shape = match self.has_input(operator, 1) {
            true => self.list(operator, 1)?,
            false => {
                let shape = operator.ints(0).ok_or("has no shape")?;
                shape.into_iter().map(i64::from).collect()
            }
        };
        // A 0 would keep an axis.
        if shape.contains(&0) {
            return Err(format!("gives the shape {shape:?}"));
        }
        let shape = self.writer.list(&shape);
        self.with_first(operator, "Reshape", &[&shape], Vec::new())
    }

    fn squeeze(&mut self, operator: &Operator<'_>) -> Converted {
        match operator.ints(0) {
            Some(axes) if !axes.is_empty() => {
                let axes: Vec<i64> = axes.into_iter().map(i64::from).collect();
                let axes = self.writer.list(&axes);
                self.with_first(operator, "Squeeze", &[&axes], Vec::new())
            }
            _ => self.unary(operator, "Squeeze"),
        }
    }

    fn pad(&mut self, operator: &Operator<'_>) -> Converted {
        let pairs = self.list(operator, 1)?;
        let pads: Vec<i64> = (pairs.iter().step_by(2))
            .chain(pairs.iter().skip(1).step_by(2))
            .copied()
            .collect();
        let pads = self.writer.list(&pads);
        match operator.code {
            100 => {
                let mode = match operator.byte(0) {
                    0 => "reflect",
                    _ => return Err("pads symmetrically".to_owned()),
                };
                self.with_first(operator, "Pad", &[&pads], vec![text("mode", mode)])
            }
            60 if self.has_input(operator, 2) => {
                let value = self.weights(operator, 2)?.first().copied();
                let value = self.writer.scalar(value.unwrap_or(0.0));
                self.with_first(operator, "Pad", &[&pads, &value], Vec::new())
            }
            _ => self.with_first(operator, "Pad", &[&pads], Vec::new()),
        }
    }

    fn gather(&mut self, operator: &Operator<'_>) -> Converted {
        let (index, tensor) = self.tensor(operator, 1)?;
        if operator.int(1, 0) != 0 {
            return Err("gathers within a batch".to_owned());
        }
        let indices = self.sizes.get(index).ok_or("has computed indices")?.to_vec();
        let fits = tensor.count() == Some(indices.len());
        let shape = if fits { tensor.shape.clone() } else { vec![indices.len()] };
        let indices = self.writer.ints(&shape, &indices);
        let with = vec![int("axis", i64::from(operator.int(0, 0)))];
        self.with_first(operator, "Gather", &[&indices], with)
    }

    fn slice(&mut self, operator: &Operator<'_>) -> Converted {
        let (starts, sizes) = (self.list(operator, 1)?, self.list(operator, 2)?);
        let ends: Vec<i64> = (starts.iter().zip(&sizes))
            .map(|(&start, &size)| if size < 0 { i64::MAX } else { start + size })
            .collect();
        let (starts, ends) = (self.writer.list(&starts), self.writer.list(&ends));
        self.with_first(operator, "Slice", &[&starts, &ends], Vec::new())
    }

    fn strided_slice(&mut self, operator: &Operator<'_>) -> Converted {
        let [mut starts, mut ends, steps] =
            [self.list(operator, 1)?, self.list(operator, 2)?, self.list(operator, 3)?];
        let masks = [0, 1, 2, 3, 4].map(|field| operator.int(field, 0));
        let [begin, end, ellipsis, new_axis, shrink] = masks;
        if ellipsis != 0 || new_axis != 0 || steps.iter().any(|&step| step < 1) {
            return Err("has an ellipsis, a new axis or a step back".to_owned());
        }
        if starts.len() != ends.len() || starts.len() != steps.len() || starts.len() > 31 {
            return Err("has lists of different lengths".to_owned());
        }
        let mut dropped = Vec::new();
        for axis in 0..starts.len() {
            if shrink >> axis & 1 == 1 {
                ends[axis] = if starts[axis] == -1 { i64::MAX } else { starts[axis] + 1 };
                dropped.push(axis as i64);
                continue;
            }
            if begin >> axis & 1 == 1 {
                starts[axis] = 0;
            }
            if end >> axis & 1 == 1 {
                ends[axis] = i64::MAX;
            }
        }
        let axes: Vec<i64> = (0..starts.len() as i64).collect();
        let lists = [starts, ends, axes, steps].map(|list| self.writer.list(&list));
        let lists = lists.each_ref().map(String::as_str);
        if dropped.is_empty() {
            return self.with_first(operator, "Slice", &lists, Vec::new());
        }
        let x = self.input(operator, 0)?;
        let mut inputs = vec![x.as_str()];
        inputs.extend(lists);
        let slice = self.writer.node("Slice", &inputs, Vec::new());
        let dropped = self.writer.list(&dropped);
        self.give(operator, "Squeeze", &[&slice, &dropped], Vec::new())
    }

    fn reverse(&mut self, operator: &Operator<'_>) -> Converted {
        let [axis] = self.list(operator, 1)?[..] else {
            return Err("reverses several axes".to_owned());
        };
        let (_, tensor) = self.tensor(operator, 0)?;
        let rank = tensor.shape.len() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        let size = usize::try_from(axis).ok().and_then(|axis| tensor.shape.get(axis));
        let Some(&size) = size.filter(|_| tensor.is_fixed) else {
            return Err("reverses an axis of unknown length".to_owned());
        };
        let order: Vec<i64> = (0..size as i64).rev().collect();
        let order = self.writer.list(&order);
        self.with_first(operator, "Gather", &[&order], vec![int("axis", axis)])
    }

    fn reduce(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        let axes = self.list(operator, 1)?;
        let keep = int("keepdims", i64::from(operator.byte(0) != 0));
        if op == "ReduceSum" {
            let axes = self.writer.list(&axes);
            return self.with_first(operator, op, &[&axes], vec![keep]);
        }
        self.with_first(operator, op, &[], vec![ints("axes", &axes), keep])
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
