//! ONNX's ReverseSequence on tract, which lacks it.
//!
//! Exporters of Keras write it around a recurrent layer that runs backwards. The lengths must be
//! constant once the window's shape is known, and the same for every index of the batch. The
//! operator is then a Gather with constant indices.

use tract_core::ops::array::Gather;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

#[derive(Debug, Clone)]
struct ReverseSequence {
    batch_axis: usize,
    time_axis: usize,
}

/// Reads the node.
pub(super) fn read(
    _: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let axis = |name: &str, default: i64| {
        let given = node.attribute.iter().find(|a| a.name == name);
        usize::try_from(given.map_or(default, |a| a.i))
    };
    let op = ReverseSequence {
        batch_axis: axis("batch_axis", 1)?,
        time_axis: axis("time_axis", 0)?,
    };
    Ok((expand(op), vec![]))
}

impl Expansion for ReverseSequence {
    fn name(&self) -> StaticName {
        "ReverseSequence".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)?;
        Ok(())
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let &[data, lengths] = inputs else {
            bail!("it has {} inputs, not 2", inputs.len());
        };
        let lengths = model.outlet_fact(lengths)?.konst.clone();
        let lengths = lengths.context("its sequence lengths are not constant")?;
        let lengths = lengths.cast_to::<i64>()?;
        let lengths = lengths.try_as_plain_ram()?.as_slice::<i64>()?;
        let shape = &model.outlet_fact(data)?.shape;
        let extent = |axis: usize| -> TractResult<usize> {
            let dim = shape
                .get(axis)
                .context("it names an axis beyond its input")?;
            dim.to_usize()
                .context("the length of its axis is not fixed")
        };
        let (batch, time) = (extent(self.batch_axis)?, extent(self.time_axis)?);
        ensure!(
            lengths.len() == batch && batch > 0,
            "it has {} sequence lengths for a batch of {batch}",
            lengths.len()
        );
        let length = lengths[0];
        ensure!(
            lengths.iter().all(|&other| other == length),
            "its sequence lengths differ from each other"
        );
        let length = usize::try_from(length).ok().filter(|&n| n <= time);
        let length = length.context("a sequence length is beyond its axis")?;
        let order: Vec<i64> = (0..length)
            .rev()
            .chain(length..time)
            .map(|i| i as i64)
            .collect();
        let order = model.add_const(format!("{prefix}.order"), tensor1(&order))?;
        model.wire_node(prefix, Gather::new(self.time_axis), &[data, order])
    }
}
