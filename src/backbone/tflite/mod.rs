//! TFLite files, read as ONNX graphs.
//!
//! The rest of the backbone knows ONNX only, so this module writes each operator of a TFLite graph
//! as nodes of ONNX. Values keep TFLite's order of axes, with channels last; a convolution gets two
//! transpositions, which cost nothing where Afield's kernels run it. Sizes that the file computes
//! from shapes are computed here. Only what the wanted output needs is converted.
//!
//! Quantised files are computed in single precision: their weights are converted, and a quantised
//! tensor is limited to its range. Results differ from TFLite's own by what it rounds.
//!
//! The format: <https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs>.

mod file;
mod flatbuffer;
mod layers;
mod moves;
mod names;
mod operators;
mod sizes;
mod writer;

use crate::backbone::pb::ModelProto;
use file::File;

/// Why a TFLite file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file is damaged, or its graph lacks what the card names.
    File(String),
    /// An operator cannot be converted.
    Operator {
        operator: String,
        /// The name of its first output.
        node: String,
        reason: String,
    },
}

/// Whether the bytes begin as those of a TFLite file.
pub(super) fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

/// The graph of a TFLite file from the tensor `input` to the tensor `output`; by default, from its
/// input to its first output.
pub(super) fn to_onnx(
    bytes: &[u8],
    input: Option<&str>,
    output: Option<&str>,
) -> Result<ModelProto, Fault> {
    let file = File::read(bytes).map_err(Fault::File)?;
    let find = |name: &str| {
        let found = file.find(name);
        found.ok_or_else(|| Fault::File(format!("it has no tensor {name:?}")))
    };
    let input = match input {
        Some(name) => find(name)?,
        None => match file.inputs[..] {
            [only] => only,
            _ => {
                let n = file.inputs.len();
                return Err(Fault::File(format!(
                    "its graph has {n} inputs, a backbone has one"
                )));
            }
        },
    };
    let outputs = match output {
        Some(name) => vec![find(name)?],
        None => file.outputs.clone(),
    };
    operators::convert(&file, input, &outputs)
}

/// The name of the builtin operator with this number, as TFLite's schema has it.
fn name_of(operator: &file::Operator<'_>) -> String {
    if let Some(custom) = operator.custom {
        return custom.to_owned();
    }
    let name = names::NAMES.iter().find(|(code, _)| *code == operator.code);
    name.map_or_else(
        || format!("number {}", operator.code),
        |(_, name)| (*name).to_owned(),
    )
}
