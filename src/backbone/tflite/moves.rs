//! Operators that move values, and those that reduce axes.

use super::file::Operator;
use super::operators::{Conversion, Converted};
use super::writer::{int, ints, text};

impl Conversion<'_> {
    pub(super) fn concatenation(&mut self, operator: &Operator<'_>) -> Converted {
        let inputs = self.inputs(operator)?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let with = vec![int("axis", i64::from(operator.int(0, 0)))];
        self.give_activated(operator, "Concat", &inputs, with, operator.byte(1))
    }

    pub(super) fn pack(&mut self, operator: &Operator<'_>) -> Converted {
        let axis = i64::from(operator.int(1, 0));
        let axes = self.writer.list(&[axis]);
        let mut parts = Vec::new();
        for part in self.inputs(operator)? {
            parts.push(self.writer.node("Unsqueeze", &[&part, &axes], Vec::new()));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.give(operator, "Concat", &parts, vec![int("axis", axis)])
    }

    pub(super) fn unpack(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn split(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn reshape(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn squeeze(&mut self, operator: &Operator<'_>) -> Converted {
        match operator.ints(0) {
            Some(axes) if !axes.is_empty() => {
                let axes: Vec<i64> = axes.into_iter().map(i64::from).collect();
                let axes = self.writer.list(&axes);
                self.with_first(operator, "Squeeze", &[&axes], Vec::new())
            }
            _ => self.unary(operator, "Squeeze"),
        }
    }

    pub(super) fn pad(&mut self, operator: &Operator<'_>) -> Converted {
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

    pub(super) fn gather(&mut self, operator: &Operator<'_>) -> Converted {
        let (index, tensor) = self.tensor(operator, 1)?;
        if operator.int(1, 0) != 0 {
            return Err("gathers within a batch".to_owned());
        }
        let indices = self
            .sizes
            .get(index)
            .ok_or("has computed indices")?
            .to_vec();
        let fits = tensor.count() == Some(indices.len());
        let shape = if fits {
            tensor.shape.clone()
        } else {
            vec![indices.len()]
        };
        let indices = self.writer.ints(&shape, &indices);
        let with = vec![int("axis", i64::from(operator.int(0, 0)))];
        self.with_first(operator, "Gather", &[&indices], with)
    }

    pub(super) fn slice(&mut self, operator: &Operator<'_>) -> Converted {
        let (starts, sizes) = (self.list(operator, 1)?, self.list(operator, 2)?);
        let ends: Vec<i64> = (starts.iter().zip(&sizes))
            .map(|(&start, &size)| {
                if size < 0 {
                    i64::MAX
                } else {
                    start.saturating_add(size)
                }
            })
            .collect();
        let (starts, ends) = (self.writer.list(&starts), self.writer.list(&ends));
        self.with_first(operator, "Slice", &[&starts, &ends], Vec::new())
    }

    pub(super) fn strided_slice(&mut self, operator: &Operator<'_>) -> Converted {
        let [mut starts, mut ends, steps] = [
            self.list(operator, 1)?,
            self.list(operator, 2)?,
            self.list(operator, 3)?,
        ];
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
                ends[axis] = if starts[axis] == -1 {
                    i64::MAX
                } else {
                    starts[axis].saturating_add(1)
                };
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

    pub(super) fn reverse(&mut self, operator: &Operator<'_>) -> Converted {
        let [axis] = self.list(operator, 1)?[..] else {
            return Err("reverses several axes".to_owned());
        };
        let (_, tensor) = self.tensor(operator, 0)?;
        let rank = tensor.shape.len() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        let size = usize::try_from(axis)
            .ok()
            .and_then(|axis| tensor.shape.get(axis));
        let Some(&size) = size.filter(|_| tensor.is_fixed) else {
            return Err("reverses an axis of unknown length".to_owned());
        };
        let order: Vec<i64> = (0..size as i64).rev().collect();
        let order = self.writer.list(&order);
        self.with_first(operator, "Gather", &[&order], vec![int("axis", axis)])
    }

    pub(super) fn reduce(&mut self, operator: &Operator<'_>, op: &str) -> Converted {
        let axes = self.list(operator, 1)?;
        let keep = int("keepdims", i64::from(operator.byte(0) != 0));
        if op == "ReduceSum" {
            let axes = self.writer.list(&axes);
            return self.with_first(operator, op, &[&axes], vec![keep]);
        }
        self.with_first(operator, op, &[], vec![ints("axes", &axes), keep])
    }
}
