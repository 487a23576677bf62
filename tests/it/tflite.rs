//! TFLite graphs, compared with what LiteRT computed from them. `scripts/make_tflite.py` makes both.

use std::fs;
use std::path::{Path, PathBuf};

use afield::backbone::{Backbone, BackboneError, Mode};
use afield::model::Card;
use ndarray::Array2;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens/tflite")
}

fn rows(name: &str) -> Array2<f32> {
    ndarray_npy::read_npy(folder().join(name)).unwrap()
}

/// A graph, its input, and the output that is wanted.
struct Case {
    name: &'static str,
    input: Option<&'static str>,
    shape: &'static [usize],
    output: Option<&'static str>,
    size: usize,
}

const BRANCHES: Case = Case {
    name: "branches",
    input: None,
    shape: &[1, 16, 12, 1],
    output: None,
    size: 20,
};
const HALVES: Case = Case {
    name: "halves",
    input: None,
    shape: &[1, 6, 4, 1],
    output: None,
    size: 4,
};

impl Case {
    fn card(&self) -> Card {
        let [_, frames, bands] = self.shape[..3] else {
            panic!("a shape of three axes");
        };
        let name = |key: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{key} = {value:?}\n"))
        };
        let (input, output) = (name("name", self.input), name("name", self.output));
        let channels: Vec<String> = (0..bands)
            .map(|c| format!("{{ name = \"c{c}\", unit = \"x\", mean = 0.0, deviation = 1.0 }}"))
            .collect();
        let text = format!(
            r#"name = "test"
task = "a test graph"
licence = "CC0-1.0"
source = "make_tflite.py"
sample-rate = 50
[origin]
kind = "file"
file-name = "test.tflite"
sha256 = "{sha256}"
obtain = "run make_tflite.py"
[input]
{input}shape = {shape:?}
frames-axis = 1
bands-axis = 2
[output]
{output}shape = [1, {size}]
[embedding]
size = {size}
hop-frames = {frames}
max-abs = 64.0
pool = "mean"
transform = "none"
[padding]
fill = "zeros"
align = "start"
windows = 1
[sensor]
channels = [{channels}]
"#,
            sha256 = "0".repeat(64),
            shape = self.shape,
            size = self.size,
            channels = channels.join(", "),
        );
        Card::parse(&text, "test.toml").unwrap()
    }

    fn load(&self, mode: Mode) -> Result<Backbone, BackboneError> {
        let path = folder().join(self.name).with_extension("tflite");
        Backbone::load(&path, &self.card(), mode)
    }

    /// The embeddings of both inputs.
    fn embeddings(&self) -> Vec<Vec<f32>> {
        let backbone = self.load(Mode::Windowed).unwrap();
        let inputs = rows(&format!("{}.in.npy", self.name));
        pushed(&backbone, inputs.as_slice().unwrap(), self.size)
    }
}

fn pushed(backbone: &Backbone, frames: &[f32], size: usize) -> Vec<Vec<f32>> {
    let mut out = Vec::new();
    backbone.stream().unwrap().push(frames, &mut out).unwrap();
    out.chunks(size).map(<[f32]>::to_vec).collect()
}

/// The part of LiteRT's outputs that begins at `at`.
fn expected(name: &str, at: usize, size: usize) -> Vec<Vec<f32>> {
    let all = rows(&format!("{name}.out.npy"));
    let part = |row: ndarray::ArrayView1<'_, f32>| row.to_vec()[at..at + size].to_vec();
    all.rows().into_iter().map(part).collect()
}

#[track_caller]
fn agree(actual: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().flatten().zip(expected.iter().flatten()) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} for {expected}"
        );
    }
}

#[test]
fn branches_run_on_the_kernels_and_equal_litert() {
    let backbone = BRANCHES.load(Mode::Auto).unwrap();
    assert_eq!(backbone.tract_because(), None);
    agree(&BRANCHES.embeddings(), &expected("branches", 0, 20), 1e-4);
}

#[test]
fn a_named_output_is_read() {
    let classes = Case {
        output: Some("classes"),
        size: 7,
        ..BRANCHES
    };
    agree(&classes.embeddings(), &expected("branches", 20, 7), 1e-4);
}

#[test]
fn weights_of_fewer_bits_are_converted() {
    agree(&HALVES.embeddings(), &expected("halves", 0, 4), 1e-4);
}

#[test]
fn sizes_that_follow_from_shapes_are_computed() {
    let shapes = Case {
        name: "shapes",
        input: None,
        shape: &[1, 6, 10],
        output: None,
        size: 9,
    };
    agree(&shapes.embeddings(), &expected("shapes", 0, 9), 1e-5);
}

#[test]
fn a_quantised_graph_differs_by_its_steps() {
    let quantised = Case {
        name: "quantised",
        input: None,
        shape: &[1, 8, 6, 1],
        output: None,
        size: 3,
    };
    // The last step is 0.05.
    agree(&quantised.embeddings(), &expected("quantised", 0, 3), 0.051);
}

#[test]
fn a_graph_can_end_and_begin_at_an_inner_tensor() {
    let flat = Case {
        output: Some("flat"),
        size: 75,
        ..HALVES
    };
    let mut flats = flat.embeddings();
    let rest = r#"
[output]
shape = [1, 4]
[embedding]
size = 4
hop-frames = 75
max-abs = 64.0
pool = "mean"
transform = "none"
[padding]
fill = "zeros"
align = "start"
windows = 1
"#;
    let head = format!(
        r#"name = "test"
task = "a test graph"
licence = "CC0-1.0"
source = "make_tflite.py"
sample-rate = 8000
[origin]
kind = "file"
file-name = "test.tflite"
sha256 = "{}"
obtain = "run make_tflite.py"
[input]
name = "flat"
shape = [1, 75]
frames-axis = 1
"#,
        "0".repeat(64)
    );
    let load = |front: &str| {
        let card = Card::parse(&format!("{head}{rest}{front}"), "test.toml").unwrap();
        Backbone::load(&folder().join("halves.tflite"), &card, Mode::Auto).unwrap()
    };
    let plain = load("[waveform]\nsample-scale = 1.0\n");
    let actual = pushed(&plain, &flats.concat(), 4);
    agree(&actual, &expected("halves", 0, 4), 1e-4);

    // Each window is brought to -1..1.
    let normalised = load("[waveform]\nsample-scale = 1.0\nnormalise = \"min-max\"\n");
    let actual = pushed(&normalised, &flats.concat(), 4);
    for flat in &mut flats {
        let least = flat.iter().copied().fold(f32::MAX, f32::min);
        let most = flat.iter().copied().fold(f32::MIN, f32::max) - least + 1e-6;
        flat.iter_mut()
            .for_each(|x| *x = ((*x - least) / most - 0.5) * 2.0);
    }
    agree(&actual, &pushed(&plain, &flats.concat(), 4), 1e-5);
}

#[test]
fn what_is_wrong_with_a_file_or_a_name_is_told() {
    let unknown = Case {
        output: Some("none"),
        ..HALVES
    };
    let error = unknown.load(Mode::Auto).err().unwrap().to_string();
    assert!(
        error.ends_with("is not a usable TFLite graph: it has no tensor \"none\""),
        "{error}"
    );
    let whole = fs::read(folder().join("halves.tflite")).unwrap();
    let error = Backbone::from_bytes(&whole[..whole.len() / 2], &HALVES.card(), Mode::Auto);
    let error = error.err().unwrap().to_string();
    assert!(
        error.ends_with("is not a usable TFLite graph: it is damaged or cut"),
        "{error}"
    );
}
