//! Takes tensors that lie in other files into the ONNX file that names them.
//!
//! PyTorch's exporter writes weights to a second file. The cache and a learner's contract name a
//! model by one checksum, which must cover the weights, so `add` makes one file of both. This module
//! works on the encoded bytes (Protocol Buffers), and keeps every field that it does not know. Other
//! files must lie in the folder of the first one. Nothing else is read.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::ModelError;
use super::cache::MAX_MODEL_BYTES;

/// The deepest nesting of messages.
const MOST_DEPTH: usize = 100;

/// A model whose tensors are all inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    /// The names of the other files.
    pub(super) taken: Vec<String>,
}

/// The model in `bytes`, which were read from `file`, with the tensors of other files. `None` if no
/// tensor lies in another file, or if the bytes are no model.
///
/// # Errors
/// [`ModelError::OtherFile`] if a tensor lies outside of the folder, or if its file is missing, too
/// short, or of another size than its shape; [`ModelError::TooLarge`].
pub(super) fn take_in(file: &Path, bytes: &[u8]) -> Result<Option<Whole>, ModelError> {
    let mut found = Vec::new();
    if find(Kind::Model, bytes, 0, &mut found).is_none() || found.is_empty() {
        return Ok(None);
    }
    // The sizes are checked before anything is read: a short file can name the same bytes often.
    let mut total = bytes.len() as u64;
    for tensor in &found {
        total = total.saturating_add(tensor.range(file)?.1);
    }
    if total > MAX_MODEL_BYTES {
        return Err(ModelError::TooLarge {
            what: format!("{} with its other files", file.display()),
            bytes: total,
            limit: MAX_MODEL_BYTES,
        });
    }
    let mut taken = Vec::new();
    let mut read = |tensor: Tensor| {
        let values = tensor.read(file)?;
        let name = tensor.location().to_owned();
        if !taken.contains(&name) {
            taken.push(name);
        }
        Ok(values)
    };
    match rewrite(Kind::Model, bytes, &mut read) {
        Ok(bytes) => Ok(Some(Whole { bytes, taken })),
        Err(Stop::Malformed) => Ok(None),
        Err(Stop::Model(error)) => Err(error),
    }
}

/// The messages of ONNX that lead to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    Tensor,
}

impl Kind {
    /// The message in the field `tag`.
    fn field(self, tag: u64) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::Sparse,
            (Self::Graph | Self::Attribute, 5) | (Self::Attribute, 10) | (Self::Sparse, 1 | 2) => {
                Self::Tensor
            }
            _ => return None,
        })
    }
}

enum Stop {
    Malformed,
    Model(ModelError),
}

/// Collects the external tensors of the encoded message. `None` if it is malformed.
fn find(kind: Kind, bytes: &[u8], depth: usize, found: &mut Vec<Tensor>) -> Option<()> {
    if depth > MOST_DEPTH {
        return None;
    }
    if kind == Kind::Tensor {
        let tensor = Tensor::read_message(bytes)?;
        if tensor.external {
            found.push(tensor);
        }
        return Some(());
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let field = Field::read(rest)?;
        if let (Some(inner), Payload::Bytes(payload)) = (kind.field(field.tag), field.payload) {
            find(inner, payload, depth + 1, found)?;
        }
        rest = field.rest;
    }
    Some(())
}

/// The encoded message with the values of each external tensor, as `values` gives them. [`find`] has
/// checked its depth.
fn rewrite(
    kind: Kind,
    bytes: &[u8],
    values: &mut dyn FnMut(Tensor) -> Result<Vec<u8>, ModelError>,
) -> Result<Vec<u8>, Stop> {
    if kind == Kind::Tensor {
        return rewrite_tensor(bytes, values);
    }
    let mut written = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let field = Field::read(rest).ok_or(Stop::Malformed)?;
        match (kind.field(field.tag), field.payload) {
            (Some(inner), Payload::Bytes(payload)) => {
                let inner = rewrite(inner, payload, values)?;
                write_bytes(field.tag, &inner, &mut written);
            }
            _ => written.extend_from_slice(field.whole),
        }
        rest = field.rest;
    }
    Ok(written)
}

fn rewrite_tensor(
    bytes: &[u8],
    values: &mut dyn FnMut(Tensor) -> Result<Vec<u8>, ModelError>,
) -> Result<Vec<u8>, Stop> {
    let tensor = Tensor::read_message(bytes).ok_or(Stop::Malformed)?;
    if !tensor.external {
        return Ok(bytes.to_vec());
    }
    let mut written = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let field = Field::read(rest).ok_or(Stop::Malformed)?;
        if !matches!(field.tag, RAW_DATA | EXTERNAL_DATA | DATA_LOCATION) {
            written.extend_from_slice(field.whole);
        }
        rest = field.rest;
    }
    let values = values(tensor).map_err(Stop::Model)?;
    write_bytes(RAW_DATA, &values, &mut written);
    Ok(written)
}

const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;

/// What a tensor says about its values.
#[derive(Debug, Default)]
struct Tensor {
    name: String,
    dims: Vec<u64>,
    data_type: u64,
    external: bool,
    entries: Vec<(String, String)>,
}

impl Tensor {
    fn read_message(bytes: &[u8]) -> Option<Self> {
        let mut tensor = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let field = Field::read(rest)?;
            match (field.tag, field.payload) {
                (1, Payload::Number(dim)) => tensor.dims.push(dim),
                (1, Payload::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        let (dim, after) = varint(packed)?;
                        tensor.dims.push(dim);
                        packed = after;
                    }
                }
                (2, Payload::Number(data_type)) => tensor.data_type = data_type,
                (8, Payload::Bytes(name)) => {
                    tensor.name = String::from_utf8_lossy(name).into_owned();
                }
                (EXTERNAL_DATA, Payload::Bytes(entry)) => tensor.entries.push(read_entry(entry)?),
                (DATA_LOCATION, Payload::Number(place)) => tensor.external = place == 1,
                _ => {}
            }
            rest = field.rest;
        }
        Some(tensor)
    }

    fn entry(&self, key: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value.as_str())
    }

    fn location(&self) -> &str {
        self.entry("location").unwrap_or_default()
    }

    fn refused(&self, file: &Path, reason: impl Into<String>) -> ModelError {
        ModelError::OtherFile {
            file: file.to_owned(),
            tensor: self.name.clone(),
            location: self.location().to_owned(),
            reason: reason.into(),
        }
    }

    /// Where its values start, and their length in bytes.
    fn range(&self, file: &Path) -> Result<(u64, u64), ModelError> {
        let number = |key: &str| match self.entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.refused(file, format!("its {key} is {text:?}, not a number"))),
            },
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let needed = self.bytes().ok_or_else(|| {
            let reason = format!("its type {} or shape has no size", self.data_type);
            self.refused(file, reason)
        })?;
        if length.is_some_and(|length| length != needed) {
            let length = length.unwrap_or(0);
            let reason = format!("its length is {length} bytes, its shape needs {needed}");
            return Err(self.refused(file, reason));
        }
        Ok((offset, needed))
    }

    /// The bytes that its type and shape need.
    fn bytes(&self) -> Option<u64> {
        let values = self
            .dims
            .iter()
            .try_fold(1u64, |n, &dim| n.checked_mul(dim))?;
        // The numbers are ONNX's TensorProto.DataType.
        let bits = match self.data_type {
            21..=23 => 4,
            2 | 3 | 9 | 17..=20 | 24 => 8,
            4 | 5 | 10 | 16 => 16,
            1 | 6 | 12 => 32,
            7 | 11 | 13 => 64,
            _ => return None,
        };
        Some(values.checked_mul(bits)?.div_ceil(8))
    }

    /// The path of its file, inside the folder of `file`.
    fn path(&self, file: &Path) -> Result<PathBuf, ModelError> {
        let location = Path::new(self.location());
        let mut parts = location.components();
        let inside = parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || location.as_os_str().is_empty() || self.location().contains('\\') {
            return Err(self.refused(file, "it is no relative path inside the folder of the file"));
        }
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let real =
            |path: &Path| fs::canonicalize(path).map_err(|e| self.refused(file, e.to_string()));
        let (real_folder, path) = (real(folder)?, real(&folder.join(location))?);
        if !path.starts_with(&real_folder) {
            return Err(self.refused(file, "it is a link out of the folder of the file"));
        }
        // Other kinds, such as pipes, may never end.
        if !path.is_file() {
            return Err(self.refused(file, "it is no regular file"));
        }
        Ok(path)
    }

    fn read(&self, file: &Path) -> Result<Vec<u8>, ModelError> {
        let (offset, length) = self.range(file)?;
        let path = self.path(file)?;
        let failed = |e: std::io::Error| self.refused(file, e.to_string());
        let mut opened = File::open(&path).map_err(failed)?;
        let size = opened.metadata().map_err(failed)?.len();
        if offset.checked_add(length).is_none_or(|end| end > size) {
            let reason = format!("{length} bytes from {offset} on are beyond its {size} bytes");
            return Err(self.refused(file, reason));
        }
        opened.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut values = Vec::new();
        opened
            .take(length)
            .read_to_end(&mut values)
            .map_err(failed)?;
        if values.len() as u64 != length {
            return Err(self.refused(file, "it became shorter while it was read"));
        }
        Ok(values)
    }
}

/// A key and its value.
fn read_entry(bytes: &[u8]) -> Option<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let field = Field::read(rest)?;
        if let Payload::Bytes(text) = field.payload {
            let text = String::from_utf8(text.to_vec()).ok()?;
            match field.tag {
                1 => key = text,
                2 => value = text,
                _ => {}
            }
        }
        rest = field.rest;
    }
    Some((key, value))
}

/// One field of an encoded message.
struct Field<'a> {
    tag: u64,
    payload: Payload<'a>,
    /// Its bytes with the key.
    whole: &'a [u8],
    /// The bytes after it.
    rest: &'a [u8],
}

enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Field<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (key, after) = varint(bytes)?;
        let (payload, rest) = match key & 7 {
            0 => {
                let (number, rest) = varint(after)?;
                (Payload::Number(number), rest)
            }
            1 => (Payload::Fixed, after.get(8..)?),
            2 => {
                let (length, after) = varint(after)?;
                let (payload, rest) = after.split_at_checked(usize::try_from(length).ok()?)?;
                (Payload::Bytes(payload), rest)
            }
            5 => (Payload::Fixed, after.get(4..)?),
            _ => return None,
        };
        Some(Self {
            tag: key >> 3,
            payload,
            whole: bytes.get(..bytes.len() - rest.len())?,
            rest,
        })
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn write_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn write_bytes(tag: u64, bytes: &[u8], to: &mut Vec<u8>) {
    write_varint(tag << 3 | 2, to);
    write_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_bytes(1, key.as_bytes(), &mut bytes);
        write_bytes(2, value.as_bytes(), &mut bytes);
        bytes
    }

    /// A model with one initialiser of four floats at `location`, and an unknown field.
    fn model(location: &str, offset: &str, length: Option<&str>) -> Vec<u8> {
        let mut tensor = Vec::new();
        write_varint(1 << 3, &mut tensor);
        write_varint(4, &mut tensor);
        write_varint(2 << 3, &mut tensor);
        write_varint(1, &mut tensor);
        write_bytes(8, b"w", &mut tensor);
        write_bytes(EXTERNAL_DATA, &entry("location", location), &mut tensor);
        write_bytes(EXTERNAL_DATA, &entry("offset", offset), &mut tensor);
        if let Some(length) = length {
            write_bytes(EXTERNAL_DATA, &entry("length", length), &mut tensor);
        }
        write_varint(DATA_LOCATION << 3, &mut tensor);
        write_varint(1, &mut tensor);
        let (mut graph, mut model) = (Vec::new(), Vec::new());
        write_bytes(5, &tensor, &mut graph);
        write_bytes(99, b"unknown", &mut model);
        write_bytes(7, &graph, &mut model);
        model
    }

    fn refusal(file: &Path, bytes: &[u8]) -> String {
        take_in(file, bytes).unwrap_err().to_string()
    }

    #[test]
    fn values_of_the_other_file_are_taken_in_and_unknown_fields_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.onnx");
        fs::write(
            folder.path().join("m.data"),
            [[9u8; 3].as_slice(), &[7; 16]].concat(),
        )
        .unwrap();
        for length in [Some("16"), None] {
            let whole = take_in(&file, &model("m.data", "3", length))
                .unwrap()
                .unwrap();
            assert_eq!(whole.taken, ["m.data"]);
            let text = &whole.bytes;
            assert!(text.windows(16).any(|w| w == [7; 16]));
            assert!(text.windows(7).any(|w| w == b"unknown"));
            assert!(!text.windows(6).any(|w| w == b"m.data"));
            assert_eq!(take_in(&file, text).unwrap(), None);
        }
    }

    #[test]
    fn a_place_outside_of_the_folder_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("models");
        fs::create_dir(&folder).unwrap();
        fs::write(above.path().join("secret"), [1; 64]).unwrap();
        let file = folder.join("m.onnx");
        let absolute = above.path().join("secret");
        for place in [
            "../secret",
            absolute.to_str().unwrap(),
            "a/../../secret",
            "",
        ] {
            let error = refusal(&file, &model(place, "0", Some("16")));
            assert!(error.contains("no relative path"), "{place}: {error}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&absolute, folder.join("link")).unwrap();
            let error = refusal(&file, &model("link", "0", Some("16")));
            assert!(error.contains("link out of the folder"), "{error}");
        }
        let error = refusal(&file, &model(".", "0", Some("16")));
        assert!(error.contains("no regular file"), "{error}");
    }

    #[test]
    fn wrong_offsets_lengths_and_sizes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.onnx");
        let error = refusal(&file, &model("m.data", "0", Some("16")));
        assert!(
            error.contains("No such file") || error.contains("cannot find"),
            "{error}"
        );
        fs::write(folder.path().join("m.data"), [7; 16]).unwrap();
        let cases = [
            ("1", Some("16"), "beyond its 16 bytes"),
            ("18446744073709551615", Some("16"), "beyond its 16 bytes"),
            ("0", Some("12"), "its shape needs 16"),
            ("-1", Some("16"), "not a number"),
            ("0", Some("all"), "not a number"),
        ];
        for (offset, length, expected) in cases {
            let error = refusal(&file, &model("m.data", offset, length));
            assert!(error.contains(expected), "{offset} {length:?}: {error}");
        }
    }

    #[test]
    fn any_bytes_are_left_alone_or_refused() {
        let whole = model("m.data", "0", Some("16"));
        for end in 0..whole.len() {
            let _ = take_in(Path::new("/nowhere/m.onnx"), &whole[..end]);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x15;
            let _ = take_in(Path::new("/nowhere/m.onnx"), &damaged);
        }
        let deep = (0..300).fold(Vec::new(), |inner, level| {
            let mut outer = Vec::new();
            let tag = [6, 5, 1][level % 3];
            write_bytes(tag, &inner, &mut outer);
            outer
        });
        let mut graph = Vec::new();
        write_bytes(7, &deep, &mut graph);
        assert_eq!(take_in(Path::new("m.onnx"), &graph).unwrap(), None);
    }
}
