//! Reads a chain from tract's typed graph, in which constants are folded and shapes inferred.

use tract_core::ops::array::{Pad, PadMode};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::change_axes::AxisOp;
use tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PoolSpec, SumPool};
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::nn::{LeakyRelu, Reduce, Reducer, Sigmoid};
use tract_core::ops::source::TypedSource;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::Layout;
use super::chain::{Binary, Chain, Geometry, Read, Sliding};
use super::chain_reader::Reader;

/// Reads `model`, whose input is one window of `layout`.
pub(super) fn read(model: &TypedModel, layout: &Layout) -> Read<Chain> {
    let mut reader = Reader::new(layout);
    for node in path(model)? {
        take(&mut reader, model, node)?;
        agrees(&reader, model, node)?;
    }
    reader.finish(layout)
}

/// The nodes from the source to the output, if each node has only one input that is not a constant.
fn path(model: &TypedModel) -> Read<Vec<&TypedNode>> {
    let mut outlet = *model.outputs.first().ok_or("it has no output")?;
    let mut path = Vec::new();
    loop {
        let node = model.nodes.get(outlet.node).ok_or("an outlet is missing")?;
        if outlet.slot != 0 {
            return Err(format!("{} has several outputs", node.op.name()));
        }
        if node.op_is::<TypedSource>() {
            path.reverse();
            return Ok(path);
        }
        if path.len() > model.nodes.len() {
            return Err("it has a cycle".to_owned());
        }
        let mut data = (node.inputs.iter()).filter(|&&input| constant(model, input).is_none());
        match (data.next(), data.next()) {
            (Some(&only), None) => outlet = only,
            _ => return Err(format!("{} joins several paths", node.op.name())),
        }
        path.push(node);
    }
}

/// The constant at `outlet`; casts and moved axes in between are resolved.
pub(super) fn constant(model: &TypedModel, outlet: OutletId) -> Option<Arc<Tensor>> {
    let fact = model.outlet_fact(outlet).ok()?;
    if let Some(value) = &fact.konst {
        return Some(Arc::clone(value));
    }
    let node = model.nodes.get(outlet.node)?;
    let input = *node.inputs.first()?;
    if node.op_is::<Cast>() && fact.datum_type == f32::datum_type() {
        return Some(Arc::new(
            constant(model, input)?.cast_to::<f32>().ok()?.into_owned(),
        ));
    }
    let op = node.op_as::<AxisOp>()?;
    let mut value = constant(model, input)?.as_ref().clone();
    op.change_tensor(&mut value, false).ok()?;
    Some(Arc::new(value))
}

fn floats(tensor: &Tensor) -> Read<Vec<f32>> {
    let plain = tensor.try_as_plain_ram().map_err(|e| format!("{e:#}"))?;
    let values = plain.as_slice::<f32>().map_err(|e| format!("{e:#}"))?;
    Ok(values.to_vec())
}

pub(super) fn take(reader: &mut Reader, model: &TypedModel, node: &TypedNode) -> Read<()> {
    if let Some(op) = node.op_as::<AxisOp>() {
        return match *op {
            AxisOp::Add(at) => reader.insert_axis(at),
            AxisOp::Rm(at) => reader.remove_axis(at),
            AxisOp::Move(from, to) => reader.move_axis(from, to),
            AxisOp::Reshape(at, ref from, ref to) => {
                let lengths = |dims: &[TDim]| {
                    let sizes = dims.iter().map(|dim| dim.to_usize().ok());
                    sizes.collect::<Option<Vec<usize>>>()
                };
                match (lengths(from), lengths(to)) {
                    (Some(from), Some(to)) => reader.reshape(at, &from, &to),
                    _ => Err("a reshape depends on a symbol".to_owned()),
                }
            }
        };
    }
    if let Some(op) = node.op_as::<Conv>() {
        return conv(reader, model, node, op);
    }
    if let Some(op) = node.op_as::<MaxPool>() {
        return reader.max_pool(&geometry(reader, &op.pool_spec)?);
    }
    if let Some(op) = node.op_as::<SumPool>() {
        return reader.sum_pool(&geometry(reader, &op.pool_spec)?, op.normalize);
    }
    if let Some(op) = node.op_as::<Reduce>() {
        return match op.reducer {
            Reducer::Sum => reader.sum(&op.axes),
            other => Err(format!("{other:?} over axes {:?}", op.axes)),
        };
    }
    if let Some(op) = node.op_as::<TypedBinOp>() {
        return binary(reader, model, node, op);
    }
    if let Some(pad) = node.op_as::<Pad>() {
        return match &pad.mode {
            PadMode::Constant(zero) if zero.cast_to_scalar::<f32>().is_ok_and(|z| z == 0.0) => {
                reader.pad(&pad.pads)
            }
            _ => Err("values other than zeros are added around".to_owned()),
        };
    }
    let element_wise = node.op_as::<ElementWiseOp>();
    if element_wise.is_some_and(|op| op.0.downcast_ref::<Sigmoid>().is_some()) {
        return reader.sigmoid();
    }
    match element_wise.and_then(|op| op.0.downcast_ref::<LeakyRelu>()) {
        Some(leaky) => reader.leaky_relu(leaky.alpha),
        None => Err(format!("{} is no layer of a chain", node.op.name())),
    }
}

/// Compares the shape of the reader with the shape that tract inferred.
pub(super) fn agrees(reader: &Reader, model: &TypedModel, node: &TypedNode) -> Read<()> {
    let fact = model.outlet_fact(node.id.into());
    let shape = fact
        .ok()
        .and_then(|f| f.shape.as_concrete().map(<[_]>::to_vec));
    let expected = reader.shape();
    if shape.as_ref() == Some(&expected) {
        return Ok(());
    }
    Err(format!(
        "{} gives {shape:?}, not {expected:?}",
        node.op.name()
    ))
}

fn geometry(reader: &Reader, spec: &PoolSpec) -> Read<Geometry> {
    let mut geometry = Geometry {
        batched: spec.data_format.has_n(),
        channels_last: spec.data_format.c_is_last(),
        spatial: Vec::new(),
    };
    let shape = reader.shape();
    let first = geometry.first_spatial_axis();
    let lengths = shape
        .get(first..first + spec.rank())
        .ok_or("a layer has more axes than its input")?;
    let (strides, dilations) = (spec.strides(), spec.dilations());
    let padded = spec.computed_padding(lengths);
    geometry.spatial = (padded.iter().enumerate())
        .map(|(i, padded)| Sliding {
            kernel: spec.kernel_shape[i],
            stride: strides[i],
            dilation: dilations[i],
            padding: (padded.pad_before, padded.pad_after),
            outputs: padded.convoluted,
        })
        .collect();
    Ok(geometry)
}

fn conv(reader: &mut Reader, model: &TypedModel, node: &TypedNode, op: &Conv) -> Read<()> {
    if op.kernel_fmt != KernelFormat::OIHW || op.q_params.is_some() {
        return Err("a convolution is quantised or laid out in another way".to_owned());
    }
    let input = |slot: usize| node.inputs.get(slot).and_then(|&o| constant(model, o));
    let weights = input(1).ok_or("a convolution's weights are computed")?;
    let bias = floats(&*input(2).ok_or("a convolution's bias is computed")?)?;
    let outputs = op.pool_spec.output_channels;
    let bias = match bias.len() {
        1 => vec![bias[0]; outputs],
        n if n == outputs => bias,
        n => {
            return Err(format!(
                "a convolution has {n} biases for {outputs} channels"
            ));
        }
    };
    let geometry = geometry(reader, &op.pool_spec)?;
    reader.conv(&geometry, op.group, &floats(&weights)?, bias)
}

/// Arithmetic with a constant.
fn binary(reader: &mut Reader, model: &TypedModel, node: &TypedNode, op: &TypedBinOp) -> Read<()> {
    let name = op.0.name();
    let constants = [0, 1].map(|i| node.inputs.get(i).and_then(|&o| constant(model, o)));
    let (value, first) = match constants {
        [Some(value), None] => (value, true),
        [None, Some(value)] => (value, false),
        _ => return Err(format!("{name} has no constant side")),
    };
    let op = match name {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        _ => return Err(format!("{name} is no layer of a chain")),
    };
    reader.binary(op, value.shape(), &floats(&value)?, first)
}
