//! Decodes any bytes as an audio file, to its end or to an error.

use std::path::PathBuf;
use std::sync::LazyLock;

use afield::signal::Chunk;
use afield::source::{AudioFile, Source, recorded_at};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("afield-fuzz-{}.audio", std::process::id()))
});

/// Runs one input.
pub fn run(bytes: &[u8]) {
    std::fs::write(&*FILE, bytes).expect("a writable folder for temporary files");
    let _ = recorded_at(&FILE);
    let Ok(mut file) = AudioFile::open(&*FILE) else {
        return;
    };
    let mut chunk = Chunk::default();
    while let Ok(true) = file.read(&mut chunk) {
        assert!(chunk.samples.len() <= 1 << 24);
    }
}
