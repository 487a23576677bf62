//! The precision of stored rows.

use std::fmt;

use serde::Serialize;

/// How the features of an example are stored. All of them are read as `i16`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub(crate) enum Storage {
    /// One byte a feature, and a scale of two bytes a row: the largest magnitude of the row, `m`.
    /// A feature is stored as `q = round(127 x / m)`, ties to even, so symmetric in `-127..=127`.
    /// It is read as `round(q m / 127)`. All arithmetic is in integers, so it is the same on every
    /// machine. The error is at most `m / 254`, rounded up. A row within `-127..=127` is exact.
    Int8,
    /// Two bytes a feature, exact; the default.
    #[default]
    I16,
    /// Four bytes a feature, exact. It stores no more information than [`Self::I16`]. Other
    /// systems use this size. It exists so that the cost of precision can be measured at equal
    /// numbers of bytes.
    F32,
}

/// Bytes of the scale of an int8 row.
const SCALE_BYTES: usize = size_of::<u16>();
/// The largest stored magnitude of an int8 row.
const STEPS: i32 = 127;

impl Storage {
    /// Every storage.
    pub(crate) const ALL: [Self; 3] = [Self::Int8, Self::I16, Self::F32];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::I16 => "i16",
            Self::F32 => "f32",
        }
    }

    /// Bytes of the features of a row, without its scale.
    pub(crate) fn feature_bytes(self, width: usize) -> usize {
        width.saturating_mul(match self {
            Self::Int8 => 1,
            Self::I16 => 2,
            Self::F32 => 4,
        })
    }

    /// Bytes of the scale of a row.
    pub(crate) fn scale_bytes(self) -> usize {
        match self {
            Self::Int8 => SCALE_BYTES,
            Self::I16 | Self::F32 => 0,
        }
    }

    /// Bytes of a row: scale and features.
    pub(super) fn row_bytes(self, width: usize) -> usize {
        self.feature_bytes(width).saturating_add(self.scale_bytes())
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|storage| storage.name() == name)
    }

    /// Writes an encoded row over `out`, which has the length of a row.
    pub(super) fn encode(self, features: &[i16], out: &mut [u8]) {
        match self {
            Self::Int8 => encode_int8(features, out),
            Self::I16 => {
                for (bytes, x) in out.as_chunks_mut().0.iter_mut().zip(features) {
                    *bytes = x.to_le_bytes();
                }
            }
            Self::F32 => {
                for (bytes, &x) in out.as_chunks_mut().0.iter_mut().zip(features) {
                    *bytes = f32::from(x).to_le_bytes();
                }
            }
        }
    }

    /// Appends the features of a row to `out`.
    pub(super) fn decode_into(self, row: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::Int8 => decode_int8(row, out),
            Self::I16 => out.extend(row.as_chunks().0.iter().map(|&x| i16::from_le_bytes(x))),
            // Bytes that are not such an integer change when re-encoded, so loading detects them.
            Self::F32 => {
                out.extend((row.as_chunks().0.iter()).map(|&x| f32::from_le_bytes(x) as i16));
            }
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn encode_int8(features: &[i16], out: &mut [u8]) {
    let Some((scale, steps)) = out.split_first_chunk_mut::<SCALE_BYTES>() else {
        return;
    };
    let largest = features.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    *scale = largest.to_le_bytes();
    let largest = i32::from(largest).max(1);
    for (byte, &x) in steps.iter_mut().zip(features) {
        let step = round_half_even(STEPS * i32::from(x), largest) as i8;
        *byte = step.to_le_bytes()[0];
    }
}

fn decode_int8(row: &[u8], out: &mut Vec<i16>) {
    let Some((&scale, steps)) = row.split_first_chunk::<SCALE_BYTES>() else {
        return;
    };
    let largest = i32::from(u16::from_le_bytes(scale));
    out.extend(steps.iter().map(|&byte| {
        let step = i32::from(i8::from_le_bytes([byte]));
        let x = round_half_even(step * largest, STEPS);
        // Only in a row with a -32768 can a positive value become one too large.
        x.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }));
}

/// `a / b` to the nearest integer, ties to even; `b > 0`.
fn round_half_even(a: i32, b: i32) -> i32 {
    let (quotient, twice_rest) = (a.div_euclid(b), 2 * a.rem_euclid(b));
    let up = twice_rest > b || (twice_rest == b && quotient % 2 != 0);
    quotient + i32::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored(storage: Storage, features: &[i16]) -> (Vec<u8>, Vec<i16>) {
        let mut row = vec![0; storage.row_bytes(features.len())];
        storage.encode(features, &mut row);
        let mut read = Vec::new();
        storage.decode_into(&row, &mut read);
        (row, read)
    }

    #[test]
    fn halves_are_rounded_to_the_even_neighbour() {
        let halves = [-5, -3, -1, 1, 3, 5].map(|a| round_half_even(a, 2));
        assert_eq!(halves, [-2, -2, 0, 0, 2, 2]);
        let thirds = [-5, -4, -2, -1, 1, 2, 4, 5].map(|a| round_half_even(a, 3));
        assert_eq!(thirds, [-2, -1, -1, 0, 0, 1, 1, 2]);
    }

    #[test]
    fn int8_uses_its_whole_range_and_never_minus_128() {
        let (row, read) = stored(Storage::Int8, &[-20_000, 20_000, 0, 79]);
        // 79 * 127 / 20000 is just above a half.
        assert_eq!(row, [0x20, 0x4e, 129, 127, 0, 1]);
        assert_eq!(read, [-20_000, 20_000, 0, 157]);
        let (row, read) = stored(Storage::Int8, &[i16::MIN, i16::MAX, 0]);
        assert_eq!(
            (&row[2..], &read[..]),
            (&[129, 127, 0][..], &[i16::MIN, i16::MAX, 0][..])
        );
        assert_eq!(stored(Storage::Int8, &[0, 0]), (vec![0; 4], vec![0, 0]));
    }

    proptest! {
        #[test]
        fn i16_and_f32_are_exact_and_int8_is_off_by_half_a_step(
            features in proptest::collection::vec(any::<i16>(), 1..40),
            shift in 0_u32..16,
        ) {
            let features: Vec<i16> = features.iter().map(|x| x >> shift).collect();
            prop_assert_eq!(&stored(Storage::I16, &features).1, &features);
            prop_assert_eq!(&stored(Storage::F32, &features).1, &features);
            let largest = features.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
            let bound = match largest {
                0..=127 => 0,
                _ => (i32::from(largest) + 253) / 254,
            };
            for (x, y) in features.iter().zip(stored(Storage::Int8, &features).1) {
                prop_assert!((i32::from(*x) - i32::from(y)).abs() <= bound, "{x} {y} {bound}");
            }
        }

        #[test]
        fn a_row_that_was_read_is_stored_unchanged(
            features in proptest::collection::vec(any::<i16>(), 1..40),
            shift in 0_u32..16,
        ) {
            let features: Vec<i16> = features.iter().map(|x| x >> shift).collect();
            for storage in Storage::ALL {
                let (row, read) = stored(storage, &features);
                prop_assert_eq!(&stored(storage, &read).0, &row, "{}", storage);
            }
        }
    }
}
