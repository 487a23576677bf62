//! One array in NumPy's npy format (NEP 1, versions 1.0 to 3.0), decoded from untrusted
//! bytes.
//!
//! The dtype is known only at run time and may be text (`<U7`, `|S7`). The header is
//! matched against the one form that NumPy writes, with a linear-time pattern and a length
//! limit, and is not parsed as a Python literal. Structured, object, complex and
//! half-precision dtypes are errors.

use std::sync::LazyLock;

use regex::Regex;

use super::error::{ArrayFault, ArrayType};

/// The longest header, in bytes; NumPy's own take 118.
const MAX_HEADER_BYTES: usize = 4096;
/// The longest text entry, in characters or bytes.
const MAX_TEXT: usize = 4096;

static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^\{\s* 'descr':\s*'(?<descr>[^']{1,16})',\s*
          'fortran_order':\s*(?<fortran>True|False),\s*
          'shape':\s*\((?<shape>[0-9L,\ ]*)\),?\s* \}\s*$",
    )
    .ok()
});

/// A decoded header and the bytes it describes.
#[derive(Debug)]
pub(crate) struct Npy<'a> {
    descr: String,
    kind: u8,
    item_bytes: usize,
    big_endian: bool,
    fortran_order: bool,
    /// Length of each axis.
    pub(crate) shape: Vec<usize>,
    data: &'a [u8],
}

/// A column that names things: classes or groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// Integers or booleans, which sort by value.
    Integers(Vec<i64>),
    /// Text, which sorts by code point.
    Text(Vec<String>),
}

impl<'a> Npy<'a> {
    /// Splits `bytes` into header and data; their sizes must agree exactly.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ArrayFault> {
        let rest = bytes
            .strip_prefix(b"\x93NUMPY")
            .ok_or(header_fault("no magic string"))?;
        let (header, data) = match rest {
            [1, 0, a, b, rest @ ..] => split(rest, usize::from(u16::from_le_bytes([*a, *b])))?,
            [2 | 3, 0, a, b, c, d, rest @ ..] => {
                split(rest, u32::from_le_bytes([*a, *b, *c, *d]) as usize)?
            }
            _ => return Err(header_fault("unknown version")),
        };
        let header = std::str::from_utf8(header).map_err(|_| header_fault("header is no text"))?;
        let fields = HEADER
            .as_ref()
            .and_then(|pattern| pattern.captures(header))
            .ok_or(header_fault("header is not of a plain dtype"))?;
        let descr = &fields["descr"];
        if descr == "|O" {
            return Err(ArrayFault::Dtype {
                expected: ArrayType::Plain,
                actual: descr.to_owned(),
            });
        }
        let mut shape = Vec::new();
        for axis in fields["shape"].split(',').map(str::trim) {
            if !axis.is_empty() {
                let length = axis.trim_end_matches('L').parse();
                shape.push(length.map_err(|_| header_fault("shape is no tuple of sizes"))?);
            }
        }
        let (order, kind, size) = match descr.as_bytes() {
            [order, kind, size @ ..] => (*order, *kind, size),
            _ => return Err(header_fault("dtype is too short")),
        };
        let size: usize = std::str::from_utf8(size)
            .ok()
            .and_then(|size| size.parse().ok())
            .filter(|&size| size <= MAX_TEXT)
            .ok_or(header_fault("dtype has no usable size"))?;
        let item_bytes = if kind == b'U' { size * 4 } else { size };
        let expected = shape
            .iter()
            .try_fold(item_bytes as u128, |product, &axis| {
                product.checked_mul(axis as u128)
            })
            .ok_or(header_fault("shape is too large"))?;
        if item_bytes == 0 || expected != data.len() as u128 {
            return Err(ArrayFault::Unreadable(format!(
                "holds {} bytes of data where its shape needs {expected}",
                data.len()
            )));
        }
        Ok(Self {
            kind,
            item_bytes,
            big_endian: order == b'>',
            fortran_order: &fields["fortran"] == "True",
            descr: descr.to_owned(),
            shape,
            data,
        })
    }

    /// The same values with the axes after the first joined, if they are stored row by row.
    pub(crate) fn flattened(mut self) -> Self {
        if self.shape.len() > 2 && !self.fortran_order {
            let rest = self.shape.drain(1..).product();
            self.shape.push(rest);
        }
        self
    }

    /// A matrix as `(rows, columns, row-major values)`. f64 and integers are rounded to f32.
    pub(crate) fn matrix(&self) -> Result<(usize, usize, Vec<f32>), ArrayFault> {
        let [rows, columns] = *self.shape.as_slice() else {
            return Err(self.wrong_shape("[examples, embedding size]"));
        };
        let values: Vec<f32> = match (self.kind, self.item_bytes) {
            (b'f', 4) => self.items(f32::from_le_bytes),
            (b'f', 8) => self.items(|bytes| f64::from_le_bytes(bytes) as f32),
            (b'i' | b'u', _) => self
                .integers()?
                .into_iter()
                .map(|value| value as f32)
                .collect(),
            _ => return Err(self.wrong_dtype(ArrayType::Float32)),
        };
        if !self.fortran_order || columns == 0 {
            return Ok((rows, columns, values));
        }
        let mut row_major = vec![0.0; values.len()];
        for (position, value) in values.into_iter().enumerate() {
            let (column, row) = (position / rows, position % rows);
            if let Some(slot) = row_major.get_mut(row * columns + column) {
                *slot = value;
            }
        }
        Ok((rows, columns, row_major))
    }

    /// A column of names: integers, booleans or text.
    pub(crate) fn names(&self) -> Result<Column, ArrayFault> {
        self.column()?;
        match self.kind {
            b'i' | b'u' | b'b' => Ok(Column::Integers(self.integers()?)),
            b'U' | b'S' => {
                let items = self.data.chunks_exact(self.item_bytes).enumerate();
                items
                    .map(|(index, item)| self.text(index, item))
                    .collect::<Result<_, _>>()
                    .map(Column::Text)
            }
            _ => Err(self.wrong_dtype(ArrayType::IntegersOrText)),
        }
    }

    /// A column of flags: booleans, or integers where 0 is false.
    pub(crate) fn flags(&self) -> Result<Vec<bool>, ArrayFault> {
        self.column()?;
        match self.kind {
            b'i' | b'u' | b'b' => Ok(self.integers()?.into_iter().map(|v| v != 0).collect()),
            _ => Err(self.wrong_dtype(ArrayType::Bool)),
        }
    }

    fn column(&self) -> Result<(), ArrayFault> {
        match self.shape.as_slice() {
            [_] | [_, 1] => Ok(()),
            _ => Err(self.wrong_shape("[examples]")),
        }
    }

    fn integers(&self) -> Result<Vec<i64>, ArrayFault> {
        Ok(match (self.kind, self.item_bytes) {
            (b'b' | b'u', 1) => self.items(|bytes| i64::from(u8::from_le_bytes(bytes))),
            (b'u', 2) => self.items(|bytes| i64::from(u16::from_le_bytes(bytes))),
            (b'u', 4) => self.items(|bytes| i64::from(u32::from_le_bytes(bytes))),
            (b'u', 8) => {
                let wide: Vec<u64> = self.items(u64::from_le_bytes);
                let narrow = wide.into_iter().enumerate().map(|(index, value)| {
                    let reason = "does not fit a signed 64-bit integer";
                    i64::try_from(value).map_err(|_| value_fault(index, reason))
                });
                narrow.collect::<Result<_, _>>()?
            }
            (b'i', 1) => self.items(|bytes| i64::from(i8::from_le_bytes(bytes))),
            (b'i', 2) => self.items(|bytes| i64::from(i16::from_le_bytes(bytes))),
            (b'i', 4) => self.items(|bytes| i64::from(i32::from_le_bytes(bytes))),
            (b'i', 8) => self.items(i64::from_le_bytes),
            _ => return Err(self.wrong_dtype(ArrayType::Integers)),
        })
    }

    /// Every item as `N` little-endian bytes; the caller has matched
    /// `item_bytes` to `N`.
    fn items<const N: usize, T>(&self, decode: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (items, _) = self.data.as_chunks::<N>();
        items
            .iter()
            .map(|&item| {
                let mut bytes = item;
                if self.big_endian {
                    bytes.reverse();
                }
                decode(bytes)
            })
            .collect()
    }

    /// One text entry without the NULs that NumPy pads it with.
    fn text(&self, index: usize, item: &[u8]) -> Result<String, ArrayFault> {
        let fault = value_fault(index, "is not valid text");
        let text = if self.kind == b'S' {
            std::str::from_utf8(item).map_err(|_| fault)?.to_owned()
        } else {
            let code_points = item.as_chunks::<4>().0.iter().map(|&bytes| {
                char::from_u32(if self.big_endian {
                    u32::from_be_bytes(bytes)
                } else {
                    u32::from_le_bytes(bytes)
                })
            });
            code_points.collect::<Option<String>>().ok_or(fault)?
        };
        Ok(text.trim_end_matches('\0').to_owned())
    }

    fn wrong_shape(&self, expected: &'static str) -> ArrayFault {
        let actual = &self.shape;
        ArrayFault::Unreadable(format!("has shape {actual:?}, expected {expected}"))
    }

    fn wrong_dtype(&self, expected: ArrayType) -> ArrayFault {
        ArrayFault::Dtype {
            expected,
            actual: self.descr.clone(),
        }
    }
}

fn header_fault(what: &str) -> ArrayFault {
    ArrayFault::Unreadable(format!("not an npy array ({what})"))
}

fn value_fault(index: usize, reason: &str) -> ArrayFault {
    ArrayFault::Unreadable(format!("entry {index} (counted from 0) {reason}"))
}

fn split(rest: &[u8], header_bytes: usize) -> Result<(&[u8], &[u8]), ArrayFault> {
    if header_bytes > MAX_HEADER_BYTES {
        return Err(header_fault("header is too long"));
    }
    rest.split_at_checked(header_bytes)
        .ok_or(header_fault("header is cut off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn fortran_order_and_big_endian_read_as_the_same_matrix() {
        let values = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let columns_first = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0];
        let big: Vec<u8> = columns_first.iter().flat_map(|v| v.to_be_bytes()).collect();
        let c_order = npy("<f4", "False", "(2, 3)", &little);
        let f_order = npy(">f4", "True", "(2, 3)", &big);
        let expected = (2, 3, values.to_vec());
        assert_eq!(Npy::parse(&c_order).unwrap().matrix().unwrap(), expected);
        assert_eq!(Npy::parse(&f_order).unwrap().matrix().unwrap(), expected);
    }

    #[test]
    fn text_loses_only_its_padding() {
        let ucs4: Vec<u8> = "dög\0cat\0"
            .chars()
            .flat_map(|c| (c as u32).to_le_bytes())
            .collect();
        let bytes = npy("<U4", "False", "(2,)", &ucs4);
        let names = Npy::parse(&bytes).unwrap().names().unwrap();
        assert_eq!(names, Column::Text(vec!["dög".into(), "cat".into()]));
        let surrogate = npy("<U1", "False", "(1,)", &0xD800_u32.to_le_bytes());
        let fault = Npy::parse(&surrogate).unwrap().names().unwrap_err();
        assert_eq!(fault, value_fault(0, "is not valid text"));
    }

    #[test]
    fn a_shape_that_overflows_is_rejected_without_allocating() {
        for shape in [
            "(99999999999, 99999999999)",
            "(18446744073709551615, 2)",
            "(5,)",
        ] {
            assert!(
                Npy::parse(&npy("<f4", "False", shape, &[0; 8])).is_err(),
                "{shape}"
            );
        }
    }

    #[test]
    fn object_half_and_structured_dtypes_are_rejected() {
        let object = npy("|O", "False", "(1,)", &[0; 8]);
        let fault = Npy::parse(&object).unwrap_err();
        let dtype = |expected, actual: &str| ArrayFault::Dtype {
            expected,
            actual: actual.to_owned(),
        };
        assert_eq!(fault, dtype(ArrayType::Plain, "|O"));
        let half = npy("<f2", "False", "(1, 4)", &[0; 8]);
        let fault = Npy::parse(&half).unwrap().matrix().unwrap_err();
        assert_eq!(fault, dtype(ArrayType::Float32, "<f2"));
        let mut record = npy("<f4", "False", "(2,)", &[0; 8]);
        let start = record.windows(5).position(|w| w == b"'<f4'").unwrap();
        record.splice(start..start + 5, b"[('a', '<f4')]".iter().copied());
        assert!(Npy::parse(&record).is_err());
    }
}
