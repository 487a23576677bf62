//! The host's side of the protocol with a device: sends requests, receives frames and counts them.
//!
//! Bytes and times are arguments. [`super::SerialSource`] owns ports and threads. A silent device
//! is asked to identify itself until it, or another device, answers.

use std::collections::VecDeque;
use std::fmt;

use firmware_bridge::{
    Acknowledge, Command, DecodeError, Frame, Kind, MAX_PAYLOAD, MAX_REQUEST, Outcome, Receiver,
    Requests, Samples, Sender, Status, StreamInfo,
};

use super::DeviceCounts;
use super::lateness::Lateness;
use super::live::drift;

/// A device that sends no frame for this time, in microseconds, counts as reset or stuck.
const SILENCE_US: u64 = 3_000_000;
/// Microseconds between two requests for a device's status.
const STATUS_EVERY_US: u64 = 5_000_000;

/// A message from a device.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "handed over once, never kept")]
pub(super) enum Heard {
    /// Its description, which it sends again after every start.
    Info(StreamInfo),
    /// Samples.
    Samples(Samples),
    /// It does not support the rate that it was asked for.
    RateRefused,
}

/// Counts of a link to a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkStatus {
    /// Whether the port is open and the device sends.
    pub connected: bool,
    /// Number of times that the port was lost, or the device was silent, and came back.
    pub reconnects: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Intact frames received.
    pub frames: u64,
    /// Frames that did not arrive. The numbers of other frames prove that they were sent.
    pub lost_frames: u64,
    /// Runs of bytes that were not a frame.
    pub damaged: u64,
    /// Intact frames of a version or kind that this program does not support.
    pub foreign: u64,
    /// The version in the latest frame of another version.
    pub foreign_version: Option<u8>,
    /// Samples received.
    pub samples: u64,
    /// Samples that the device took and that did not arrive: they were lost with their frame, or
    /// dropped by the device.
    pub lost_samples: u64,
    /// Lost samples that did not fit into the device's queue.
    pub dropped_by_device: u64,
    /// Samples that arrived and were dropped because the program fell behind.
    pub overrun_samples: u64,
    /// Median of the latest latencies beyond the fastest, from a block's last sample to its
    /// arrival, in microseconds.
    pub latency_us: u64,
    /// The highest latency so far, in microseconds.
    pub latency_most_us: u64,
    /// How much faster the device's clock runs than the host's, in parts per million. It is known
    /// after ten seconds.
    pub drift_ppm: Option<f64>,
    /// The counts in the device's latest report.
    pub device: Option<DeviceCounts>,
}

impl fmt::Display for LinkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.connected {
            true => "connected",
            false => "no connection",
        };
        write!(
            f,
            "{state}: {} samples, {} lost ({} dropped by the device, {} by us); {} frames, {} lost, \
             {} damaged; {} reconnects; latency {:.1} ms, at most {:.1}; clock drift {}",
            self.samples,
            self.lost_samples + self.overrun_samples,
            self.dropped_by_device,
            self.overrun_samples,
            self.frames,
            self.lost_frames,
            self.damaged,
            self.reconnects,
            self.latency_us as f64 / 1e3,
            self.latency_most_us as f64 / 1e3,
            drift(self.drift_ppm),
        )
    }
}

/// The protocol's state.
pub(super) struct Link {
    receiver: Receiver<MAX_PAYLOAD>,
    sender: Sender<MAX_REQUEST>,
    requests: Requests,
    waiting: VecDeque<Command>,
    /// The rate that every device is asked for, in thousandths of a hertz. `None` leaves a device
    /// at its own rate.
    rate_mhz: Option<u32>,
    /// Whether the device's description is valid for the samples that it will send.
    rate_settled: bool,
    running: bool,
    heard_at_us: u64,
    status_at_us: u64,
    info: Option<StreamInfo>,
    /// Epoch and number of the next sample.
    next: Option<(u16, u64)>,
    lateness: Lateness,
    status: LinkStatus,
}

impl Link {
    pub(super) fn new(rate_mhz: Option<u32>) -> Self {
        Self {
            rate_mhz,
            rate_settled: false,
            receiver: Receiver::new(),
            sender: Sender::new(),
            requests: Requests::new(),
            waiting: VecDeque::new(),
            running: false,
            heard_at_us: 0,
            status_at_us: 0,
            info: None,
            next: None,
            lateness: Lateness::new(),
            status: LinkStatus::default(),
        }
    }

    /// Records that the port is open, and asks the device to identify itself.
    pub(super) fn opened(&mut self, now_us: u64) {
        self.greet(now_us);
    }

    /// Records that the port is gone.
    pub(super) fn closed(&mut self) {
        if std::mem::take(&mut self.running) {
            self.status.reconnects += 1;
        }
        self.status.connected = false;
    }

    /// Asks the device to show a decision, after more urgent requests. An earlier decision that
    /// still waits is dropped.
    pub(super) fn show(&mut self, label: &str, percent: u8) {
        (self.waiting).retain(|command| !matches!(command, Command::Show { .. }));
        self.waiting.push_back(Command::show(label, percent));
    }

    /// Appends the request to stop sending samples.
    pub(super) fn stop(&mut self, now_us: u64, out: &mut Vec<u8>) {
        self.requests.abandon();
        self.waiting.clear();
        self.waiting.push_back(Command::Stop);
        self.running = false;
        self.poll(now_us, out);
    }

    /// The counts so far.
    pub(super) fn status(&self) -> LinkStatus {
        let mut status = self.status.clone();
        let counts = self.receiver.counts();
        status.bytes = counts.bytes;
        status.frames = counts.frames;
        status.lost_frames = counts.lost;
        status.damaged = counts.damaged;
        status.foreign = counts.foreign;
        status.drift_ppm = self.lateness.drift_ppm();
        status.latency_us = self.lateness.median_us();
        status.latency_most_us = self.lateness.most_us();
        status
    }

    /// Counts samples that arrived and did not fit into the program's queue.
    pub(super) fn overrun(&mut self, samples: u64) {
        self.status.overrun_samples += samples;
    }

    /// Appends the bytes that are due.
    pub(super) fn poll(&mut self, now_us: u64, out: &mut Vec<u8>) {
        if self.running && now_us.saturating_sub(self.heard_at_us) > SILENCE_US {
            self.closed();
            self.greet(now_us);
        }
        if self.running && now_us.saturating_sub(self.status_at_us) > STATUS_EVERY_US {
            self.status_at_us = now_us;
            self.waiting.push_front(Command::ReportStatus);
        }
        if self.requests.open().is_none()
            && let Some(command) = self.waiting.pop_front()
        {
            // No request is open, so this one is accepted.
            let _ = self.requests.ask(command);
        }
        if let Some(request) = self.requests.poll(now_us) {
            let mut wire = [0; Frame::<MAX_REQUEST>::MAX_ENCODED];
            if let Ok(length) = self.sender.write(now_us, request, &mut wire) {
                // A 0 first, to end any partial frame on the line.
                out.push(0);
                out.extend(wire.iter().take(length));
            }
        }
    }

    /// Takes received bytes, and passes each message to `each`.
    pub(super) fn receive(&mut self, mut bytes: &[u8], now_us: u64, mut each: impl FnMut(Heard)) {
        while let Some(result) = self.receiver.next(&mut bytes) {
            match result {
                Ok(frame) => {
                    self.heard_at_us = now_us;
                    if let Some(heard) = self.understand(&frame, now_us) {
                        each(heard);
                    }
                }
                Err(DecodeError::Version { version }) => {
                    self.status.foreign_version = Some(version);
                }
                Err(_) => {}
            }
        }
    }

    fn greet(&mut self, now_us: u64) {
        self.requests.abandon();
        self.waiting
            .retain(|command| matches!(command, Command::Show { .. }));
        self.waiting.push_front(Command::Start);
        if let Some(rate_mhz) = self.rate_mhz {
            self.waiting.push_front(Command::SetRate { rate_mhz });
        }
        self.rate_settled = self.rate_mhz.is_none();
        self.waiting.push_front(Command::Identify);
        self.heard_at_us = now_us;
    }

    fn understand(&mut self, frame: &Frame<MAX_PAYLOAD>, now_us: u64) -> Option<Heard> {
        match frame.kind {
            Kind::StreamInfo => {
                let info = frame.read::<StreamInfo>().ok()?;
                self.info = Some(info.clone());
                self.rate_settled.then_some(Heard::Info(info))
            }
            Kind::Samples => {
                let samples = frame.read::<Samples>().ok()?;
                self.count(&samples, now_us);
                Some(Heard::Samples(samples))
            }
            Kind::Acknowledge => {
                let answer = frame.read::<Acknowledge>().ok()?;
                match self.requests.answered(&answer)? {
                    (Command::Start, Outcome::Done) => {
                        self.running = true;
                        self.status.connected = true;
                        self.status_at_us = now_us;
                    }
                    (Command::SetRate { .. }, Outcome::Done) => self.rate_settled = true,
                    (Command::SetRate { .. }, _) => return Some(Heard::RateRefused),
                    _ => {}
                }
                None
            }
            Kind::Status => {
                let status = frame.read::<Status>().ok()?;
                self.status.dropped_by_device = status.dropped;
                self.status.device = Some(DeviceCounts::of(&status));
                None
            }
            _ => None,
        }
    }

    fn count(&mut self, samples: &Samples, now_us: u64) {
        let count = samples.count() as u64;
        self.status.samples += count;
        match self.next {
            Some((epoch, next)) if epoch == samples.epoch && next <= samples.first => {
                self.status.lost_samples += samples.first - next;
            }
            // The clock is another one, or was reset.
            _ => self.lateness.restart(),
        }
        self.next = Some((samples.epoch, samples.first.saturating_add(count)));
        let period_us = self
            .info
            .as_ref()
            .map_or(0.0, |info| 1e9 / f64::from(info.rate_mhz));
        let last_us = samples
            .time_us
            .saturating_add(((count - 1) as f64 * period_us) as u64);
        self.lateness.arrived(last_us, now_us);
    }
}

#[cfg(test)]
#[path = "serial_link_tests.rs"]
mod tests;
