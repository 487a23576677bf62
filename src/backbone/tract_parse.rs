//! Parsing of an ONNX file by tract.

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Parses a model whose shapes the caller gives; those in the file are ignored.
pub(super) fn parse(proto: &ModelProto) -> TractResult<tract_onnx::model::ParseResult> {
    let onnx = tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .with_ignore_value_info(true);
    let parsed = onnx.parse(proto, None)?;
    ensure!(
        parsed.unresolved_inputs.is_empty(),
        "no node makes the tensors {:?}",
        parsed.unresolved_inputs
    );
    Ok(parsed)
}
