//! Parsing of an ONNX file by tract.

use std::sync::LazyLock;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::reverse_sequence;

/// Whether this module's tract has the operator.
pub(super) fn knows(operator: &str) -> bool {
    onnx().op_register.0.contains_key(operator)
}

/// tract's operators, and ours.
fn onnx() -> &'static tract_onnx::Onnx {
    static ONNX: LazyLock<tract_onnx::Onnx> = LazyLock::new(|| {
        let mut onnx = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true);
        (onnx.op_register).insert("ReverseSequence", reverse_sequence::read);
        onnx
    });
    &ONNX
}

/// Parses a model whose shapes the caller gives; those in the file are ignored.
pub(super) fn parse(proto: &ModelProto) -> TractResult<tract_onnx::model::ParseResult> {
    let parsed = onnx().parse(proto, None)?;
    ensure!(
        parsed.unresolved_inputs.is_empty(),
        "no node makes the tensors {:?}",
        parsed.unresolved_inputs
    );
    Ok(parsed)
}
