//! A bounded queue between the callback of an audio device, or a thread, and the program, with its
//! counts.
//!
//! A callback must never wait. If the program falls behind by more than the queue holds, the
//! newest blocks are dropped and counted. A thread that can wait offers a block again. Their samples keep their numbers, so that the next block
//! begins after a gap. Devices and times are arguments.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use super::lateness::Lateness;
use super::live::{PATIENCE, drift};
use super::lock::lock;
use super::timeline::{Block, Timeline};
use super::{Health, SourceError};
use crate::signal::{Chunk, Micros, SampleRate};

/// Length of the queue, in blocks: six seconds at twenty a second.
pub(super) const BLOCKS_WAITING: usize = 120;

/// The program's end of the queue.
#[derive(Debug)]
pub(super) struct Capture {
    blocks: Receiver<(Block, Vec<f32>)>,
    intake: SharedIntake,
    timeline: Timeline,
}

/// The device's end of the queue, shared by all its callbacks.
pub(super) type SharedIntake = Arc<Mutex<Intake>>;

/// Takes the samples that a device's callbacks deliver.
#[derive(Debug)]
pub(super) struct Intake {
    blocks: SyncSender<(Block, Vec<f32>)>,
    rate: SampleRate,
    epoch: u16,
    next: u64,
    /// The time at which the last block arrived. Before the first block, the time at which the
    /// device was opened.
    heard_at_us: u64,
    lateness: Lateness,
    status: CaptureStatus,
    fault: Option<SourceError>,
}

/// Counts of a capture.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CaptureStatus {
    pub(super) connected: bool,
    /// Number of times that the device was lost and came back.
    pub(super) reconnects: u64,
    /// Samples that arrived.
    pub(super) samples: u64,
    /// Samples that arrived and were dropped because the program did not keep up.
    pub(super) dropped_samples: u64,
    /// Number of overflows of the system's buffer.
    pub(super) overruns: u64,
    pub(super) latency_us: u64,
    pub(super) latency_most_us: u64,
    pub(super) drift_ppm: Option<f64>,
}

/// Both ends of a queue of mono samples at `rate`.
pub(super) fn capture(rate: SampleRate) -> (SharedIntake, Capture) {
    let (sender, blocks) = sync_channel(BLOCKS_WAITING);
    let intake = Arc::new(Mutex::new(Intake {
        blocks: sender,
        rate,
        epoch: 0,
        next: 0,
        heard_at_us: 0,
        lateness: Lateness::new(),
        status: CaptureStatus::default(),
        fault: None,
    }));
    let capture = Capture {
        blocks,
        intake: Arc::clone(&intake),
        timeline: Timeline::new(rate),
    };
    (intake, capture)
}

impl Capture {
    /// Samples per second.
    pub(super) fn rate(&self) -> SampleRate {
        lock(&self.intake).rate
    }

    /// Waits for samples. After a while without any, the chunk is empty. `false` if no more samples
    /// will come.
    pub(super) fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = self.timeline.expected();
        match self.blocks.recv_timeout(PATIENCE) {
            Ok((block, samples)) => {
                chunk.start = self.timeline.advance(block);
                chunk.samples = samples;
                Ok(true)
            }
            Err(error) => match lock(&self.intake).fault.take() {
                Some(fault) => Err(fault),
                None => Ok(error == RecvTimeoutError::Timeout),
            },
        }
    }

    pub(super) fn status(&self) -> CaptureStatus {
        lock(&self.intake).status()
    }
}

impl Intake {
    /// Records that the device is open.
    pub(super) fn opened(&mut self, at_us: u64) {
        self.status.connected = true;
        self.heard_at_us = at_us;
    }

    /// Takes the next samples, which arrived at `at_us`. If the queue is full, they are dropped.
    #[cfg(any(test, feature = "mic"))]
    pub(super) fn take(&mut self, samples: Vec<f32>, at_us: u64) {
        if let Err(samples) = self.offer(samples, at_us) {
            let count = samples.len() as u64;
            self.count(count, at_us);
            self.status.dropped_samples += count;
        }
    }

    /// Takes the next samples, which arrived at `at_us`.
    ///
    /// # Errors
    /// The samples, if the queue is full.
    pub(super) fn offer(&mut self, samples: Vec<f32>, at_us: u64) -> Result<(), Vec<f32>> {
        let block = Block {
            epoch: self.epoch,
            first: self.next,
            count: samples.len() as u64,
            at_us,
        };
        if let Err(TrySendError::Full((_, samples))) = self.blocks.try_send((block, samples)) {
            return Err(samples);
        }
        // If the program's end is gone, nothing counts as lost.
        self.count(block.count, at_us);
        Ok(())
    }

    fn count(&mut self, samples: u64, at_us: u64) {
        self.next += samples;
        self.heard_at_us = at_us;
        self.status.samples += samples;
        let device_us = Micros::from_samples(self.next, self.rate).0;
        self.lateness.arrived(device_us, at_us);
    }

    /// Records an overflow of the system's buffer. The number of lost samples is unknown.
    #[cfg(any(test, feature = "mic"))]
    pub(super) fn overrun(&mut self) {
        self.status.overruns += 1;
        self.break_off();
    }

    /// Records that the device is gone.
    pub(super) fn lost(&mut self) {
        if std::mem::take(&mut self.status.connected) {
            self.status.reconnects += 1;
            self.break_off();
        }
    }

    /// Ends the capture with `fault`.
    #[cfg(any(test, feature = "mic"))]
    pub(super) fn fail(&mut self, fault: SourceError) {
        self.fault = Some(fault);
    }

    /// Samples per second.
    #[cfg(any(test, feature = "mic"))]
    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Microseconds since the last block.
    #[cfg(any(test, feature = "mic"))]
    pub(super) fn silent_us(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.heard_at_us)
    }

    fn break_off(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.lateness.restart();
    }

    fn status(&self) -> CaptureStatus {
        CaptureStatus {
            latency_us: self.lateness.median_us(),
            latency_most_us: self.lateness.most_us(),
            drift_ppm: self.lateness.drift_ppm(),
            ..self.status.clone()
        }
    }
}

impl CaptureStatus {
    pub(super) fn health(&self) -> Health {
        Health {
            connected: self.connected,
            lost_samples: self.dropped_samples,
            overruns: Some(self.overruns),
            troubles: self.dropped_samples + self.overruns + self.reconnects,
            latency_us: self.latency_us,
        }
    }
}

impl fmt::Display for CaptureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.connected {
            true => "connected",
            false => "no connection",
        };
        write!(
            f,
            "{state}: {} samples, {} dropped by us; {} overruns; {} reconnects; \
             latency {:.1} ms, at most {:.1}; clock drift {}",
            self.samples,
            self.dropped_samples,
            self.overruns,
            self.reconnects,
            self.latency_us as f64 / 1e3,
            self.latency_most_us as f64 / 1e3,
            drift(self.drift_ppm),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK_US: u64 = 50_000;

    /// Takes block number `n` of 50 ms at 1 kHz; each sample holds this number.
    fn take(intake: &SharedIntake, n: u64) {
        lock(intake).take(vec![n as f32; 50], n * BLOCK_US);
    }

    /// Stream times and numbers of all waiting blocks.
    fn read(capture: &mut Capture) -> Vec<(u64, f32)> {
        let (mut chunk, mut all) = (Chunk::default(), Vec::new());
        while capture.read(&mut chunk).unwrap() && !chunk.samples.is_empty() {
            assert_eq!(chunk.samples.len(), 50);
            all.push((chunk.start.0, chunk.samples[0]));
        }
        all
    }

    #[test]
    fn blocks_that_do_not_fit_are_counted_and_leave_a_gap() {
        let (intake, mut capture) = capture(SampleRate::new(1_000).unwrap());
        lock(&intake).opened(0);
        let waiting = BLOCKS_WAITING as u64;
        (0..waiting + 7).for_each(|n| take(&intake, n));
        let status = capture.status();
        assert_eq!(status.samples, (waiting + 7) * 50);
        assert_eq!(status.dropped_samples, 7 * 50);
        assert!(status.to_string().contains("350 dropped by us"), "{status}");
        assert_eq!(status.health().lost_samples, 350);
        let held = read(&mut capture);
        assert_eq!(held.len(), BLOCKS_WAITING);
        take(&intake, waiting + 7);
        let expected = ((waiting + 7) * BLOCK_US, (waiting + 7) as f32);
        assert_eq!(read(&mut capture), [expected], "seven blocks later");
    }

    #[test]
    fn gaps_of_overruns_and_lost_devices_are_measured_by_the_hosts_clock() {
        let rate = SampleRate::new(1_000).unwrap();
        let (intake, mut capture) = capture(rate);
        assert_eq!((capture.rate(), lock(&intake).rate()), (rate, rate));
        lock(&intake).opened(7);
        assert_eq!(lock(&intake).silent_us(9), 2);
        take(&intake, 0);
        lock(&intake).overrun();
        take(&intake, 3);
        // A device that is reported lost twice is lost once.
        lock(&intake).lost();
        lock(&intake).lost();
        assert!(!capture.status().connected);
        lock(&intake).opened(9 * BLOCK_US);
        assert_eq!(lock(&intake).silent_us(9 * BLOCK_US), 0);
        take(&intake, 10);
        take(&intake, 11);
        let starts: Vec<u64> = read(&mut capture)
            .iter()
            .map(|(at, _)| at / BLOCK_US)
            .collect();
        assert_eq!(starts, [0, 3, 10, 11]);
        let status = capture.status();
        assert_eq!((status.overruns, status.reconnects), (1, 1));
        assert_eq!(status.health().troubles, 2);
        assert!(status.connected);
    }

    #[test]
    fn a_fault_is_returned_after_the_blocks_before_it() {
        let (intake, mut capture) = capture(SampleRate::new(1_000).unwrap());
        take(&intake, 0);
        lock(&intake).fail(SourceError::stream("a test", "it failed"));
        let mut chunk = Chunk::default();
        assert!(capture.read(&mut chunk).unwrap());
        assert!(capture.read(&mut chunk).is_err());
        drop(intake);
        assert!(chunk.samples.is_empty());
    }
}
