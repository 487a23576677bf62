//! Backbones that are part of the program: trained in this repository (models/imu/), small, and
//! available without a network or a cache.

use super::checksum;

/// The ONNX files.
const FILES: [&[u8]; 1] = [include_bytes!("../../models/imu.onnx")];

/// The embedded file with this checksum.
pub(super) fn bytes(sha256: &str) -> Option<&'static [u8]> {
    FILES
        .into_iter()
        .find(|file| checksum::of_bytes(file) == sha256)
}
