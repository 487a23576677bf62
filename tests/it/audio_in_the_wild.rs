//! Audio files as recorders, pipes and power cuts leave them: each with the samples that are in it.

use std::path::{Path, PathBuf};

use afield::signal::Chunk;
use afield::source::{ChannelChoice, Note, SensorFormat, SourceError, open_recording};

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
