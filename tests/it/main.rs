//! Integration tests: one binary, one harness.

#![allow(missing_docs)]

use std::path::Path;

mod allocations;
mod architecture;
mod audio_files;
mod backbone;
mod board;
mod bundle;
mod cli_demo;
mod cli_evaluate;
mod cli_learner;
mod cli_live;
mod cli_model;
mod cli_sensors;
mod cli_serial;
mod corpus_fetch;
mod disk;
mod disk_faults;
mod doctor;
mod evaluation;
mod exact_on_recordings;
mod exactness;
mod faulty;
mod firmware;
mod firmware_head;
mod folder;
mod forget_merge;
mod frontend_golden;
mod frontend_properties;
mod fuzzed;
mod groups;
mod head_contract;
mod history;
mod listening;
mod live;
mod microhead;
mod microphone;
mod model_card;
mod model_fetch;
mod models;
mod npz;
#[cfg(feature = "tract")]
mod onnx_export;
#[cfg(feature = "tract")]
mod onnx_runtime;
mod power_cut;
mod recording;
mod serial_ports;
mod session;
mod shared_data;
mod standardise;
mod streams;
mod synthetic;
mod teaching;
mod watch;
mod watchdog;

/// The repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
