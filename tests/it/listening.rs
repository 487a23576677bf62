//! What deciders decide: the same whatever is computed when, with and without a gate, alone
//! and beside others on one embedder.

use crate::harness::models;

use afield::backbone::{Backbone, Mode};
use afield::decision::{Decision, Probabilities, Threshold};
use afield::frontend::LogMelFrontend;
use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::model::Card;
use afield::pipeline::{Decider, Embedder, EmbeddingStream, Gate, Reader, Window, WindowDecision};
use afield::signal::{Chunk, Label, Micros, SOUND, SampleRate};

const WINDOWS: [Window; 4] = [
    Window {
        rows: 12,
        every_rows: 5,
    },
    Window {
        rows: 1,
        every_rows: 1,
    },
    // Rows that no decision looks at: a few, and so many that starting afresh is
    // cheaper than computing them.
    Window {
        rows: 3,
        every_rows: 7,
    },
    Window {
        rows: 2,
        every_rows: 40,
    },
];

fn backbones(test: &str) -> Vec<(Card, Backbone, String)> {
    let mut all = Vec::new();
    let fixtures = [
        ("tiny", Mode::Streaming),
        ("tiny", Mode::Windowed),
        ("squashed", Mode::Streaming),
        ("squashed-padded", Mode::Auto),
    ];
    for (name, mode) in fixtures {
        let (card, path) = models::fixture(name);
        let backbone = Backbone::load(&path, &card, mode).unwrap();
        let name = format!("{name}, {}", backbone.execution());
        all.push((card, backbone, name));
    }
    for name in ["speech-embedding", "yamnet-256"] {
        if let Some((card, path)) = models::real(name, test) {
            let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
            all.push((card, backbone, name.to_owned()));
        }
    }
    all
}

/// Values in `[-1, 1)`, other for every seed.
fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Noise without end, at -50 dB of full scale, with half a second of a chirp at
/// each of these seconds.
fn scene(rate: SampleRate, seconds: usize, chirps: &[f32]) -> Vec<f32> {
    let hz = rate.hz() as f32;
    let mut samples = noise(seconds * rate.hz() as usize, 7);
    samples.iter_mut().for_each(|sample| *sample *= 0.003);
    for &chirp in chirps {
        let start = (chirp * hz) as usize;
        for (n, sample) in samples[start..start + (hz / 2.0) as usize]
            .iter_mut()
            .enumerate()
        {
            let t = n as f32 / hz;
            *sample += 0.3 * (std::f32::consts::TAU * (300.0 + 40.0 * chirp + 600.0 * t) * t).sin();
        }
    }
    samples
}

const CHIRPS: [f32; 5] = [15.2, 16.1, 24.0, 41.3, 59.4];

/// A learner that knows the scene's chirps and its noise.
fn learner(card: &Card, backbone: &Backbone) -> Learner {
    let size = card.embedding.size;
    let pool = Pool::MeanMax;
    let contract = Contract::new(
        EmbeddingSpace::new("test", size, 64.0)
            .file_sha256("00")
            .frontend("mel"),
        pool,
        Transform::None,
    );
    let mut learner = Learner::new(contract.unwrap(), Settings::default()).unwrap();
    let rate = card.sample_rate;
    for (n, at) in [1.0, 3.0, 15.2, 24.0, 41.3, 59.4].iter().enumerate() {
        let sound = scene(rate, 62, &CHIRPS);
        let (from, len) = ((at * rate.hz() as f32) as usize, 2 * rate.hz() as usize);
        let rows = embeddings(card, backbone, &sound[from..from + len]);
        let label = Label::new(format!("sound {}", n / 2)).unwrap();
        let example = learner.encode(&rows).unwrap();
        learner.learn_one(&example, &label).unwrap();
    }
    learner
}

fn embeddings(card: &Card, backbone: &Backbone, samples: &[f32]) -> Vec<f32> {
    let mut stream = EmbeddingStream::new(card, backbone, card.sample_rate).unwrap();
    let mut rows = Vec::new();
    stream.push(samples, &mut rows).unwrap();
    stream.finish(&mut rows).unwrap();
    rows
}

/// The samples cut into chunks of `size`.
fn chunks(rate: SampleRate, samples: &[f32], size: usize) -> impl Iterator<Item = Chunk> {
    (samples.chunks(size).enumerate()).map(move |(n, samples)| Chunk {
        samples: samples.to_vec(),
        start: Micros::from_samples((n * size) as u64, rate),
    })
}

/// The events of one decider alone, in chunks of `chunk` samples.
fn listen(
    (embedder, decider): &mut (Embedder, Decider),
    learner: &mut Learner,
    rate: SampleRate,
    samples: &[f32],
    chunk: usize,
) -> Vec<WindowDecision> {
    let mut events = Vec::new();
    let mut readers = [(decider, learner, &mut events)];
    for chunk in chunks(rate, samples, chunk) {
        embedder.step(&chunk, &mut readers).unwrap();
    }
    embedder.finish(&mut readers).unwrap();
    events
}

fn embedder(card: &Card, backbone: &Backbone) -> Embedder {
    Embedder::new(card, backbone, card.sample_rate, &SOUND).unwrap()
}

fn decider(window: Window) -> Decider {
    Decider::new(window, Threshold::new(0.0))
}

fn alone(card: &Card, backbone: &Backbone, window: Window) -> (Embedder, Decider) {
    (embedder(card, backbone), decider(window))
}

#[test]
fn decisions_equal_those_of_embeddings_computed_one_by_one() {
    for (card, backbone, name) in backbones("listening") {
        let mut learner = learner(&card, &backbone);
        let samples = scene(card.sample_rate, 62, &CHIRPS);
        let size = card.embedding.size;
        let rows = embeddings(&card, &backbone, &samples);
        for window in WINDOWS {
            let expected: Vec<Probabilities> = (window.rows..=rows.len() / size)
                .step_by(window.every_rows)
                .map(|end| {
                    let looked_at = &rows[(end - window.rows) * size..end * size];
                    (learner.predict_one(&learner.encode(looked_at).unwrap())).unwrap()
                })
                .collect();
            for chunk in [333, 40_000] {
                let mut stages = alone(&card, &backbone, window);
                let rate = card.sample_rate;
                let events = listen(&mut stages, &mut learner, rate, &samples, chunk);
                let scores: Vec<Probabilities> =
                    events.into_iter().map(|event| event.scores).collect();
                assert!(scores == expected, "{name}, {window:?}, by {chunk}");
            }
        }
    }
}

#[test]
fn a_gate_changes_no_decision_that_it_passes() {
    for (card, backbone, name) in backbones("listening") {
        let mut learner = learner(&card, &backbone);
        let rate = card.sample_rate;
        let samples = scene(rate, 62, &CHIRPS);
        for window in WINDOWS {
            let mut open = alone(&card, &backbone, window);
            let all = listen(&mut open, &mut learner, rate, &samples, 1_000);
            let gate = Gate::new(&card, 2.0);
            let mut gated = (embedder(&card, &backbone).gated(gate), decider(window));
            let some = listen(&mut gated, &mut learner, rate, &samples, 1_000);
            let same_again = listen(&mut gated, &mut learner, rate, &samples, 77_777);
            let what = format!("{name}, {window:?}");
            let plain = |events: &[WindowDecision]| -> Vec<_> {
                let of = |e: &WindowDecision| {
                    (e.end.0 - e.start.0, e.decision.clone(), e.scores.clone())
                };
                events.iter().map(of).collect()
            };
            assert!(plain(&some) == plain(&same_again), "{what}: chunks matter");

            let (quiet, awake): (Vec<&WindowDecision>, Vec<&WindowDecision>) =
                (some.iter()).partition(|event| event.decision == Decision::Quiet);
            assert!(awake.iter().all(|event| all.contains(event)), "{what}");
            assert!(
                awake.len() < all.len() * 2 / 3,
                "{what}: {} of {}",
                awake.len(),
                all.len()
            );
            assert!(!quiet.is_empty(), "{what}");
            // Every decision with a chirp in it is there, and so is all of the
            // time in which the background is not known.
            for event in &all {
                let (start, end) = (event.start.as_secs_f64(), event.end.as_secs_f64());
                let sounds = |at: &f32| start < f64::from(*at) + 0.4 && end > f64::from(*at) + 0.1;
                if start < 10.0 || CHIRPS.iter().any(sounds) {
                    assert!(awake.contains(&event), "{what}: lost {start} to {end}");
                }
            }
            // Quiet is said once a stretch.
            let pairs = some.windows(2);
            let twice = pairs.filter(|pair| pair.iter().all(|e| e.decision == Decision::Quiet));
            assert_eq!(twice.count(), 0, "{what}");
        }
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

#[test]
fn deciders_on_one_embedder_get_the_events_they_get_alone() {
    for (card, backbone, name) in backbones("listening") {
        let rate = card.sample_rate;
        let samples = scene(rate, 62, &CHIRPS);
        let gate = |gated: bool| gated.then(|| Gate::new(&card, 2.0));
        let stages = |gated| match gate(gated) {
            Some(gate) => embedder(&card, &backbone).gated(gate),
            None => embedder(&card, &backbone),
        };
        for gated in [false, true] {
            let mut owners: Vec<Owner> = WINDOWS
                .into_iter()
                .map(|window| Owner {
                    decider: decider(window),
                    learner: learner(&card, &backbone),
                    events: Vec::new(),
                })
                .collect();
            // One that knows less, and never waits.
            let mut other = learner(&card, &backbone);
            let (last, label) = (samples.len() / 2, Label::new("half").unwrap());
            let rows = embeddings(&card, &backbone, &samples[last..last + 40_000]);
            (other.learn_one(&other.encode(&rows).unwrap(), &label)).unwrap();
            owners.push(Owner {
                decider: decider(WINDOWS[0]).prompt(),
                learner: other,
                events: Vec::new(),
            });

            let mut shared = stages(gated);
            for chunk in chunks(rate, &samples, 7_777) {
                shared.step(&chunk, &mut owners).unwrap();
            }
            shared.finish(&mut owners).unwrap();

            for (index, owner) in owners.iter_mut().enumerate() {
                let mut single = match index {
                    4 => (stages(gated), decider(WINDOWS[0]).prompt()),
                    _ => (stages(gated), decider(WINDOWS[index])),
                };
                let events = listen(&mut single, &mut owner.learner, rate, &samples, 1_000);
                assert!(!events.is_empty());
                let what = format!("{name}, reader {index}, gated: {gated}");
                assert!(events == owner.events, "{what}");
            }
        }
    }
}

#[test]
fn deciders_that_leave_rows_out_get_the_events_they_get_alone() {
    let window = |rows, every_rows| Window { rows, every_rows };
    let sets = [
        vec![WINDOWS[2], WINDOWS[3]],
        vec![window(1, 11), window(5, 13)],
        vec![window(2, 9), window(1, 23), window(30, 40)],
    ];
    for (card, backbone, name) in backbones("listening") {
        let rate = card.sample_rate;
        let samples = scene(rate, 30, &[5.0, 12.0]);
        for windows in &sets {
            for size in [333, 7_777] {
                let owner = |&window: &Window| Owner {
                    decider: decider(window),
                    learner: learner(&card, &backbone),
                    events: Vec::new(),
                };
                let mut owners: Vec<Owner> = windows.iter().map(owner).collect();
                let mut shared = embedder(&card, &backbone);
                for chunk in chunks(rate, &samples, size) {
                    shared.step(&chunk, &mut owners).unwrap();
                }
                shared.finish(&mut owners).unwrap();
                for (owner, &window) in owners.iter_mut().zip(windows) {
                    let mut single = alone(&card, &backbone, window);
                    let events = listen(&mut single, &mut owner.learner, rate, &samples, 1_000);
                    let what = format!("{name}, {window:?} of {windows:?}, by {size}");
                    assert!(events == owner.events, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_gap_ends_the_windows_of_all_deciders() {
    let (card, path) = models::fixture("tiny");
    let backbone = Backbone::load(&path, &card, Mode::Streaming).unwrap();
    let rate = card.sample_rate;
    let sound = scene(rate, 8, &[2.0, 5.0]);
    let second = rate.hz() as usize;
    let mut owners: Vec<Owner> = (WINDOWS.into_iter())
        .map(|window| Owner {
            decider: decider(window),
            learner: learner(&card, &backbone),
            events: Vec::new(),
        })
        .collect();
    let mut shared = embedder(&card, &backbone);
    for chunk in chunks(rate, &sound[..3 * second], 700) {
        shared.step(&chunk, &mut owners).unwrap();
    }
    for mut chunk in chunks(rate, &sound[3 * second..], 700) {
        chunk.start.0 += 10_000_000;
        shared.step(&chunk, &mut owners).unwrap();
    }
    shared.finish(&mut owners).unwrap();
    for (owner, window) in owners.iter_mut().zip(WINDOWS) {
        let mut expected = Vec::new();
        for (samples, start) in [
            (&sound[..3 * second], 0),
            (&sound[3 * second..], 10_000_000),
        ] {
            let mut single = alone(&card, &backbone, window);
            let mut events = listen(&mut single, &mut owner.learner, rate, samples, 1_000);
            for event in &mut events {
                event.start.0 += start;
                event.end.0 += start;
            }
            expected.extend(events);
        }
        assert!(owner.events == expected, "{window:?}");
    }
}

#[test]
fn a_decider_joins_and_leaves_at_any_chunk() {
    for (card, backbone, name) in backbones("listening") {
        let rate = card.sample_rate;
        let size = card.embedding.size;
        let samples = scene(rate, 20, &[5.0, 12.0]);
        let all: Vec<Chunk> = chunks(rate, &samples, 1_000).collect();
        let rows = embeddings(&card, &backbone, &samples);
        let hop_us = Micros::from_samples(card.hop_samples() as u64, rate).0;
        for (window, with) in [(WINDOWS[0], WINDOWS[3]), (WINDOWS[2], WINDOWS[1])] {
            let (mut first, mut knows) = (decider(with), learner(&card, &backbone));
            let (mut second, mut known) = (decider(window), learner(&card, &backbone));
            let (mut events, mut joined) = (Vec::new(), Vec::new());
            let mut shared = embedder(&card, &backbone);
            for (n, chunk) in all.iter().enumerate() {
                let with_first = (&mut first, &mut knows, &mut events);
                let with_second = (&mut second, &mut known, &mut joined);
                match n {
                    // Nobody at all, one, both, the other one.
                    0..30 => shared.step::<Owner>(chunk, &mut []).unwrap(),
                    30..150 => shared.step(chunk, &mut [with_first]).unwrap(),
                    150..250 => shared.step(chunk, &mut [with_first, with_second]).unwrap(),
                    _ => shared.step(chunk, &mut [with_second]).unwrap(),
                }
            }
            for (events, window) in [(&events, with), (&joined, window)] {
                assert!(!events.is_empty());
                for event in events {
                    let row = event.start.0.div_ceil(hop_us.max(1)) as usize;
                    let looked_at = (row.saturating_sub(1)..=row + 1).any(|row| {
                        let Some(rows) = rows.get(row * size..(row + window.rows) * size) else {
                            return false;
                        };
                        let example = known.encode(rows).unwrap();
                        known.predict_one(&example).unwrap() == event.scores
                    });
                    assert!(looked_at, "{name}, {window:?} at {}", event.start.0);
                }
            }
        }
    }
}

#[test]
fn steady_noise_of_any_level_is_background_and_a_louder_one_is_sound() {
    for name in ["speech-embedding", "yamnet", "yamnet-256"] {
        let card = models::cache().find(name).expect("a shipped card");
        for level in [0.3, 0.03, 0.003] {
            let mut gate = Gate::new(&card, Gate::MARGIN_DB);
            let mut frontend =
                LogMelFrontend::new(card.log_mel().unwrap(), card.sample_rate).unwrap();
            let mut frames = Vec::new();
            // Frames at which it is open, and all.
            let mut hear = |gain: f32, seconds: usize, seed: u32| {
                let len = card.sample_rate.hz() as usize * seconds;
                let samples: Vec<f32> = (noise(len, seed).iter())
                    .map(|sample| sample * level * gain)
                    .collect();
                frames.clear();
                frontend.push(&samples, &mut frames);
                let all = frames.chunks_exact(card.bands());
                (
                    all.clone().filter(|frame| gate.push(frame)).count(),
                    all.count(),
                )
            };
            let what = format!("{name} at {level}");
            let (open, all) = hear(1.0, 10, 1);
            assert_eq!(open, all, "{what}: not known yet");
            hear(1.0, 1, 2);
            // Narrow bands of noise vary most: a frame now and then.
            let (open, all) = hear(1.0, 120, 3);
            assert!(open * 1_000 < all, "{what}: {open} of {all}");
            assert!(hear(1.5, 1, 4).0 > 90, "{what}: 3.5 dB more");
            hear(1.0, 1, 5);
            assert!(hear(1.0, 5, 6).0 < 3, "{what}: quiet again");
        }
    }
}

#[test]
fn sound_longer_than_the_noise_memory_becomes_background() {
    let (card, _) = models::fixture("tiny");
    let mut gate = Gate::new(&card, Gate::MARGIN_DB);
    let (quiet, loud) = (vec![0.0; card.bands()], vec![3.0; card.bands()]);
    let minute = 60 * card.sample_rate.hz() as usize / card.frontend.hop_samples();
    let mut open =
        |frame: &[f32], minutes: usize| (0..minutes * minute).filter(|_| gate.push(frame)).count();
    open(&quiet, 1);
    assert_eq!(open(&quiet, 1), 0);
    assert!(open(&loud, 4) > 4 * minute - 10, "a sound for four minutes");
    open(&loud, 2);
    assert_eq!(
        open(&loud, 2),
        0,
        "after more than five it is the background"
    );
    assert_eq!(open(&quiet, 1), 0, "less is no sound");
    assert!(
        open(&loud, 1) > minute - 10,
        "and quiet is the background at once"
    );
}
