//! Measures the cost of the front ends and the resampler.
//!
//! `cargo bench --bench frontend`. Front ends are timed per hop (one frame out),
//! the resampler per second of input.

use afield::frontend::{LogMelFrontend, Resampler};
use afield::model::Card;
use afield::signal::SampleRate;
use divan::{Bencher, black_box};

const CARDS: [(&str, &str); 2] = [
    (
        "speech-embedding",
        include_str!("../models/speech-embedding.toml"),
    ),
    ("yamnet", include_str!("../models/yamnet.toml")),
];

fn main() {
    divan::main();
}

fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

#[divan::bench(args = CARDS.map(|(name, _)| name), sample_count = 500, sample_size = 100)]
fn log_mel_hop(bencher: Bencher, name: &str) {
    let (_, text) = CARDS.into_iter().find(|(n, _)| *n == name).unwrap();
    let card: Card = toml::from_str(text).unwrap();
    let mut frontend = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
    let samples = noise(card.log_mel().unwrap().hop_samples);
    let mut frames = Vec::new();
    for _ in 0..8 {
        frontend.push(&samples, &mut frames);
    }
    bencher.bench_local(|| {
        frames.clear();
        frontend.push(black_box(&samples), &mut frames);
        assert_eq!(frames.len(), card.log_mel().unwrap().bands);
    });
}

#[divan::bench(args = [8_000, 11_025, 44_100, 48_000, 96_000], sample_count = 50)]
fn resample_second_to_16k(bencher: Bencher, from_hz: u32) {
    let (from, to) = (SampleRate::new(from_hz), SampleRate::new(16_000));
    let mut resampler = Resampler::new(from.unwrap(), to.unwrap()).unwrap();
    let samples = noise(from_hz as usize);
    let mut out = Vec::with_capacity(20_000);
    bencher.bench_local(|| {
        out.clear();
        for chunk in black_box(&samples).chunks(1_024) {
            resampler.push(chunk, &mut out);
        }
    });
}
