//! Audio files of every supported format, whole and damaged.

use crate::harness::recording::Clip;
use crate::harness::shared_data;

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use afield::signal::{Chunk, Micros};
use afield::source::{AudioFile, Recorded, Source, SourceError, labelled_recordings};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FILES: [&str; 6] = [
    "stereo.wav",
    "stereo.flac",
    "stereo.ogg",
    "stereo.mp3",
    "mono.aiff",
    "mono-float.wav",
];

fn golden(name: &str) -> PathBuf {
    crate::root().join("tests/goldens/audio").join(name)
}

/// The signal that scripts/make_goldens.py synthesised: the mean of both channels, or the left one.
fn expected(stereo: bool, samples: usize) -> Vec<f64> {
    (0..samples)
        .map(|n| {
            let t = n as f64 / 22_050.0;
            let left = 0.5 * (TAU * (1_000.0 - 800.0 * t) * t).sin();
            let right = 0.25 * (TAU * (300.0 + 1_200.0 * t) * t).sin();
            if stereo { (left + right) / 2.0 } else { left }
        })
        .collect()
}

#[test]
fn lossless_files_decode_to_the_signal_they_were_made_from() {
    for (name, rate, samples, step) in [
        ("stereo.wav", 22_050, 3_675, 2f64.powi(-15)),
        ("stereo.flac", 22_050, 11_025, 2f64.powi(-15)),
        ("mono.aiff", 22_050, 3_675, 2f64.powi(-15)),
        ("mono-float.wav", 8_000, 1_000, 1e-7),
    ] {
        let clip = Clip::read(golden(name)).unwrap();
        assert_eq!(
            (clip.rate.hz(), clip.samples.len()),
            (rate, samples),
            "{name}"
        );
        let expected = expected(name.starts_with("stereo"), samples);
        for (n, (&a, b)) in clip.samples.iter().zip(expected).enumerate() {
            assert!(
                (f64::from(a) - b).abs() <= step,
                "{name} at {n}: {a} for {b}"
            );
        }
    }
}

#[test]
fn lossy_files_keep_the_length_and_position_of_the_signal() {
    for name in ["stereo.ogg", "stereo.mp3"] {
        let clip = Clip::read(golden(name)).unwrap();
        assert_eq!(
            (clip.rate.hz(), clip.samples.len()),
            (22_050, 3_675),
            "{name}"
        );
        let expected = expected(true, 3_675);
        // A shift by one sample would cost more than 15 dB of this ratio.
        let (mut error, mut power) = (0.0, 0.0);
        for (&a, b) in clip.samples.iter().zip(&expected).skip(300).take(3_000) {
            error += (f64::from(a) - b).powi(2);
            power += b * b;
        }
        let snr = 10.0 * (power / error).log10();
        println!("{name}: {snr:.1} dB");
        assert!(snr > 20.0, "{name}: {snr} dB");
    }
}

#[test]
fn chunks_follow_one_another_without_gaps() {
    for name in FILES {
        let mut file = AudioFile::open(golden(name)).unwrap();
        let (mut chunk, mut position) = (Chunk::default(), 0);
        while file.read(&mut chunk).unwrap() {
            assert!(!chunk.samples.is_empty());
            assert_eq!(chunk.start, Micros::from_samples(position, file.rate()));
            position += chunk.samples.len() as u64;
        }
        assert!(!file.read(&mut chunk).unwrap());
        assert_eq!(
            (file.skipped_packets(), file.is_truncated()),
            (0, false),
            "{name}"
        );
    }
}

#[test]
fn the_contents_of_a_file_determine_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flac-by-content.wav");
    std::fs::copy(golden("stereo.flac"), &path).unwrap();
    assert_eq!(Clip::read(path).unwrap().samples.len(), 11_025);
}

#[test]
fn files_without_audio_are_rejected_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let text = write(
        "text.wav",
        b"this is a letter, not a sound\n".repeat(50).as_slice(),
    );
    let empty = write("empty.wav", b"");
    // A header that correctly states zero samples.
    let mut header = std::fs::read(golden("stereo.wav")).unwrap();
    header.truncate(44);
    header[4..8].copy_from_slice(&36u32.to_le_bytes());
    header[40..44].copy_from_slice(&0u32.to_le_bytes());
    let silent = write("silent.wav", &header);

    let is = |path: &Path, wanted: fn(&SourceError) -> bool| {
        let error = Clip::read(path).err().unwrap();
        assert!(wanted(&error), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    };
    is(&text, |e| matches!(e, SourceError::Unrecognised { .. }));
    is(&empty, |e| matches!(e, SourceError::Empty { .. }));
    assert!(Clip::read(&silent).unwrap().samples.is_empty());
    is(
        folder.path(),
        |e| matches!(e, SourceError::Unrecognised { reason, .. } if reason.contains("folder")),
    );
    is(&folder.path().join("missing.wav"), |e| {
        matches!(e, SourceError::Io { .. })
    });
}

/// Reads a file to its end or first error; returns the samples.
fn drain(path: &Path) -> (usize, Option<SourceError>) {
    let started = Instant::now();
    let mut samples = 0;
    let error = match AudioFile::open(path) {
        Err(error) => Some(error),
        Ok(mut file) => {
            let mut chunk = Chunk::default();
            loop {
                match file.read(&mut chunk) {
                    Ok(true) => samples += chunk.samples.len(),
                    Ok(false) => break None,
                    Err(error) => break Some(error),
                }
                assert!(
                    started.elapsed() < Duration::from_secs(20),
                    "{path:?} never ends"
                );
            }
        }
    };
    (samples, error)
}

#[test]
fn truncated_files_give_the_samples_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        let bytes = std::fs::read(golden(name)).unwrap();
        let path = folder.path().join(name);
        let whole = drain(&golden(name)).0;
        let mut most = 0;
        let mut lengths = Vec::new();
        for sixteenth in 1..16 {
            std::fs::write(&path, &bytes[..bytes.len() * sixteenth / 16]).unwrap();
            let (samples, error) = drain(&path);
            assert!(samples <= whole, "{name}");
            // Only a file that is cut within its headers may be rejected.
            assert!(
                error.is_none() || samples == 0,
                "{name} {sixteenth}/16: {error:?}"
            );
            most = most.max(samples);
            lengths.push(samples);
        }
        println!("{name}: {lengths:?}");
        // All sound of the Ogg file is on one page, which is lost by the cut.
        let one_page = name == "stereo.ogg";
        assert!(
            one_page || most > whole / 3,
            "{name} at 15/16 gives {most} of {whole}"
        );
    }
}

#[test]
fn half_of_an_ogg_file_gives_half_of_its_samples() {
    let Some(shared) = shared_data::folder("a truncated recording") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.ogg");
    let bytes = std::fs::read(shared.join("esc10/rain/1-21189-A.ogg")).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let clip = Clip::read(&path).unwrap();
    println!("half of 5 s: {:.2} s", clip.seconds());
    assert!((1.8..3.2).contains(&clip.seconds()));

    let mut file = AudioFile::open(&path).unwrap();
    let mut chunk = Chunk::default();
    while file.read(&mut chunk).unwrap() {}
    assert!(file.is_truncated());
}

#[test]
fn flipped_bytes_in_audio_files_never_panic_or_loop() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let (mut decoded, mut refused) = (0, 0);
    for name in FILES {
        let bytes = std::fs::read(golden(name)).unwrap();
        let path = folder.path().join(name);
        for round in 0..150 {
            let mut broken = bytes.clone();
            // Every third file is damaged in its headers.
            let reach = if round % 3 == 0 { 200 } else { bytes.len() };
            for _ in 0..1 + round % 8 {
                let at = chance.random_range(0..reach);
                broken[at] = chance.random();
            }
            std::fs::write(&path, &broken).unwrap();
            match drain(&path) {
                (_, None) => decoded += 1,
                (_, Some(error)) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    println!("{decoded} decoded to the end, {refused} refused or ended by an error");
    assert!(decoded > 100 && refused > 50);
}

#[test]
fn real_recordings_decode_at_their_rates() {
    let Some(shared) = shared_data::folder("real recordings") else {
        return;
    };
    for (folder, hz, seconds) in [
        ("fsdd/3", 8_000, 0.1..3.0),
        ("esc10/rain", 44_100, 4.9..5.1),
    ] {
        let clips = labelled_recordings(shared.join(folder), Recorded::Sound).unwrap();
        assert!(clips.len() >= 24);
        for clip in clips.iter().take(24) {
            let clip = Clip::read(&clip.path).unwrap();
            assert_eq!(clip.rate.hz(), hz);
            assert!(seconds.contains(&clip.seconds()));
            assert!(clip.samples.iter().all(|s| s.abs() <= 1.5));
            assert!(clip.samples.iter().any(|s| s.abs() > 1e-3));
        }
    }
}
