//! What the fuzz targets do with one input, one module a target, so that tests of the main build
//! (`tests/it/fuzzed.rs`) can do the same with the inputs that are kept.

pub mod audio;
pub mod bundle;
pub mod card;
pub mod manifest;
pub mod npz;
pub mod onnx;
#[cfg(unix)]
pub mod recall;
pub mod sensor;
pub mod state;
pub mod store;
