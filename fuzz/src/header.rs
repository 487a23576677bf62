//! Any bytes behind the beginning of a container: the headers that are repaired, and the tags that
//! are skipped. The first byte selects it.

use std::path::PathBuf;
use std::sync::LazyLock;

use afield::signal::Chunk;
use afield::source::{AudioFile, Source, recorded_at};

const BEGINNINGS: [&[u8]; 8] = [
    b"RIFF\xff\xff\xff\xffWAVE",
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0\0\0\0\0\0\0\0\0wave",
    b".snd",
    b"ID3\x04\0",
    b"fLaC\0\0\0\x22",
    b"",
];

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("afield-fuzz-{}.header", std::process::id()))
});

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let Some((&how, rest)) = bytes.split_first() else {
        return;
    };
    let begin = BEGINNINGS[usize::from(how) % BEGINNINGS.len()];
    let file = [begin, rest].concat();
    std::fs::write(&*FILE, &file).expect("a writable folder for temporary files");
    let _ = recorded_at(&FILE);
    if let Ok(mut opened) = AudioFile::open(&*FILE) {
        drain(&mut opened, file.len());
    }
}

/// Reads to the end or to an error.
fn drain(source: &mut dyn Source, bytes: usize) {
    let (mut chunk, mut until, mut samples) = (Chunk::default(), 0, 0);
    while let Ok(true) = source.read(&mut chunk) {
        assert!(chunk.samples.iter().all(|x| x.is_finite()), "numbers");
        assert!(chunk.start.0 >= until, "time goes on");
        until = chunk.start.0;
        samples += chunk.samples.len();
    }
    // A constant block of FLAC has 65,535 samples in a dozen bytes.
    assert!(
        samples <= (bytes + 1) * 8192,
        "{samples} samples in {bytes} bytes"
    );
    let _ = source.notes().iter().map(ToString::to_string).count();
}
