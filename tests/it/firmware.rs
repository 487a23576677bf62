//! A firmware in an emulator sends samples over its UART; the library reads, learns and decides.

use crate::harness::board;

use crate::harness::board::features;
use crate::harness::board::imu;

use std::path::Path;
use std::time::{Duration, Instant};

use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::signal::{Chunk, Label, Micros, SampleRate};
use afield::source::{
    LinkStatus, LiveSource, PortName, SerialSource, Source, SourceError, StreamProperty,
};
use board::{Board, Faults, NoisyLine};
use features::{Gathering, WINDOW};
use imu::{CHANNELS, Motion};

const FEATURES: usize = features::features(CHANNELS);

fn open(port: &Path) -> SerialSource {
    SerialSource::open(&name(port), None).unwrap()
}

fn name(port: &Path) -> PortName {
    port.to_str().unwrap().parse().unwrap()
}

/// What a run over a line came to.
#[derive(Debug, Default)]
struct Outcome {
    samples: u64,
    gaps: u64,
    windows: u64,
    decisions: u64,
    right: u64,
}

/// Listens until so many windows have been decided on: the first of each motion are
/// taught, windows that look across a gap or a change of motion are left out.
fn listen(source: &mut SerialSource, windows: u64) -> (Outcome, LinkStatus) {
    let contract = Contract::new(
        EmbeddingSpace::new("features", FEATURES, 32_767.0)
            .file_sha256("00")
            .frontend("none"),
        Pool::Mean,
        Transform::None,
    );
    let mut learner = Learner::new(contract.unwrap(), Settings::default()).unwrap();
    let period = Micros::from_samples(1, source.rate()).0;
    let scales: Vec<f32> = source.info().channels.iter().map(|c| c.scale).collect();
    assert_eq!((source.rate().hz(), scales.len()), (50, CHANNELS));
    let acceleration = source.channels()[0].unit().to_string();
    assert_eq!(acceleration, "m/s2");

    let (mut outcome, mut chunk) = (Outcome::default(), Chunk::default());
    let (mut gathering, mut motions) = (Gathering::<CHANNELS>::new(), Vec::new());
    let mut expected = Micros(0);
    let mut taught = [0; 3];
    let started = Instant::now();
    while outcome.decisions < windows {
        assert!(
            started.elapsed() < Duration::from_secs(240),
            "{outcome:?} {:?}",
            source.status()
        );
        assert!(source.read(&mut chunk).unwrap());
        if chunk.samples.is_empty() {
            continue;
        }
        if chunk.start.0.abs_diff(expected.0) > 2 {
            outcome.gaps += u64::from(outcome.samples > 0);
            gathering = Gathering::new();
            motions.clear();
        }
        let count = chunk.samples.len() / CHANNELS;
        expected = Micros(chunk.start.0 + period * count as u64);
        outcome.samples += count as u64;
        for row in chunk.samples.chunks_exact(CHANNELS) {
            let values: [i16; CHANNELS] =
                std::array::from_fn(|i| (row[i] / scales[i]).round() as i16);
            motions.push(motion_of(&values));
            let Some(example) = gathering.push::<FEATURES>(&values) else {
                continue;
            };
            outcome.windows += 1;
            let motion = only(&motions);
            motions.clear();
            let Some(motion) = motion else { continue };
            let label = Label::new(format!("{motion:?}").to_lowercase()).unwrap();
            let example: Vec<f32> = example.iter().map(|&x| f32::from(x)).collect();
            let example = learner.encode(&example).unwrap();
            if taught[motion as usize] < 2 {
                taught[motion as usize] += 1;
                learner.learn_one(&example, &label).unwrap();
            } else if taught == [2; 3] {
                let scores = learner.predict_one(&example).unwrap();
                let (class, p) = scores.best().unwrap();
                let said = &learner.classes()[class];
                source.show(said.as_str(), (p * 100.0) as u8);
                outcome.decisions += 1;
                outcome.right += u64::from(*said == label);
            }
        }
    }
    (outcome, source.status())
}

/// What the device did, seen from its peaks; noise stays below 65.
fn motion_of(values: &[i16; CHANNELS]) -> Option<Motion> {
    match (values[0].abs() > 64, values[5].abs() > 64) {
        (true, false) => Some(Motion::Shake),
        (false, true) => Some(Motion::Turn),
        (false, false) => None,
        (true, true) => panic!("no motion does that: {values:?}"),
    }
}

/// The one motion of a window, whose zero crossings look like rest.
fn only(motions: &[Option<Motion>]) -> Option<Motion> {
    let seen = |motion| motions.iter().filter(|&&m| m == Some(motion)).count();
    let (shakes, turns) = (seen(Motion::Shake), seen(Motion::Turn));
    assert_eq!(motions.len(), WINDOW);
    match (shakes, turns) {
        (0, 0) => Some(Motion::Rest),
        (56.., 0) => Some(Motion::Shake),
        (0, 56..) => Some(Motion::Turn),
        _ => None,
    }
}

#[test]
fn movements_of_an_emulated_board_are_recognised() {
    let Some(board) = Board::start("movements_of_an_emulated_board_are_recognised") else {
        return;
    };
    let mut source = open(board.port());
    let (outcome, status) = listen(&mut source, 8);
    eprintln!("clean line: {outcome:?}\n{status:?}");
    assert_eq!(outcome.right, outcome.decisions);
    assert_eq!(
        (outcome.gaps, status.lost_samples, status.lost_frames),
        (0, 0, 0)
    );
    assert_eq!(status.damaged, 0);
    let device = status.device.expect("the device reports its health");
    assert_eq!(
        (device.dropped, device.frames_bad, device.bytes_dropped),
        (0, 0, 0)
    );
}

#[test]
fn movements_are_recognised_with_one_percent_of_faults_on_the_line() {
    let Some(board) =
        Board::start("movements_are_recognised_with_one_percent_of_faults_on_the_line")
    else {
        return;
    };
    let third = 0.01 / 3.0;
    let faults = Faults {
        drop: third,
        flip: third,
        duplicate: third,
        ..Faults::default()
    };
    let line = NoisyLine::to(board.port(), faults, 11);
    let mut source = open(line.port());
    // Nearly every second block is lost: whole windows are rare. That none but the
    // samples that were sent arrive is what counts here.
    let scales: Vec<f32> = source.info().channels.iter().map(|c| c.scale).collect();
    let (mut chunk, mut gaps, mut chunks) = (Chunk::default(), 0, 0);
    let period = Micros::from_samples(1, source.rate()).0;
    let mut expected = Micros(0);
    while chunks < 200 {
        assert!(source.read(&mut chunk).unwrap());
        if chunk.samples.is_empty() {
            continue;
        }
        chunks += 1;
        gaps += u64::from(chunk.start.0.abs_diff(expected.0) > 2);
        let count = chunk.samples.len() / CHANNELS;
        expected = Micros(chunk.start.0 + period * count as u64);
        for row in chunk.samples.chunks_exact(CHANNELS) {
            let values: [i16; CHANNELS] =
                std::array::from_fn(|i| (row[i] / scales[i]).round() as i16);
            motion_of(&values);
            assert!((4_096 - 65..4_096 + 65).contains(&values[2]), "{values:?}");
        }
    }
    let status = source.status();
    eprintln!("1 % of noise: {chunks} chunks, {gaps} gaps\n{status:?}");
    assert!(
        status.damaged > 20 && status.lost_samples > 100,
        "{status:?}"
    );
    assert!(gaps > 20, "{gaps} gaps");
}

#[test]
fn a_board_samples_at_the_requested_rate_or_refuses_it() {
    let test = "a_board_samples_at_the_requested_rate_or_refuses_it";
    let Some(board) = Board::start(test) else {
        return;
    };
    let port = name(board.port());
    let mut source = SerialSource::open(&port, SampleRate::new(100).ok()).unwrap();
    assert_eq!((source.rate().hz(), source.info().hz), (100, 100.0));
    let (mut chunk, mut starts) = (Chunk::default(), Vec::new());
    while starts.len() < 8 {
        assert!(source.read(&mut chunk).unwrap());
        if !chunk.samples.is_empty() {
            starts.push((chunk.start, chunk.samples.len() / CHANNELS));
        }
    }
    // Ten samples a block, ten milliseconds apart.
    for pair in starts.windows(2) {
        let passed = pair[1].0.0 - pair[0].0.0;
        assert_eq!(passed, pair[0].1 as u64 * 10_000, "{starts:?}");
    }
    drop(source);
    let error = SerialSource::open(&port, SampleRate::new(2_000).ok()).unwrap_err();
    assert!(
        matches!(
            &error,
            SourceError::Mismatch { property: StreamProperty::Rate, expected, .. }
                if expected == "2000 Hz"
        ),
        "{error}"
    );
}

#[test]
fn a_slow_reader_loses_the_newest_samples_and_gets_their_number() {
    let test = "a_slow_reader_loses_the_newest_samples_and_gets_their_number";
    let Some(board) = Board::start(test) else {
        return;
    };
    let mut source = open(board.port());
    // 64 blocks of five samples wait, six seconds and a half; these are ten.
    std::thread::sleep(Duration::from_secs(10));
    let (mut chunk, mut samples, mut jumps) = (Chunk::default(), 0, Vec::new());
    let (mut expected, period) = (None, Micros::from_samples(1, source.rate()).0);
    while jumps.is_empty() || samples < 400 {
        assert!(source.read(&mut chunk).unwrap());
        let count = (chunk.samples.len() / CHANNELS) as u64;
        if count == 0 {
            continue;
        }
        if let Some(expected) = expected.filter(|&at| chunk.start.0.abs_diff(at) > 2) {
            jumps.push((chunk.start.0 - expected) / period);
        }
        samples += count;
        expected = Some(chunk.start.0 + period * count);
    }
    let status = source.status();
    eprintln!("ten seconds behind: {jumps:?} {status:?}");
    assert_eq!(jumps, [status.overrun_samples]);
    assert!(status.overrun_samples >= 50, "{status:?}");
    assert_eq!((status.lost_samples, status.damaged), (0, 0));
}

#[test]
fn a_cut_line_leaves_a_gap_and_reading_continues() {
    let Some(board) = Board::start("a_cut_line_leaves_a_gap_and_reading_continues") else {
        return;
    };
    let line = NoisyLine::to(board.port(), Faults::default(), 12);
    let mut source = open(line.port());
    let mut chunk = Chunk::default();
    let mut read = |source: &mut SerialSource, wanted: usize| {
        let (mut samples, mut starts) = (0, Vec::new());
        let started = Instant::now();
        while samples < wanted {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{:?}",
                source.status()
            );
            assert!(source.read(&mut chunk).unwrap());
            samples += chunk.samples.len() / CHANNELS;
            starts.push(chunk.start);
        }
        starts
    };
    read(&mut source, 50);
    let before = *read(&mut source, 50).last().unwrap();
    line.pass(false);
    // Longer than the silence after which a device is asked who it is.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert!(source.read(&mut Chunk::default()).unwrap());
    }
    assert!(!source.status().connected);
    line.pass(true);
    let after = *read(&mut source, 100).last().unwrap();
    let status = source.status();
    eprintln!("cut: {before:?} {after:?} {status:?}");
    assert!(status.connected && status.reconnects == 1, "{status:?}");
    assert!(after.0 - before.0 > 4_000_000, "{before:?} {after:?}");
}

#[test]
fn reading_continues_after_unplugging_and_replacing_a_board() {
    let test = "reading_continues_after_unplugging_and_replacing_a_board";
    let Some(first) = Board::start(test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("imu");
    std::os::unix::fs::symlink(first.port(), &path).unwrap();
    let mut source = open(&path);
    let (mut chunk, mut latest) = (Chunk::default(), Micros(0));
    let started = Instant::now();
    let mut until = |source: &mut SerialSource, done: &dyn Fn(&LinkStatus) -> bool| {
        while !done(&source.status()) {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "{:?}",
                source.status()
            );
            assert!(source.read(&mut chunk).unwrap());
            assert!(chunk.start >= latest, "time goes on");
            latest = chunk.start;
        }
    };
    until(&mut source, &|status| status.samples > 50);
    drop(first);
    until(&mut source, &|status| !status.connected);
    let lost_at = source.status().samples;
    let Some(second) = Board::start(test) else {
        return;
    };
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(second.port(), &path).unwrap();
    until(&mut source, &|status| {
        status.connected && status.samples > lost_at + 50
    });
    let status = source.status();
    eprintln!("unplugged and plugged in: {status:?}");
    assert_eq!(status.reconnects, 1);
}
