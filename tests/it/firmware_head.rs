//! The head on an emulated microcontroller: taught there, it has the same bits as on the host.

use crate::harness::board;

use crate::harness::board::features;
use crate::harness::board::imu;

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Example, Learner, Pool, Settings, Transform};
use afield::signal::Label;
use board::Board;
use features::{Gathering, WINDOW};
use firmware_bridge::{
    Acknowledge, Command, Frame, Kind, MAX_PAYLOAD, MAX_REQUEST, Outcome, Receiver, Requests,
    Samples, Sender, State, Status, StreamInfo, Window,
};
use imu::{CHANNELS, Motion};
use microhead::{Statistic, triangle};
use serialport::SerialPort;

const FEATURES: usize = features::features(CHANNELS);
const CLASSES: usize = 8;
const STEPS: [f32; FEATURES] = [1.0; FEATURES];

type Micro = Statistic<FEATURES, CLASSES, { triangle(FEATURES) }>;

/// A host of a few lines.
struct Host {
    port: Box<dyn SerialPort>,
    receiver: Receiver<MAX_PAYLOAD>,
    sender: Sender<MAX_REQUEST>,
    requests: Requests,
    started: Instant,
    frames: VecDeque<Frame<MAX_PAYLOAD>>,
}

impl Host {
    fn on(port: &Path) -> Self {
        let port = serialport::new(port.to_str().unwrap(), 115_200);
        Self {
            port: port.timeout(Duration::from_millis(10)).open().unwrap(),
            receiver: Receiver::new(),
            sender: Sender::new(),
            requests: Requests::new(),
            started: Instant::now(),
            frames: VecDeque::new(),
        }
    }

    fn turn(&mut self) -> Option<(Command, Outcome)> {
        assert!(
            self.started.elapsed() < Duration::from_secs(240),
            "the board is too slow"
        );
        let now_us = self.started.elapsed().as_micros() as u64;
        if let Some(request) = self.requests.poll(now_us) {
            let mut wire = [0; Frame::<MAX_REQUEST>::MAX_ENCODED];
            let length = self.sender.write(now_us, request, &mut wire).unwrap();
            self.port.write_all(&wire[..length]).unwrap();
        }
        let mut bytes = [0; 4_096];
        let count = self.port.read(&mut bytes).unwrap_or(0);
        let (mut bytes, mut answered) = (&bytes[..count], None);
        while let Some(result) = self.receiver.next(&mut bytes) {
            let frame = result.expect("nothing damages this line");
            match frame.read::<Acknowledge>() {
                Ok(answer) => answered = self.requests.answered(&answer).or(answered),
                Err(_) => self.frames.push_back(frame),
            }
        }
        answered
    }

    fn ask(&mut self, command: Command) -> Outcome {
        self.requests.ask(command).expect("none is open");
        loop {
            if let Some((_, outcome)) = self.turn() {
                return outcome;
            }
        }
    }

    fn next(&mut self) -> Frame<MAX_PAYLOAD> {
        loop {
            match self.frames.pop_front() {
                Some(frame) => return frame,
                None => {
                    self.turn();
                }
            }
        }
    }

    /// The next frame of a kind; the others stay for later.
    fn next_of(&mut self, kind: Kind) -> Frame<MAX_PAYLOAD> {
        loop {
            match self.frames.iter().position(|frame| frame.kind == kind) {
                Some(at) => return self.frames.remove(at).expect("it was found"),
                None => {
                    self.turn();
                }
            }
        }
    }
}

/// What must have been scored, from the statistic as it was.
fn check(window: &Window, statistic: &Micro) {
    let x: [i16; FEATURES] = window.features.as_slice().try_into().expect("all features");
    let classes = statistic.counts().len();
    let bits = |scores: &[f32]| scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    let ncm = microhead::Ncm::solve(statistic, &STEPS).scores(&x);
    let lda = microhead::Lda::solve(statistic, &STEPS).scores(&x);
    assert_eq!(bits(&window.ncm), bits(&ncm[..classes]), "{window:?}");
    assert_eq!(bits(&window.lda), bits(&lda[..classes]), "{window:?}");
}

fn best(scores: &[f32]) -> usize {
    let rank = |&(_, a): &(usize, &f32), &(_, b): &(usize, &f32)| a.total_cmp(b);
    scores.iter().enumerate().max_by(rank).expect("a class").0
}

/// A learner of the host for which, as on the board, one unit of a feature is worth 1.
fn learner(head: HeadKind) -> Learner {
    let (pool, transform) = (Pool::Mean, Transform::None);
    let contract = Contract::new(
        EmbeddingSpace::new("board", FEATURES, 32_768.0),
        pool,
        transform,
    );
    let settings = Settings {
        head,
        ..Settings::default()
    };
    Learner::new(contract.unwrap(), settings).unwrap()
}

/// What the host learns of the same windows as the board.
struct Twin {
    micro: Micro,
    lda: Learner,
    ncm: Learner,
}

impl Twin {
    fn new() -> Self {
        Self {
            micro: Micro::new(),
            lda: learner(HeadKind::LDA),
            ncm: learner(HeadKind::NCM),
        }
    }

    fn learn(&mut self, window: &Window, class: usize) {
        let x: [i16; FEATURES] = window.features.as_slice().try_into().unwrap();
        self.micro.add(&x, class).unwrap();
        let example = Example::from_fixed(x.to_vec());
        // One digit a class, so that labels sort as classes do.
        let label = Label::new(class.to_string()).unwrap();
        self.lda.learn_one(&example, &label).unwrap();
        self.ncm.learn_one(&example, &label).unwrap();
    }
}

/// The board samples 200 times a second, and refuses what it cannot do.
fn start(host: &mut Host) {
    assert_eq!(host.ask(Command::Identify), Outcome::Done);
    host.next_of(Kind::StreamInfo);
    assert_eq!(host.ask(Command::SetRate { rate_mhz: 1 }), Outcome::Refused);
    assert_eq!(
        host.ask(Command::SetRate { rate_mhz: 200_000 }),
        Outcome::Done
    );
    assert_eq!(
        host.ask(Command::Learn { class: 1 }),
        Outcome::Refused,
        "0 comes first"
    );
    assert_eq!(host.ask(Command::Start), Outcome::Done);
    // An earlier request may have been answered twice.
    let rate = |frame: Frame<MAX_PAYLOAD>| frame.read::<StreamInfo>().unwrap().rate_mhz;
    while rate(host.next_of(Kind::StreamInfo)) != 200_000 {}
    assert_eq!(host.ask(Command::show("ready", 100)), Outcome::Done);
}

const PERIOD_US: u64 = 5_000;

/// Keeps the samples of a block, which are those that the board makes.
fn keep(block: &Samples, samples: &mut BTreeMap<u64, [i16; CHANNELS]>) {
    for (i, values) in block.values.chunks_exact(CHANNELS).enumerate() {
        let number = block.first + i as u64;
        let time_us = block.time_us + i as u64 * PERIOD_US;
        let values: [i16; CHANNELS] = values.try_into().unwrap();
        assert_eq!(values, imu::sample(number, time_us), "sample {number}");
        samples.insert(number, values);
    }
}

/// Teaches the board each motion until it has decided on 30 windows, most of them right.
fn teach_and_decide(host: &mut Host, twin: &mut Twin) {
    let (mut samples, mut classes) = (BTreeMap::new(), Vec::<Motion>::new());
    let (mut windows, mut decisions, mut right) = (0, 0, 0);
    while decisions < 30 {
        let frame = host.next();
        if let Ok(block) = frame.read::<Samples>() {
            keep(&block, &mut samples);
            continue;
        }
        let Ok(window) = frame.read::<Window>() else {
            continue;
        };
        windows += 1;
        // The features are those of the samples that came, where they have all come:
        // the last few follow in the next block.
        let mut gathering = Gathering::<CHANNELS>::new();
        let span = samples.range(window.first..window.first + WINDOW as u64);
        if let Some(features) = span
            .filter_map(|(_, values)| gathering.push::<FEATURES>(values))
            .last()
        {
            assert_eq!(window.features.as_slice(), features);
        }
        check(&window, &twin.micro);
        let begin_us = window.time_us - WINDOW as u64 * PERIOD_US;
        let motion = imu::motion(window.time_us);
        let pure = imu::motion(begin_us) == motion;
        let each_twice = twin.micro.counts().iter().all(|&n| n > 1);
        match window.taught {
            Some(class) => {
                let class = usize::from(class);
                if class == classes.len() {
                    classes.push(motion);
                }
                twin.learn(&window, class);
            }
            None if pure && classes.len() == 3 && each_twice => {
                decisions += 1;
                right += usize::from(classes[best(&window.lda)] == motion);
            }
            None => {}
        }
        // The window under way, if it will not see two motions.
        let known = classes.iter().position(|&class| class == motion);
        let count = known.map_or(0, |class| twin.micro.counts()[class]);
        if imu::motion(window.time_us + WINDOW as u64 * PERIOD_US) == motion && count < 4 {
            let class = known.unwrap_or(classes.len()) as u8;
            assert_eq!(host.ask(Command::Learn { class }), Outcome::Done);
        }
    }
    eprintln!(
        "{windows} windows, {} taught, {right} of {decisions} named right",
        twin.micro.total()
    );
    assert!(right * 10 >= decisions * 9, "{right} of {decisions}");
}

/// Stops the board, and reads the windows that it had sent by then.
fn stop(host: &mut Host, twin: &mut Twin) {
    assert_eq!(host.ask(Command::Stop), Outcome::Done);
    assert_eq!(host.ask(Command::ReportStatus), Outcome::Done);
    let status = host.next_of(Kind::Status).read::<Status>().unwrap();
    // A window that was taught may have come after the last that was looked at.
    while let Some(frame) = host.frames.pop_front() {
        let Ok(window) = frame.read::<Window>() else {
            continue;
        };
        check(&window, &twin.micro);
        if let Some(class) = window.taught {
            twin.learn(&window, class.into());
        }
    }
    assert_eq!(
        (u64::from(status.learned), status.dropped),
        (twin.micro.total(), 0)
    );
}

/// The statistic as the board sends it.
fn exported(host: &mut Host) -> Vec<u8> {
    assert_eq!(host.ask(Command::Export), Outcome::Done);
    let mut bytes = Vec::<u8>::new();
    loop {
        let piece = host.next_of(Kind::State).read::<State>().unwrap();
        assert_eq!(piece.offset as usize, bytes.len());
        bytes.extend(&piece.bytes);
        if bytes.len() == piece.total as usize {
            return bytes;
        }
    }
}

#[test]
fn the_head_on_the_board_learns_the_same_bits_as_the_host() {
    let Some(board) = Board::start("the_head_on_the_board_learns_the_same_bits_as_the_host") else {
        return;
    };
    let mut host = Host::on(board.port());
    let mut twin = Twin::new();
    start(&mut host);
    teach_and_decide(&mut host, &mut twin);
    stop(&mut host, &mut twin);
    let bytes = exported(&mut host);
    let Twin { micro, lda, ncm } = twin;
    // The state of the host's `lda` contains the whole statistic.
    let found = lda.save().windows(bytes.len()).any(|part| part == bytes);
    assert!(found, "the statistic of both sides");
    assert_eq!(lda.counts(), micro.counts());
    eprintln!("{} bytes of statistic, the same on both sides", bytes.len());

    // The host's own heads answer as the board's.
    let x: [i16; FEATURES] = std::array::from_fn(|i| (i as i16 - 9) * 300);
    let example = Example::from_fixed(x.to_vec());
    let p = lda.predict_one(&example).unwrap().0;
    let scores = microhead::Lda::solve(&micro, &STEPS).scores(&x);
    assert_eq!(best(&p), best(&scores[..3]));
    let q = ncm.predict_one(&example).unwrap().0;
    let mut scores = microhead::Ncm::solve(&micro, &STEPS).scores(&x)[..3].to_vec();
    microhead::arithmetic::softmax(&mut scores);
    assert_eq!(q, scores);
}
