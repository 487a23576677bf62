//! Converts half precision to single precision, so that a graph computes in `f32` throughout.
//!
//! Afield's frames and embeddings are single precision, processors of small computers compute it as
//! fast or faster, and tract has some operators for it only. Values of half precision (FLOAT16,
//! BFLOAT16) are exact in single precision. Results differ by what half precision would have
//! rounded. Double precision stays, with a conversion at the input and output.

use super::pb::tensor_proto::DataType;
use super::pb::type_proto::Value;
use super::pb::{GraphProto, TensorProto, ValueInfoProto};

const FLOAT16: i32 = 10;
const BFLOAT16: i32 = 16;

/// Converts the constants and types of `graph` and of the graphs nested in it.
pub(super) fn widen(graph: &mut GraphProto) {
    graph.initializer.iter_mut().for_each(widen_tensor);
    let infos = graph.input.iter_mut().chain(&mut graph.output);
    #[cfg(feature = "tract")]
    let infos = infos.chain(&mut graph.value_info);
    infos.for_each(widen_info);
    for node in &mut graph.node {
        let converts = node.op_type == "Cast";
        for attribute in &mut node.attribute {
            let names_type = attribute.name == "dtype" || (converts && attribute.name == "to");
            if names_type && is_half(attribute.i) {
                attribute.i = DataType::Float as i64;
            }
            attribute.t.iter_mut().for_each(widen_tensor);
            #[cfg(feature = "tract")]
            {
                attribute.tensors.iter_mut().for_each(widen_tensor);
                let nested = attribute.g.iter_mut().chain(&mut attribute.graphs);
                nested.for_each(widen);
            }
        }
    }
}

fn is_half(data_type: i64) -> bool {
    [i64::from(FLOAT16), i64::from(BFLOAT16)].contains(&data_type)
}

fn widen_info(info: &mut ValueInfoProto) {
    let value = info.r#type.as_mut().and_then(|t| t.value.as_mut());
    if let Some(Value::TensorType(tensor)) = value
        && is_half(i64::from(tensor.elem_type))
    {
        tensor.elem_type = DataType::Float as i32;
    }
}

fn widen_tensor(tensor: &mut TensorProto) {
    let convert = match tensor.data_type {
        FLOAT16 => of_half,
        BFLOAT16 => |bits: u16| f32::from_bits(u32::from(bits) << 16),
        _ => return,
    };
    if let (halves, []) = tensor.raw_data.as_chunks::<2>() {
        let wide = halves.iter().map(|&half| convert(u16::from_le_bytes(half)));
        tensor.raw_data = wide.flat_map(f32::to_le_bytes).collect();
        // The file stores one half in the lower bits of each integer.
        let integers = tensor.int32_data.drain(..);
        tensor.float_data = integers.map(|bits| convert(bits as u16)).collect();
        tensor.data_type = DataType::Float as i32;
    }
}

/// The value of an IEEE 754 binary16 number.
pub(super) fn of_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * (-24f32).exp2(),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        exponent => sign * (1024.0 + fraction) * (f32::from(exponent) - 25.0).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact_in_single_precision() {
        let cases = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x7bff, 65_504.0),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in cases {
            assert_eq!(of_half(bits), value, "{bits:x}");
        }
        assert!(of_half(0x7e00).is_nan());
    }

    #[test]
    fn both_forms_of_a_tensor_are_converted() {
        for (data_type, one) in [(FLOAT16, 0x3c00u16), (BFLOAT16, 0x3f80)] {
            let mut raw = TensorProto {
                data_type,
                raw_data: one.to_le_bytes().to_vec(),
                ..TensorProto::default()
            };
            widen_tensor(&mut raw);
            assert_eq!(raw.raw_data, 1f32.to_le_bytes());
            let mut integers = TensorProto {
                data_type,
                int32_data: vec![i32::from(one)],
                ..TensorProto::default()
            };
            widen_tensor(&mut integers);
            assert_eq!(integers.float_data, [1.0]);
            assert!(integers.int32_data.is_empty());
            assert_eq!(integers.data_type, DataType::Float as i32);
        }
    }
}
