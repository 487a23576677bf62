//! p-values by time: whether a machine drifts away from what was taught.

use afield::engine::Event;
use serde::Serialize;

/// The smallest p-value that counts. Smaller ones say no more.
const LEAST: f64 = 1e-6;

/// One block of a stream, as `listen` judges it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Block {
    /// Its beginning in seconds of the stream.
    pub start: f64,
    /// Its end.
    pub end: f64,
    /// Its p-value.
    pub p_value: f64,
    /// Whether it is an alarm.
    pub is_alarm: bool,
}

impl Block {
    /// The block of an event. `None` if its novelty is not known.
    pub fn of(event: &Event) -> Option<Self> {
        Some(Self {
            start: event.start.as_secs_f64(),
            end: event.end.as_secs_f64(),
            p_value: 1.0 - f64::from(event.novelty?),
            is_alarm: event.is_unknown(),
        })
    }
}

/// The mean of the blocks of one bucket of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrendPoint {
    /// The beginning of the bucket in seconds.
    pub start: f64,
    /// The mean of `-log10 p`; .43 is expected of what was taught.
    pub surprise: f64,
    /// The blocks in it, and those that are alarms.
    pub blocks: usize,
    /// See [`Self::blocks`].
    pub alarms: usize,
}

/// A stream by buckets of equal length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// The length of a bucket in seconds.
    pub bucket: f64,
    /// Those that have blocks.
    pub points: Vec<TrendPoint>,
}

impl Trend {
    /// The mean of `-log10 p` if p-values are uniform.
    pub const EXPECTED: f64 = std::f64::consts::LOG10_E;

    /// The means of buckets of `bucket` seconds. A block belongs to the bucket in which it begins.
    pub fn of(blocks: &[Block], bucket: f64) -> Self {
        let bucket = bucket.max(1.0);
        let number = |block: &Block| (block.start / bucket).floor();
        let mut points = Vec::new();
        for together in blocks.chunk_by(|a, b| number(a) == number(b)) {
            let surprise = |block: &Block| -block.p_value.max(LEAST).log10();
            points.push(TrendPoint {
                start: number(&together[0]) * bucket,
                surprise: together.iter().map(surprise).sum::<f64>() / together.len() as f64,
                blocks: together.len(),
                alarms: together.iter().filter(|block| block.is_alarm).count(),
            });
        }
        Self { bucket, points }
    }

    /// The same with buckets that are `times` as long.
    #[must_use]
    pub fn joined(&self, times: u32) -> Self {
        let bucket = self.bucket * f64::from(times.max(1));
        let number = |point: &TrendPoint| (point.start / bucket).floor();
        let join = |points: &[TrendPoint]| {
            let blocks = points.iter().map(|point| point.blocks).sum::<usize>();
            let sum = points.iter().map(|p| p.surprise * p.blocks as f64);
            TrendPoint {
                start: number(&points[0]) * bucket,
                surprise: sum.sum::<f64>() / blocks.max(1) as f64,
                blocks,
                alarms: points.iter().map(|point| point.alarms).sum(),
            }
        };
        let together = self.points.chunk_by(|a, b| number(a) == number(b));
        Self {
            bucket,
            points: together.map(join).collect(),
        }
    }

    /// The alarms: runs of blocks that are one, each with its beginning and end in seconds.
    pub fn alarms(blocks: &[Block]) -> Vec<(f64, f64)> {
        let runs = blocks.chunk_by(|a, b| a.is_alarm == b.is_alarm);
        let span = |run: &[Block]| Some((run.first()?.start, run.last()?.end));
        runs.filter(|run| run[0].is_alarm)
            .filter_map(span)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_averaged_by_bucket_and_alarms_in_a_row_are_one() {
        let block = |(at, p_value): (usize, f64)| Block {
            start: 120.0 * at as f64,
            end: 120.0 * (at + 1) as f64,
            p_value,
            is_alarm: p_value < 0.01,
        };
        let p_values = [0.1, 0.1, 0.001, 0.0, 0.1, 0.001, 0.1];
        let blocks: Vec<Block> = p_values.into_iter().enumerate().map(block).collect();
        let trend = Trend::of(&blocks, 240.0);
        let means: Vec<f64> = trend.points.iter().map(|point| point.surprise).collect();
        let expected = [1.0, 4.5, 2.0, 1.0];
        assert!(
            means
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{means:?}"
        );
        assert_eq!(trend.points[1].alarms, 2);
        let joined = trend.joined(2);
        assert_eq!((joined.bucket, joined.points.len()), (480.0, 2));
        assert!(
            (joined.points[0].surprise - 2.75).abs() < 1e-9,
            "{joined:?}"
        );
        assert_eq!(Trend::alarms(&blocks), [(240.0, 480.0), (600.0, 720.0)]);
    }
}
