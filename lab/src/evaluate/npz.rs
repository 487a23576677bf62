//! Embeddings from an npz archive: `X` `[examples, size]`, `y` `[examples]`,
//! and optionally `group` and `test`.
//!
//! Members are unpacked one at a time under a byte limit, so that neither a
//! forged size nor a zip bomb costs more memory than the limit.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use zip::ZipArchive;

use super::clips::Clips;
use super::error::{ArrayFault, EvaluateError};
use super::names::Names as Column;
use super::npy::{Names, Npy};

/// The largest member, unpacked: 1 GiB, or 2.8 million embeddings of 96.
const MAX_MEMBER_BYTES: u64 = 1 << 30;

/// Reads an npz archive of embeddings.
///
/// `X` is float32 `[examples, size]` (float64 and integers are rounded), `y`
/// and `group` are integers or text `[examples]`, `test` is bool `[examples]`.
///
/// # Errors
/// [`EvaluateError::Read`], [`EvaluateError::Archive`] and
/// [`EvaluateError::Array`] for a file that is none; the errors of
/// [`Clips::new`] for arrays that do not fit together.
pub fn read_npz(path: &Path) -> Result<Clips, EvaluateError> {
    let file = File::open(path).map_err(|fault| EvaluateError::Read {
        path: path.into(),
        fault,
    })?;
    decode_npz(BufReader::new(file), path)
}

/// As [`read_npz`], from any seekable bytes; `path` only serves messages.
///
/// # Errors
/// As [`read_npz`].
pub fn decode_npz<R: Read + Seek>(reader: R, path: &Path) -> Result<Clips, EvaluateError> {
    let mut zip = ZipArchive::new(reader).map_err(|fault| EvaluateError::Archive {
        path: path.into(),
        reason: fault.to_string(),
    })?;
    let named = |array, fault| EvaluateError::Array {
        path: path.into(),
        array,
        fault,
    };

    let bytes = required(&mut zip, "X").map_err(|fault| named("X", fault))?;
    let (_, size, windows) = Npy::parse(&bytes)
        .and_then(|npy| npy.matrix())
        .map_err(|fault| named("X", fault))?;
    drop(bytes);
    let classes = required(&mut zip, "y")
        .and_then(|bytes| Npy::parse(&bytes)?.names())
        .map_err(|fault| named("y", fault))?;
    let groups = optional(&mut zip, "group")
        .and_then(|bytes| bytes.map(|bytes| Npy::parse(&bytes)?.names()).transpose())
        .map_err(|fault| named("group", fault))?;
    let test = optional(&mut zip, "test")
        .and_then(|bytes| bytes.map(|bytes| Npy::parse(&bytes)?.flags()).transpose())
        .map_err(|fault| named("test", fault))?;

    Clips::of_rows(size, windows, column(classes), groups.map(column), test)
}

fn column(names: Names) -> Column {
    match names {
        Names::Integers(values) => Column::from_integers(&values),
        Names::Text(values) => Column::from_text(&values),
    }
}

fn required<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    array: &'static str,
) -> Result<Vec<u8>, ArrayFault> {
    optional(zip, array)?.ok_or_else(|| {
        let mut present: Vec<&str> = zip
            .file_names()
            .map(|name| name.trim_end_matches(".npy"))
            .take(16)
            .collect();
        present.sort_unstable();
        let present = if present.is_empty() {
            "nothing".to_owned()
        } else {
            present.join(", ")
        };
        ArrayFault::Missing { present }
    })
}

fn optional<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    array: &'static str,
) -> Result<Option<Vec<u8>>, ArrayFault> {
    let Some(index) = zip
        .index_for_name(&format!("{array}.npy"))
        .or_else(|| zip.index_for_name(array))
    else {
        return Ok(None);
    };
    let member = zip
        .by_index(index)
        .map_err(|fault| ArrayFault::Unpack(fault.to_string()))?;
    let mut bytes = Vec::new();
    member
        .take(MAX_MEMBER_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|fault| ArrayFault::Unpack(fault.to_string()))?;
    if bytes.len() as u64 > MAX_MEMBER_BYTES {
        return Err(ArrayFault::TooLarge {
            limit_bytes: MAX_MEMBER_BYTES,
        });
    }
    Ok(Some(bytes))
}
