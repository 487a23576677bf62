//! Backbones that are part of the program: trained in this repository (models/ears/ and
//! models/imu/), small, and available without a network or a cache.

use super::checksum;

/// The ONNX files, by the names of their cards.
const FILES: [(&str, &[u8]); 2] = [
    ("ears", include_bytes!("../../models/ears.onnx")),
    ("imu", include_bytes!("../../models/imu.onnx")),
];

/// The embedded file of the card of this name, if it has this checksum.
pub(super) fn bytes(name: &str, sha256: &str) -> Option<&'static [u8]> {
    let (_, file) = FILES.into_iter().find(|(of, _)| *of == name)?;
    (checksum::of_bytes(file) == sha256).then_some(file)
}
