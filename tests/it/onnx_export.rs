//! Exported graphs give in ONNX Runtime what their learners give here, within 1e-4.

use crate::harness::models;
use crate::harness::onnx_runtime;
use crate::harness::shared_data;

use std::fs;
use std::path::{Path, PathBuf};

use afield::backbone::{Backbone, Mode};
use afield::engine::backbone_contract;
use afield::export::{ExportError, onnx};
use afield::frontend::{LogMelFrontend, Resampler};
use afield::head::HeadKind;
use afield::learner::{
    Contract, Example, Learner, Nuisance, Pool, Settings, Standardisation, Transform,
};
use afield::model::Card;
use afield::rehearsal::Capacity;
use afield::signal::{Chunk, Label};
use afield::source::{AudioFile, Source};
use ndarray::ArrayView2;
use ndarray_npy::WriteNpyExt;
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tract_onnx::pb::ModelProto;

use onnx_runtime::OnnxRuntime;

const TOLERANCE: f64 = 1e-4;

/// A backbone, and clips of it as log-mel frames with their labels.
struct Material {
    card: Card,
    path: PathBuf,
    backbone: Backbone,
    clips: Vec<(Label, Vec<f32>)>,
    folder: TempDir,
}

impl Material {
    fn new((card, path): (Card, PathBuf), clips: Vec<(Label, Vec<f32>)>) -> Self {
        let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (i, (_, frames)) in clips.iter().enumerate() {
            let rows = frames.len() / card.bands();
            let array = ArrayView2::from_shape((rows, card.bands()), frames).unwrap();
            let file = fs::File::create(folder.path().join(format!("{i}.npy"))).unwrap();
            array.write_npy(file).unwrap();
        }
        Self {
            card,
            path,
            backbone,
            clips,
            folder,
        }
    }

    /// Noise of several lengths, loud in a band of its class.
    fn toy(name: &str) -> Self {
        let (card, path) = models::fixture(name);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let clips = (0..24).map(|i| {
            let (class, rows) = (i % 4, card.window_frames() + i % 7);
            let values = (0..rows * card.bands()).map(|at| {
                let loud = if at % card.bands() / 2 == class {
                    2.0
                } else {
                    0.0
                };
                loud + rng.random::<f32>()
            });
            (
                Label::new(format!("class {class}")).unwrap(),
                values.collect(),
            )
        });
        let clips = clips.collect();
        Self::new((card, path), clips)
    }

    fn windows(&self, frames: &[f32]) -> Vec<f32> {
        let (mut stream, mut windows) = (self.backbone.stream().unwrap(), Vec::new());
        stream.push(frames, &mut windows).unwrap();
        stream.finish(&mut windows).unwrap();
        windows
    }

    fn contract(&self, pool: Pool, transform: Transform) -> Contract {
        if transform != Transform::Standardise {
            return backbone_contract(&self.card, Some(pool), Some(transform)).unwrap();
        }
        let plain = backbone_contract(&self.card, Some(pool), Some(Transform::None)).unwrap();
        let rows: Vec<Vec<f32>> = (self.clips.iter())
            .map(|(_, frames)| {
                let mut pooled = Vec::new();
                let (windows, size) = (self.windows(frames), plain.embedding_size);
                pool.pool_into(&windows, size, &mut pooled).unwrap();
                pooled
            })
            .collect();
        plain
            .standardised(Standardisation::of(&rows).unwrap())
            .unwrap()
    }

    /// One that was taught every clip but each fourth.
    fn learner(&self, head: HeadKind, contract: Contract) -> Learner {
        let settings = Settings {
            head,
            rehearsal: Capacity::Examples(30).into(),
            seed: 3,
        };
        let mut learner = Learner::new(contract, settings).unwrap();
        for (label, frames) in self.taught() {
            let example = learner.encode(&self.windows(frames)).unwrap();
            learner.learn_one(&example, label).unwrap();
        }
        learner
    }

    fn taught(&self) -> impl Iterator<Item = &(Label, Vec<f32>)> {
        let numbered = self.clips.iter().enumerate();
        numbered.filter(|(i, _)| i % 5 != 4).map(|(_, clip)| clip)
    }

    /// The backbone's file.
    fn file(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// Runs the learner's graph over all clips in ONNX Runtime.
    fn compare(&self, learner: &Learner, runtime: &mut OnnxRuntime, name: &str) -> Difference {
        let model = self
            .folder
            .path()
            .join(format!("{}.onnx", name.replace(':', "-")));
        fs::write(&model, onnx(learner, &self.card, &self.file()).unwrap()).unwrap();
        let mut found = Difference::default();
        for (i, (_, frames)) in self.clips.iter().enumerate() {
            let answer = runtime.run(&model, &self.folder.path().join(format!("{i}.npy")));
            let theirs = numbers(&answer["probabilities"], name);
            let example = learner.encode(&self.windows(frames)).unwrap();
            let ours = learner.predict_one(&example).unwrap();
            found.heard = found.heard.max(largest(&theirs, &ours.0));
            let features: Vec<i16> = (numbers(&answer["features"], name).iter())
                .map(|&feature| feature as i16)
                .collect();
            for (theirs, ours) in features.iter().zip(example.features()) {
                found.units = found.units.max(theirs.abs_diff(*ours));
                found.moved += usize::from(theirs != ours);
            }
            let same = Example::from_fixed(features);
            let ours = learner.predict_one(&same).unwrap();
            found.computed = found.computed.max(largest(&theirs, &ours.0));
            let (best, p) = ours.best().unwrap();
            // Where two classes are level, rounding decides.
            if ours
                .0
                .iter()
                .filter(|&&q| f64::from(p - q) < TOLERANCE)
                .count()
                == 1
            {
                assert_eq!(answer["label"], learner.classes()[best].as_str());
            }
        }
        fs::remove_file(&model).unwrap();
        println!("{name}: {found}");
        found
    }
}

/// Between what ONNX Runtime and Afield make of the same clips.
#[derive(Debug, Default)]
struct Difference {
    /// Of probabilities, from frames.
    heard: f64,
    /// Of probabilities, from the features that ONNX Runtime found.
    computed: f64,
    /// Of a feature, in units of its fixed point.
    units: u16,
    /// Features that differ.
    moved: usize,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "from frames {:.1e}, from features {:.1e}",
            self.heard, self.computed
        )?;
        write!(
            f,
            "; {} features moved, by {} at most",
            self.moved, self.units
        )
    }
}

fn numbers(value: &serde_json::Value, name: &str) -> Vec<f64> {
    let values = value
        .as_array()
        .unwrap_or_else(|| panic!("{name}: {value}"));
    values.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn largest(theirs: &[f64], ours: &[f32]) -> f64 {
    assert_eq!(theirs.len(), ours.len());
    let pairs = theirs.iter().zip(ours);
    pairs
        .map(|(t, &o)| (t - f64::from(o)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn exported_heads_agree_with_onnx_runtime() {
    let Some(mut runtime) = OnnxRuntime::start("exported_heads_agree_with_onnx_runtime") else {
        return;
    };
    let material = Material::toy("tiny");
    for head in crate::harness::heads::every() {
        let contract = material.contract(Pool::Mean, Transform::None);
        let learner = material.learner(head, contract);
        let found = material.compare(&learner, &mut runtime, &head.to_string());
        assert!(found.heard < TOLERANCE, "{head}: {found}");
    }
}

#[test]
fn exported_pools_and_transforms_agree_with_onnx_runtime() {
    let test = "exported_pools_and_transforms_agree_with_onnx_runtime";
    let Some(mut runtime) = OnnxRuntime::start(test) else {
        return;
    };
    // One whose frames come last on its card, and one that tract runs, beside.
    for name in ["tiny", "squashed-padded"] {
        let material = Material::toy(name);
        for (pool, transform) in (Pool::ALL.iter()).flat_map(|p| Transform::ALL.map(|t| (*p, t))) {
            for head in [HeadKind::LDA, HeadKind::RIDGE, HeadKind::KNN] {
                let learner = material.learner(head, material.contract(pool, transform));
                let what = format!("{name} {pool} {transform} {head}");
                let found = material.compare(&learner, &mut runtime, &what);
                assert!(found.heard < TOLERANCE, "{what}: {found}");
            }
        }
        let contract = material.contract(Pool::MeanMax, Transform::SignedSqrt);
        let direction = |sign: f32| {
            let at = |i: usize| 0.6 * sign.powi(i as i32) / (contract.width() as f32).sqrt();
            (0..contract.width()).map(at).collect()
        };
        let nuisance = Nuisance::new(vec![direction(1.0), direction(-1.0)]).unwrap();
        let learner = material.learner(HeadKind::LDA, contract.damped(nuisance).unwrap());
        let found = material.compare(&learner, &mut runtime, "damped");
        assert!(found.heard < TOLERANCE, "{name} damped: {found}");
    }
}

/// Log-mel frames of a file.
fn frames(path: &Path, card: &Card) -> Vec<f32> {
    let mut file = AudioFile::open(path).unwrap();
    let mut resampler = Resampler::new(file.rate(), card.sample_rate).unwrap();
    let mut frontend = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
    let (mut chunk, mut samples, mut frames) = (Chunk::default(), Vec::new(), Vec::new());
    while file.read(&mut chunk).unwrap() {
        resampler.push(&chunk.samples, &mut samples);
    }
    resampler.finish(&mut samples);
    frontend.push(&samples, &mut frames);
    frames
}

#[test]
fn exported_backbones_agree_with_onnx_runtime_on_recordings() {
    let test = "exported_backbones_agree_with_onnx_runtime_on_recordings";
    let Some(esc10) = shared_data::folder(test).map(|folder| folder.join("esc10")) else {
        return;
    };
    let Some(mut runtime) = OnnxRuntime::start(test) else {
        return;
    };
    for name in ["speech-embedding", "yamnet", "yamnet-256"] {
        let Some((card, path)) = models::real(name, test) else {
            return;
        };
        let mut clips = Vec::new();
        for class in ["chainsaw", "dog_bark", "helicopter", "rain", "rooster"] {
            let mut files: Vec<PathBuf> = (fs::read_dir(esc10.join(class)).unwrap())
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            let label = Label::new(class).unwrap();
            clips.extend(
                files
                    .iter()
                    .take(5)
                    .map(|f| (label.clone(), frames(f, &card))),
            );
        }
        let material = Material::new((card, path), clips);
        for head in [
            "ncm",
            "ncm:cosine",
            "lda",
            "ridge",
            "linear",
            "mlp",
            "knn",
            "auto",
        ] {
            let contract = backbone_contract(&material.card, None, None).unwrap();
            let learner = material.learner(head.parse().unwrap(), contract);
            let what = format!("{name} {head}");
            let found = material.compare(&learner, &mut runtime, &what);
            assert!(found.computed < TOLERANCE, "{what}: {found}");
            // Embeddings agree to 1e-4, so a feature moves by a unit at most, and seldom.
            assert!(
                found.units <= 1 && found.heard < 10.0 * TOLERANCE,
                "{what}: {found}"
            );
        }
    }
}

#[test]
fn the_exported_graph_carries_its_metadata() {
    let material = Material::toy("tiny");
    let contract = material.contract(Pool::Mean, Transform::None);
    let learner = material.learner(HeadKind::LDA, contract);
    let bytes = onnx(&learner, &material.card, &material.file()).unwrap();
    let model = ModelProto::decode(bytes.as_slice()).unwrap();
    let told = |key: &str| {
        let entry = model.metadata_props.iter().find(|entry| entry.key == key);
        entry.unwrap_or_else(|| panic!("no {key}")).value.clone()
    };
    assert_eq!(told("afield.format"), "1");
    let labels: Vec<String> = serde_json::from_str(&told("afield.labels")).unwrap();
    assert_eq!(labels, ["class 0", "class 1", "class 2", "class 3"]);
    assert_eq!(told("afield.sample-rate"), "16000");
    assert_eq!(told("afield.window-frames"), "15");
    assert_eq!(told("afield.head"), "lda");
    assert_eq!(told("afield.backbone-licence"), material.card.licence);
    let front: serde_json::Value = serde_json::from_str(&told("afield.frontend")).unwrap();
    assert_eq!(front["bands"], material.card.bands());
    let graph = model.graph.unwrap();
    assert_eq!(graph.input[0].name, "frames");
    let outputs: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(outputs, ["probabilities", "label", "features"]);
    // Two exports of one learner are one file.
    assert_eq!(
        onnx(&learner, &material.card, &material.file()).unwrap(),
        bytes
    );
}

#[test]
fn the_exported_graph_rejects_frames_shorter_than_a_window() {
    let Some(mut runtime) = OnnxRuntime::start("frames_of_less_than_a_window") else {
        return;
    };
    let material = Material::toy("tiny");
    let learner = material.learner(
        HeadKind::LDA,
        material.contract(Pool::Mean, Transform::None),
    );
    let model = material.folder.path().join("box.onnx");
    fs::write(
        &model,
        onnx(&learner, &material.card, &material.file()).unwrap(),
    )
    .unwrap();
    let short = material.folder.path().join("short.npy");
    let rows = material.card.window_frames() - 1;
    let values = vec![0.5_f32; rows * material.card.bands()];
    let array = ArrayView2::from_shape((rows, material.card.bands()), &values).unwrap();
    array.write_npy(fs::File::create(&short).unwrap()).unwrap();
    let answer = runtime.run(&model, &short);
    let said = answer["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    assert!(
        said.contains("indices") || said.contains("bounds"),
        "{said}"
    );
}

#[test]
fn learners_that_cannot_be_exported_are_refused_with_a_reason() {
    let material = Material::toy("tiny");
    let contract = material.contract(Pool::Mean, Transform::None);
    let untaught = Learner::new(contract.clone(), Settings::default()).unwrap();
    let refused = onnx(&untaught, &material.card, &material.file());
    assert!(matches!(refused, Err(ExportError::NothingTaught)));

    let learner = material.learner(HeadKind::LDA, contract);
    let old = |change: fn(&mut ModelProto)| {
        let mut model = ModelProto::decode(fs::read(&material.path).unwrap().as_slice()).unwrap();
        change(&mut model);
        onnx(&learner, &material.card, &model.encode_to_vec())
    };
    let refused = old(|model| model.opset_import[0].version = 12).unwrap_err();
    assert!(
        matches!(refused, ExportError::Opset { opset: 12, .. }),
        "{refused}"
    );
    // Names that look like ours do no harm.
    let renamed = old(|model| {
        for tensor in &mut model.graph.as_mut().unwrap().initializer {
            if tensor.name == "w1" {
                tensor.name = "afield.constant.1".to_owned();
            }
        }
        for node in &mut model.graph.as_mut().unwrap().node {
            for name in &mut node.input {
                if name == "w1" {
                    *name = "afield.constant.1".to_owned();
                }
            }
        }
    });
    let model = ModelProto::decode(renamed.unwrap().as_slice()).unwrap();
    let constants = model.graph.unwrap().initializer;
    assert!(constants.iter().all(|c| c.name.starts_with("_afield.")));
}
