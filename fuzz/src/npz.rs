//! Decodes any bytes as an npz archive of embeddings.

use std::io::Cursor;
use std::path::Path;

use afield_lab::data::decode_npz;

/// Runs one input.
pub fn run(bytes: &[u8]) {
    if let Ok(clips) = decode_npz(Cursor::new(bytes), Path::new("x.npz")) {
        assert!(!clips.is_empty());
    }
}
