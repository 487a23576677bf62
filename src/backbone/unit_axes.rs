//! Converts Reshapes that only move unit axes to Transposes.
//!
//! Exporters write layout changes as Reshapes with a literal shape, such as `[-1, 1, 76, 34]`. Such
//! a shape rules out any other number of frames. If the axes longer than 1 keep their order, the
//! Reshape moves only axes of length 1, and no data. For the card's window, the Transpose is then
//! the same function. Unlike the Reshape, it is defined for any length.
//!
//! The conversion depends on shapes only, never on the name of a model. This module does not prove
//! that it is valid for longer inputs: `streaming` tests it on noise.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, ModelProto, attribute_proto::AttributeType};
use tract_onnx::prelude::*;

use super::tract_parse::parse;

/// The Reshape nodes to replace, by index, with their permutations.
pub(super) struct UnitAxisMoves(HashMap<usize, Vec<i64>>);

impl UnitAxisMoves {
    /// Finds these nodes: infers every shape from an input of `input_shape`.
    pub(super) fn find(proto: &ModelProto, input_shape: &[usize]) -> TractResult<Self> {
        let parsed = parse(proto)?;
        let mut model = parsed.model;
        model.set_input_fact(0, f32::fact(input_shape).into())?;
        model.analyse(false)?;
        let shape_of = |name: Option<&String>| -> Option<Vec<usize>> {
            let outlet = parsed.outlets_by_name.get(name?)?;
            let shape = model
                .outlet_fact(*outlet)
                .ok()?
                .shape
                .as_concrete_finite()
                .ok()??;
            Some(shape.to_vec())
        };
        let mut moves = HashMap::new();
        let nodes = proto.graph.as_ref().map_or(&[][..], |graph| &graph.node);
        for (index, node) in nodes
            .iter()
            .enumerate()
            .filter(|(_, n)| n.op_type == "Reshape")
        {
            let shapes = (shape_of(node.input.first()), shape_of(node.output.first()));
            if let (Some(from), Some(to)) = shapes
                && let Some(perm) = unit_axis_permutation(&from, &to)
            {
                moves.insert(index, perm);
            }
        }
        Ok(Self(moves))
    }

    /// The model with a Transpose in place of each of these nodes.
    pub(super) fn apply(&self, proto: &ModelProto) -> ModelProto {
        let mut proto = proto.clone();
        let nodes = proto
            .graph
            .as_mut()
            .map_or(&mut [][..], |graph| &mut graph.node);
        for (index, perm) in &self.0 {
            let Some(node) = nodes.get_mut(*index) else {
                continue;
            };
            node.op_type = "Transpose".to_owned();
            node.input.truncate(1);
            node.attribute = vec![AttributeProto {
                name: "perm".to_owned(),
                r#type: AttributeType::Ints as i32,
                ints: perm.clone(),
                ..Default::default()
            }];
        }
        proto
    }
}

/// The permutation that equals a Reshape from `from` to `to`, if the Reshape only moves unit axes.
/// The batch axis stays first, axes longer than 1 keep their order and lengths, and unit axes fill
/// the other places in order.
fn unit_axis_permutation(from: &[usize], to: &[usize]) -> Option<Vec<i64>> {
    let long = |shape: &[usize]| -> Vec<usize> {
        (1..shape.len()).filter(|&axis| shape[axis] != 1).collect()
    };
    let unit = |shape: &[usize]| -> Vec<usize> {
        (1..shape.len()).filter(|&axis| shape[axis] == 1).collect()
    };
    let (long_from, long_to) = (long(from), long(to));
    let same_data = from.len() == to.len()
        && from.first() == Some(&1)
        && to.first() == Some(&1)
        && long_from.len() == long_to.len()
        && long_from
            .iter()
            .zip(&long_to)
            .all(|(&f, &t)| from[f] == to[t]);
    if !same_data {
        return None;
    }
    let mut perm = vec![0i64; to.len()];
    let sources = long_from.into_iter().chain(unit(from));
    let targets = long_to.into_iter().chain(unit(to));
    for (source, target) in sources.zip(targets) {
        perm[target] = source as i64;
    }
    Some(perm)
}

#[cfg(test)]
mod tests {
    use super::unit_axis_permutation as permutation;

    #[test]
    fn moving_unit_axes_is_a_transposition() {
        assert_eq!(
            permutation(&[1, 76, 34, 1], &[1, 1, 76, 34]),
            Some(vec![0, 3, 1, 2])
        );
        assert_eq!(
            permutation(&[1, 96, 1, 1], &[1, 1, 1, 96]),
            Some(vec![0, 2, 3, 1])
        );
        assert_eq!(permutation(&[1, 7], &[1, 7]), Some(vec![0, 1]));
    }

    #[test]
    fn a_reshape_that_moves_data_is_not_a_transposition() {
        assert_eq!(permutation(&[1, 4, 6], &[1, 6, 4]), None);
        assert_eq!(permutation(&[1, 4, 6], &[1, 24, 1]), None);
        assert_eq!(permutation(&[1, 4, 6], &[1, 24]), None);
        assert_eq!(permutation(&[2, 3, 1], &[2, 1, 3]), None);
        assert_eq!(permutation(&[], &[]), None);
    }
}
