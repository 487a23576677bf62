//! Listening allocates nothing per step after warm-up.
//!
//! Allocations are counted on the thread that runs the pipeline, after all buffers have grown to
//! their size.

use crate::harness::recording::tone;
use crate::harness::{Sandbox, models};

use afield::backbone::{Backbone, Mode};
use afield::decision::{
    Decision, LeftOutClip, Novelty, Probabilities, ScoredWindow, Segmenter, SegmenterOptions,
    Threshold,
};
use afield::engine::{EngineOptions, Error, embed_into};
use afield::frontend::{LogMelFrontend, Resampler};
use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Learner, Nuisance, Pool, Settings, Transform};
use afield::model::Card;
use afield::pipeline::{Decider, Embedder, EmbeddingStream, Gate, Reader, Window, WindowDecision};
use afield::signal::{Chunk, Label, Micros, SOUND, SampleRate};
use afield::source::{Source, SourceError};
use afield::{Engine, Recording};
use allocation_counter::measure;

/// A second of a chirp at `rate`, other in each second.
fn sound(rate: u32, second: u32) -> Vec<f32> {
    (0..rate)
        .map(|n| {
            let t = n as f32 / rate as f32;
            0.4 * (std::f32::consts::TAU * (200.0 + 300.0 * second as f32 + 800.0 * t) * t).sin()
        })
        .collect()
}

/// Noise that is made as it is read.
struct Noise {
    left: u32,
    at: u64,
    state: u32,
}

impl Source for Noise {
    fn rate(&self) -> SampleRate {
        SampleRate::new(8_000).unwrap()
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = Micros::from_samples(self.at, self.rate());
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.at += 800;
        chunk.samples.extend((0..800).map(|_| {
            self.state = self
                .state
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            self.state as f32 / u32::MAX as f32 - 0.5
        }));
        Ok(true)
    }
}

#[test]
fn peak_memory_does_not_grow_with_the_length_of_a_recording() {
    let (card, path) = models::fixture("tiny");
    let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
    let embedded = |seconds: u32| {
        let mut source = Noise {
            left: seconds * 10,
            at: 0,
            state: 1,
        };
        let mut rows = 0;
        let counted = measure(|| {
            let clip = embed_into(&mut source, &card, &backbone, |part| {
                rows += part.len() / card.embedding.size;
                Ok::<_, Error>(())
            });
            assert_eq!(clip.unwrap().rows, rows as u64);
        });
        assert!(rows as u32 >= seconds * 20, "{rows}");
        counted.bytes_max
    };
    let sandbox = Sandbox::taught();
    let options = EngineOptions {
        cache_dir: Some(models::cache().root().to_owned()),
        ..EngineOptions::default()
    };
    let engine = Engine::open_with(sandbox.learner(), options).unwrap();
    let predicted = |seconds: u32| {
        let samples = tone(8_000, 440.0, f64::from(seconds), 1);
        let path = sandbox.wav("long.wav", 8_000, &samples);
        drop(samples);
        let mut recording = Recording::open(path).unwrap();
        measure(|| drop(engine.pool(&mut recording).unwrap())).bytes_max
    };
    for (what, short, long) in [
        ("embed_into", embedded(60), embedded(600)),
        ("pool", predicted(60), predicted(600)),
    ] {
        println!("{what}: {short} bytes at most, {long} for ten times the length");
        assert!(long < short + 50_000, "{what}: {short}, {long}");
    }
}

fn assert_none(what: &str, work: impl FnOnce()) {
    let counted = measure(work);
    println!("{what}: {} allocations", counted.count_total);
    assert_eq!(counted.count_total, 0, "{what}: {counted:?}");
}

fn backbones() -> Vec<(Card, Backbone, &'static str)> {
    let mut all = Vec::new();
    let (card, path) = models::fixture("tiny");
    for mode in [Mode::Streaming, Mode::Windowed] {
        all.push((
            card.clone(),
            Backbone::load(&path, &card, mode).unwrap(),
            "tiny",
        ));
    }
    for name in ["speech-embedding", "yamnet", "yamnet-256"] {
        if let Some((card, path)) = models::real(name, "allocations") {
            let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
            all.push((card, backbone, name));
        }
    }
    all
}

#[test]
fn the_counter_sees_allocations() {
    let counted = measure(|| drop(std::hint::black_box(vec![1; 9])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn front_ends_and_resamplers_allocate_nothing() {
    for name in ["tiny", "padded"] {
        let (card, _) = models::fixture(name);
        let mut frontend = LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
        let (samples, mut frames) = (sound(card.sample_rate.hz(), 0), Vec::new());
        frontend.push(&samples, &mut frames);
        assert_none("front end", || {
            for hop in samples.chunks(160) {
                frames.clear();
                frontend.push(hop, &mut frames);
            }
        });
    }
    for hz in [8_000, 44_100, 48_000] {
        let (from, to) = (
            SampleRate::new(hz).unwrap(),
            SampleRate::new(16_000).unwrap(),
        );
        let mut resampler = Resampler::new(from, to).unwrap();
        let (samples, mut out) = (sound(hz, 0), Vec::new());
        resampler.push(&samples, &mut out);
        assert_none("resampler", || {
            for piece in samples.chunks(1_024) {
                out.clear();
                resampler.push(piece, &mut out);
            }
        });
    }
}

#[test]
fn backbones_allocate_nothing() {
    for (card, backbone, name) in backbones() {
        let hop = card.embedding.hop_frames * card.bands();
        let frames: Vec<f32> = (0..40 * hop).map(|i| (i % 97) as f32 * 0.05).collect();
        let (mut stream, mut out) = (backbone.stream().unwrap(), Vec::new());
        stream.push(&frames, &mut out).unwrap();
        assert_none(&format!("{name}, {}", backbone.execution()), || {
            for hop in frames.chunks(hop) {
                out.clear();
                stream.push(hop, &mut out).unwrap();
            }
        });
    }
}

#[test]
fn listening_and_deciding_allocate_nothing() {
    for (card, backbone, name) in backbones() {
        for head in [
            HeadKind::LDA,
            HeadKind::NCM,
            HeadKind::RIDGE,
            HeadKind::LINEAR,
            HeadKind::KNN,
        ] {
            for prompt in [false, true] {
                let what = format!("{name}, {head}");
                listen(&card, &backbone, &what, head, prompt, None);
            }
        }
    }
}

#[test]
fn falling_asleep_and_waking_allocate_nothing() {
    for (card, backbone, name) in backbones() {
        let gate = Gate::new(&card, Gate::MARGIN_DB);
        let what = format!("{name}, gated");
        listen(&card, &backbone, &what, HeadKind::LDA, true, Some(gate));
    }
}

#[test]
fn joining_windows_to_events_allocates_nothing() {
    for first in ["background", "cat"] {
        let names = [first, "dog", "rain"];
        let classes = names.map(|name| Label::new(name).unwrap());
        let clip = |n: u8| LeftOutClip {
            class: 0,
            squared_distances: vec![1.0 + f32::from(n) * 0.1, 9.0],
            log_scores: Vec::new(),
        };
        let novelty = Novelty::calibrated(&(0..50).map(clip).collect::<Vec<_>>(), None);
        let mut segmenter = Segmenter::new(SegmenterOptions::default());
        let (mut segments, mut found) = (Vec::with_capacity(8), 0);
        let mut probabilities = Probabilities(vec![0.0; 3]);
        let mut now = 0;
        let mut hear = || {
            for n in 0..400_usize {
                // Twenty windows of the first class, then twenty of another.
                let class = if n % 40 < 20 { 0 } else { 1 + n / 40 % 2 };
                probabilities.0.fill(1e-4);
                probabilities.0[class] = 0.98;
                let mut distances = [90.0, 95.0, 100.0];
                distances[class] = 20.0;
                let window = ScoredWindow {
                    start: Micros(now),
                    end: Micros(now + 960_000),
                    classes: &classes,
                    probabilities: &probabilities,
                    // With and without distances.
                    squared_distances: if n < 200 { &distances } else { &[] },
                };
                now += 480_000;
                segmenter.step(&window, &novelty, &mut segments);
                found += segments.drain(..).count();
            }
            segmenter.finish(&novelty, &mut segments);
            found += segments.drain(..).count();
        };
        hear();
        assert_none(&format!("a segmenter, {first}"), hear);
        assert!(found >= 20, "{found} segments");
    }
}

/// A learner that reads an embedder, with all that belongs to it.
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

fn listen(
    card: &Card,
    backbone: &Backbone,
    what: &str,
    head: HeadKind,
    prompt: bool,
    gate: Option<Gate>,
) {
    let rate = SampleRate::new(44_100).unwrap();
    let size = card.embedding.size;
    let contract = Contract::new(
        EmbeddingSpace::new("test", size, 64.0)
            .file_sha256("00")
            .frontend("mel"),
        Pool::MeanMax,
        Transform::SignedSqrt,
    );
    let settings = Settings {
        head,
        ..Settings::default()
    };
    let nuisance = Nuisance::new(vec![vec![0.01; 2 * size]]).unwrap();
    let contract = contract.unwrap().damped(nuisance).unwrap();
    let mut learner = Learner::new(contract.clone(), settings).unwrap();
    for second in 0..6 {
        let mut stream = EmbeddingStream::new(card, backbone, rate).unwrap();
        let mut windows = Vec::new();
        stream.push(&sound(44_100, second), &mut windows).unwrap();
        stream.finish(&mut windows).unwrap();
        let example = learner.encode(&windows).unwrap();
        let label = Label::new(format!("sound {}", second % 3)).unwrap();
        learner.learn_one(&example, &label).unwrap();
    }
    let mut embedder = Embedder::new(card, backbone, rate, &SOUND).unwrap();
    // Two learners on one embedder, with windows of their own.
    let mut owners = [(1.0, 0.5), (2.0, 0.7)].map(|(seconds, every)| {
        let decider = Decider::new(Window::spanning(card, seconds, every), Threshold::new(0.0));
        let learner = Learner::load(contract.clone(), settings, &learner.save()).unwrap();
        learner.solve();
        let decider = if prompt { decider.prompt() } else { decider };
        Owner {
            decider: if seconds > 1.5 {
                decider.keeping_vectors()
            } else {
                decider
            },
            learner,
            events: Vec::new(),
        }
    });
    let mut seconds: Vec<Vec<f32>> = (0..4).map(|second| sound(44_100, second)).collect();
    let gated = gate.is_some();
    if let Some(gate) = gate {
        embedder = embedder.gated(gate);
        // The rounding noise of an idle converter.
        let mut state = 1_u32;
        let mut idle = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 30) as f32 / 32_768.0
        };
        let hush = (0..44_100).map(|_| idle()).collect();
        seconds.extend(std::iter::repeat_n(hush, 12));
    }
    let (mut chunk, mut decisions) = (Chunk::default(), [0; 2]);
    let (mut heard, mut quiet) = (0, 0);
    let mut hear = || {
        for piece in seconds.iter().flat_map(|second| second.chunks(1_000)) {
            chunk.samples.clear();
            chunk.samples.extend_from_slice(piece);
            chunk.start = Micros::from_samples(heard, rate);
            heard += piece.len() as u64;
            embedder.step(&chunk, &mut owners).unwrap();
            quiet += (owners[0].events.iter())
                .filter(|e| e.decision == Decision::Quiet)
                .count();
            for (owner, decisions) in owners.iter_mut().zip(&mut decisions) {
                *decisions += owner.events.len();
                (owner.events.drain(..)).for_each(|event| owner.decider.recycle(event));
            }
        }
    };
    hear();
    if gated {
        // The first ten seconds are not slept through.
        hear();
    }
    assert_none(what, hear);
    assert!(decisions[0] >= 8, "{what}: {decisions:?} decisions");
    assert!(decisions[1] >= 4, "{what}: {decisions:?} decisions");
    assert_eq!(quiet, if gated { 3 } else { 0 }, "{what}: quiet stretches");
}
