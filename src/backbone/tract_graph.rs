//! An ONNX file, read by tract.
//!
//! Panics in tract are converted to errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::graph::Graph;
use super::places::MOST_VALUES;
use super::recurrent;
use super::tract_parse::parse;
use super::unit_axes::UnitAxisMoves;
use super::{BackboneError, Layout};

impl Graph {
    /// The graph with the card's window as its fixed input shape. Its layers are those of the file.
    pub(super) fn fixed(&self, layout: &Layout) -> Result<TypedModel, BackboneError> {
        let model = self.guarded(|| {
            let mut model = parse(&self.proto)?.model;
            model.set_input_fact(0, f32::fact(&*layout.input).into())?;
            let mut model = model.into_typed()?;
            recurrent::start_afresh(&mut model);
            Ok(model)
        })?;
        self.check_sizes(&model)?;
        let actual = model.output_fact(0).map_err(|e| self.unsupported(e))?;
        let actual = actual.shape.iter().map(|dim| dim.to_string());
        self.check_output(actual)?;
        Ok(model)
    }

    /// Checks that no tensor of a window is too large: a file's padding or tiling takes memory.
    fn check_sizes(&self, model: &TypedModel) -> Result<(), BackboneError> {
        for node in &model.nodes {
            for outlet in &node.outputs {
                let Some(shape) = outlet.fact.shape.as_concrete() else {
                    continue;
                };
                let values = shape
                    .iter()
                    .try_fold(1usize, |n, &size| n.checked_mul(size));
                if values.is_none_or(|values| values > MOST_VALUES) {
                    let (op, name) = (node.op.name(), &node.name);
                    return Err(self.unsupported(format!(
                        "{op} (node {name:?}) gives {shape:?}, more than {MOST_VALUES} values"
                    )));
                }
            }
        }
        Ok(())
    }

    /// The graph with a symbol for its number of frames. Reshapes that only move unit axes, at the
    /// card's window, are replaced by moves of axes.
    pub(super) fn symbolic(&self, layout: &Layout) -> Result<(TypedModel, Symbol), BackboneError> {
        self.guarded(|| {
            let moves = UnitAxisMoves::find(&self.proto, &layout.input)?;
            let mut model = parse(&moves.apply(&self.proto))?.model;
            let frames = model.symbols.sym("S");
            let shape: TVec<TDim> = (layout.input.iter().enumerate())
                .map(|(axis, &dim)| {
                    if axis == layout.frames_axis {
                        frames.to_dim()
                    } else {
                        dim.to_dim()
                    }
                })
                .collect();
            model.set_input_fact(0, f32::fact(shape).into())?;
            let model = model.into_typed()?;
            if let Some(layer) = recurrent::first_layer(&model) {
                bail!("its recurrent layer {layer:?} starts afresh in every window");
            }
            Ok((model.into_decluttered()?, frames))
        })
    }

    /// Runs `step` of tract and converts errors and panics to [`BackboneError`].
    pub(super) fn guarded<T>(
        &self,
        step: impl FnOnce() -> TractResult<T>,
    ) -> Result<T, BackboneError> {
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(result) => result.map_err(|e| self.rejected(format!("{e:#}"))),
            Err(_) => Err(self.unsupported("tract panicked on it")),
        }
    }
}
