//! Integration tests, one binary: `cargo test --release -p afield-cli --test it FILTER`.

#![allow(missing_docs)]

use std::path::Path;

// What tests share: the program in a sandbox, recordings, models, learners, disks, boards.
mod harness;

// The source tree: which rooms may use which.
mod architecture;

// The front door of the library: the program of its documentation.
mod front_door;

// From samples to embeddings: sources, front ends, backbones, their cards and files.
mod allocations;
mod audio_files;
mod audio_in_the_wild;
mod backbone;
mod frontend_golden;
mod frontend_properties;
mod graphs;
mod model_card;
mod model_fetch;
mod tables_in_the_wild;
mod tflite;

// Heads and contracts: what each promises, and exactness to the bit.
mod contracts;
mod exact_on_recordings;
mod exactness;
mod head_contract;

// A learner on disk: sessions, history, damage, power cuts, groups, merging, bundles.
mod bundle;
mod disk_faults;
mod doctor;
mod forget_merge;
mod formats;
mod groups;
mod guard;
mod history;
mod power_cut;
mod published_classes;
mod session;
mod standardise;

// Listening: decisions, microphones, network streams, service managers.
mod listening;
mod microphone;
mod network_streams;
mod watchdog;

// The program: commands, their output, and every error with its hint.
mod batches;
mod cli_demo;
mod cli_embed;
mod cli_evaluate;
mod cli_events;
mod cli_help;
mod cli_learner;
mod cli_listen;
mod cli_live;
mod cli_model;
mod cli_monitor;
mod cli_movements;
mod cli_report;
mod cli_sensors;
mod messages;
mod resume;

// Devices: serial ports, emulated boards, heads in fixed memory.
mod cli_serial;
mod cli_soundscape;
mod firmware;
mod firmware_head;
mod serial_ports;

// The laboratory: data sets, streams and their scores.
mod corpus_fetch;
mod evaluation;
mod npz;
mod streams;

// Other programs: exported graphs in ONNX Runtime, and every input that fuzzing kept.
mod fuzzed;
#[cfg(feature = "tract")]
mod onnx_export;

/// The repository.
fn root() -> &'static Path {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR"));
    cli.parent().unwrap_or(cli)
}
