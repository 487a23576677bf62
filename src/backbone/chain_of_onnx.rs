//! Reads a chain from the ONNX graph in a file, for builds without tract.
//!
//! This module supports the operators to which networks of convolutions and pools are exported, and
//! infers shapes node by node. It takes constants as the file stores them. Graphs with computed
//! constants are rejected, except for 8-bit weights (see `dequantise`). All other graphs are
//! rejected as well.

use std::collections::HashMap;

use super::Layout;
use super::chain::{Binary, Chain, Geometry, Read, Sliding};
use super::chain_reader::Reader;
use super::pb::tensor_proto::DataType;
use super::pb::{GraphProto, NodeProto, TensorProto};

/// The largest kernel, stride, dilation and padding along an axis, and the most output channels.
const MOST_EXTENT: i64 = 1 << 16;

/// Reads `graph`, whose input is one window of `layout`. Returns the chain and the shape of its
/// output.
pub(super) fn read(graph: &GraphProto, layout: &Layout) -> Read<(Chain, Vec<usize>)> {
    let constants = constants(graph);
    let mut reader = Reader::new(layout);
    for node in path(graph, &constants)? {
        let taken = Step {
            node,
            constants: &constants,
            reader: &mut reader,
        };
        taken.take()?;
    }
    let shape = reader.shape();
    Ok((reader.finish(layout)?, shape))
}

fn constants(graph: &GraphProto) -> HashMap<&str, &TensorProto> {
    let stored = graph.initializer.iter().map(|t| (t.name.as_str(), t));
    let made = (graph.node.iter())
        .filter(|node| node.op_type == "Constant")
        .filter_map(|node| {
            let value = node.attribute.iter().find_map(|a| a.t.as_ref())?;
            Some((node.output.first()?.as_str(), value))
        });
    stored.chain(made).collect()
}

/// The nodes from the input to the output, if each node has only one input that is not a constant.
fn path<'a>(
    graph: &'a GraphProto,
    constants: &HashMap<&str, &TensorProto>,
) -> Read<Vec<&'a NodeProto>> {
    let makers: HashMap<&str, &NodeProto> = (graph.node.iter())
        .flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let input = (graph.input.iter())
        .find(|input| !constants.contains_key(input.name.as_str()))
        .ok_or("it has no input")?;
    let mut at = graph
        .output
        .first()
        .ok_or("it has no output")?
        .name
        .as_str();
    let mut path = Vec::new();
    while at != input.name {
        let node = *makers.get(at).ok_or("a tensor is missing")?;
        if node.output.first().map(String::as_str) != Some(at) {
            return Err(format!("{} has several outputs", node.op_type));
        }
        if path.len() > graph.node.len() {
            return Err("it has a cycle".to_owned());
        }
        let mut data = (node.input.iter())
            .filter(|name| !name.is_empty() && !constants.contains_key(name.as_str()));
        match (data.next(), data.next()) {
            (Some(only), None) => at = only,
            _ => return Err(format!("{} joins several paths", node.op_type)),
        }
        path.push(node);
    }
    path.reverse();
    Ok(path)
}

/// A node and the chain before it.
struct Step<'a> {
    node: &'a NodeProto,
    constants: &'a HashMap<&'a str, &'a TensorProto>,
    reader: &'a mut Reader,
}

impl Step<'_> {
    fn take(self) -> Read<()> {
        let own = self.node.domain.is_empty() || self.node.domain == "ai.onnx";
        match self.node.op_type.as_str() {
            _ if !own => self.refuse(),
            "Identity" | "Dropout" => Ok(()),
            "Reshape" => self.reshape(),
            "Flatten" => self.flatten(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "Transpose" => self.transpose(),
            "Conv" => self.conv(),
            "MaxPool" => {
                let geometry = self.geometry(self.kernel_shape()?)?;
                self.reader.max_pool(&geometry)
            }
            "AveragePool" => {
                let geometry = self.geometry(self.kernel_shape()?)?;
                self.reader.sum_pool(&geometry, true)
            }
            "GlobalAveragePool" | "GlobalMaxPool" => {
                let axes: Vec<usize> = (2..self.reader.shape().len()).collect();
                let largest = self.node.op_type == "GlobalMaxPool";
                self.whole(&axes, largest, true)
            }
            "ReduceMean" | "ReduceMax" => self.reduce(),
            "BatchNormalization" => self.batch_normalisation(),
            "Relu" => self.reader.binary(Binary::Max, &[1], &[0.0], false),
            "LeakyRelu" => {
                let alpha = self.attribute("alpha").map_or(0.01, |a| a.f);
                self.reader.leaky_relu(alpha)
            }
            "Clip" => self.clip(),
            "Add" => self.binary(Binary::Add),
            "Sub" => self.binary(Binary::Sub),
            "Mul" => self.binary(Binary::Mul),
            "Div" => self.binary(Binary::Div),
            "Max" => self.binary(Binary::Max),
            "Min" => self.binary(Binary::Min),
            _ => self.refuse(),
        }
    }

    fn refuse<T>(&self) -> Read<T> {
        Err(format!("{} is no layer of a chain", self.node.op_type))
    }

    fn attribute(&self, name: &str) -> Option<&super::pb::AttributeProto> {
        self.node.attribute.iter().find(|a| a.name == name)
    }

    /// A list of integers: an attribute or, in later opsets, an input.
    fn integers(&self, attribute: &str, slot: usize) -> Read<Option<Vec<i64>>> {
        match (self.attribute(attribute), self.constant(slot)) {
            (Some(given), _) => Ok(Some(given.ints.clone())),
            (None, Some(tensor)) => {
                Ok(Some(integers(tensor).ok_or_else(|| {
                    format!("{} has a list that is none", self.node.op_type)
                })?))
            }
            (None, None) => Ok(None),
        }
    }

    /// The constant at input `slot`, if there is one.
    fn constant(&self, slot: usize) -> Option<&TensorProto> {
        let name = self.node.input.get(slot)?;
        self.constants.get(name.as_str()).copied()
    }

    fn floats(&self, slot: usize) -> Read<Vec<f32>> {
        let what = &self.node.op_type;
        let tensor = self
            .constant(slot)
            .ok_or_else(|| format!("{what} lacks a constant"))?;
        super::dequantise::floats(tensor)
            .ok_or_else(|| format!("{what} has a constant of another type than float"))
    }

    /// Converts axes to indices; negative ones count from the end.
    fn axes(&self, axes: &[i64], rank: usize) -> Read<Vec<usize>> {
        let mut found = Vec::with_capacity(axes.len());
        for &axis in axes {
            let from_start = if axis < 0 { axis + rank as i64 } else { axis };
            match usize::try_from(from_start) {
                Ok(axis) if axis < rank && !found.contains(&axis) => found.push(axis),
                _ => return Err(format!("{} over axis {axis}", self.node.op_type)),
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn reshape(self) -> Read<()> {
        let wanted = self.integers("shape", 1)?.ok_or("a shape is computed")?;
        let shape = self.reader.shape();
        let copies_zero = self.attribute("allowzero").is_none_or(|a| a.i == 0);
        let mut to = Vec::with_capacity(wanted.len());
        for (at, &length) in wanted.iter().enumerate() {
            to.push(match (length, shape.get(at)) {
                (0, Some(&length)) if copies_zero => Some(length),
                (-1, _) => None,
                (length, _) => Some(usize::try_from(length).map_err(|e| e.to_string())?),
            });
        }
        let known = (to.iter().flatten()).try_fold(1usize, |n, &length| n.checked_mul(length));
        let whole: usize = shape.iter().product();
        let rest = known.and_then(|known| whole.checked_div(known));
        let to: Vec<usize> = (to.iter())
            .map(|length| length.or(rest))
            .collect::<Option<_>>()
            .ok_or("a shape does not fit")?;
        self.take_shape(&to)
    }

    /// Removes and inserts axes of length 1 until the shape is `to`.
    fn take_shape(self, to: &[usize]) -> Read<()> {
        let shape = self.reader.shape();
        let long = |shape: &[usize]| -> Vec<usize> {
            shape
                .iter()
                .copied()
                .filter(|&length| length != 1)
                .collect()
        };
        if long(&shape) != long(to) {
            return Err(format!("a reshape from {shape:?} to {to:?} mixes axes"));
        }
        for at in (0..shape.len()).rev().filter(|&at| shape[at] == 1) {
            self.reader.remove_axis(at)?;
        }
        for at in (0..to.len()).filter(|&at| to[at] == 1) {
            self.reader.insert_axis(at)?;
        }
        Ok(())
    }

    fn flatten(self) -> Read<()> {
        let shape = self.reader.shape();
        let axis = self.attribute("axis").map_or(1, |a| a.i);
        let axis = if axis < 0 {
            axis + shape.len() as i64
        } else {
            axis
        };
        let axis = usize::try_from(axis).unwrap_or(usize::MAX);
        let (before, after) = shape
            .split_at_checked(axis)
            .ok_or("an axis to flatten at is missing")?;
        let to = [before.iter().product(), after.iter().product()];
        self.take_shape(&to)
    }

    fn squeeze(self) -> Read<()> {
        let shape = self.reader.shape();
        let axes = match self.integers("axes", 1)? {
            Some(axes) => self.axes(&axes, shape.len())?,
            None => (0..shape.len()).filter(|&at| shape[at] == 1).collect(),
        };
        axes.iter()
            .rev()
            .try_for_each(|&at| self.reader.remove_axis(at))
    }

    fn unsqueeze(self) -> Read<()> {
        let axes = self.integers("axes", 1)?.ok_or("axes are computed")?;
        let rank = self.reader.shape().len() + axes.len();
        let axes = self.axes(&axes, rank)?;
        axes.iter().try_for_each(|&at| self.reader.insert_axis(at))
    }

    fn transpose(self) -> Read<()> {
        let rank = self.reader.shape().len();
        let order: Vec<usize> = match self.attribute("perm") {
            Some(given) => (given.ints.iter())
                .map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX))
                .collect(),
            None => (0..rank).rev().collect(),
        };
        // The input axis at each position, while axes are moved to the front one by one.
        let mut lies: Vec<usize> = (0..rank).collect();
        if order.len() != rank {
            return Err(format!("a transpose of {rank} axes by {order:?}"));
        }
        for (to, axis) in order.iter().enumerate() {
            let from = (lies.iter().skip(to).position(|lying| lying == axis))
                .ok_or_else(|| format!("a transpose of {rank} axes by {order:?}"))?;
            let lying = lies.remove(to + from);
            lies.insert(to, lying);
            self.reader.move_axis(to + from, to)?;
        }
        Ok(())
    }

    fn conv(self) -> Read<()> {
        let stored = self
            .constant(1)
            .ok_or("a convolution's weights are computed")?;
        let dims: Vec<usize> = (stored.dims.iter())
            .map(|&length| usize::try_from(length).unwrap_or(0))
            .collect();
        let [outputs, _, kernel @ ..] = &dims[..] else {
            return Err("a convolution's weights have fewer than two axes".to_owned());
        };
        if *outputs as i64 > MOST_EXTENT {
            return Err(format!("a convolution gives {outputs} channels"));
        }
        let weights = self.floats(1)?;
        let bias = match self.node.input.get(2).is_some_and(|name| !name.is_empty()) {
            true => self.floats(2)?,
            false => vec![0.0; *outputs],
        };
        if bias.len() != *outputs {
            let biases = bias.len();
            return Err(format!(
                "a convolution has {biases} biases for {outputs} channels"
            ));
        }
        let groups = self.attribute("group").map_or(1, |a| a.i);
        let groups = usize::try_from(groups).map_err(|e| e.to_string())?;
        let geometry = self.geometry(kernel.to_vec())?;
        self.reader.conv(&geometry, groups, &weights, bias)
    }

    fn kernel_shape(&self) -> Read<Vec<usize>> {
        let given = self.attribute("kernel_shape").ok_or("a pool has no size")?;
        extents(&given.ints)
    }

    /// How a kernel of this size slides, from the attributes that convolutions and pools share.
    fn geometry(&self, kernel: Vec<usize>) -> Read<Geometry> {
        let shape = self.reader.shape();
        let lengths = shape.get(2..).unwrap_or_default();
        let rank = kernel.len();
        let flag = |name: &str| self.attribute(name).is_some_and(|a| a.i != 0);
        if lengths.len() != rank || rank == 0 {
            return Err(format!("a layer slides over {rank} axes of {shape:?}"));
        }
        if flag("ceil_mode") || flag("storage_order") || self.node.output.len() > 1 {
            return Err(format!("{} with options", self.node.op_type));
        }
        let list = |name: &str| match self.attribute(name) {
            Some(given) if given.ints.len() == rank => extents(&given.ints),
            Some(given) => Err(format!("{name} of {} axes", given.ints.len())),
            None => Ok(vec![1; rank]),
        };
        let (strides, dilations) = (list("strides")?, list("dilations")?);
        let pads = match self.attribute("pads") {
            Some(given) if given.ints.len() == 2 * rank => extents(&given.ints)?,
            Some(given) => return Err(format!("pads of {} sides", given.ints.len())),
            None => vec![0; 2 * rank],
        };
        let automatic = self.attribute("auto_pad").map_or(&b"NOTSET"[..], |a| &a.s);
        let kernel = extents(&kernel.iter().map(|&n| n as i64).collect::<Vec<_>>())?;
        let along = |i: usize| -> Read<Sliding> {
            let (stride, length) = (strides[i], lengths[i]);
            let span = (kernel[i].max(1) - 1) * dilations[i] + 1;
            if kernel[i] == 0 || stride == 0 || dilations[i] == 0 {
                return Err("a layer has a length of 0".to_owned());
            }
            let same = (length.div_ceil(stride).max(1) - 1) * stride + span;
            let missing = same.saturating_sub(length);
            let padding = match automatic {
                b"NOTSET" | b"" => (pads[i], pads[rank + i]),
                b"VALID" => (0, 0),
                b"SAME_UPPER" => (missing / 2, missing - missing / 2),
                b"SAME_LOWER" => (missing - missing / 2, missing / 2),
                _ => return Err("a layer pads in a way that ONNX does not know".to_owned()),
            };
            let beyond = (padding.0 + length + padding.1).checked_sub(span);
            Ok(Sliding {
                kernel: kernel[i],
                stride,
                dilation: dilations[i],
                padding,
                outputs: beyond.map_or(0, |beyond| beyond / stride + 1),
            })
        };
        Ok(Geometry {
            batched: true,
            channels_last: false,
            spatial: (0..rank).map(along).collect::<Result<_, _>>()?,
        })
    }

    fn reduce(self) -> Read<()> {
        let rank = self.reader.shape().len();
        let axes = match self.integers("axes", 1)? {
            Some(axes) => self.axes(&axes, rank)?,
            None => (0..rank).collect(),
        };
        let kept = self.attribute("keepdims").is_none_or(|a| a.i != 0);
        let largest = self.node.op_type == "ReduceMax";
        self.whole(&axes, largest, kept)
    }

    /// The mean or the maximum over whole axes.
    fn whole(self, axes: &[usize], largest: bool, kept: bool) -> Read<()> {
        let shape = self.reader.shape();
        let values: usize = axes.iter().map(|&at| shape.get(at).unwrap_or(&1)).product();
        match largest {
            true => self.reader.max(axes)?,
            false => {
                self.reader.sum(axes)?;
                self.reader.scale(&[1.0 / values.max(1) as f32], &[0.0])?;
            }
        }
        match kept {
            true => Ok(()),
            false => axes
                .iter()
                .rev()
                .try_for_each(|&at| self.reader.remove_axis(at)),
        }
    }

    /// Adds `(x - mean) / sqrt(variance + epsilon) * scale + shift`, with one of each value a
    /// channel.
    fn batch_normalisation(self) -> Read<()> {
        let epsilon = self.attribute("epsilon").map_or(1e-5, |a| a.f);
        let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|slot| self.floats(slot));
        let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
        let rank = self.reader.shape().len();
        let channels = scale.len();
        if [&shift, &mean, &variance]
            .iter()
            .any(|list| list.len() != channels)
        {
            return Err("a normalisation of unequal lists".to_owned());
        }
        let factors: Vec<f32> = (scale.iter().zip(&variance))
            .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
            .collect();
        let shifts: Vec<f32> = (shift.iter().zip(&mean).zip(&factors))
            .map(|((shift, mean), factor)| shift - mean * factor)
            .collect();
        // Channels are the second axis.
        let mut shape = vec![1; rank.saturating_sub(1)];
        if let Some(first) = shape.first_mut() {
            *first = channels;
        }
        self.reader.binary(Binary::Mul, &shape, &factors, false)?;
        self.reader.binary(Binary::Add, &shape, &shifts, false)
    }

    fn clip(self) -> Read<()> {
        let bound = |name: &str, slot: usize| -> Read<Option<f32>> {
            let given = self
                .node
                .input
                .get(slot)
                .is_some_and(|name| !name.is_empty());
            match (self.attribute(name), given) {
                (Some(attribute), _) => Ok(Some(attribute.f)),
                (None, true) => Ok(self.floats(slot)?.first().copied()),
                (None, false) => Ok(None),
            }
        };
        let (low, high) = (bound("min", 1)?, bound("max", 2)?);
        if let Some(low) = low {
            self.reader.binary(Binary::Max, &[1], &[low], false)?;
        }
        match high {
            Some(high) => self.reader.binary(Binary::Min, &[1], &[high], false),
            None => Ok(()),
        }
    }

    fn binary(self, op: Binary) -> Read<()> {
        let first = self.constant(0).is_some();
        let slot = usize::from(!first);
        if self.node.input.len() != 2 {
            return self.refuse();
        }
        let values = self.floats(slot)?;
        let dims = self.constant(slot).map_or(&[][..], |tensor| &tensor.dims);
        let shape: Vec<usize> = (dims.iter())
            .map(|&length| usize::try_from(length).unwrap_or(0))
            .collect();
        self.reader.binary(op, &shape, &values, first)
    }
}

/// Lengths along axes, each within its limits.
fn extents(given: &[i64]) -> Read<Vec<usize>> {
    (given.iter())
        .map(|&length| match usize::try_from(length) {
            Ok(extent) if length <= MOST_EXTENT => Ok(extent),
            _ => Err(format!("a layer has a length of {length}")),
        })
        .collect()
}

fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_type != DataType::Int64 as i32 {
        return None;
    }
    match tensor.raw_data.as_chunks::<8>() {
        ([], []) => Some(tensor.int64_data.clone()),
        (words, []) => Some(words.iter().map(|&word| i64::from_le_bytes(word)).collect()),
        _ => None,
    }
}
