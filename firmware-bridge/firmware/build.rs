//! The memory map of the MPS2+ board with the AN386 image (a Cortex-M4F), and the
//! recording that is compiled in.

use std::{env, fs, path::PathBuf};

const MEMORY: &str = "MEMORY {
  FLASH : ORIGIN = 0x00000000, LENGTH = 4M
  RAM : ORIGIN = 0x20000000, LENGTH = 4M
}
";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), MEMORY).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());

    // 6 little-endian 16-bit counts a sample; empty for the synthetic motion.
    println!("cargo:rerun-if-env-changed=AFIELD_RECORDING");
    let recording = match env::var_os("AFIELD_RECORDING") {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", PathBuf::from(&path).display());
            fs::read(&path).unwrap_or_else(|error| panic!("AFIELD_RECORDING: {error}"))
        }
        None => Vec::new(),
    };
    assert!(
        recording.len().is_multiple_of(12),
        "AFIELD_RECORDING holds no whole samples of 6 channels"
    );
    fs::write(out.join("recording.i16"), recording).expect("OUT_DIR can be written");
}
