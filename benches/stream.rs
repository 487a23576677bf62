//! What one hop of sound costs: the backbone alone, and all the way to a
//! decision.
//!
//! `cargo bench --bench stream`. Backbones that are not in the cache are left
//! out, and said so. Times are per hop of the card (80 ms for the speech
//! embedding, 480 ms for the YAMNets).

mod toy;

use afield::backbone::{Backbone, Mode};
use afield::decision::Threshold;
use afield::head::HeadKind;
use afield::learner::{Contract, Learner, Pool, Settings, Transform};
use afield::model::{Cache, Card, find};
use afield::pipeline::{EmbeddingStream, Listener, Window};
use afield::signal::{Chunk, Label, Micros};
use divan::{Bencher, black_box};

const RUNS: [(&str, &str); 4] = [
    ("speech-embedding", "streaming"),
    ("speech-embedding", "windowed"),
    ("yamnet", "windowed"),
    ("yamnet-256", "windowed"),
];

fn main() {
    divan::main();
}

fn loaded(name: &str, mode: &str) -> Option<(Card, Backbone)> {
    let mode: Mode = mode.parse().expect("a mode");
    let loaded = || -> Result<_, Box<dyn std::error::Error>> {
        let cache = Cache::locate(None)?;
        let card = find(name, &cache)?;
        let backbone = Backbone::load(&cache.model_path(&card)?, &card, mode)?;
        Ok((card, backbone))
    };
    loaded()
        .inspect_err(|error| eprintln!("left out: {error}"))
        .ok()
}

fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        })
        .collect()
}

#[divan::bench(args = RUNS, sample_count = 50, sample_size = 20)]
fn backbone_hop(bencher: Bencher, (name, mode): (&str, &str)) {
    let Some((card, backbone)) = loaded(name, mode) else {
        return;
    };
    let hop = noise(card.embedding.hop_frames * card.bands());
    let (mut stream, mut out) = (backbone.stream().expect("a stream"), Vec::new());
    for _ in 0..20 {
        stream.push(&hop, &mut out).expect("runs");
    }
    bencher.bench_local(|| {
        out.clear();
        stream.push(black_box(&hop), &mut out).expect("runs");
        assert_eq!(out.len(), card.embedding.size);
    });
}

/// From samples to a decision at every hop, 50 classes.
#[divan::bench(args = RUNS, sample_count = 50, sample_size = 20)]
fn end_to_end_hop(bencher: Bencher, (name, mode): (&str, &str)) {
    let Some((card, backbone)) = loaded(name, mode) else {
        return;
    };
    let size = card.embedding.size;
    let contract = Contract::for_backbone(name, "", "", size, 64.0, Pool::Mean, Transform::None);
    let settings = Settings {
        head: HeadKind::LDA,
        ..Settings::default()
    };
    let mut learner = Learner::new(contract.expect("sound"), settings).expect("sound");
    let embeddings = noise(150 * size);
    for (i, embedding) in embeddings.chunks_exact(size).enumerate() {
        let example = learner.encode(embedding).expect("finite");
        let label: &Label = &toy::label(i);
        learner.learn_one(&example, label).expect("learns");
    }
    learner.solve();
    let stream = EmbeddingStream::new(&card, &backbone, card.sample_rate).expect("a stream");
    let every_hop = Window {
        rows: 12,
        every_rows: 1,
    };
    let rate = card.sample_rate;
    let mut listener = Listener::new(&card, stream, rate, every_hop, Threshold::new(0.5));
    let mut chunk = Chunk {
        samples: noise(card.hop_samples()),
        ..Chunk::default()
    };
    let (mut events, mut heard) = (Vec::new(), 0);
    let mut hear = || {
        chunk.start = Micros::from_samples(heard, rate);
        heard += chunk.samples.len() as u64;
        (listener.step(black_box(&chunk), &mut learner, &mut events)).expect("hears");
        let decisions = events.len();
        (events.drain(..)).for_each(|event| listener.recycle(event));
        decisions
    };
    for _ in 0..40 {
        hear();
    }
    bencher.bench_local(|| assert_eq!(hear(), 1));
}

/// The bytes of a learner's state, which a snapshot writes.
#[divan::bench(args = [96, 1024, 2048])]
fn snapshot(bencher: Bencher, width: usize) {
    let mut learner = toy::learner(HeadKind::LDA, width);
    for (i, row) in noise(100 * width).chunks_exact(width).enumerate() {
        let example = learner.encode(row).expect("finite");
        learner.learn_one(&example, &toy::label(i)).expect("learns");
    }
    bencher.bench_local(|| learner.save());
}
