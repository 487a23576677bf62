//! Latency of the blocks of a live source, and drift of its clock.

use std::collections::VecDeque;

use super::clock_fit::ClockFit;

/// The number of latencies for the median.
const LATEST: usize = 64;

/// Latencies beyond that of the fastest block, and the drift of the device's clock.
#[derive(Debug)]
pub(super) struct Lateness {
    clock: ClockFit,
    latest: VecDeque<u64>,
    most_us: u64,
}

impl Lateness {
    pub(super) fn new() -> Self {
        Self {
            clock: ClockFit::new(),
            latest: VecDeque::new(),
            most_us: 0,
        }
    }

    /// Starts again, after a change or a reset of the device's clock.
    pub(super) fn restart(&mut self) {
        self.clock = ClockFit::new();
    }

    /// Takes two times of a block: the device's time of its last sample, and the host's time of its
    /// arrival.
    pub(super) fn arrived(&mut self, device_us: u64, host_us: u64) {
        let latency = self.clock.arrived(device_us, host_us);
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(latency);
        self.most_us = self.most_us.max(latency);
    }

    /// Median of the latest latencies, in microseconds.
    pub(super) fn median_us(&self) -> u64 {
        let mut latest: Vec<u64> = self.latest.iter().copied().collect();
        latest.sort_unstable();
        latest.get(latest.len() / 2).copied().unwrap_or(0)
    }

    /// The highest latency so far, in microseconds.
    pub(super) fn most_us(&self) -> u64 {
        self.most_us
    }

    /// As [`ClockFit::drift_ppm`].
    pub(super) fn drift_ppm(&self) -> Option<f64> {
        self.clock.drift_ppm()
    }
}
