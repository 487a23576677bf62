//! Small graphs of many kinds, compared with ONNX Runtime window by window, and graphs that cannot
//! run. `tests/fixtures/graphs/make_graphs.py` writes them, and the expected embeddings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Program, Sandbox};
use afield::backbone::{Backbone, BackboneError, Execution, Mode};
use afield::model::Card;
use serde::Deserialize;
use sha2::{Digest, Sha256};

const WINDOW: usize = 6;
const BANDS: usize = 3;
const HOP: usize = 2;
const FRAMES: usize = 16;
const SIZE: usize = 4;

#[derive(Deserialize)]
struct Expected {
    tolerance: f32,
    rows: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/graphs")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn card_text(name: &str, sha256: &str) -> String {
    format!(
        r#"name = "{name}"
task = "a test graph"
licence = "CC0-1.0"
source = "make_graphs.py"
sample-rate = 50
[origin]
kind = "file"
file-name = "{name}.onnx"
sha256 = "{sha256}"
obtain = "run make_graphs.py"
[input]
shape = [1, {WINDOW}, {BANDS}]
frames-axis = 1
bands-axis = 2
[output]
shape = [1, {SIZE}]
[embedding]
size = {SIZE}
hop-frames = {HOP}
max-abs = 64.0
pool = "mean"
transform = "none"
[padding]
fill = "zeros"
align = "start"
windows = 1
[sensor]
channels = [
    {{ name = "a", unit = "x", mean = 0.0, deviation = 1.0 }},
    {{ name = "b", unit = "x", mean = 0.0, deviation = 1.0 }},
    {{ name = "c", unit = "x", mean = 0.0, deviation = 1.0 }},
]
"#
    )
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn load(name: &str, mode: Mode) -> Result<Backbone, BackboneError> {
    let card = Card::parse(&card_text(name, &"0".repeat(64)), "test").unwrap();
    Backbone::load(&folder().join(name).with_extension("onnx"), &card, mode)
}

/// The frames of `make_graphs.py`.
fn frames() -> Vec<f32> {
    (0..FRAMES * BANDS)
        .map(|n| ((n * 37) % 64) as f32 / 16.0 - 2.0)
        .collect()
}

fn assert_close(name: &str, actual: &[f32], expected: &Expected) {
    let expected_values: Vec<f32> = expected.rows.concat();
    assert_eq!(actual.len(), expected_values.len(), "{name}");
    for (window, (row, wanted)) in actual.chunks(SIZE).zip(&expected.rows).enumerate() {
        for (a, e) in row.iter().zip(wanted) {
            let near = (a - e).abs() <= expected.tolerance * e.abs().max(1.0);
            assert!(near, "{name}, window {window}: {row:?} for {wanted:?}");
        }
    }
}

#[test]
fn every_window_of_every_graph_equals_that_of_onnx_runtime() {
    let graphs = expected();
    assert!(graphs.len() >= 20, "{}", graphs.len());
    for (name, expected) in &graphs {
        if name == "external" {
            continue;
        }
        for mode in [Mode::Auto, Mode::Windowed] {
            let backbone = load(name, mode).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut stream = backbone.stream().unwrap();
            // At once, in single frames, and again after the end of a signal.
            for piece in [FRAMES * BANDS, BANDS, 5 * BANDS] {
                let mut embeddings = Vec::new();
                for frames in frames().chunks(piece) {
                    stream.push(frames, &mut embeddings).unwrap();
                }
                stream.finish(&mut embeddings).unwrap();
                assert_close(name, &embeddings, expected);
            }
        }
    }
}

#[test]
fn a_graph_can_end_and_begin_at_an_inner_tensor() {
    // `y` is the rectified `k`, and `h` is the product of `m`, the mean of the frames of a window.
    let text = card_text("double", &"0".repeat(64));
    let load = |text: &str| {
        let card = Card::parse(text, "test").unwrap();
        let path = folder().join("listed-weights.onnx");
        Backbone::load(&path, &card, Mode::Windowed)
    };
    let run = |backbone: Backbone, frames: &[f32]| {
        let mut embeddings = Vec::new();
        let mut stream = backbone.stream().unwrap();
        stream.push(frames, &mut embeddings).unwrap();
        embeddings
    };
    let inner = text.replace("[output]\n", "[output]\nname = \"k\"\n");
    let rectified = run(load(&text).unwrap(), &frames());
    let mut before = run(load(&inner).unwrap(), &frames());
    assert!(before.iter().any(|&x| x < 0.0));
    before.iter_mut().for_each(|x| *x = x.max(0.0));
    assert_eq!(before, rectified);

    let cut = text
        .replace("[input]\n", "[input]\nname = \"m\"\n")
        .replace("shape = [1, 6, 3]", "shape = [1, 3]")
        .replace(
            "frames-axis = 1\nbands-axis = 2",
            "frames-axis = 0\nbands-axis = 1",
        )
        .replace("hop-frames = 2", "hop-frames = 1");
    let window = &frames()[..WINDOW * BANDS];
    let mean = |band: usize| {
        let values = window.iter().skip(band).step_by(BANDS);
        values.sum::<f32>() / WINDOW as f32
    };
    let means: Vec<f32> = (0..BANDS).map(mean).collect();
    for (a, e) in run(load(&cut).unwrap(), &means).iter().zip(&rectified) {
        assert!((a - e).abs() < 1e-5, "{a} for {e}");
    }
    let unknown = text.replace("[input]\n", "[input]\nname = \"none\"\n");
    let error = load(&unknown).err().unwrap().to_string();
    assert!(error.ends_with("it has no tensor \"none\""), "{error}");
}

#[test]
fn cached_embeddings_are_those_of_the_output_that_the_card_names() {
    let sandbox = Sandbox::cold();
    let file = fs::read(folder().join("listed-weights.onnx")).unwrap();
    for name in ["y", "k"] {
        fs::write(sandbox.path(&format!("{name}.onnx")), &file).unwrap();
        let card = card_text(name, &sha256(&file));
        let card = card.replace("[output]\n", &format!("[output]\nname = {name:?}\n"));
        sandbox.write(&format!("{name}.toml"), card);
        let (code, told) = add(&sandbox, name, &format!("./{name}.toml"));
        assert_eq!(code, 0, "{told}");
    }
    let table: Vec<String> = (frames().chunks(BANDS))
        .map(|row| format!("{},{},{}", row[0], row[1], row[2]))
        .collect();
    sandbox.write("d/one/x.csv", format!("a,b,c\n{}\n", table.join("\n")));
    sandbox.write("d/two/x.csv", format!("a,b,c\n{}\n", table[1..].join("\n")));
    let embedded = |name: &str| {
        Program::new(format!(
            "embed --labelled d --backbone {name} --rate 50 -o {name}.npz"
        ))
        .env("AFIELD_CACHE", sandbox.root())
        .folder(sandbox.root())
        .run()
        .ok();
        fs::read(sandbox.path(&format!("{name}.npz"))).unwrap()
    };
    // `y` is `k` without what is below zero.
    assert_ne!(embedded("y"), embedded("k"));
}

#[test]
fn a_recurrent_graph_is_never_streamed() {
    let recurrent = [
        "lstm",
        "lstm-bidirectional",
        "gru",
        "gru-bidirectional",
        "gru-of-hops",
        "rnn",
        "scan",
        "reverse-sequence",
    ];
    for name in recurrent {
        let backbone = load(name, Mode::Auto).unwrap();
        assert_eq!(backbone.execution(), Execution::Windowed, "{name}");
        let refused = load(name, Mode::Streaming).err().unwrap();
        assert!(
            matches!(refused, BackboneError::NotStreamable { .. }),
            "{name}: {refused}"
        );
    }
    let reason = load("lstm", Mode::Streaming).err().unwrap().to_string();
    assert!(reason.contains("recurrent layer"), "{reason}");
}

#[test]
fn nodes_that_the_output_does_not_need_may_be_unsupported() {
    load("unneeded", Mode::Auto).unwrap();
}

#[test]
fn an_operator_that_cannot_run_is_named() {
    let cases = [
        (
            "fused",
            "FusedGemm",
            "com.microsoft",
            "y",
            "is not supported",
        ),
        ("unheard", "Relu", "other", "last", "is not supported"),
        (
            "reverse-sequence-variable",
            "ReverseSequence",
            "",
            "r",
            "sequence lengths are not constant",
        ),
    ];
    for (name, operator, domain, node, reason) in cases {
        let error = load(name, Mode::Auto).err().unwrap();
        let message = error.to_string();
        let BackboneError::Operator {
            operator: of,
            domain: from,
            node: at,
            ..
        } = error
        else {
            panic!("{name}: {message}");
        };
        assert_eq!(
            (of.as_str(), from.as_str(), at.as_str()),
            (operator, domain, node),
            "{message}"
        );
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_fixed_batch_is_named() {
    let error = load("batch", Mode::Auto).err().unwrap();
    assert!(
        matches!(error, BackboneError::Batch { batch: 8, .. }),
        "{error}"
    );
}

#[test]
fn a_tensor_in_another_file_is_not_read_at_load() {
    for (name, at) in [
        ("external", "external.onnx.data"),
        ("external-constant", "/etc/passwd"),
    ] {
        let error = load(name, Mode::Auto).err().unwrap();
        let named =
            matches!(&error, BackboneError::ExternalData { location, .. } if location == at);
        assert!(named, "{error}");
    }
}

/// A table in which five windows have a negative mean, or all.
fn table(all: bool) -> String {
    let value = |i: usize| if all || (24..30).contains(&i) { -3 } else { 1 };
    (0..60).fold("# rate: 50 Hz\na,b,c\n".to_owned(), |mut text, i| {
        let v = value(i);
        text.push_str(&format!("{v},{v},{v}\n"));
        text
    })
}

#[test]
fn a_window_without_a_finite_embedding_is_skipped_counted_and_told() {
    let sandbox = Sandbox::cold();
    let file = fs::read(folder().join("roots.onnx")).unwrap();
    fs::write(sandbox.root().join("roots.onnx"), &file).unwrap();
    sandbox.write("roots.toml", card_text("roots", &sha256(&file)));
    sandbox.write("some.csv", table(false));
    sandbox.write("all.csv", table(true));
    let (code, told) = add(&sandbox, "roots", "./roots.toml");
    assert_eq!(code, 0, "{told}");
    let afield = |arguments: &str| {
        let run = Program::new(arguments)
            .env("AFIELD_CACHE", sandbox.root())
            .folder(sandbox.root())
            .run();
        (run.code.unwrap(), run.stdout, run.stderr)
    };
    let (code, out, told) = afield("embed some.csv --backbone roots -o some.npy");
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("\"rows\":23"), "{out}");
    assert!(told.contains("5 windows skipped"), "{told}");
    let (code, _, told) = afield("init box --backbone roots");
    assert_eq!(code, 0, "{told}");
    let (code, _, told) = afield("teach one some.csv --learner box");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("5 windows skipped"), "{told}");
    let (code, out, told) = afield("predict some.csv --learner box");
    assert_eq!(code, 0, "{told}");
    assert!(
        out.contains("one") && told.contains("5 windows skipped"),
        "{out} {told}"
    );
    let listen = "listen --windows --source csv:some.csv --learner box --window 0.12 --every 0.04";
    let (code, out, told) = afield(listen);
    assert_eq!(code, 0, "{told}");
    assert_eq!(out.lines().count(), 23, "{out}");
    assert!(told.contains("5 windows skipped"), "{told}");
    let (code, _, told) = afield("embed all.csv --backbone roots -o all.npy");
    assert_ne!(code, 0);
    assert!(
        told.contains("NaN or infinity") && told.contains("hint: "),
        "{told}"
    );
}

#[test]
fn a_draft_is_a_card_that_loads_after_its_checks() {
    let sandbox = Sandbox::cold();
    for name in ["lstm", "functions", "half", "listed-weights"] {
        let file = fs::read(folder().join(name).with_extension("onnx")).unwrap();
        fs::write(sandbox.root().join(format!("{name}.onnx")), &file).unwrap();
        let run = Program::new(format!("model inspect {name}.onnx"))
            .folder(sandbox.root())
            .run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let card = Card::parse(&run.stdout, "draft").unwrap_or_else(|e| panic!("{e}"));
        let axes = format!("shape = [1, {WINDOW}, {BANDS}]\nframes-axis = 1\nbands-axis = 2\n");
        assert!(run.stdout.contains(&axes), "{}", run.stdout);
        assert_eq!(card.output_shape(), [1, SIZE]);
        assert_eq!(card.origin.sha256(), sha256(&file));
        Backbone::from_bytes(&file, &card, Mode::Auto).unwrap();
    }
    let run = Program::new("model inspect fused.onnx")
        .folder(&folder())
        .run();
    assert!(run.stdout.starts_with("# NOTE: ") && run.stdout.contains("FusedGemm"));
    for name in ["batch", "external", "expected.json"] {
        let file = match name {
            "expected.json" => name.to_owned(),
            name => format!("{name}.onnx"),
        };
        let run = Program::new(format!("model inspect {file}"))
            .folder(&folder())
            .run();
        assert_ne!(run.code, Some(0), "{name}");
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
}

#[test]
fn a_check_against_a_reference_finds_a_difference() {
    let sandbox = Sandbox::cold();
    let file = fs::read(folder().join("gru.onnx")).unwrap();
    fs::write(sandbox.root().join("gru.onnx"), &file).unwrap();
    sandbox.write("gru.toml", card_text("gru", &sha256(&file)));
    sandbox.write("a.csv", table(false));
    let (code, told) = add(&sandbox, "gru", "./gru.toml");
    assert_eq!(code, 0, "{told}");
    let afield = |arguments: &str| {
        Program::new(arguments)
            .env("AFIELD_CACHE", sandbox.root())
            .folder(sandbox.root())
            .run()
    };
    let run = afield("embed a.csv --backbone gru -o a.npy");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let check = "model check gru --input a.csv --against a.npy";
    let run = afield(check);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("reference  ok, 28 embeddings"),
        "{}",
        run.stdout
    );
    let run = afield(&format!("{check} --json"));
    assert!(
        run.stdout.contains("\"largest-difference\":0.0"),
        "{}",
        run.stdout
    );
    // The last number of row 27 becomes another one.
    let mut npy = fs::read(sandbox.root().join("a.npy")).unwrap();
    let end = npy.len();
    npy[end - 4..].copy_from_slice(&0.75f32.to_le_bytes());
    fs::write(sandbox.root().join("a.npy"), npy).unwrap();
    let run = afield(check);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("row 27, column 3"), "{}", run.stderr);
    sandbox.write(
        "a.csv",
        table(false).lines().take(42).collect::<Vec<_>>().join("\n"),
    );
    let run = afield(check);
    assert!(
        run.stderr.contains("18 embeddings of 4 numbers"),
        "{}",
        run.stderr
    );
}

/// Adds the graph `name` with the card `card` to the cache of the sandbox, as `afield model add`.
fn add(sandbox: &Sandbox, name: &str, card: &str) -> (i32, String) {
    let root = sandbox.root();
    let run = Program::new("model")
        .args(format!("add {name}.onnx --card {card}"))
        .env("AFIELD_CACHE", root)
        .folder(root)
        .run();
    (run.code.unwrap(), run.stderr)
}

#[test]
fn adding_a_model_takes_in_its_second_file() {
    let sandbox = Sandbox::cold();
    let file = fs::read(folder().join("external.onnx")).unwrap();
    fs::write(sandbox.root().join("external.onnx"), &file).unwrap();
    let sha256 = sha256(&file);
    sandbox.write("external.toml", card_text("external", &sha256));
    let (code, told) = add(&sandbox, "external", "./external.toml");
    assert_ne!(code, 0);
    assert!(
        told.contains("external.onnx.data") && told.contains("hint: "),
        "{told}"
    );
    assert!(!sandbox.root().join("cards").exists());

    let data = fs::read(folder().join("external.onnx.data")).unwrap();
    fs::write(sandbox.root().join("external.onnx.data"), data).unwrap();
    for _ in 0..2 {
        let (code, told) = add(&sandbox, "external", "./external.toml");
        assert_eq!(code, 0, "{told}");
        assert!(
            told.contains("its weights from external.onnx.data"),
            "{told}"
        );
    }
    // The whole equals the card in the cache, too.
    let (code, told) = add(&sandbox, "external", "external");
    assert_eq!(code, 0, "{told}");

    let text = fs::read_to_string(sandbox.root().join("cards/external.toml")).unwrap();
    assert!(!text.contains(&sha256));
    let card = Card::parse(&text, "cached").unwrap();
    let whole = sandbox
        .root()
        .join(format!("models/{}.onnx", card.origin.sha256()));
    let backbone = Backbone::load(&whole, &card, Mode::Auto).unwrap();
    let mut embeddings = Vec::new();
    backbone
        .stream()
        .unwrap()
        .push(&frames(), &mut embeddings)
        .unwrap();
    assert_close("external", &embeddings, &expected()["external"]);

    // Other weights are another model.
    fs::write(sandbox.root().join("external.onnx.data"), [0; 64]).unwrap();
    let (code, told) = add(&sandbox, "external", "./external.toml");
    assert_ne!(code, 0);
    assert!(told.contains("another card named external"), "{told}");
}

#[test]
fn a_file_outside_of_the_folder_is_never_taken_in() {
    let sandbox = Sandbox::cold();
    let file = fs::read(folder().join("external-constant.onnx")).unwrap();
    fs::write(sandbox.root().join("external-constant.onnx"), &file).unwrap();
    sandbox.write("c.toml", card_text("external-constant", &sha256(&file)));
    let (code, told) = add(&sandbox, "external-constant", "./c.toml");
    assert_ne!(code, 0);
    assert!(
        told.contains("no relative path") && told.contains("hint: "),
        "{told}"
    );
    assert!(!sandbox.root().join("models").exists());
}
