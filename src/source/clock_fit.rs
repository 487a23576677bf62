//! The drift of a device's clock against the host's, from arrival times alone.
//!
//! Each frame arrives after an unknown delay, which is never negative. The fastest frame of each
//! second has almost no extra delay. The line through these frames relates the two clocks: its
//! slope is the drift, and the delay of a frame beyond the line is its latency. The constant part
//! of the delay cannot be measured with traffic in one direction only.

/// Length of the span that one point covers at first, in microseconds of the device's clock.
const FIRST_SPAN_US: u64 = 1_000_000;
/// The most points. If there are more, each two become one, with twice the span.
const MOST_POINTS: usize = 128;
/// The fewest points that determine a slope.
const FEWEST_POINTS: usize = 10;

/// Relates the device's clock to the host's.
#[derive(Debug, Clone)]
pub(super) struct ClockFit {
    span_us: u64,
    /// The fastest arrival of each span, oldest first.
    points: Vec<Point>,
    line: Option<Line>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    device_us: u64,
    /// Host time minus device time.
    offset_us: i64,
}

/// `offset = base + slope (device - origin)`
#[derive(Debug, Clone, Copy)]
struct Line {
    origin_us: u64,
    base_us: f64,
    slope: f64,
}

impl ClockFit {
    pub(super) fn new() -> Self {
        Self {
            span_us: FIRST_SPAN_US,
            points: Vec::new(),
            line: None,
        }
    }

    /// Takes the device's time and the host's time of an arrival. Returns how much later it arrived
    /// than the fastest frame would have, in microseconds.
    pub(super) fn arrived(&mut self, device_us: u64, host_us: u64) -> u64 {
        let offset_us = host_us as i64 - device_us as i64;
        let point = Point {
            device_us,
            offset_us,
        };
        match self.points.last_mut() {
            Some(last) if device_us / self.span_us == last.device_us / self.span_us => {
                if offset_us < last.offset_us {
                    *last = point;
                }
            }
            _ => {
                self.line = self.fit();
                self.points.push(point);
                self.thin();
            }
        }
        let fastest = match self.line {
            Some(line) => line.at(device_us),
            None => {
                let offsets = self.points.iter().map(|point| point.offset_us);
                offsets.min().unwrap_or(offset_us) as f64
            }
        };
        (offset_us as f64 - fastest).max(0.0) as u64
    }

    /// How much faster the device's clock runs than the host's, in parts per million. `None` in the
    /// first ten seconds.
    pub(super) fn drift_ppm(&self) -> Option<f64> {
        Some(-self.fit()?.slope * 1e6)
    }

    fn thin(&mut self) {
        if self.points.len() <= MOST_POINTS {
            return;
        }
        self.span_us *= 2;
        let pairs = self.points.chunks(2);
        let faster = |pair: &[Point]| pair.iter().copied().min_by_key(|point| point.offset_us);
        self.points = pairs.filter_map(faster).collect();
    }

    /// Fits the points by least squares. [`Self::arrived`] calls it when a span is over.
    fn fit(&self) -> Option<Line> {
        let origin_us = self.points.first()?.device_us;
        if self.points.len() < FEWEST_POINTS {
            return None;
        }
        let n = self.points.len() as f64;
        let x = |point: &Point| (point.device_us - origin_us) as f64;
        let mean_x = self.points.iter().map(x).sum::<f64>() / n;
        let mean_y = self.points.iter().map(|p| p.offset_us as f64).sum::<f64>() / n;
        let (mut xy, mut xx) = (0.0, 0.0);
        for point in &self.points {
            let from_mean = x(point) - mean_x;
            xy += from_mean * (point.offset_us as f64 - mean_y);
            xx += from_mean * from_mean;
        }
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        Some(Line {
            origin_us,
            base_us: mean_y - slope * mean_x,
            slope,
        })
    }
}

impl Line {
    fn at(self, device_us: u64) -> f64 {
        self.base_us + self.slope * device_us.saturating_sub(self.origin_us) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Ten blocks a second for `seconds`, from a device whose clock is fast by `ppm`. The delays
    /// are 2 ms or a little more, and now and then up to 50 ms.
    fn run(ppm: f64, seconds: u64) -> (ClockFit, Vec<u64>) {
        let mut chance = ChaCha8Rng::seed_from_u64(3);
        let mut fit = ClockFit::new();
        let mut latencies = Vec::new();
        for block in 0..seconds * 10 {
            let true_us = block * 100_000;
            let device_us = (true_us as f64 * (1.0 + ppm / 1e6)) as u64 + 7_000_000;
            let late = match chance.random_bool(0.05) {
                true => chance.random_range(20_000..50_000),
                false => chance.random_range(0..3_000),
            };
            latencies.push(fit.arrived(device_us, true_us + 2_000 + late));
        }
        (fit, latencies)
    }

    #[test]
    fn drift_is_measured_despite_jitter() {
        for ppm in [-120.0, 0.0, 40.0] {
            let drift = run(ppm, 60).0.drift_ppm().unwrap();
            assert!(
                (drift - ppm).abs() < 15.0,
                "{drift} of {ppm} after a minute"
            );
            let drift = run(ppm, 1_200).0.drift_ppm().unwrap();
            assert!(
                (drift - ppm).abs() < 1.0,
                "{drift} of {ppm} after 20 minutes"
            );
        }
        assert_eq!(run(40.0, 5).0.drift_ppm(), None);
    }

    #[test]
    fn latency_is_measured_beyond_the_fastest_block_despite_drift() {
        let (_, latencies) = run(200.0, 600);
        // Without the correction for drift, the latency would be 120 ms by now.
        let mut late = latencies[3_000..].to_vec();
        late.sort_unstable();
        let (median, most) = (late[late.len() / 2], late[late.len() - 1]);
        assert!((500..3_000).contains(&median), "{median}");
        assert!((40_000..52_000).contains(&most), "{most}");
    }
}
