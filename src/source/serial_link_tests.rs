//! Tests of a link with a small simulated device, over a line with faults of every kind.

use firmware_bridge::{Answers, Blocks, Channel, Request, Sample};

use super::*;

#[allow(dead_code, reason = "the noise test uses all of it")]
#[path = "../../firmware-bridge/tests/line/mod.rs"]
mod line;

use line::{Faults, Line};

/// A device that samples 100 times a second. The values follow from the number of the sample.
struct Device {
    receiver: Receiver<MAX_REQUEST>,
    sender: Sender<MAX_PAYLOAD>,
    answers: Answers,
    blocks: Blocks<2>,
    epoch: u16,
    running: bool,
    number: u64,
    started_us: u64,
    starts: u64,
    shown: Vec<String>,
    rate_mhz: u32,
}

impl Device {
    fn new(started_us: u64) -> Self {
        Self {
            receiver: Receiver::new(),
            sender: Sender::new(),
            answers: Answers::new(),
            blocks: Blocks::new(5),
            epoch: 0,
            running: false,
            number: 0,
            started_us,
            starts: 0,
            shown: Vec::new(),
            rate_mhz: 100_000,
        }
    }

    fn send<P: firmware_bridge::Payload>(&mut self, now_us: u64, payload: &P) -> Vec<u8> {
        let mut wire = [0; Frame::<MAX_PAYLOAD>::MAX_ENCODED];
        let time_us = now_us - self.started_us;
        let length = self.sender.write(time_us, payload, &mut wire).unwrap();
        wire[..length].to_vec()
    }

    /// One sampling period: takes the bytes that arrived, and answers.
    fn turn(&mut self, now_us: u64, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(result) = self.receiver.next(&mut bytes) {
            let Some(request) = result.ok().and_then(|f| f.read::<Request>().ok()) else {
                continue;
            };
            let mut answers = self.answers;
            let answer = answers.answer(&request, |command| {
                match command {
                    Command::Start => {
                        self.epoch += 1;
                        self.starts += 1;
                        self.running = true;
                        self.blocks.begin(self.epoch);
                    }
                    Command::Stop => self.running = false,
                    Command::Show { label, .. } => self.shown.push(label.to_string()),
                    Command::SetRate { rate_mhz } if *rate_mhz > 400_000 => {
                        return Outcome::Refused;
                    }
                    Command::SetRate { rate_mhz } => self.rate_mhz = *rate_mhz,
                    _ => {}
                }
                Outcome::Done
            });
            self.answers = answers;
            out.extend(self.send(now_us, &answer));
            if matches!(request.command, Command::Identify | Command::Start) {
                out.extend(self.send(now_us, &info(self.rate_mhz)));
            }
        }
        let number = self.number as i16;
        let values = [number, number.wrapping_neg()];
        let sample = Sample {
            number: self.number,
            time_us: now_us - self.started_us,
            values,
        };
        self.number += 1;
        if self.running
            && let Some(block) = self.blocks.push(sample)
        {
            out.extend(self.send(now_us, &block));
        }
        out
    }
}

fn info(rate_mhz: u32) -> StreamInfo {
    let channel = |name: &str| Channel {
        name: name.try_into().unwrap(),
        unit: "g".try_into().unwrap(),
        scale: 0.5,
    };
    StreamInfo {
        device: [7; 16],
        name: Default::default(),
        rate_mhz,
        channels: [channel("ax"), channel("ay")].into_iter().collect(),
    }
}

/// A link, a device, and the lines between them.
struct Bench {
    link: Link,
    device: Device,
    up: Line,
    down: Line,
    now_us: u64,
    samples: Vec<Samples>,
    /// The reported rates, in thousandths of a hertz.
    infos: Vec<u32>,
    refused: usize,
}

impl Bench {
    fn new(faults: Faults, seed: u64) -> Self {
        Self::asking(None, faults, seed)
    }

    fn asking(rate_mhz: Option<u32>, faults: Faults, seed: u64) -> Self {
        let mut link = Link::new(rate_mhz);
        link.opened(0);
        Self {
            link,
            device: Device::new(0),
            up: Line::new(faults, seed),
            down: Line::new(faults, seed + 1),
            now_us: 0,
            samples: Vec::new(),
            infos: Vec::new(),
            refused: 0,
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.now_us += 10_000;
            let (mut out, mut arrived) = (Vec::new(), Vec::new());
            self.link.poll(self.now_us, &mut out);
            self.down.carry(&out, &mut arrived);
            let said = self.device.turn(self.now_us, &arrived);
            arrived.clear();
            self.up.carry(&said, &mut arrived);
            let (samples, infos) = (&mut self.samples, &mut self.infos);
            let refused = &mut self.refused;
            self.link
                .receive(&arrived, self.now_us, |heard| match heard {
                    Heard::Samples(block) => samples.push(block),
                    Heard::Info(info) => infos.push(info.rate_mhz),
                    Heard::RateRefused => *refused += 1,
                });
        }
    }
}

#[test]
fn a_clean_line_loses_nothing() {
    let mut bench = Bench::new(Faults::default(), 1);
    bench.run(60);
    let status = bench.link.status();
    assert!(status.connected && bench.infos.len() >= 2, "{status:?}");
    assert_eq!(
        (status.lost_frames, status.lost_samples, status.damaged),
        (0, 0, 0)
    );
    assert_eq!(bench.device.starts, 1);
    assert!(status.samples > 5_900, "{status:?}");
    assert!(
        status.drift_ppm.is_some_and(|ppm| ppm.abs() < 1.0),
        "{status:?}"
    );
}

#[test]
fn every_sample_lost_to_noise_is_counted() {
    let third = 0.01 / 3.0;
    let faults = Faults {
        drop: third,
        flip: third,
        duplicate: third,
        delay: 0.1,
        ..Faults::default()
    };
    let mut bench = Bench::new(faults, 2);
    bench.run(600);
    let status = bench.link.status();
    assert!(status.connected, "{status:?}");
    assert!(
        status.samples > 30_000 && status.lost_samples > 5_000,
        "{status:?}"
    );
    // Every block holds the values that the device sampled under these numbers.
    for block in &bench.samples {
        for (i, pair) in block.values.chunks(2).enumerate() {
            let number = (block.first + i as u64) as i16;
            assert_eq!(pair, [number, number.wrapping_neg()]);
        }
    }
    // In each epoch, the received and the missing samples add up to the samples taken.
    let mut spanned = 0;
    for epoch in bench.samples.chunk_by(|a, b| a.epoch == b.epoch) {
        let last = epoch.last().unwrap();
        spanned += last.first + last.count() as u64 - epoch[0].first;
    }
    assert_eq!(status.samples + status.lost_samples, spanned);
}

#[test]
fn lost_requests_are_repeated() {
    let mut bench = Bench::new(Faults::default(), 3);
    bench.down = Line::new(
        Faults {
            drop: 1.0,
            ..Faults::default()
        },
        3,
    );
    bench.run(1);
    assert!(!bench.link.status().connected);
    bench.down = Line::new(Faults::default(), 3);
    bench.run(4);
    assert!(bench.link.status().connected);
    assert_eq!(bench.device.starts, 1, "a repeated start is no second one");
}

#[test]
fn a_reset_device_is_asked_again_and_starts_a_new_epoch() {
    let mut bench = Bench::new(Faults::default(), 4);
    bench.run(10);
    let before = bench.link.status();
    bench.device = Device::new(bench.now_us);
    bench.run(10);
    let status = bench.link.status();
    assert!(status.connected && status.reconnects == 1, "{status:?}");
    assert!(status.samples > before.samples + 500, "{status:?}");
    assert_eq!(status.lost_samples, 0, "what a reset costs has no numbers");
}

#[test]
fn the_latest_waiting_decision_is_shown_and_shortened() {
    let mut bench = Bench::new(Faults::default(), 5);
    bench.link.show("old", 90);
    bench.link.show(&"ü".repeat(40), 200);
    bench.run(5);
    assert_eq!(bench.device.shown, ["ü".repeat(32)]);
}

#[test]
fn a_description_before_the_rate_is_set_is_ignored() {
    let mut bench = Bench::asking(Some(200_000), Faults::default(), 6);
    bench.run(5);
    // After a reset, it would sample at its own rate again.
    bench.device = Device::new(bench.now_us);
    bench.run(10);
    let status = bench.link.status();
    assert!(status.connected && status.reconnects == 1, "{status:?}");
    assert!(bench.infos.len() >= 2, "{:?}", bench.infos);
    assert!(
        bench.infos.iter().all(|&mhz| mhz == 200_000),
        "{:?}",
        bench.infos
    );
    assert_eq!((bench.refused, bench.device.rate_mhz), (0, 200_000));
}

#[test]
fn a_refused_rate_is_reported() {
    let mut bench = Bench::asking(Some(500_000), Faults::default(), 7);
    bench.run(2);
    assert_eq!((bench.refused, bench.infos.len()), (1, 0));
}

#[test]
fn a_foreign_protocol_version_is_reported() {
    let mut link = Link::new(None);
    // A frame of version 2 with a correct CRC, stuffed by hand.
    let mut body = [1_u8; 12];
    body[0] = 2;
    let mut crc = u32::MAX;
    for byte in body {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
        }
    }
    let wire = [&[17], body.as_slice(), &(!crc).to_le_bytes(), &[0]].concat();
    link.receive(&wire, 0, |_| {});
    let status = link.status();
    assert_eq!(
        (status.foreign, status.foreign_version),
        (1, Some(2)),
        "{status:?}"
    );
}
