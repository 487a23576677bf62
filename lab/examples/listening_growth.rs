//! Measures how the cost of listening grows. It is Afield's side of
//! `benches/peers/streaming_growth.py`.
//!
//! `listening_growth SPEC.json` runs the listeners of the spec in one process. They share one
//! backbone that is loaded once, and each has its own learner. They listen to the hours of sound
//! that the spec gives: a recording is repeated. Prints one JSON object: CPU seconds and resident
//! bytes at the start and after each hour.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use afield::backbone::{Backbone, Mode};
use afield::decision::Threshold;
use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::model::Card;
use afield::pipeline::{Decider, Embedder, Gate, Window, WindowDecision};
use afield::signal::{Chunk, Label, Micros, SOUND};
use afield::source::{AudioFile, Source};
use afield_lab::evaluate::peak_rss_bytes;
use anyhow::{Context, Result};
use cpu_time::ProcessTime;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Spec {
    card: PathBuf,
    model: PathBuf,
    /// Repeated; has the card's sample rate.
    recording: PathBuf,
    head: String,
    /// As `afield init --rehearsal` has it.
    rehearsal: String,
    classes: usize,
    examples_per_class: usize,
    streams: usize,
    hours: f64,
    /// Seconds of sound that one decision uses.
    window: f64,
    gate: bool,
}

/// One microphone.
struct Ear {
    embedder: Embedder,
    decider: Decider,
    learner: Learner,
    decisions: usize,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("which spec?")?;
    let spec: Spec = serde_json::from_reader(BufReader::new(File::open(path)?))?;
    let card = Card::read(&spec.card)?;
    let backbone = Backbone::load(&spec.model, &card, Mode::Auto)?;
    let mut ears = (0..spec.streams)
        .map(|_| ear(&spec, &card, &backbone))
        .collect::<Result<Vec<Ear>>>()?;

    let hour = 3600 * u64::from(card.sample_rate.hz());
    let end = (spec.hours * hour as f64) as u64;
    let (mut chunk, mut events) = (Chunk::default(), Vec::<WindowDecision>::new());
    let started = ProcessTime::now();
    let (mut heard, mut next) = (0, 0);
    let mut hours = Vec::new();
    while heard < end {
        let mut recording = AudioFile::open(&spec.recording)?;
        while heard < end && recording.read(&mut chunk)? {
            chunk.start = Micros::from_samples(heard, card.sample_rate);
            for ear in &mut ears {
                let reader = (&mut ear.decider, &mut ear.learner, &mut events);
                ear.embedder.step(&chunk, &mut [reader])?;
                ear.decisions += events.len();
                (events.drain(..)).for_each(|event| ear.decider.recycle(event));
            }
            if heard >= next {
                hours.push(json!({"cpu_s": started.elapsed().as_secs_f64(), "rss": rss_bytes()?}));
                next += hour;
            }
            heard += chunk.samples.len() as u64;
        }
    }
    hours.push(json!({"cpu_s": started.elapsed().as_secs_f64(), "rss": rss_bytes()?}));
    println!(
        "{}",
        json!({
            "hours": hours,
            "heard_s": heard as f64 / f64::from(card.sample_rate.hz()),
            "peak": peak_rss_bytes(),
            "decisions": ears.iter().map(|ear| ear.decisions).collect::<Vec<_>>(),
            "state_bytes": ears.first().map(|ear| ear.learner.save().len()),
        })
    );
    Ok(())
}

/// An embedder, a decider, and a learner of Gaussian classes in the range of the backbone's
/// embeddings.
fn ear(spec: &Spec, card: &Card, backbone: &Backbone) -> Result<Ear> {
    let size = card.embedding.size;
    let (pool, transform) = (Pool::Mean, Transform::None);
    let contract = Contract::new(EmbeddingSpace::new("growth", size, 128.0), pool, transform)?;
    let settings = Settings {
        head: spec.head.parse()?,
        rehearsal: spec.rehearsal.parse()?,
        seed: 0,
    };
    let mut learner = Learner::new(contract, settings)?;
    let mut noise = Noise(1);
    let means: Vec<f32> = noise.take(spec.classes * size, 10.0);
    for _ in 0..spec.examples_per_class {
        for (class, mean) in means.chunks_exact(size).enumerate() {
            let mut row = noise.take(size, 5.0);
            row.iter_mut().zip(mean).for_each(|(x, m)| *x += m);
            let label = Label::new(format!("class {class}"))?;
            learner.learn_one(&learner.encode(&row)?, &label)?;
        }
    }
    learner.solve();
    let rate = card.sample_rate;
    let mut embedder = Embedder::new(card, backbone, rate, &SOUND)?;
    if spec.gate {
        embedder = embedder.gated(Gate::new(card, Gate::MARGIN_DB));
    }
    let window = Window::spanning(card, spec.window, 0.5);
    let decider = Decider::new(window, Threshold::new(0.5));
    Ok(Ear {
        embedder,
        decider,
        learner,
        decisions: 0,
    })
}

/// Repeatable values, evenly distributed around 0.
struct Noise(u32);

impl Noise {
    fn take(&mut self, len: usize, most: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0) * most
        };
        (0..len).map(|_| next()).collect()
    }
}

/// Resident bytes of the process now; 0 if the system does not report them.
fn rss_bytes() -> Result<u64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return Ok(0);
    };
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("VmRSS")?.parse::<u64>()? * 1024)
}
