//! Decodes any bytes as a manifest (CSV).

use std::path::Path;

use afield_lab::data::decode_manifest;

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let _ = decode_manifest(bytes, Path::new("m.csv"), Path::new("folder"));
}
