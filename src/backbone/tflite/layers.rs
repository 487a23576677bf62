//! Layers with weights, and pools.

use super::file::Operator;
use super::operators::{Conversion, Converted};
use super::writer::{int, ints, text};
use crate::backbone::pb::AttributeProto;

impl Conversion<'_> {
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

    pub(super) fn pool(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        let field = |index| i64::from(operator.int(index, 0));
        let with = vec![
            Self::padding(operator)?,
            ints("strides", &[field(2), field(1)]),
            ints("kernel_shape", &[field(4), field(3)]),
        ];
        self.channels_first(operator, op, &[], with, operator.byte(5))
    }

    pub(super) fn convolution(&mut self, operator: &Operator<'_>) -> Converted {
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
        for filter in
            given.chunks_exact((height.saturating_mul(width).saturating_mul(inputs)).max(1))
        {
            for input in 0..inputs {
                values.extend(filter.iter().skip(input).step_by(inputs));
            }
        }
        let weights = self
            .writer
            .floats(&[outputs, inputs, height, width], &values);
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

    pub(super) fn depthwise(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn fully_connected(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn matrix_product(&mut self, operator: &Operator<'_>) -> Converted {
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
}
