//! The code of the fuzz targets, one module a target. Tests of the main build
//! (`tests/it/fuzzed.rs`) run it on the inputs that are kept.

pub mod audio;
#[cfg(unix)]
pub mod audio_exchange;
pub mod bundle;
pub mod card;
pub mod header;
pub mod manifest;
pub mod npz;
pub mod onnx;
pub mod sensor;
pub mod state;
pub mod store;
pub mod tflite;
