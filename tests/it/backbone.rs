//! The frozen backbone: both executions compared with ONNX Runtime and with each other, and invalid
//! files.

use crate::harness::models;
use crate::harness::recording::Clip;
use crate::harness::shared_data;
use crate::harness::synthetic::{Segment, Sound, Synthetic};

use std::fs;
use std::path::Path;

use afield::backbone::{Backbone, BackboneError, Execution, Mode};
use afield::frontend::LogMelFrontend;
use afield::model::{Card, LogMel};
use afield::pipeline::EmbeddingStream;
use afield::signal::{Chunk, SampleRate};
use afield::source::Source;
use ndarray::Array2;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const REAL: [&str; 3] = ["speech-embedding", "yamnet", "yamnet-256"];
/// The largest difference from ONNX Runtime's embeddings, and between the two executions.
const TOLERANCE: f32 = 1e-3;

fn load(card: &Card, path: &Path, mode: Mode) -> Backbone {
    Backbone::load(path, card, mode).unwrap()
}

/// A chirp, noise and a tone, the same on every run.
fn synthetic(rate_hz: u32, samples: u64) -> Vec<f32> {
    let part = samples.div_ceil(3);
    let amplitude = 0.4;
    let sounds = [
        Sound::Chirp {
            from_hz: 200.0,
            to_hz: 3_000.0,
            amplitude,
        },
        Sound::Noise { amplitude },
        Sound::Tone {
            hz: 700.0,
            amplitude,
        },
    ];
    let segments = sounds
        .map(|sound| Segment {
            sound,
            samples: part,
        })
        .to_vec();
    let rate = SampleRate::new(rate_hz).unwrap();
    let mut source = Synthetic::new(rate, segments, 4_096, 5);
    let (mut chunk, mut all) = (Chunk::default(), Vec::new());
    while source.read(&mut chunk).unwrap() {
        all.extend_from_slice(&chunk.samples);
    }
    all.truncate(samples as usize);
    all
}

/// The embeddings of `samples`, pushed in pieces of the given lengths, in a cycle.
fn embed(
    card: &Card,
    backbone: &Backbone,
    rate_hz: u32,
    samples: &[f32],
    pieces: &[usize],
) -> Vec<f32> {
    let rate = SampleRate::new(rate_hz).unwrap();
    let mut stream = EmbeddingStream::new(card, backbone, rate).unwrap();
    let mut embeddings = Vec::new();
    let (mut rest, mut turn) = (samples, 0);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(pieces[turn % pieces.len()].min(rest.len()));
        stream.push(now, &mut embeddings).unwrap();
        (rest, turn) = (later, turn + 1);
    }
    stream.finish(&mut embeddings).unwrap();
    embeddings
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "as many numbers");
    assert!(a.iter().chain(b).all(|x| x.is_finite()));
    (a.iter().zip(b)).fold(0.0, |m, (x, y)| (x - y).abs().max(m))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// The signal of the goldens from its formula, or the recordings that the index names.
fn golden_samples(signal: &serde_json::Value, shared: &Path) -> Vec<f32> {
    let number = |key: &str| signal[key].as_u64().unwrap() as usize;
    let (start, samples) = (number("start"), number("samples"));
    let files = signal["files"].as_array().unwrap();
    let mut whole = Vec::new();
    for file in files {
        let path = shared.join(file.as_str().unwrap());
        whole.extend(Clip::read(path).unwrap().samples);
    }
    whole[start..start + samples].to_vec()
}

/// The log-mel frames that the goldens were computed from. Stored frames are used if they exist, so
/// that rounding of the front end has no influence.
fn golden_frames(card: &Card, name: &str, samples: &[f32]) -> Vec<f32> {
    let kind = card.name.trim_end_matches("-embedding");
    let stored = goldens().join(format!("{name}.{kind}.npy"));
    if stored.exists() {
        let frames: Array2<f32> = ndarray_npy::read_npy(stored).unwrap();
        return frames.into_raw_vec_and_offset().0;
    }
    frames_of(card.log_mel().unwrap(), card.sample_rate, samples)
}

fn frames_of(front: &LogMel, rate: SampleRate, samples: &[f32]) -> Vec<f32> {
    let mut frames = Vec::new();
    let mut frontend = LogMelFrontend::new(front, rate).unwrap();
    frontend.push(samples, &mut frames);
    frames
}

fn goldens() -> std::path::PathBuf {
    crate::root().join("tests/goldens/frontend")
}

#[test]
fn both_executions_give_the_embeddings_of_onnx_runtime() {
    let Some(shared) = shared_data::folder("embeddings against goldens") else {
        return;
    };
    let index = fs::read_to_string(goldens().join("index.json")).unwrap();
    let signals: Vec<serde_json::Value> = serde_json::from_str(&index).unwrap();
    for name in REAL {
        let Some((card, path)) = models::real(name, "embeddings against goldens") else {
            continue;
        };
        let kind = name.trim_end_matches("-embedding");
        for mode in [Mode::Auto, Mode::Windowed] {
            let backbone = load(&card, &path, mode);
            let (mut worst, mut compared) = (0.0f32, 0);
            // The formula's signal has no recording; its frames are stored.
            for signal in &signals {
                let title = signal["name"].as_str().unwrap();
                let samples = match title {
                    "formula" => Vec::new(),
                    _ => golden_samples(signal, &shared),
                };
                if samples.is_empty() && name == "yamnet-256" {
                    continue;
                }
                let golden: Array2<f32> =
                    ndarray_npy::read_npy(goldens().join(format!("{title}.{kind}-embedding.npy")))
                        .unwrap();
                let mut stream = backbone.stream().unwrap();
                let mut ours = Vec::new();
                let frames = golden_frames(&card, title, &samples);
                stream.push(&frames, &mut ours).unwrap();
                stream.finish(&mut ours).unwrap();
                worst = worst.max(largest_difference(&ours, golden.as_slice().unwrap()));
                compared += golden.nrows();
            }
            let execution = backbone.execution();
            println!(
                "{name:16} {execution:9} {compared:3} embeddings, max abs difference {worst:.1e}"
            );
            assert!(compared >= 7);
            assert!(worst < TOLERANCE, "{name} {execution}: {worst}");
        }
    }
}

#[test]
fn auto_mode_streams_if_possible_and_otherwise_gives_the_reason() {
    for name in REAL {
        let Some((card, path)) = models::real(name, "the choice of execution") else {
            continue;
        };
        let backbone = load(&card, &path, Mode::Auto);
        println!("{name}: {:?}", backbone.windowed_because());
        if name == "speech-embedding" {
            assert_eq!(backbone.execution(), Execution::Streaming);
            assert_eq!(backbone.windowed_because(), None);
            continue;
        }
        assert_eq!(backbone.execution(), Execution::Windowed);
        let because = backbone.windowed_because().unwrap();
        assert!(!because.is_empty() && !because.contains("hint:"));
        let error = load_error(&card, &path, Mode::Streaming);
        assert!(
            matches!(error, BackboneError::NotStreamable { .. }),
            "{error}"
        );
        // Windowed execution was asked for, so there is no reason to report.
        assert_eq!(load(&card, &path, Mode::Windowed).windowed_because(), None);
    }
}

fn load_error(card: &Card, path: &Path, mode: Mode) -> BackboneError {
    match Backbone::load(path, card, mode) {
        Ok(_) => panic!("{} loads", path.display()),
        Err(error) => error,
    }
}

#[test]
fn streaming_and_windowed_embeddings_of_the_tiny_graph_agree() {
    let (card, path) = models::fixture("tiny");
    let streaming = load(&card, &path, Mode::Auto);
    assert_eq!(
        (streaming.execution(), streaming.windowed_because()),
        (Execution::Streaming, None)
    );
    let windowed = load(&card, &path, Mode::Windowed);
    for rate in [8_000, 16_000, 44_100] {
        let samples = synthetic(rate, u64::from(rate) * 3);
        let expected = embed(&card, &windowed, rate, &samples, &[usize::MAX]);
        let actual = embed(&card, &streaming, rate, &samples, &[usize::MAX]);
        assert!(expected.len() >= 70 * 16, "{}", expected.len());
        assert!(expected.iter().any(|x| x.abs() > 1.0), "it hears something");
        let difference = largest_difference(&expected, &actual);
        println!("tiny at {rate} Hz: streaming differs from windowed by {difference:.1e}");
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn streaming_and_windowed_embeddings_of_spoken_words_agree() {
    let (Some(shared), Some((card, path))) = (
        shared_data::folder("streaming real words"),
        models::real("speech-embedding", "streaming real words"),
    ) else {
        return;
    };
    let mut samples = Vec::new();
    for digit in 0..10 {
        let path = shared.join(format!("fsdd/{digit}/theo_5.wav"));
        samples.extend(Clip::read(path).unwrap().samples);
    }
    let (streaming, windowed) = (
        load(&card, &path, Mode::Streaming),
        load(&card, &path, Mode::Windowed),
    );
    for rate in [8_000, 44_100] {
        let expected = embed(&card, &windowed, rate, &samples, &[usize::MAX]);
        let actual = embed(&card, &streaming, rate, &samples, &[usize::MAX]);
        assert!(actual.iter().any(|x| x.abs() > 1.0), "it hears something");
        let difference = largest_difference(&expected, &actual);
        println!("speech at {rate} Hz: streaming differs from windowed by {difference:.1e}");
        assert!(difference < TOLERANCE, "{difference}");
        let (rows, pieces) = (actual.len() / card.embedding.size, [1, 7, 400, 3_000, 13]);
        assert!(rows >= 3, "{rows} rows");
        let in_pieces = embed(&card, &streaming, rate, &samples, &pieces);
        assert_eq!(bits(&actual), bits(&in_pieces), "at {rate} Hz");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_size_of_chunks_changes_no_bit_of_an_embedding(
        pieces in prop::collection::vec(1usize..5_000, 1..12),
        samples in 0u64..40_000,
        rate in prop::sample::select(vec![16_000u32, 44_100]),
        mode in prop::sample::select(vec![Mode::Streaming, Mode::Windowed]),
    ) {
        let (card, path) = models::fixture("tiny");
        let backbone = load(&card, &path, mode);
        let samples = synthetic(rate, samples);
        let whole = embed(&card, &backbone, rate, &samples, &[usize::MAX]);
        let cut = embed(&card, &backbone, rate, &samples, &pieces);
        prop_assert_eq!(bits(&whole), bits(&cut));
    }
}

#[test]
fn a_stream_can_be_reused_after_its_end() {
    let (card, path) = models::fixture("tiny");
    for mode in [Mode::Streaming, Mode::Windowed] {
        let backbone = load(&card, &path, mode);
        let rate = SampleRate::new(44_100).unwrap();
        let mut stream = EmbeddingStream::new(&card, &backbone, rate).unwrap();
        let long = synthetic(44_100, 30_000);
        let mut first = Vec::new();
        // A short clip, a long one, nothing, and the long one again.
        for samples in [&long[..500], &long, &[], &long[..500], &long] {
            let mut embeddings = Vec::new();
            stream.push(samples, &mut embeddings).unwrap();
            stream.finish(&mut embeddings).unwrap();
            match (samples.len(), first.is_empty()) {
                (0, _) => assert!(embeddings.is_empty()),
                (30_000, true) => first = embeddings,
                (30_000, false) => assert_eq!(bits(&first), bits(&embeddings)),
                _ => assert_eq!(embeddings.len(), card.embeddings_of_short_clip() * 16),
            }
        }
        assert!(!first.is_empty());
    }
}

#[test]
fn a_signal_has_as_many_rows_as_windows_fit_into_it() {
    let (card, path) = models::fixture("tiny");
    let (field, hop) = (card.receptive_field_samples(), card.hop_samples());
    assert_eq!((field, hop), (14 * 160 + 400, 640));
    for mode in [Mode::Streaming, Mode::Windowed] {
        let backbone = load(&card, &path, mode);
        let rows = |samples: usize| {
            let samples = synthetic(16_000, samples as u64);
            embed(&card, &backbone, 16_000, &samples, &[333]).len() / card.embedding.size
        };
        assert_eq!(rows(0), 0);
        for short in [1, 2, 160, 400, field / 2, field - 1] {
            assert_eq!(
                rows(short),
                card.embeddings_of_short_clip(),
                "{short} samples"
            );
        }
        for beyond in [0, 1, hop - 1, hop, hop + 1, 2 * hop, 7 * hop - 1, 20 * hop] {
            assert_eq!(rows(field + beyond), beyond / hop + 1, "{beyond} beyond");
        }
    }
}

#[test]
#[cfg(feature = "tract")]
fn chains_run_on_afields_kernels_and_other_graphs_on_tract() {
    for name in ["tiny", "padded"] {
        let (card, path) = models::fixture(name);
        assert_eq!(load(&card, &path, Mode::Auto).tract_because(), None);
    }
    for name in REAL {
        if let Some((card, path)) = models::real(name, "the choice of kernels") {
            assert_eq!(load(&card, &path, Mode::Auto).tract_because(), None);
        }
    }
    let (card, path) = models::fixture("squashed");
    let backbone = load(&card, &path, Mode::Auto);
    let because = backbone.tract_because().unwrap();
    assert!(because.contains("Tanh"), "{because}");
    assert_eq!(backbone.execution(), Execution::Streaming);
    let windowed = load(&card, &path, Mode::Windowed);
    let samples = synthetic(16_000, 48_000);
    let expected = embed(&card, &windowed, 16_000, &samples, &[usize::MAX]);
    let actual = embed(&card, &backbone, 16_000, &samples, &[usize::MAX]);
    assert!(largest_difference(&expected, &actual) < 1e-4);
}

#[test]
#[cfg(feature = "tract")]
fn graphs_that_pad_across_time_are_detected() {
    // The layers show the padding of the first graph. The padding of the second one does not show
    // in the shapes, so only the trial detects it.
    found_out("padded", "pads across time");
    found_out("squashed-padded", "computed incrementally");
}

#[cfg(feature = "tract")]
fn found_out(fixture: &str, why: &str) {
    let (card, path) = models::fixture(fixture);
    let backbone = load(&card, &path, Mode::Auto);
    assert_eq!(backbone.execution(), Execution::Windowed);
    let because = backbone.windowed_because().unwrap();
    println!("{because}");
    assert!(because.contains(why), "{because}");
    let error = load_error(&card, &path, Mode::Streaming);
    assert!(
        matches!(error, BackboneError::NotStreamable { .. }),
        "{error}"
    );
    let samples = synthetic(16_000, 16_000);
    let rows = embed(&card, &backbone, 16_000, &samples, &[usize::MAX]).len() / 16;
    assert_eq!(
        rows,
        (16_000 - card.receptive_field_samples()) / card.hop_samples() + 1
    );
}

#[test]
fn incomplete_frames_are_rejected() {
    let (card, path) = models::fixture("tiny");
    for mode in [Mode::Streaming, Mode::Windowed] {
        let mut stream = load(&card, &path, mode).stream().unwrap();
        let error = stream.push(&[0.0; 9], &mut Vec::new()).unwrap_err();
        assert!(
            matches!(
                error,
                BackboneError::PartialFrame {
                    values: 9,
                    bands: 8
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_card_that_does_not_fit_its_graph_is_an_error_that_names_the_field() {
    const INPUT: &str = "shape = [1, 15, 8, 1]";
    const OUTPUT: &str = "shape = [1, 1, 1, 16]";
    const RIGHT: &str = include_str!("../fixtures/tiny.toml");
    let (_, path) = models::fixture("tiny");
    let wrong = |changes: &[(&str, &str)]| {
        let mut text = RIGHT.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let card = Card::parse(&text, "tiny.toml").unwrap();
        load_error(&card, &path, Mode::Auto).to_string()
    };
    let fits = |text: &str, words: &[&str]| {
        println!("{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let frames = wrong(&[(INPUT, "shape = [1, 19, 8, 1]")]);
    fits(&frames, &["input shape", "[?, 15, 8, 1]", "[1, 19, 8, 1]"]);
    let axes = wrong(&[(INPUT, "shape = [1, 15, 8]")]);
    fits(&axes, &["input shape", "[?, 15, 8, 1]"]);
    let size = wrong(&[
        (OUTPUT, "shape = [1, 1, 1, 17]"),
        ("size = 16", "size = 17"),
    ]);
    // Without tract, the chain itself ends with another size.
    let words: &[&str] = match cfg!(feature = "tract") {
        true => &["output shape", "[1, 1, 1, 16]", "[1, 1, 1, 17]"],
        false => &["ends with", "16 channels"],
    };
    fits(&size, words);
    let output = wrong(&[(OUTPUT, "name = \"logits\"\nshape = [1, 1, 1, 16]")]);
    fits(&output, &["list of outputs", "logits", "embedding"]);
}

#[test]
fn a_hop_that_differs_from_the_graphs_rules_out_streaming_only() {
    let (mut card, path) = models::fixture("tiny");
    for hop in [1, 3, 6] {
        card.embedding.hop_frames = hop;
        let error = load_error(&card, &path, Mode::Streaming);
        println!("hop {hop}: {error}");
        assert!(matches!(error, BackboneError::NotStreamable { .. }));
        // A window can be computed at any hop.
        let backbone = load(&card, &path, Mode::Auto);
        assert_eq!(backbone.execution(), Execution::Windowed);
        let samples = synthetic(16_000, 16_000);
        let rows = embed(&card, &backbone, 16_000, &samples, &[usize::MAX]).len() / 16;
        let beyond = 16_000 - card.receptive_field_samples();
        assert_eq!(rows, beyond / card.hop_samples() + 1);
    }
}

#[test]
fn a_hop_of_several_steps_can_be_streamed() {
    let (mut card, path) = models::fixture("tiny");
    for hop in [4, 8, 12] {
        card.embedding.hop_frames = hop;
        let streaming = load(&card, &path, Mode::Streaming);
        let windowed = load(&card, &path, Mode::Windowed);
        let samples = synthetic(16_000, 48_000);
        let expected = embed(&card, &windowed, 16_000, &samples, &[usize::MAX]);
        let actual = embed(&card, &streaming, 16_000, &samples, &[777]);
        assert_eq!(bits(&expected), bits(&actual), "hop {hop}");
    }
}

/// Loads `bytes` as a model in every mode, and runs each backbone that loads once.
fn try_bytes(card: &Card, folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("model.onnx");
    fs::write(&path, bytes).unwrap();
    let frames = vec![1.0; (card.window_frames() + 2 * card.embedding.hop_frames) * card.bands()];
    for mode in [Mode::Windowed, Mode::Auto] {
        let backbone = Backbone::load(&path, card, mode).map_err(|e| e.to_string())?;
        let mut stream = backbone.stream().map_err(|e| e.to_string())?;
        let mut out = Vec::new();
        let ran = stream
            .push(&frames, &mut out)
            .and_then(|()| stream.finish(&mut out));
        ran.map_err(|e| e.to_string())?;
        assert_eq!(out.len(), 3 * card.embedding.size);
    }
    Ok(())
}

#[test]
fn a_truncated_model_is_an_error_that_names_the_file() {
    let (card, path) = models::fixture("tiny");
    let (whole, folder) = (fs::read(path).unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(try_bytes(&card, folder.path(), &whole), Ok(()));
    for part in 0..64 {
        let len = whole.len() * part / 64;
        let error = try_bytes(&card, folder.path(), &whole[..len]).unwrap_err();
        assert!(error.contains("model.onnx"), "{len} bytes: {error}");
    }
}

#[test]
fn flipped_bytes_in_a_model_never_panic() {
    let (card, path) = models::fixture("tiny");
    let (whole, folder) = (fs::read(path).unwrap(), tempfile::tempdir().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let (mut refused, rounds) = (0, 600);
    for round in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..=4) {
            // In half of the rounds, only the start of the file is changed: the structure, not the
            // weights.
            let place = match round % 2 {
                0 => rng.random_range(0..600),
                _ => rng.random_range(0..bytes.len()),
            };
            bytes[place] ^= rng.random_range(1..=255u8);
        }
        if let Err(error) = try_bytes(&card, folder.path(), &bytes) {
            refused += 1;
            assert!(error.len() > 20, "{error}");
        }
    }
    println!("{refused} of {rounds} damaged models refused, the others ran");
    assert!(refused > rounds / 10 && refused < rounds);
}

#[test]
fn a_file_that_is_not_a_model_is_an_error_that_names_it() {
    let (card, _) = models::fixture("tiny");
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut not_models = vec![
        Vec::new(),
        b"no model at all\n".to_vec(),
        b"<!DOCTYPE html><html><body>404</body></html>".to_vec(),
        vec![0; 10_000],
        vec![0xff; 10_000],
    ];
    for _ in 0..100 {
        let len = rng.random_range(1..2_000);
        not_models.push((0..len).map(|_| rng.random::<u8>()).collect());
    }
    for bytes in not_models {
        let error = try_bytes(&card, folder.path(), &bytes).unwrap_err();
        assert!(error.contains("model.onnx"), "{error}");
    }
    for path in [folder.path(), &folder.path().join("missing.onnx")] {
        let error = load_error(&card, path, Mode::Auto);
        assert!(matches!(error, BackboneError::Read { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

#[test]
fn the_imu_backbone_streams_the_embeddings_of_onnx_runtime() {
    // models/imu/train.py stored ONNX Runtime's embeddings of these frames.
    streams_the_golden_embeddings("imu", 6, |t, axis| {
        (0.1 * (axis + 1.0) * t).sin() * (1.0 + 0.3 * axis)
    });
}

#[test]
fn the_backbone_for_sound_streams_the_embeddings_of_onnx_runtime() {
    // models/ears/export.py stored ONNX Runtime's embeddings of these frames.
    streams_the_golden_embeddings("ears", 64, |t, band| {
        -4.0 + 3.0 * (0.05 * t + 0.3 * band).sin() * (0.11 * t).cos()
    });
}

/// Holds a backbone of the program against tests/goldens/NAME.npy, the embeddings of 200 frames. It
/// is never fetched, so the test is never skipped.
fn streams_the_golden_embeddings(name: &str, values: u32, value: impl Fn(f64, f64) -> f64) {
    let cache = afield::model::Cache::at("/nowhere");
    let card = cache.find(name).unwrap();
    let golden = goldens().with_file_name(format!("{name}.npy"));
    let golden: Array2<f32> = ndarray_npy::read_npy(golden).unwrap();
    let frames: Vec<f32> = (0..200)
        .flat_map(|t| (0..values).map(move |of| (t, of)))
        .map(|(t, of)| value(f64::from(t), f64::from(of)) as f32)
        .collect();
    let bytes = cache.model_bytes(&card).unwrap();
    for mode in [Mode::Streaming, Mode::Windowed] {
        let backbone = Backbone::from_bytes(&bytes, &card, mode).unwrap();
        assert_eq!(backbone.tract_because(), None);
        let mut stream = backbone.stream().unwrap();
        let mut rows = Vec::new();
        for part in frames.chunks(7 * values as usize) {
            stream.push(part, &mut rows).unwrap();
        }
        stream.finish(&mut rows).unwrap();
        assert_eq!(rows.len(), golden.len());
        assert!(largest_difference(&rows, golden.as_slice().unwrap()) < 1e-4);
    }
}
