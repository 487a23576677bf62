//! The parts of a TFLite file that a graph is made of: tensors, constants and operators.
//!
//! Numbers of fields are those of TensorFlow Lite's schema, version 3.

use std::collections::HashSet;

use super::flatbuffer::{List, Table};
use crate::backbone::precision::of_half;

/// The most tensors, and the most operators, of a graph.
const MOST: usize = 100_000;
/// The most axes of a tensor.
const MOST_AXES: usize = 16;
/// The most inputs and outputs of all operators. Several lists may lie in the same bytes.
const MOST_USES: usize = 1_000_000;
/// The longest name of a tensor, in bytes. A longer one counts as none.
const LONGEST_NAME: usize = 4096;

/// The first graph of a file.
pub(super) struct File<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

pub(super) struct Tensor<'a> {
    /// A name that no other tensor has.
    pub(super) name: String,
    /// Axes of unknown length are 1.
    pub(super) shape: Vec<usize>,
    /// Whether only the first axis, the batch, can have another length.
    pub(super) is_fixed: bool,
    pub(super) kind: Kind,
    /// The bytes of a constant.
    pub(super) data: Option<&'a [u8]>,
    quantised: Option<Table<'a>>,
}

/// `(value - zero point) * scale`, with one scale or one for each index of an axis.
struct Quantised {
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    axis: usize,
}

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    I8,
    U8,
    I16,
    I32,
    I64,
    Other,
}

pub(super) struct Operator<'a> {
    /// The number of the operator, as `BuiltinOperator` of the schema.
    pub(super) code: i32,
    /// The name of an operator that is not in the schema.
    pub(super) custom: Option<&'a str>,
    /// `None` for an input that is left out.
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) outputs: Vec<usize>,
    options: Option<Table<'a>>,
}

impl Operator<'_> {
    pub(super) fn int(&self, field: usize, default: i32) -> i32 {
        self.options.map_or(default, |o| o.int(field, default))
    }

    pub(super) fn byte(&self, field: usize) -> u8 {
        self.options.map_or(0, |o| o.byte(field))
    }

    pub(super) fn float(&self, field: usize) -> f32 {
        self.options.map_or(0.0, |o| o.float(field))
    }

    pub(super) fn ints(&self, field: usize) -> Option<Vec<i32>> {
        self.options?.list(field)?.ints()
    }
}

impl<'a> File<'a> {
    /// Reads the first graph of the file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        Self::of(bytes).ok_or_else(|| "it is damaged or cut".to_owned())?
    }

    fn of(bytes: &'a [u8]) -> Option<Result<Self, String>> {
        let model = Table::root(bytes)?;
        let graph = model.list(2)?.table(0)?;
        let (codes, buffers) = (model.list(1)?, model.list(4)?);
        let (tensors, operators) = (graph.list(0)?, graph.list(3)?);
        for (what, list) in [("tensors", tensors), ("operators", operators)] {
            if list.len() > MOST {
                let n = list.len();
                return Some(Err(format!("it has {n} {what}, {MOST} at most")));
            }
        }
        let mut names = HashSet::new();
        let tensors = (0..tensors.len())
            .map(|index| tensor(tensors.table(index)?, index, &buffers, &mut names))
            .collect::<Option<Vec<_>>>()?;
        let mut uses = 0;
        let operators = (0..operators.len())
            .map(|index| operator(operators.table(index)?, &codes, &mut uses))
            .collect::<Option<Vec<_>>>()?;
        let sides = [graph.list(1)?.ints()?, graph.list(2)?.ints()?];
        let [inputs, outputs] = sides.map(|ids| ids.into_iter().filter_map(index_of).collect());
        let file = Self {
            tensors,
            operators,
            inputs,
            outputs,
        };
        let all = file.operators.iter().all(|operator| {
            let inputs = operator.inputs.iter().flatten();
            inputs.chain(&operator.outputs).all(known_in(&file))
        });
        let sides = file.inputs.iter().chain(&file.outputs).all(known_in(&file));
        (all && sides).then_some(Ok(file))
    }

    /// The tensor of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.tensors.iter().position(|tensor| tensor.name == name)
    }
}

fn known_in<'f>(file: &'f File<'_>) -> impl Fn(&usize) -> bool + use<'f> {
    let count = file.tensors.len();
    move |&index| index < count
}

fn index_of(id: i32) -> Option<usize> {
    usize::try_from(id).ok()
}

fn tensor<'a>(
    table: Table<'a>,
    index: usize,
    buffers: &List<'a>,
    names: &mut HashSet<String>,
) -> Option<Tensor<'a>> {
    let sizes = |field| {
        let list = table.list(field)?;
        Some(list.ints().filter(|_| list.len() <= MOST_AXES))
    };
    let shape: Vec<usize> = match sizes(0) {
        Some(sizes) => (sizes?.into_iter().map(index_of)).collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let signature = sizes(7).flatten().unwrap_or_default();
    let name = table.list(3).filter(|name| name.len() <= LONGEST_NAME);
    let mut name = match name {
        Some(_) => table.text(3).unwrap_or_default().to_owned(),
        None => String::new(),
    };
    if name.is_empty() || names.contains(&name) {
        name = format!("{name}#{index}");
    }
    names.insert(name.clone());
    let data = match table.size(2, 0) {
        0 => None,
        buffer => buffers.table(buffer)?.list(0),
    };
    let data = match data {
        Some(list) if list.len() > 0 => Some(list.bytes()?),
        _ => None,
    };
    Some(Tensor {
        name,
        shape,
        is_fixed: signature.iter().skip(1).all(|&size| size >= 0),
        kind: match table.byte(1) {
            0 => Kind::F32,
            1 => Kind::F16,
            2 => Kind::I32,
            3 => Kind::U8,
            4 => Kind::I64,
            7 => Kind::I16,
            9 => Kind::I8,
            _ => Kind::Other,
        },
        data,
        quantised: table.table(4),
    })
}

fn quantised(table: Table<'_>) -> Option<Quantised> {
    let scales = table.list(2)?.floats()?;
    let mut zero_points = match table.list(3) {
        Some(points) => points.longs()?,
        None => Vec::new(),
    };
    zero_points.resize(scales.len(), zero_points.first().copied().unwrap_or(0));
    (!scales.is_empty()).then_some(Quantised {
        scales,
        zero_points,
        axis: table.size(6, 0),
    })
}

fn operator<'a>(table: Table<'a>, codes: &List<'a>, uses: &mut usize) -> Option<Operator<'a>> {
    let code = codes.table(table.size(0, 0))?;
    // Numbers up to 127 once had a byte of their own.
    let number = code.int(3, 0).max(i32::from(code.byte(0)));
    let mut ids = |field| match table.list(field) {
        Some(list) => {
            *uses += list.len();
            list.ints().filter(|_| *uses <= MOST_USES)
        }
        None => Some(Vec::new()),
    };
    Some(Operator {
        code: number,
        custom: code.text(1),
        inputs: ids(1)?.into_iter().map(index_of).collect(),
        outputs: ids(2)?.into_iter().map(index_of).collect::<Option<_>>()?,
        options: table.table(4),
    })
}

impl Tensor<'_> {
    /// The number of values.
    pub(super) fn count(&self) -> Option<usize> {
        let mut sizes = self.shape.iter();
        sizes.try_fold(1usize, |n, &size| n.checked_mul(size))
    }

    /// The values of a constant as whole numbers, if that is what they are.
    pub(super) fn ints(&self) -> Option<Vec<i64>> {
        let (data, count) = (self.data?, self.count()?);
        match self.kind {
            Kind::I32 if data.len() / 4 == count => {
                Some(words(data, |four| i64::from(i32::from_le_bytes(four))))
            }
            Kind::I64 if data.len() / 8 == count => Some(words(data, i64::from_le_bytes)),
            _ => None,
        }
    }

    /// The values of a constant as floats; quantised values are converted.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        let (data, count) = (self.data?, self.count()?);
        if data.len() / count.max(1) > 8 {
            return None;
        }
        let values = match self.kind {
            Kind::F32 => words(data, f32::from_le_bytes),
            Kind::F16 => words(data, |two| of_half(u16::from_le_bytes(two))),
            Kind::I8 => self.real(words(data, |byte| i64::from(i8::from_le_bytes(byte))))?,
            Kind::U8 => self.real(words(data, |byte| i64::from(u8::from_le_bytes(byte))))?,
            Kind::I16 => self.real(words(data, |two| i64::from(i16::from_le_bytes(two))))?,
            Kind::I32 => self.real(words(data, |four| i64::from(i32::from_le_bytes(four))))?,
            Kind::I64 => self.real(words(data, i64::from_le_bytes))?,
            Kind::Other => return None,
        };
        (values.len() == count).then_some(values)
    }

    fn real(&self, values: Vec<i64>) -> Option<Vec<f32>> {
        let Some(quantised) = self.quantised.and_then(quantised) else {
            let whole = matches!(self.kind, Kind::I32 | Kind::I64);
            return whole.then(|| values.iter().map(|&value| value as f32).collect());
        };
        let scales = &quantised.scales;
        // Neighbouring values that share a scale.
        let run = match scales.len() {
            1 => values.len(),
            n if self.shape.get(quantised.axis) == Some(&n) => {
                self.shape[quantised.axis + 1..].iter().product()
            }
            _ => return None,
        };
        let real = values.iter().enumerate().map(|(index, &value)| {
            let which = index / run.max(1) % scales.len();
            value.saturating_sub(quantised.zero_points[which]) as f32 * scales[which]
        });
        Some(real.collect())
    }

    /// The smallest and the largest value that a quantised tensor can hold.
    pub(super) fn range(&self) -> Option<(f32, f32)> {
        let quantised = self.quantised.and_then(quantised)?;
        let (low, high) = match self.kind {
            Kind::I8 => (-128, 127),
            Kind::U8 => (0, 255),
            Kind::I16 => (-32_768, 32_767),
            _ => return None,
        };
        let (scale, zero) = (quantised.scales[0], quantised.zero_points[0]);
        let real = |value: i64| value.saturating_sub(zero) as f32 * scale;
        Some((real(low), real(high)))
    }
}

fn words<const N: usize, T>(data: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|&word| read(word))
        .collect()
}
