//! Converts the input and output of a graph to single precision, if the file has another type.

use super::pb::attribute_proto::AttributeType;
use super::pb::tensor_proto::DataType;
use super::pb::type_proto::Value;
use super::pb::{AttributeProto, GraphProto, NodeProto, ValueInfoProto};

const INPUT: &str = "afield.input";
const OUTPUT: &str = "afield.output";

/// Adds a Cast after the input called `input`, and before the output, where it is needed. Returns
/// the reason why the graph cannot take numbers of single precision.
pub(super) fn convert(graph: &mut GraphProto, input: &str) -> Result<(), String> {
    let frames = graph.input.iter_mut().find(|info| info.name == input);
    match frames.as_ref().and_then(|info| element(info)) {
        None | Some(DataType::Float) => {}
        Some(DataType::Double) => {
            if let Some(frames) = frames {
                frames.name = INPUT.to_owned();
                set_float(frames);
            }
            let to = cast(INPUT, input, DataType::Double);
            graph.node.insert(0, to);
        }
        Some(other) => {
            let other = format!("{other:?}").to_lowercase();
            return Err(format!("its input is {other}, not float"));
        }
    }
    if let Some(output) = graph.output.first_mut()
        && element(output).is_some_and(|kind| kind != DataType::Float)
    {
        let name = std::mem::replace(&mut output.name, OUTPUT.to_owned());
        set_float(output);
        graph.node.push(cast(&name, OUTPUT, DataType::Float));
    }
    Ok(())
}

/// The type of the elements, if the file states one.
fn element(info: &ValueInfoProto) -> Option<DataType> {
    let Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    let kind = DataType::try_from(tensor.elem_type).ok()?;
    (kind != DataType::Undefined).then_some(kind)
}

fn set_float(info: &mut ValueInfoProto) {
    if let Some(Value::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.elem_type = DataType::Float as i32;
    }
}

fn cast(from: &str, to: &str, kind: DataType) -> NodeProto {
    NodeProto {
        op_type: "Cast".to_owned(),
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        attribute: vec![AttributeProto {
            name: "to".to_owned(),
            r#type: AttributeType::Int as i32,
            i: kind as i64,
            ..AttributeProto::default()
        }],
        ..NodeProto::default()
    }
}
