//! Reshapes that only move unit axes, turned into the transpositions they are.
//!
//! Exporters freeze layout changes into Reshapes with a literal shape, such as
//! `[-1, 1, 76, 34]`, and such a shape forbids any other number of frames.
//! Where the axes longer than 1 keep their order, the Reshape moves axes of
//! length 1 and no data; for the card's window the Transpose below is then the
//! same function, and unlike the Reshape it has a meaning for any length.
//!
//! The rewrite is justified by shapes alone, never by a model's name. That it
//! carries over to longer inputs is not proved here: `streaming` tries it.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, ModelProto, attribute_proto::AttributeType};
use tract_onnx::prelude::*;

use super::tract_parse::parse;

/// The Reshape nodes to replace, by index, with their permutations.
pub(super) struct UnitAxisMoves(HashMap<usize, Vec<i64>>);

impl UnitAxisMoves {
    /// Finds them by inferring every shape with the input at `input_shape`.
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

    /// The model with each of them as a Transpose.
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

/// The permutation that a Reshape from `from` to `to` is, when it only moves
/// unit axes: the batch axis stays first, axes longer than 1 keep their order
/// and lengths, unit axes fill what is left in order.
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
