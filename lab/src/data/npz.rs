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
use super::error::{ArrayFault, DataError, NpzFault};
use super::names::Names;
use super::npy::{Column, Npy};

/// The largest member, unpacked: 1 GiB, or 2.8 million embeddings of 96.
const MAX_MEMBER_BYTES: u64 = 1 << 30;

/// Reads an npz archive of embeddings.
///
/// `X` is float32 `[examples, size]` (float64 and integers are rounded), `y`
/// and `group` are integers or text `[examples]`, `test` is bool `[examples]`.
///
/// # Errors
/// [`DataError::File`] for a file that cannot be read, [`DataError::Npz`] for one that is
/// not an archive of embeddings, and the errors of
/// [`Clips::new`] for arrays that do not fit together.
pub fn read_npz(path: &Path) -> Result<Clips, DataError> {
    let file = File::open(path).map_err(|reason| DataError::File {
        action: "read",
        path: path.into(),
        reason,
    })?;
    decode_npz(BufReader::new(file), path)
}

/// Like [`read_npz`], but from any seekable bytes. Error messages name the archive `path`.
///
/// # Errors
/// As [`read_npz`].
pub fn decode_npz<R: Read + Seek>(reader: R, path: &Path) -> Result<Clips, DataError> {
    let mut zip = ZipArchive::new(reader).map_err(|fault| DataError::Npz {
        path: path.into(),
        fault: NpzFault::NotAnArchive(fault.to_string()),
    })?;
    let named = |array, fault| DataError::Npz {
        path: path.into(),
        fault: NpzFault::Array(array, fault),
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

    Clips::of_rows(size, windows, names(classes), groups.map(names), test)
}

/// A NumPy array as `(rows, numbers in a row, row-major values)`. The axes after the first are one
/// row.
///
/// # Errors
/// [`DataError::File`] for a file that cannot be read, [`DataError::Npz`] for one that is no array
/// of numbers.
pub fn read_npy(path: &Path) -> Result<(usize, usize, Vec<f32>), DataError> {
    let bytes = std::fs::read(path).map_err(|reason| DataError::File {
        action: "read",
        path: path.into(),
        reason,
    })?;
    let matrix = Npy::parse(&bytes).and_then(|npy| npy.flattened().matrix());
    matrix.map_err(|fault| DataError::Npz {
        path: path.into(),
        fault: NpzFault::Array("embeddings", fault),
    })
}

fn names(column: Column) -> Names {
    match column {
        Column::Integers(values) => Names::from_integers(&values),
        Column::Text(values) => Names::from_text(&values),
    }
}

fn required<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    array: &'static str,
) -> Result<Vec<u8>, ArrayFault> {
    optional(zip, array)?.ok_or_else(|| {
        let mut present: Vec<String> = zip
            .file_names()
            .map(|name| name.trim_end_matches(".npy").to_owned())
            .take(16)
            .collect();
        present.sort_unstable();
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
    let member = zip.by_index(index).map_err(|fault| unpacking(&fault))?;
    let mut bytes = Vec::new();
    member
        .take(MAX_MEMBER_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|fault| unpacking(&fault))?;
    if bytes.len() as u64 > MAX_MEMBER_BYTES {
        return Err(ArrayFault::TooLarge {
            limit_bytes: MAX_MEMBER_BYTES,
        });
    }
    Ok(Some(bytes))
}

fn unpacking(fault: &dyn std::error::Error) -> ArrayFault {
    ArrayFault::Unreadable(format!("cannot be unpacked: {fault}"))
}
