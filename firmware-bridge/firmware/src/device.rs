//! What the device does with frames from the host and samples from the queue.

use firmware_bridge::{
    Answers, Blocks, Channel, Command, Frame, Kind, MAX_PAYLOAD, MAX_REQUEST, Outcome, Payload,
    Receiver, Request, SampleConsumer, Sender, Status, StreamInfo,
};
use heapless::{String, Vec};

use crate::head::Head;
use crate::imu::{ACCELERATION, CHANNELS, TURN};
use crate::{board, sampler, uart};

/// Blocks of a tenth of a second.
const BLOCKS_PER_SECOND: u32 = 10;

/// The loop's side of everything.
pub struct Device {
    samples: SampleConsumer<'static, CHANNELS>,
    head: &'static mut Head,
    blocks: Blocks<CHANNELS>,
    receiver: Receiver<MAX_REQUEST>,
    answers: Answers,
    sender: Sender<MAX_PAYLOAD>,
    wire: [u8; Frame::<MAX_PAYLOAD>::MAX_ENCODED],
    rate_mhz: u32,
    epoch: u16,
    running: bool,
    senseless: u32,
}

impl Device {
    /// A device at rest, at 50 Hz.
    pub fn new(samples: SampleConsumer<'static, CHANNELS>, head: &'static mut Head) -> Self {
        Self {
            samples,
            head,
            blocks: Blocks::new(1),
            receiver: Receiver::new(),
            answers: Answers::new(),
            sender: Sender::new(),
            wire: [0; Frame::<MAX_PAYLOAD>::MAX_ENCODED],
            rate_mhz: 50_000,
            epoch: 0,
            running: false,
            senseless: 0,
        }
    }

    /// Samples per second, in thousandths.
    pub fn rate_mhz(&self) -> u32 {
        self.rate_mhz
    }

    /// Takes a byte from the host.
    pub fn receive(&mut self, byte: u8) {
        // What is no frame has been counted by the receiver.
        if let Some(Ok(frame)) = self.receiver.push(byte) {
            self.request(&frame);
        }
    }

    /// Sends the samples that wait.
    pub fn forward(&mut self) {
        while let Some(sample) = self.samples.pop() {
            if !self.running {
                continue;
            }
            if let Some(block) = self.blocks.push(sample) {
                self.send(&block);
            }
            if let Some(window) = self.head.take(&sample) {
                self.send(&window);
            }
        }
    }

    fn request(&mut self, frame: &Frame<MAX_REQUEST>) {
        let answer = match frame.read::<Request>() {
            Ok(request) => {
                let mut answers = self.answers;
                let answer = answers.answer(&request, |command| self.carry_out(command));
                self.answers = answers;
                Some((answer, request.command))
            }
            Err(_) if frame.kind == Kind::Command => {
                Answers::unsupported(&frame.payload).map(|answer| (answer, Command::Identify))
            }
            Err(_) => None,
        };
        let Some((answer, command)) = answer else {
            self.senseless += 1;
            return;
        };
        self.send(&answer);
        if answer.outcome == Outcome::Done {
            self.follow_up(&command);
        }
    }

    fn carry_out(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Identify | Command::ReportStatus => {}
            Command::Start => {
                sampler::run(None);
                // What still waits belongs to the epoch before.
                while self.samples.pop().is_some() {}
                self.epoch = self.epoch.wrapping_add(1);
                let block = self.rate_mhz / (BLOCKS_PER_SECOND * 1_000);
                self.blocks = Blocks::new(block as usize);
                self.blocks.begin(self.epoch);
                self.head.begin();
                self.running = true;
                sampler::run(Some(self.rate_mhz));
            }
            Command::Stop => {
                sampler::run(None);
                self.running = false;
            }
            Command::SetRate { rate_mhz } if sampler::RATES_MHZ.contains(rate_mhz) => {
                self.rate_mhz = *rate_mhz;
            }
            Command::SetRate { .. } => return Outcome::Refused,
            Command::Learn { class } => {
                if !self.head.teach(*class) {
                    return Outcome::Refused;
                }
            }
            Command::Export => {}
            // Two LEDs are all there is: how sure, and a bit of what.
            Command::Show { label, percent } => {
                let sure = u32::from(*percent >= 50);
                board::show(sure | (label.bytes().fold(0, |bit, b| bit ^ u32::from(b) & 1) << 1));
            }
            _ => return Outcome::Unsupported,
        }
        Outcome::Done
    }

    /// What is sent after the answer, also after a repeated one: the host repeats
    /// what it has not got.
    fn follow_up(&mut self, command: &Command) {
        match command {
            Command::Identify | Command::Start => self.send(&self.stream_info()),
            Command::ReportStatus => self.send(&self.status()),
            Command::Export => self.export(),
            _ => {}
        }
    }

    fn export(&mut self) {
        let mut offset = 0;
        while let Some(piece) = self.head.state(offset) {
            offset += piece.bytes.len() as u32;
            self.send(&piece);
        }
    }

    fn send<P: Payload>(&mut self, payload: &P) {
        let (now_us, _) = sampler::now();
        // The fullest payloads fit; what did not would not be sent.
        if let Ok(length) = self.sender.write(now_us, payload, &mut self.wire) {
            self.wire[..length]
                .iter()
                .for_each(|&byte| board::send(byte));
        }
    }

    fn stream_info(&self) -> StreamInfo {
        let channel = |name, unit, scale| Channel {
            name: String::try_from(name).unwrap_or_default(),
            unit: String::try_from(unit).unwrap_or_default(),
            scale,
        };
        let channels = [
            channel("acc-x", "m/s2", ACCELERATION),
            channel("acc-y", "m/s2", ACCELERATION),
            channel("acc-z", "m/s2", ACCELERATION),
            channel("gyr-x", "rad/s", TURN),
            channel("gyr-y", "rad/s", TURN),
            channel("gyr-z", "rad/s", TURN),
        ];
        StreamInfo {
            device: *b"mps2-an386\0\0\0\0\0\0",
            name: String::try_from("synthetic IMU").unwrap_or_default(),
            rate_mhz: self.rate_mhz,
            channels: Vec::from_iter(channels),
        }
    }

    fn status(&self) -> Status {
        let (_, samples) = sampler::now();
        let counts = self.receiver.counts();
        Status {
            running: self.running,
            epoch: self.epoch,
            samples,
            dropped: self.samples.dropped(),
            queue_most: self.samples.most() as u16,
            frames_sent: self.sender.sent(),
            frames_received: (counts.frames + counts.repeated) as u32,
            frames_bad: (counts.damaged + counts.foreign) as u32 + self.senseless,
            bytes_dropped: uart::dropped(),
            learned: self.head.learned(),
        }
    }
}
