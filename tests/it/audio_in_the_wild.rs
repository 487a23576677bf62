//! Audio files as recorders, pipes and power cuts leave them: each with the samples that are in it.

use std::path::{Path, PathBuf};

use afield::signal::{Chunk, Micros, Timestamp};
use afield::source::{ChannelChoice, Note, SensorFormat, SourceError, open_recording, recorded_at};

use crate::harness::{Sandbox, skip};

const RATE: u32 = 16_000;

/// A second of a tone, as integers of 16 bits.
fn tone() -> Vec<i16> {
    let sample = |i: u32| ((f64::from(i) * 0.1).sin() * 12_000.0) as i16;
    (0..RATE).map(sample).collect()
}

fn pcm() -> Vec<u8> {
    tone().iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The body of a `fmt ` chunk.
fn fmt(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    let align = channels * bits.div_ceil(8);
    let mut fmt = Vec::new();
    fmt.extend(tag.to_le_bytes());
    fmt.extend(channels.to_le_bytes());
    fmt.extend(RATE.to_le_bytes());
    fmt.extend((RATE * u32::from(align)).to_le_bytes());
    fmt.extend(align.to_le_bytes());
    fmt.extend(bits.to_le_bytes());
    fmt
}

fn chunk(id: &[u8; 4], size: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((size as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn sized(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    chunk(id, body.len(), body)
}

/// A RIFF file of `chunks` whose own size is that of the file plus `more`.
fn riff(more: i64, chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(((body.len() as i64 + 4 + more) as u32).to_le_bytes());
    bytes.extend(b"WAVE");
    bytes.extend(body);
    bytes
}

fn plain(data: &[u8]) -> Vec<u8> {
    riff(0, &[sized(b"fmt ", &fmt(1, 1, 16)), sized(b"data", data)])
}

struct Read {
    rate: u32,
    samples: Vec<f32>,
    notes: Vec<Note>,
}

fn read_with(path: &Path, channel: ChannelChoice) -> Result<Read, SourceError> {
    let format = SensorFormat {
        channel,
        ..SensorFormat::default()
    };
    let mut source = open_recording(path, &format)?;
    let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
    while source.read(&mut chunk)? {
        samples.extend_from_slice(&chunk.samples);
    }
    Ok(Read {
        rate: source.rate().hz(),
        samples,
        notes: source.notes(),
    })
}

fn read(bytes: &[u8]) -> Result<Read, SourceError> {
    let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    read_with(file.path(), ChannelChoice::Mix)
}

/// Reads the bytes, which hold the first `part` of the tone.
#[track_caller]
fn holds_tone(name: &str, bytes: &[u8], part: f64) -> Vec<Note> {
    let read = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read.rate, RATE, "{name}");
    let count = (f64::from(RATE) * part) as usize;
    let expected: Vec<f32> = tone()[..count]
        .iter()
        .map(|&x| f32::from(x) / 32_768.0)
        .collect();
    assert_eq!(read.samples.len(), count, "{name}");
    assert_eq!(read.samples, expected, "{name}");
    read.notes
}

#[test]
fn headers_that_every_player_repairs_are_repaired() {
    let (data, head) = (pcm(), sized(b"fmt ", &fmt(1, 1, 16)));
    let whole = sized(b"data", &data);
    let with = |fmt: &[u8]| riff(0, &[sized(b"fmt ", fmt), whole.clone()]);
    let padded = |mut fmt: Vec<u8>, length: usize| {
        fmt.resize(length, 0);
        fmt
    };
    let extensible = |cb: u16, tag: u16| {
        let mut body = padded(fmt(0xFFFE, 1, 16), 40);
        body[16..18].copy_from_slice(&cb.to_le_bytes());
        body[18..20].copy_from_slice(&16_u16.to_le_bytes());
        body[24..26].copy_from_slice(&tag.to_le_bytes());
        body[26..].copy_from_slice(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        body
    };
    let unknown = |size: usize| riff(0, &[head.clone(), chunk(b"data", size, &data)]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("plain", plain(&data)),
        (
            "riff size 8 too small",
            riff(-8, &[head.clone(), whole.clone()]),
        ),
        ("riff size 0", {
            let mut bytes = plain(&data);
            bytes[4..8].fill(0);
            bytes
        }),
        (
            "riff size too large",
            riff(1_000, &[head.clone(), whole.clone()]),
        ),
        ("streamed by ffmpeg", {
            let mut bytes = unknown(0xFFFF_FFFF);
            bytes[4..8].fill(0xFF);
            bytes
        }),
        ("riff patched, data not", unknown(0xFFFF_FFFF)),
        ("fmt of 18", with(&padded(fmt(1, 1, 16), 18))),
        ("fmt of 20", with(&padded(fmt(1, 1, 16), 20))),
        ("fmt of 40", with(&padded(fmt(1, 1, 16), 40))),
        ("extensible", with(&extensible(22, 1))),
        ("extensible, cbSize 24", with(&extensible(24, 1))),
        ("extensible, cbSize 0", with(&extensible(0, 1))),
        (
            "fact of 12",
            riff(0, &[head.clone(), sized(b"fact", &[0; 12]), whole.clone()]),
        ),
        (
            "odd LIST with padding",
            riff(
                0,
                &[head.clone(), chunk(b"LIST", 5, b"INFO\0\0"), whole.clone()],
            ),
        ),
        (
            "odd LIST without padding",
            riff(0, &[head.clone(), sized(b"LIST", b"INFO\0"), whole.clone()]),
        ),
        ("data before fmt", riff(0, &[whole.clone(), head.clone()])),
        ("garbage after", [plain(&data), vec![7; 61]].concat()),
    ];
    for (name, bytes) in cases {
        assert_eq!(holds_tone(name, &bytes, 1.0), [], "{name}");
    }
}

#[test]
fn sizes_that_are_wrong_are_told() {
    let (data, head) = (pcm(), sized(b"fmt ", &fmt(1, 1, 16)));
    let never_patched = riff(0, &[head.clone(), chunk(b"data", 0, &data)]);
    let notes = holds_tone("never patched", &never_patched, 1.0);
    assert!(
        matches!(notes[..], [Note::HeaderRepaired { .. }]),
        "{notes:?}"
    );
    let streamed = riff(0, &[head.clone(), chunk(b"data", 0x7FFF_FFFF - 36, &data)]);
    let notes = holds_tone("streamed by sox", &streamed, 1.0);
    assert!(
        matches!(notes[..], [Note::HeaderRepaired { .. }]),
        "{notes:?}"
    );
    // Broken off in the middle of a sample.
    let whole = plain(&data);
    let notes = holds_tone("half", &whole[..44 + 16_001], 0.5);
    assert_eq!(notes, [Note::Truncated]);
    let long = riff(
        0,
        &[
            head.clone(),
            chunk(b"LIST", 1 << 24, b"INFO"),
            sized(b"data", &data),
        ],
    );
    let notes = holds_tone("a list that is too long", &long, 1.0);
    assert!(
        matches!(notes[..], [Note::HeaderRepaired { .. }]),
        "{notes:?}"
    );
    let two = riff(
        0,
        &[head.clone(), sized(b"data", &data), sized(b"data", &data)],
    );
    let notes = holds_tone("two parts", &two, 1.0);
    assert!(
        matches!(notes[..], [Note::PartsIgnored { .. }]),
        "{notes:?}"
    );
}

#[test]
fn other_containers_of_plain_samples_hold_the_same_samples() {
    let data = pcm();
    let mut rf64 = b"RF64\xff\xff\xff\xffWAVE".to_vec();
    let mut ds64 = ((data.len() + 60) as u64).to_le_bytes().to_vec();
    ds64.extend((data.len() as u64).to_le_bytes());
    ds64.extend([0; 12]);
    rf64.extend(sized(b"ds64", &ds64));
    rf64.extend(sized(b"fmt ", &fmt(1, 1, 16)));
    rf64.extend(chunk(b"data", 0xFFFF_FFFF, &data));
    rf64.extend(sized(b"LIST", b"INFO"));
    assert_eq!(holds_tone("RF64", &rf64, 1.0), []);
    rf64[..4].copy_from_slice(b"BW64");
    assert_eq!(holds_tone("BW64", &rf64, 1.0), []);

    const TAIL: &[u8] = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a";
    let guid = |id: &[u8; 4]| [id, TAIL].concat();
    let part = |id: &[u8; 4], body: &[u8]| {
        let mut bytes = guid(id);
        bytes.extend((body.len() as u64 + 24).to_le_bytes());
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let mut w64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00".to_vec();
    w64.extend(0_u64.to_le_bytes());
    w64.extend(guid(b"wave"));
    w64.extend(part(b"fmt ", &fmt(1, 1, 16)));
    w64.extend(part(b"junk", &[1, 2, 3]));
    w64.extend(part(b"data", &data));
    assert_eq!(holds_tone("W64", &w64, 1.0), []);
    assert_eq!(
        holds_tone("W64, cut", &w64[..w64.len() - 16_000], 0.5),
        [Note::Truncated]
    );

    let mut au = b".snd".to_vec();
    for number in [28, u32::MAX, 3, RATE, 1, 0] {
        au.extend(number.to_be_bytes());
    }
    au.extend(tone().iter().flat_map(|x| x.to_be_bytes()));
    assert_eq!(holds_tone("AU", &au, 1.0), []);
}

#[test]
fn formats_of_samples_are_read_whatever_their_size() {
    // Twelve bits at the top of two bytes.
    let mut twelve = fmt(1, 1, 12);
    twelve[12] = 2;
    let data: Vec<u8> = tone()
        .iter()
        .flat_map(|x| (x & !15).to_le_bytes())
        .collect();
    let bytes = riff(0, &[sized(b"fmt ", &twelve), sized(b"data", &data)]);
    let samples = read(&bytes).unwrap().samples;
    let expected: Vec<f32> = tone()
        .iter()
        .map(|x| f32::from(x & !15) / 32_768.0)
        .collect();
    assert_eq!(samples, expected);
    // Mu-law with a short header: silence is 0xFF.
    let bytes = riff(
        0,
        &[sized(b"fmt ", &fmt(7, 1, 8)), sized(b"data", &[0xFF; 800])],
    );
    let read_back = read(&bytes).unwrap();
    assert_eq!(read_back.samples, [0.0; 800]);
    // Floats in a header of 40 bytes.
    let mut float = fmt(3, 1, 32);
    float.resize(40, 0);
    let data: Vec<u8> = [0.5_f32, -0.25]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let bytes = riff(0, &[sized(b"fmt ", &float), sized(b"data", &data)]);
    assert_eq!(read(&bytes).unwrap().samples, [0.5, -0.25]);
}

/// A small file that `scripts/make_wild_audio.py` made of half a second of a rising tone.
fn wild(name: &str) -> PathBuf {
    crate::root().join("tests/goldens/wild").join(name)
}

/// The tone in those files.
fn rising(samples: usize) -> Vec<f32> {
    let sample = |n: usize| {
        let t = n as f64 / f64::from(RATE);
        (12_000.0 * (std::f64::consts::TAU * (200.0 + 900.0 * t) * t).sin()) as i16
    };
    (0..samples)
        .map(|n| f32::from(sample(n)) / 32_768.0)
        .collect()
}

/// The largest correlation of two sounds over shifts up to 2,500 samples, from -1 to 1.
fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum()
    };
    let power = (product(a, a) * product(b, b)).sqrt();
    let shifts = (0..2_500.min(a.len())).map(|shift| product(&a[shift..], b));
    shifts.fold(0.0, f64::max) / power
}

#[test]
fn files_of_telephones_and_browsers_hold_the_sound_that_was_recorded() {
    // Name, samples, and whether the coder loses nothing.
    for (name, samples, is_lossless) in [
        ("aac.m4a", 8_000, false),
        ("aac.aac", 8_000, false),
        ("alac.m4a", 8_000, true),
        ("vorbis.webm", 8_000, false),
        ("flac.mka", 8_000, true),
        ("flac.oga", 8_000, true),
        ("pcm.caf", 1_600, true),
        ("layer2.mp2", 8_000, false),
        ("ima.wav", 8_000, false),
    ] {
        let read = read_with(&wild(name), ChannelChoice::Mix).unwrap();
        assert_eq!((read.rate, read.notes), (RATE, vec![]), "{name}");
        if is_lossless {
            assert_eq!(read.samples, rising(samples), "{name}");
        } else {
            // Coders add blocks at both ends.
            let count = read.samples.len();
            assert!(
                (samples..samples + 3_100).contains(&count),
                "{name}: {count}"
            );
            let likeness = likeness(&read.samples, &rising(samples));
            assert!(likeness > 0.95, "{name}: {likeness}");
        }
    }
}

#[test]
fn files_that_are_cut_are_told_or_refused_in_every_format() {
    let golden = crate::root().join("tests/goldens/audio");
    let files = ["aac.m4a", "alac.m4a", "aac.aac", "vorbis.webm", "flac.mka"].map(wild);
    let more = ["flac.oga", "pcm.caf", "layer2.mp2", "ima.wav"].map(wild);
    let golden = [
        "stereo.wav",
        "stereo.flac",
        "stereo.ogg",
        "stereo.mp3",
        "mono.aiff",
    ]
    .map(|name| golden.join(name));
    for path in files.into_iter().chain(more).chain(golden) {
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).unwrap();
        let whole = read(&bytes).unwrap();
        for part in [0.5, 0.77, 0.93] {
            let at = (bytes.len() as f64 * part) as usize;
            let Ok(cut) = read(&bytes[..at]) else {
                continue;
            };
            let is_shorter = cut.samples.len() < whole.samples.len();
            assert!(
                !is_shorter || cut.notes.contains(&Note::Truncated),
                "{name} at {at}: {} of {} samples, {:?}",
                cut.samples.len(),
                whole.samples.len(),
                cut.notes
            );
        }
    }
}

#[test]
fn creation_times_that_ffmpeg_writes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, metadata: &[&str]| {
        let path = folder.path().join(name);
        let made = std::process::Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "anullsrc=r=16000:cl=mono",
                "-t",
                "0.2",
            ])
            .args(metadata.iter().flat_map(|metadata| ["-metadata", metadata]))
            .args(["-movflags", "use_metadata_tags", "-y"])
            .arg(&path)
            .status();
        made.is_ok_and(|status| status.success()).then_some(path)
    };
    if made("probe.m4a", &[]).is_none() {
        skip("creation times", "there is no ffmpeg on the PATH");
        return;
    }
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let full = "2026-06-01T20:10:00Z";
    let apple = "com.apple.quicktime.creationdate=2026-06-01T23:00:00+0200";
    for (name, metadata, expected) in [
        ("a.m4a", &[&*format!("creation_time={full}")][..], at(full)),
        ("a.mov", &[&*format!("creation_time={full}")], at(full)),
        ("b.mov", &[apple], at("2026-06-01T21:00:00Z")),
        ("a.flac", &[&*format!("DATE={full}")], at(full)),
        ("a.ogg", &[&*format!("DATE={full}")], at(full)),
        ("b.flac", &[&*format!("creation_time={full}")], at(full)),
        ("c.flac", &["DATE=2026-06-01"], None),
        ("c.ogg", &["DATE=2026"], None),
        ("c.m4a", &["date=2026-06-01"], None),
        ("d.m4a", &["creation_time=1970-01-01T00:00:00Z"], None),
        ("e.mp4", &[], None),
    ] {
        let path = made(name, metadata).unwrap_or_else(|| panic!("{name} is made"));
        assert_eq!(recorded_at(&path), expected, "{name} {metadata:?}");
    }
    // The name goes first, and the future does not count.
    let sandbox = Sandbox::taught();
    let future = made("future.m4a", &["creation_time=2090-06-01T20:10:00Z"]).unwrap();
    let past = made(
        "20250601_221000Z.m4a",
        &["creation_time=2025-07-01T20:10:00Z"],
    )
    .unwrap();
    for (path, expected) in [(future, None), (past, Some("2025-06-01T22:10:00.000Z"))] {
        let run = sandbox.run(["predict", path.to_str().unwrap()]).ok();
        assert_eq!(run.json_lines()[0]["at"].as_str(), expected, "{run}");
    }
}

#[test]
fn formats_of_others_are_decoded_by_ffmpeg_or_named() {
    let has_ffmpeg = std::process::Command::new("ffmpeg")
        .arg("-version")
        .output()
        .is_ok_and(|run| run.status.success());
    if !has_ffmpeg {
        skip("decoding by ffmpeg", "there is no ffmpeg on the PATH");
    }
    for (name, samples, format) in [
        ("opus.opus", 8_000, "Opus"),
        ("opus.webm", 8_000, "Matroska or WebM"),
        ("wavpack.wv", 3_200, "WavPack"),
    ] {
        let read = read_with(&wild(name), ChannelChoice::Mix);
        if has_ffmpeg {
            let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
            // Opus is decoded at 48 kHz.
            let expected = samples as f64 / f64::from(RATE);
            let seconds = read.samples.len() as f64 / f64::from(read.rate);
            assert!((seconds - expected).abs() < 0.03, "{name}: {seconds} s");
            assert_eq!(read.notes, [], "{name}");
        } else {
            let error = read.err().unwrap();
            assert!(matches!(error, SourceError::NeedsFfmpeg { .. }), "{error}");
            assert!(error.to_string().contains(format), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_for_ffmpeg_is_an_error_with_a_hint_or_what_ffmpeg_gives() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::taught();
    let bytes = std::fs::read(wild("opus.opus")).unwrap();
    sandbox.write("voice.ogg", bytes);
    let tools = sandbox.folder("tools");
    let embed = || {
        let program = sandbox.afield("embed voice.ogg --backbone tiny -o x.npy");
        program.env("PATH", &tools).run()
    };
    let refused = embed().refused();
    for words in [
        "voice.ogg is Opus",
        "no ffmpeg on the PATH",
        "hint: install ffmpeg",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    let ffmpeg = tools.join("ffmpeg");
    let stand_in = |script: &str| {
        std::fs::write(&ffmpeg, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    stand_in("echo 'voice.ogg: Invalid data' >&2; exit 1");
    let refused = embed().refused();
    assert!(
        refused.contains("ffmpeg says: voice.ogg: Invalid data"),
        "{refused}"
    );
    let sound = sandbox.write("sound.wav", plain(&pcm()));
    stand_in(&format!("exec /bin/cat '{}'", sound.display()));
    let line = embed().ok().json();
    assert_eq!(line["seconds"], 1.0);
}

#[test]
fn headers_that_cannot_be_true_are_refused() {
    let at_rate = |hz: u32| {
        let mut fmt = fmt(1, 1, 16);
        fmt[4..8].copy_from_slice(&hz.to_le_bytes());
        riff(0, &[sized(b"fmt ", &fmt), sized(b"data", &pcm())])
    };
    let gsm = riff(
        0,
        &[sized(b"fmt ", &fmt(0x31, 1, 0)), sized(b"data", &[1; 650])],
    );
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 64044\n";
    for (name, bytes) in [
        ("a rate of 0", at_rate(0)),
        ("a rate of 4 MHz", at_rate(4_000_000)),
        (
            "no channels",
            riff(0, &[sized(b"fmt ", &fmt(1, 0, 16)), sized(b"data", &pcm())]),
        ),
        ("GSM", gsm),
        ("a pointer of Git LFS", pointer.to_vec()),
        (
            "a shadow of macOS",
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ".repeat(20),
        ),
        ("zeros", vec![0; 100_000]),
        ("a header that is cut", plain(&[])[..30].to_vec()),
        ("nothing", Vec::new()),
    ] {
        let error = read(&bytes)
            .err()
            .unwrap_or_else(|| panic!("{name} was read"));
        assert!(!error.to_string().is_empty(), "{name}");
    }
    for (tag, name) in [
        (0x31, "GSM 6.10"),
        (0x45, "G.726"),
        (0x161, "Windows Media"),
    ] {
        let bytes = riff(
            0,
            &[sized(b"fmt ", &fmt(tag, 1, 0)), sized(b"data", &[1; 650])],
        );
        let error = read(&bytes).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
    }
    for hz in [11_127, 16_001, 384_000] {
        assert_eq!(read(&at_rate(hz)).unwrap().rate, hz);
    }
}

#[test]
fn samples_beyond_the_stated_size_are_read_or_told() {
    let (data, head) = (pcm(), sized(b"fmt ", &fmt(1, 1, 16)));
    // The whole was corrected last, the samples were not.
    let short = riff(0, &[head.clone(), chunk(b"data", 8_000, &data)]);
    let notes = holds_tone("data size is short", &short, 1.0);
    assert!(
        matches!(notes[..], [Note::HeaderRepaired { .. }]),
        "{notes:?}"
    );
    // A card that was allocated in advance.
    let more = [plain(&data), vec![0; 50_000]].concat();
    let notes = holds_tone("zeros after the end", &more, 1.0);
    assert!(
        matches!(notes[..], [Note::PartsIgnored { .. }]),
        "{notes:?}"
    );
    // Sizes of zero in other containers.
    let mut au = b".snd".to_vec();
    for number in [24, 0, 3, RATE, 1] {
        au.extend(number.to_be_bytes());
    }
    au.extend(tone().iter().flat_map(|x| x.to_be_bytes()));
    let notes = holds_tone("AU without a size", &au, 1.0);
    assert!(
        matches!(notes[..], [Note::HeaderRepaired { .. }]),
        "{notes:?}"
    );
}

#[test]
fn mpeg_audio_in_a_wave_file_is_the_same_sound() {
    let golden = crate::root().join("tests/goldens/audio/stereo.mp3");
    let mp3 = std::fs::read(golden).unwrap();
    let expected = read(&mp3).unwrap();
    let mut head = fmt(0x55, 2, 0);
    head.resize(30, 0);
    let list = sized(b"LIST", b"INFO");
    let bytes = riff(0, &[sized(b"fmt ", &head), sized(b"data", &mp3), list]);
    let wave = read(&bytes).unwrap();
    assert_eq!(
        (wave.samples, wave.notes),
        (expected.samples, expected.notes)
    );
}

#[test]
fn a_recording_of_five_gigabytes_is_opened_at_once() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let length: u64 = 5 << 30;
    let rf64 = |name: &[u8; 4], size: u32| {
        let mut bytes = [&name[..], b"\xff\xff\xff\xffWAVE"].concat();
        let mut ds64 = (length + 72).to_le_bytes().to_vec();
        ds64.extend(length.to_le_bytes());
        ds64.extend([0; 12]);
        bytes.extend(sized(b"ds64", &ds64));
        bytes.extend(sized(b"fmt ", &fmt(1, 1, 16)));
        bytes.extend(chunk(b"data", size as usize, &[]));
        bytes
    };
    let mut wrapped = riff(
        0,
        &[sized(b"fmt ", &fmt(1, 1, 16)), chunk(b"data", 1 << 30, &[])],
    );
    wrapped[4..8].copy_from_slice(&((1_u32 << 30) + 36).to_le_bytes());
    for (name, head, notes) in [
        ("RF64", rf64(b"RF64", u32::MAX), 0),
        ("BW64", rf64(b"BW64", u32::MAX), 0),
        ("a size that began at 0 again", wrapped, 1),
    ] {
        // The rest of the file takes no room.
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&head).unwrap();
        file.write_all(&pcm()).unwrap();
        file.set_len(head.len() as u64 + length).unwrap();
        let mut source = open_recording(&path, &SensorFormat::default()).unwrap();
        let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
        // Past the tone, into the zeros, far below what would fill the memory.
        while samples.len() < 20 * tone().len() && source.read(&mut chunk).unwrap() {
            assert!(chunk.samples.len() < 1 << 20);
            samples.extend_from_slice(&chunk.samples);
        }
        assert_eq!(samples.len() / tone().len(), 20, "{name}");
        assert_eq!(samples[100], f32::from(tone()[100]) / 32_768.0, "{name}");
        assert_eq!(source.notes().len(), notes, "{name}: {:?}", source.notes());
    }
}

/// The sines that `scripts/make_wild_audio.py` made: 0.8 s of 440 Hz at 44.1 kHz, mono, and at
/// 22.05 kHz, stereo.
fn sines() -> (Vec<u8>, Vec<u8>) {
    let bytes = |name: &str| std::fs::read(wild(name)).unwrap();
    (bytes("sine-44100.mp3"), bytes("sine-22050-stereo.mp3"))
}

/// Checks that the bytes hold those sines one after the other, without a gap.
#[track_caller]
fn holds_sines(name: &str, bytes: &[u8], rate: u32, sines: u32) -> Vec<Note> {
    let file = tempfile::Builder::new().suffix(".mp3").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut source = open_recording(file.path(), &SensorFormat::default()).unwrap();
    assert_eq!(source.rate().hz(), rate, "{name}");
    let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
    while source.read(&mut chunk).unwrap() {
        let start = Micros::from_samples(samples.len() as u64, source.rate());
        assert_eq!(chunk.start, start, "{name}");
        assert!(chunk.samples.len() < 8_192, "{name}");
        samples.extend_from_slice(&chunk.samples);
    }
    let length = rate * 8 / 10;
    assert_eq!(samples.len() as u32, sines * length, "{name}");
    for (n, &sample) in samples.iter().enumerate() {
        let phase = 440.0 * std::f64::consts::TAU / f64::from(rate);
        let expected = 12_000.0 / 32_768.0 * (f64::from(n as u32 % length) * phase).sin();
        // The coder's error is 0.03 at the ends of a file.
        let error = (f64::from(sample) - expected).abs();
        assert!(error < 0.04, "{name}: {error} at sample {n}");
    }
    source.notes()
}

#[test]
fn joined_mp3_files_are_read_to_the_end_at_the_first_rate() {
    let (high, low) = sines();
    assert_eq!(holds_sines("one", &high, 44_100, 1), []);
    let same = [&high[..], &high].concat();
    assert_eq!(holds_sines("two of one rate", &same, 44_100, 2), []);
    let notes = holds_sines("down", &[&high[..], &low].concat(), 44_100, 2);
    let down = Note::SampleRateChanged {
        changes: 1,
        seconds: 0.8,
        from_hz: 44_100,
        to_hz: 22_050,
        used_hz: 44_100,
    };
    assert_eq!(notes, [down]);
    let told = "the sample rate changes from 44100 Hz to 22050 Hz at 0.800 s; the sound after it was \
                resampled to 44100 Hz";
    assert_eq!(notes[0].to_string(), told);
    let notes = holds_sines("up", &[&low[..], &high].concat(), 22_050, 2);
    assert!(
        notes[0].to_string().contains("from 22050 Hz to 44100 Hz"),
        "{notes:?}"
    );
    let four = [&high[..], &low, &low, &high].concat();
    let notes = holds_sines("four", &four, 44_100, 4);
    assert!(
        notes[0].to_string().contains("changes 2 times"),
        "{notes:?}"
    );
    // Bytes that are no sound, between the files and behind them.
    let junk = [&high[..], &[0x55; 3_000], &low, &[0x55; 90_000]].concat();
    assert_eq!(holds_sines("junk", &junk, 44_100, 2).len(), 1);
    let picture = [&high[..], &tag(3, 42_000), &high].concat();
    assert_eq!(holds_sines("a picture between", &picture, 44_100, 2), []);
}

/// The frames of a file without its tags, as `ffmpeg -write_xing 0 -id3v2_version 0` writes them.
fn untagged(mp3: &[u8]) -> Vec<u8> {
    let info = mp3.windows(4).position(|bytes| bytes == b"Info").unwrap();
    let next = mp3[info..]
        .windows(2)
        .position(|bytes| bytes[0] == 0xFF && bytes[1] & 0xF0 == 0xF0);
    mp3[info + next.unwrap()..mp3.len() - 128].to_vec()
}

#[test]
fn joined_files_without_tags_keep_their_length() {
    let (high, low) = sines();
    let seconds = |bytes: &[u8]| {
        let read = read(bytes).unwrap();
        read.samples.len() as f64 / f64::from(read.rate)
    };
    let (high, low) = (untagged(&high), untagged(&low));
    let sum = seconds(&high) + seconds(&low);
    for both in [[&high[..], &low].concat(), [&low[..], &high].concat()] {
        assert!(
            (seconds(&both) - sum).abs() < 1e-3,
            "{} of {sum}",
            seconds(&both)
        );
        assert_eq!(read(&both).unwrap().notes.len(), 1);
    }
}

#[test]
fn a_recorder_that_never_completed_its_tag_is_heard() {
    let (high, _) = sines();
    let info = high.windows(4).position(|bytes| bytes == b"Info").unwrap();
    let mut cut = high.clone();
    cut[info + 8..info + 16].fill(0);
    let read = read(&cut).unwrap();
    assert!(read.samples.len() >= 35_280, "{}", read.samples.len());
}

#[test]
fn samples_that_are_no_sound_are_told() {
    let float = |samples: &[f32]| {
        let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        riff(0, &[sized(b"fmt ", &fmt(3, 1, 32)), sized(b"data", &data)])
    };
    let notes = read(&float(&[0.5, f32::NAN, f32::INFINITY])).unwrap();
    assert_eq!(notes.samples, [0.5, 0.0, 0.0]);
    assert_eq!(notes.notes, [Note::NotFinite { samples: 2 }]);
    let notes = read(&float(&[16_384.0, -3.0])).unwrap().notes;
    assert_eq!(notes, [Note::OverFullScale { peak: 16_384.0 }]);
    // Peaks of a few times full scale are legal.
    assert_eq!(read(&float(&[4.0, -3.0])).unwrap().notes, []);
    let notes = read(&plain(&[0xFF, 0x7F].repeat(100))).unwrap().notes;
    assert_eq!(notes, [Note::Clipped { share: 1.0 }]);
}

/// A stereo file of the tone with a gain for each channel, in a folder.
fn stereo(folder: &Path, left: i16, right: i16) -> PathBuf {
    let frame = |x: i16| [(x / 8 * left).to_le_bytes(), (x / 8 * right).to_le_bytes()].concat();
    let data: Vec<u8> = tone().into_iter().flat_map(frame).collect();
    let path = folder.join("stereo.wav");
    let bytes = riff(0, &[sized(b"fmt ", &fmt(1, 2, 16)), sized(b"data", &data)]);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_channel_can_be_chosen_and_antiphase_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let only = |gain: i16| -> Vec<f32> {
        let sample = |x: i16| f32::from(x / 8 * gain) / 32_768.0;
        tone().into_iter().map(sample).collect()
    };
    let path = stereo(folder.path(), 4, -4);
    let read = read_with(&path, ChannelChoice::Mix).unwrap();
    assert_eq!(read.samples, only(4));
    assert_eq!(read.notes, [Note::Antiphase { used: Some(1) }]);
    let path = stereo(folder.path(), 1, 5);
    for (choice, gain) in [("left", 1), ("2", 5), ("best", 5), ("mix", 3)] {
        let read = read_with(&path, choice.parse().unwrap()).unwrap();
        assert_eq!((read.samples, read.notes), (only(gain), vec![]), "{choice}");
    }
    let error = read_with(&path, ChannelChoice::Only(3)).err().unwrap();
    assert!(error.to_string().contains("2 channels"), "{error}");
    let notes = read_with(&stereo(folder.path(), 3, 0), ChannelChoice::Mix)
        .unwrap()
        .notes;
    assert_eq!(notes, [Note::SilentChannel { channel: 2 }]);
}

/// A tag of ID3v2 with a picture that is full of bytes like frames of MPEG audio.
fn tag(version: u8, picture: usize) -> Vec<u8> {
    let body = [0xFF, 0xFB, 0x90, 0x64].repeat(picture / 4);
    let mut bytes = vec![b'I', b'D', b'3', version, 0, 0];
    let size = body.len() as u32;
    bytes.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7F) as u8));
    bytes.extend(body);
    bytes
}

#[test]
fn a_picture_in_a_tag_is_not_heard() {
    let mp3 = std::fs::read(crate::root().join("tests/goldens/audio/stereo.mp3")).unwrap();
    let expected = read(&mp3).unwrap().samples;
    for (name, tags) in [
        ("420 kB", tag(3, 420_000)),
        ("2 MB", tag(4, 2_000_000)),
        ("two tags", [tag(3, 40_000), tag(4, 8_000)].concat()),
    ] {
        let read = read(&[tags, mp3.clone()].concat()).unwrap();
        assert_eq!(read.samples.len(), expected.len(), "{name}");
        assert_eq!(
            (read.samples, read.notes),
            (expected.clone(), vec![]),
            "{name}"
        );
    }
    // Tags at the end do not look like a frame that was cut.
    let mut tagged = mp3.clone();
    tagged.extend(b"TAG");
    tagged.extend([0; 125]);
    assert_eq!(read(&tagged).unwrap().notes, []);
}

#[test]
fn files_that_break_off_or_lack_blocks_say_so() {
    let golden = |name: &str| std::fs::read(crate::root().join("tests/goldens/audio").join(name));
    let mp3 = golden("stereo.mp3").unwrap();
    let cut = read(&mp3[..mp3.len() / 2 + 7]).unwrap();
    assert_eq!(cut.notes, [Note::Truncated]);
    let flac = golden("stereo.flac").unwrap();
    let whole = read(&flac).unwrap();
    assert_eq!(whole.notes, []);
    let cut = read(&flac[..flac.len() * 2 / 3]).unwrap();
    assert!(cut.samples.len() < whole.samples.len());
    assert!(cut.notes.contains(&Note::Truncated), "{:?}", cut.notes);
    let mut small = flac.clone();
    small[8..10].fill(0);
    assert_eq!(read(&small).unwrap().samples, whole.samples);
}

#[test]
fn random_bytes_after_a_header_never_panic_or_loop() {
    use rand::{RngExt as _, SeedableRng as _};
    let mut chance = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let heads: [&[u8]; 5] = [
        b"RIFF\0\0\0\0WAVE",
        b"RF64\0\0\0\0WAVE",
        b"riff",
        b".snd",
        b"ID3\x04\0",
    ];
    for round in 0..2_000 {
        let mut bytes = match round % 2 {
            0 => heads[chance.random_range(0..heads.len())].to_vec(),
            _ => plain(&pcm()[..400]),
        };
        let tail: Vec<u8> = (0..chance.random_range(0..200))
            .map(|_| chance.random())
            .collect();
        bytes.extend(tail);
        for _ in 0..chance.random_range(0..6) {
            let at = chance.random_range(0..bytes.len().min(60));
            bytes[at] = chance.random();
        }
        // Either is fine; a panic or a loop is not.
        if let Ok(read) = read(&bytes) {
            assert!(read.samples.iter().all(|x| x.is_finite()));
        }
    }
}
