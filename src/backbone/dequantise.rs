//! Converts weights that are stored as 8-bit integers to floats.
//!
//! tract does the same element by element, through its general broadcasting, which takes most of
//! the time to load such a graph. This module does it in one pass, by the formula of ONNX's
//! DequantizeLinear: `(x - zero point) * scale`, with one scale for all values or one for each
//! index of an axis. Nodes of any other form are left to tract.

use std::collections::HashMap;

use super::pb::tensor_proto::DataType;
use super::pb::{GraphProto, NodeProto, TensorProto};

/// Replaces each DequantizeLinear of constants by a constant.
pub(super) fn fold(graph: &mut GraphProto) {
    let constants: HashMap<&str, &TensorProto> =
        (graph.initializer.iter().map(|t| (t.name.as_str(), t))).collect();
    let folded: HashMap<usize, TensorProto> = (graph.node.iter().enumerate())
        .filter(|(_, node)| node.op_type == "DequantizeLinear")
        .filter_map(|(index, node)| Some((index, dequantised(node, &constants)?)))
        .collect();
    if folded.is_empty() {
        return;
    }
    let mut index = 0;
    graph.node.retain(|_| {
        index += 1;
        !folded.contains_key(&(index - 1))
    });
    let mut tensors: Vec<(usize, TensorProto)> = folded.into_iter().collect();
    tensors.sort_by_key(|&(index, _)| index);
    (graph.initializer).extend(tensors.into_iter().map(|(_, tensor)| tensor));
}

fn dequantised(node: &NodeProto, constants: &HashMap<&str, &TensorProto>) -> Option<TensorProto> {
    let input = |slot: usize| constants.get(node.input.get(slot)?.as_str()).copied();
    let quantised = input(0)?;
    let values = integers(quantised)?;
    let scales = floats(input(1)?)?;
    let zero_points = match node.input.get(2).is_some_and(|name| !name.is_empty()) {
        true => integers(input(2)?)?,
        false => vec![0; scales.len()],
    };
    let dims: Vec<usize> = (quantised.dims.iter())
        .map(|&d| usize::try_from(d).ok())
        .collect::<Option<_>>()?;
    let blocked = (node.attribute.iter()).any(|a| a.name == "block_size" && a.i != 0);
    if blocked || zero_points.len() != scales.len() {
        return None;
    }
    // Runs of `after` neighbouring values share a scale.
    let after: usize = match scales.len() {
        1 => values.len(),
        n => {
            let axis = node.attribute.iter().find(|a| a.name == "axis");
            let axis = axis.map_or(1, |a| a.i);
            let axis = if axis < 0 {
                axis + dims.len() as i64
            } else {
                axis
            };
            let axis = usize::try_from(axis).ok()?;
            (dims.get(axis) == Some(&n)).then(|| dims[axis + 1..].iter().product())?
        }
    };
    let mut bytes = Vec::with_capacity(4 * values.len());
    for (index, run) in values.chunks(after.max(1)).enumerate() {
        let which = index % scales.len();
        for value in run {
            let real = (value - zero_points[which]) as f32 * scales[which];
            bytes.extend_from_slice(&real.to_le_bytes());
        }
    }
    Some(TensorProto {
        name: node.output.first()?.clone(),
        dims: quantised.dims.clone(),
        data_type: DataType::Float as i32,
        raw_data: bytes,
        ..Default::default()
    })
}

/// The values of an 8-bit tensor, if their number agrees with its shape.
fn integers(tensor: &TensorProto) -> Option<Vec<i32>> {
    let raw = &tensor.raw_data;
    let values: Vec<i32> = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Int8 if !raw.is_empty() => raw.iter().map(|&b| i32::from(b as i8)).collect(),
        DataType::Uint8 if !raw.is_empty() => raw.iter().map(|&b| i32::from(b)).collect(),
        DataType::Int8 | DataType::Uint8 => tensor.int32_data.clone(),
        _ => return None,
    };
    complete(tensor, values)
}

/// The values of a tensor of floats, if their number agrees with its shape.
pub(super) fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != DataType::Float as i32 {
        return None;
    }
    let values = match tensor.raw_data.as_chunks::<4>() {
        ([], []) => tensor.float_data.clone(),
        (words, []) => words.iter().map(|&word| f32::from_le_bytes(word)).collect(),
        _ => return None,
    };
    complete(tensor, values)
}

fn complete<T>(tensor: &TensorProto, values: Vec<T>) -> Option<Vec<T>> {
    let expected =
        (tensor.dims.iter()).try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?))?;
    (values.len() == expected && expected > 0).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::pb::AttributeProto;

    fn tensor(name: &str, dims: &[i64], data_type: DataType, raw: Vec<u8>) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: data_type as i32,
            raw_data: raw,
            ..Default::default()
        }
    }

    fn graph(axis: i64, scales: &[f32], zeros: Vec<u8>) -> GraphProto {
        let bytes = scales.iter().flat_map(|s| s.to_le_bytes()).collect();
        let n = scales.len() as i64;
        GraphProto {
            node: vec![NodeProto {
                op_type: "DequantizeLinear".to_owned(),
                input: ["q", "s", "z"].map(str::to_owned).to_vec(),
                output: vec!["w".to_owned()],
                attribute: vec![AttributeProto {
                    name: "axis".to_owned(),
                    i: axis,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            initializer: vec![
                tensor("q", &[2, 3], DataType::Int8, vec![1, 2, 3, 255, 254, 253]),
                tensor("s", &[n], DataType::Float, bytes),
                tensor("z", &[n], DataType::Int8, zeros),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn each_index_of_the_axis_has_its_own_scale_and_zero() {
        for (axis, expected) in [
            (0, [0.5, 1.0, 1.5, -2.0, -3.0, -4.0]),
            (-2, [0.5, 1.0, 1.5, -2.0, -3.0, -4.0]),
        ] {
            let mut graph = graph(axis, &[0.5, 1.0], vec![0, 1]);
            fold(&mut graph);
            assert!(graph.node.is_empty());
            let folded = graph.initializer.last().unwrap();
            assert_eq!((folded.name.as_str(), &folded.dims[..]), ("w", &[2, 3][..]));
            assert_eq!(floats(folded).unwrap(), expected);
        }
        let mut last = graph(1, &[1.0, 10.0, 100.0], vec![0, 0, 0]);
        fold(&mut last);
        let folded = floats(last.initializer.last().unwrap()).unwrap();
        assert_eq!(folded, [1.0, 20.0, 300.0, -1.0, -20.0, -300.0]);
    }

    #[test]
    fn unsuitable_scales_are_not_folded() {
        for (axis, scales, zeros) in [
            (0, vec![0.5; 3], vec![0; 3]),
            (7, vec![0.5; 2], vec![0; 2]),
            (0, vec![0.5; 2], vec![0; 1]),
        ] {
            let mut graph = graph(axis, &scales, zeros);
            fold(&mut graph);
            assert_eq!((graph.node.len(), graph.initializer.len()), (1, 3));
        }
    }
}
