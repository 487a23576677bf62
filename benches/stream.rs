//! Measures the cost of one hop of a signal: of the backbone alone, of all steps to a decision,
//! and of a second learner on the same source.
//!
//! `cargo bench --bench stream`. Backbones that are not in the cache are skipped, with a message.
//! Times are per hop of the card (80 ms for the speech embedding, 480 ms for the YAMNets, 1.5 s for BirdNET,
//! 160 ms for `imu`).

mod toy;

use std::time::{Duration, Instant};

use afield::backbone::{Backbone, Mode};
use afield::decision::Threshold;
use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::model::{Cache, Card};
use afield::pipeline::{Decider, Embedder, Reader, Window, WindowDecision};
use afield::signal::{Chunk, Label, Micros, SOUND};
use divan::{Bencher, black_box};

const RUNS: [(&str, &str); 5] = [
    ("speech-embedding", "streaming"),
    ("speech-embedding", "windowed"),
    ("yamnet", "windowed"),
    ("yamnet-256", "windowed"),
    ("birdnet", "windowed"),
];

/// The number of rounds that measure the cost of a second learner, and the hops in one round.
const ROUNDS: usize = 400;
const HOPS: usize = 24;

fn main() {
    divan::main();
    if std::env::args().any(|argument| argument == "--bench") {
        second_learner("imu", 3.0);
        second_learner("speech-embedding", 1.0);
    }
}

fn loaded(name: &str, mode: &str) -> Option<(Card, Backbone)> {
    let mode: Mode = mode.parse().expect("a mode");
    let loaded = || -> Result<_, Box<dyn std::error::Error>> {
        let cache = Cache::locate(None)?;
        let card = cache.find(name)?;
        let backbone = Backbone::from_bytes(&cache.model_bytes(&card)?, &card, mode)?;
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

/// A learner of 50 classes.
fn learner(card: &Card) -> Learner {
    let size = card.embedding.size;
    let contract = Contract::new(
        EmbeddingSpace::new(&card.name, size, 64.0),
        Pool::Mean,
        Transform::None,
    );
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
    learner
}

/// A learner that reads an embedder, with its decider and events.
struct Owner {
    decider: Decider,
    learner: Learner,
    events: Vec<WindowDecision>,
}

impl Reader for Owner {
    fn parts(&mut self) -> (&mut Decider, &mut Learner, &mut Vec<WindowDecision>) {
        (&mut self.decider, &mut self.learner, &mut self.events)
    }
}

/// An embedder with some learners, which all receive the same hops.
struct Listening {
    embedder: Embedder,
    owners: Vec<Owner>,
    chunk: Chunk,
    heard: u64,
}

impl Listening {
    fn new(card: &Card, backbone: &Backbone, window: Window, learners: usize) -> Self {
        let channels = card
            .sensor()
            .map_or(SOUND.to_vec(), |sensor| sensor.stated());
        let rate = card.sample_rate;
        let owner = |_| Owner {
            decider: Decider::new(window, Threshold::new(0.5)),
            learner: learner(card),
            events: Vec::new(),
        };
        Self {
            embedder: Embedder::new(card, backbone, rate, &channels).expect("an embedder"),
            owners: (0..learners).map(owner).collect(),
            chunk: Chunk {
                samples: noise(card.hop_samples() * channels.len()),
                ..Chunk::default()
            },
            heard: 0,
        }
    }

    /// The time of this many hops.
    fn time(&mut self, card: &Card, hops: usize) -> Duration {
        let started = Instant::now();
        for _ in 0..hops {
            self.chunk.start = Micros::from_samples(self.heard, card.sample_rate);
            self.heard += card.hop_samples() as u64;
            (self.embedder.step(black_box(&self.chunk), &mut self.owners)).expect("embeds");
            for owner in &mut self.owners {
                (owner.events.drain(..)).for_each(|event| owner.decider.recycle(event));
            }
        }
        started.elapsed()
    }
}

/// Prints what a second learner adds to the cost of a hop. It uses the fastest of many short
/// alternating rounds, because other processes interrupt the slower ones on a shared machine.
fn second_learner(name: &str, seconds: f64) {
    let Some((card, backbone)) = loaded(name, "auto") else {
        return;
    };
    let window = Window::spanning(&card, seconds, 0.5);
    let every_hop = Window {
        every_rows: 1,
        ..window
    };
    for (window, when) in [(window, "every 0.5 s"), (every_hop, "every hop")] {
        let [mut one, mut two] = [1, 2].map(|n| Listening::new(&card, &backbone, window, n));
        let (mut alone, mut both) = (Duration::MAX, Duration::MAX);
        // Each round contains whole windows of decisions: 24 hops are a multiple of 3 and of 6.
        for _ in 0..ROUNDS {
            alone = alone.min(one.time(&card, HOPS));
            both = both.min(two.time(&card, HOPS));
        }
        let [alone, both] = [alone, both].map(|time| time.as_secs_f64() / HOPS as f64);
        println!(
            "{name}, a decision {when}: one learner {:.1} us a hop, two {:.1} us, the second adds {:.1} %",
            alone * 1e6,
            both * 1e6,
            (both / alone - 1.0) * 100.0
        );
    }
}

/// From samples to a decision at every hop, 50 classes.
#[divan::bench(args = RUNS, sample_count = 50, sample_size = 20)]
fn end_to_end_hop(bencher: Bencher, (name, mode): (&str, &str)) {
    let Some((card, backbone)) = loaded(name, mode) else {
        return;
    };
    let mut learner = learner(&card);
    let every_hop = Window {
        rows: 12,
        every_rows: 1,
    };
    let rate = card.sample_rate;
    let mut embedder = Embedder::new(&card, &backbone, rate, &SOUND).expect("an embedder");
    let mut decider = Decider::new(every_hop, Threshold::new(0.5));
    let mut chunk = Chunk {
        samples: noise(card.hop_samples()),
        ..Chunk::default()
    };
    let (mut events, mut heard) = (Vec::new(), 0);
    let mut hear = || {
        chunk.start = Micros::from_samples(heard, rate);
        heard += chunk.samples.len() as u64;
        let readers = &mut [(&mut decider, &mut learner, &mut events)];
        embedder.step(black_box(&chunk), readers).expect("embeds");
        let decisions = events.len();
        (events.drain(..)).for_each(|event| decider.recycle(event));
        decisions
    };
    for _ in 0..40 {
        hear();
    }
    bencher.bench_local(|| assert_eq!(hear(), 1));
}

/// Saves a learner's state, as for a snapshot.
#[divan::bench(args = [96, 1024, 2048])]
fn snapshot(bencher: Bencher, width: usize) {
    let mut learner = toy::learner(HeadKind::LDA, width);
    for (i, row) in noise(100 * width).chunks_exact(width).enumerate() {
        let example = learner.encode(row).expect("finite");
        learner.learn_one(&example, &toy::label(i)).expect("learns");
    }
    bencher.bench_local(|| learner.save());
}
