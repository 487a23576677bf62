//! The native front ends against the graphs they replace.
//!
//! Goldens come from ONNX Runtime and numpy (scripts/make_goldens.py). Clips are
//! taken as if their native samples were at 16 kHz, so no resampler blurs the
//! comparison.

use crate::harness::recording::Clip;
use crate::harness::shared_data;

use std::path::{Path, PathBuf};

use afield::frontend::LogMelFrontend;
use afield::model::Card;
use ndarray::Array2;
use serde::Deserialize;

const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Signal {
    name: String,
    files: Vec<String>,
    start: usize,
    samples: usize,
}

impl Signal {
    fn samples(&self, shared: &Path) -> Vec<f32> {
        if self.files.is_empty() {
            return formula(self.samples);
        }
        let mut whole = Vec::new();
        for file in &self.files {
            whole.extend(Clip::read(shared.join(file)).unwrap().samples);
        }
        whole[self.start..self.start + self.samples].to_vec()
    }
}

fn goldens() -> PathBuf {
    crate::root().join("tests/goldens/frontend")
}

fn signals() -> Vec<Signal> {
    let index = std::fs::read_to_string(goldens().join("index.json")).unwrap();
    serde_json::from_str(&index).unwrap()
}

/// The same chirp, tone and noise as in the script.
fn formula(samples: usize) -> Vec<f32> {
    use std::f64::consts::TAU;
    let mut state = 2026u32;
    (0..samples)
        .map(|n| {
            let n = n as f64;
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
            let chirp = 0.3 * (TAU * (100.0 + 0.1 * n) * n / 16_000.0).sin();
            let tone = 0.2 * (TAU * 440.0 * n / 16_000.0).sin();
            (chirp + tone + 0.05 * noise) as f32
        })
        .collect()
}

fn card(name: &str) -> Card {
    let path = crate::root().join(format!("models/{name}.toml"));
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Largest difference of our frames from the golden ones.
fn largest_difference(card: &Card, samples: &[f32], golden: &Array2<f32>) -> f32 {
    let mut frontend = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
    let mut frames = Vec::new();
    frontend.push(samples, &mut frames);
    assert_eq!(frames.len(), golden.len(), "as many frames");
    assert_eq!(frontend.bands(), golden.ncols());
    let pairs = frames.iter().zip(golden);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Compares every golden of `kind` and returns how many there were.
fn compare(kind: &str, card: &Card, signals: &[Signal], shared: &Path) -> usize {
    let mut compared = 0;
    for signal in signals {
        let path = goldens().join(format!("{}.{kind}.npy", signal.name));
        if !path.exists() {
            continue;
        }
        let golden: Array2<f32> = ndarray_npy::read_npy(path).unwrap();
        let largest = largest_difference(card, &signal.samples(shared), &golden);
        println!(
            "{kind:8} {:16} max abs difference {largest:.2e}",
            signal.name
        );
        assert!(largest < TOLERANCE, "{kind} {}: {largest}", signal.name);
        compared += 1;
    }
    compared
}

#[test]
fn a_formula_signal_gives_the_frames_of_the_original_front_ends() {
    let formula: Vec<Signal> = signals()
        .into_iter()
        .filter(|s| s.files.is_empty())
        .collect();
    let nowhere = Path::new("");
    assert_eq!(
        compare("speech", &card("speech-embedding"), &formula, nowhere),
        1
    );
    assert_eq!(compare("yamnet", &card("yamnet"), &formula, nowhere), 1);
}

#[test]
fn recordings_give_the_frames_of_the_original_front_ends() {
    let Some(shared) = shared_data::folder("recordings against goldens") else {
        return;
    };
    let recordings: Vec<Signal> = signals()
        .into_iter()
        .filter(|s| !s.files.is_empty())
        .collect();
    assert!(compare("speech", &card("speech-embedding"), &recordings, &shared) >= 6);
    assert!(compare("yamnet", &card("yamnet"), &recordings, &shared) >= 2);
}

#[test]
fn the_mel_bank_equals_the_matrix_of_yamnet() {
    let Some(shared) = shared_data::folder("YAMNet's mel matrix") else {
        return;
    };
    let path = shared.join("models/yamnet_mel_64x257.npy");
    let matrix: Array2<f32> = ndarray_npy::read_npy(path).unwrap();
    let card = card("yamnet");
    let bank = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
    assert_eq!((bank.bands(), bank.bins()), matrix.dim());
    let mut ours = Array2::<f32>::zeros(matrix.dim());
    for band in 0..bank.bands() {
        let (first, weights) = bank.band(band).unwrap();
        for (i, &weight) in weights.iter().enumerate() {
            ours[[band, first + i]] = weight;
        }
    }
    let largest = (&ours - &matrix).iter().fold(0.0f32, |m, d| m.max(d.abs()));
    println!("mel matrix: max abs difference {largest:.2e}");
    assert!(largest < 1e-5, "{largest}");
}
