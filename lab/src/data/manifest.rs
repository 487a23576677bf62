//! A manifest: a CSV file that lists clips.
//!
//! The header row names the columns `path` and `label`, and optionally `group`
//! and `split` (`train` or `test`; empty counts as `train`). Paths are relative
//! to a folder, usually the manifest's own. Unknown columns are errors, since a misspelt
//! `split` would silently change the result.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::clip_list::{ClipList, ListedClip};
use super::error::{DataError, ManifestFault};

/// The longest manifest: half a million lines.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a manifest. Its paths are relative to `folder`, or to the manifest's own folder if
/// `folder` is `None`.
///
/// # Errors
/// [`DataError::File`], and [`DataError::Manifest`], which names the line.
pub fn read_manifest(path: &Path, folder: Option<&Path>) -> Result<ClipList, DataError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|reason| DataError::File {
            action: "read",
            path: path.into(),
            reason,
        })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(DataError::Manifest {
            path: path.into(),
            line: 1,
            fault: ManifestFault::TooLarge {
                limit_bytes: MAX_BYTES,
            },
        });
    }
    let own = path.parent().unwrap_or(Path::new(""));
    decode_manifest(&bytes, path, folder.unwrap_or(own))
}

/// Like [`read_manifest`], but from bytes. Error messages name the manifest `path`.
///
/// # Errors
/// [`DataError::Manifest`].
pub fn decode_manifest(bytes: &[u8], path: &Path, folder: &Path) -> Result<ClipList, DataError> {
    let fault = |line: u64, fault: ManifestFault| DataError::Manifest {
        path: path.into(),
        line,
        fault,
    };
    // Spreadsheets put a byte-order mark in front of the first column's name.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let of_csv = |broken: csv::Error| {
        let line = broken.position().map_or(1, csv::Position::line);
        let reason = match broken.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => ManifestFault::Fields {
                expected: *expected_len,
                actual: *len,
            },
            csv::ErrorKind::Utf8 { .. } => ManifestFault::Text("not UTF-8 text".to_owned()),
            _ => ManifestFault::Text(broken.to_string()),
        };
        fault(line, reason)
    };

    let header = reader.headers().map_err(of_csv)?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    for name in &header {
        if !["path", "label", "group", "split"].contains(&name) {
            return Err(fault(1, ManifestFault::UnknownColumn(name.to_owned())));
        }
    }
    let (Some(path_at), Some(label_at)) = (column("path"), column("label")) else {
        return Err(fault(1, ManifestFault::MissingColumn));
    };
    let (group_at, split_at) = (column("group"), column("split"));

    let mut list = ClipList::default();
    for record in reader.records() {
        let record = record.map_err(of_csv)?;
        let line = line_of(bytes, record.position());
        let field = |at: usize| record.get(at).unwrap_or_default();
        for (name, at) in [("path", path_at), ("label", label_at)] {
            if field(at).is_empty() {
                let empty = format!("the {name} is empty");
                return Err(fault(line, ManifestFault::Text(empty)));
            }
        }
        let test = match split_at.map(field) {
            None => None,
            Some("test") => Some(true),
            Some("train" | "") => Some(false),
            Some(other) => {
                let reason = format!("split '{other}' is not train or test");
                return Err(fault(line, ManifestFault::Text(reason)));
            }
        };
        let group = group_at.map(field).filter(|group| !group.is_empty());
        list.clips.push(ListedClip {
            path: folder.join(field(path_at)),
            label: field(label_at).to_owned(),
            group: group.map(str::to_owned),
            test,
        });
    }
    Ok(list)
}

/// The line of a record, counted from 1. The reader's own position is before the blank lines that
/// it skipped.
fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let (start, line) = position.map_or((0, 1), |position| (position.byte(), position.line()));
    let rest = usize::try_from(start)
        .ok()
        .and_then(|start| bytes.get(start..));
    let blank = rest
        .unwrap_or_default()
        .iter()
        .take_while(|byte| b"\r\n".contains(byte));
    line + blank.filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_manifest_above_the_size_limit_is_rejected() {
        let endless = tempfile::NamedTempFile::new().unwrap();
        endless.as_file().set_len(MAX_BYTES + 1).unwrap();
        let refused = read_manifest(endless.path(), None).unwrap_err();
        assert!(refused.to_string().contains("more than"), "{refused}");
    }

    fn decode(text: &str) -> Result<ClipList, DataError> {
        decode_manifest(
            text.as_bytes(),
            Path::new("sounds/list.csv"),
            Path::new("sounds"),
        )
    }

    #[test]
    fn paths_are_relative_to_the_folder() {
        let list = decode("\u{FEFF}label,path,split\nrain,a/1.wav,test\ndog,/b.wav,\n").unwrap();
        assert_eq!(list.clips[0].path, PathBuf::from("sounds/a/1.wav"));
        assert_eq!(list.clips[1].path, PathBuf::from("/b.wav"));
        assert_eq!(
            (list.clips[0].test, list.clips[1].test),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("path,label\na.wav,x\nb.wav\n", 3),
            ("path,label,split\na.wav,x,tset\n", 2),
            ("path,label\na.wav,x\n\nb.wav,\n", 4),
            ("path,lable\na.wav,x\n", 1),
            ("", 1),
        ] {
            let fault = decode(text).unwrap_err();
            assert!(
                matches!(&fault, DataError::Manifest { line: l, .. } if *l == line),
                "{text:?}: {fault}"
            );
        }
    }
}
