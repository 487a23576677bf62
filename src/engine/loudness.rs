//! Which parts of a clip sound, or move.
//!
//! For sound, the power of a tenth of a second is its mean square. For a sensor, it is the variance
//! of the second around it, summed over the channels, each in deviations of the card: a device that
//! lies still has gravity, and does not move.

use std::collections::VecDeque;

use crate::model::Card;

/// Blocks within this of the clip's loudest one sound.
const BELOW_LOUDEST_DB: f64 = 15.0;
/// Blocks of silence between two sounding ones that belong to the sound.
const JOINED: usize = 3;
/// Blocks over which the variance of a sensor is taken, and how many of them follow the block whose
/// power it is.
const AROUND: usize = 10;
const AFTER: usize = 5;

/// The power of a clip by tenths of a second.
#[derive(Debug)]
pub(super) struct Loudness {
    block: usize,
    /// Samples between embeddings, and samples of one.
    hop: usize,
    field: usize,
    motion: Option<Motion>,
    /// The current block: its sum of squares, and its samples so far.
    sum: f64,
    samples: usize,
    /// Mean squares of the blocks of all segments.
    blocks: Vec<f64>,
    /// The first block and the number of embeddings of each segment that has ended.
    segments: Vec<(usize, usize)>,
    begins: usize,
    rows: usize,
}

impl Loudness {
    pub(super) fn new(card: &Card) -> Self {
        Self {
            block: (card.sample_rate.hz() as usize / 10).max(1),
            hop: card.hop_samples(),
            field: card.receptive_field_samples(),
            motion: card.sensor().map(|_| Motion::new(card)),
            sum: 0.0,
            samples: 0,
            blocks: Vec::new(),
            segments: Vec::new(),
            begins: 0,
            rows: 0,
        }
    }

    /// Takes samples at the card's rate, all channels of one after the other.
    pub(super) fn push(&mut self, samples: &[f32]) {
        let channels = self.motion.as_ref().map_or(1, Motion::channels);
        for values in samples.chunks_exact(channels) {
            match &mut self.motion {
                Some(motion) => motion.push(values),
                None => self.sum += f64::from(values[0]) * f64::from(values[0]),
            }
            self.samples += 1;
            if self.samples == self.block {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        if self.samples > 0 {
            let power = match &mut self.motion {
                Some(motion) => motion.end_block(),
                None => Some(self.sum / self.samples as f64),
            };
            self.blocks.extend(power);
        }
        (self.sum, self.samples) = (0.0, 0);
    }

    /// Ends a segment. The clip has `rows` embeddings so far.
    pub(super) fn end_segment(&mut self, rows: usize) {
        self.end_block();
        if let Some(motion) = &mut self.motion {
            motion.end_segment(&mut self.blocks);
        }
        self.segments.push((self.begins, rows - self.rows));
        (self.begins, self.rows) = (self.blocks.len(), rows);
    }

    /// Embeddings so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The root of the mean square of all that sounds; 0 for digital silence.
    pub(super) fn level(&self) -> f64 {
        let loudest = self.blocks.iter().copied().fold(0.0, f64::max);
        let enough = loudest * 10_f64.powf(-BELOW_LOUDEST_DB / 10.0);
        let sounding = self.blocks.iter().filter(|&&power| power >= enough);
        let (sum, count) = sounding.fold((0.0, 0), |(sum, count), power| (sum + power, count + 1));
        (sum / f64::from(count.max(1))).sqrt()
    }

    /// The share of each embedding's window that sounds or moves. Empty if nothing is louder than
    /// digital silence, or all values of a sensor are equal.
    pub(super) fn sounding(&self) -> Vec<f32> {
        let loudest = self.blocks.iter().copied().fold(0.0, f64::max);
        if loudest == 0.0 {
            return Vec::new();
        }
        let enough = loudest * 10_f64.powf(-BELOW_LOUDEST_DB / 10.0);
        let mut shares = Vec::with_capacity(self.rows);
        let ends = self.segments.iter().skip(1).map(|&(begins, _)| begins);
        let ends = ends.chain([self.blocks.len()]);
        for (&(begins, rows), end) in self.segments.iter().zip(ends) {
            let blocks = self.blocks.get(begins..end).unwrap_or_default();
            let mut sounds: Vec<bool> = blocks.iter().map(|&power| power >= enough).collect();
            join(&mut sounds);
            shares.extend((0..rows).map(|row| {
                let from = (row * self.hop / self.block).min(sounds.len());
                let to = (row * self.hop + self.field).div_ceil(self.block);
                let blocks = &sounds[from..to.clamp(from, sounds.len())];
                let count = blocks.iter().filter(|&&sounds| sounds).count();
                count as f32 / (to - from).max(1) as f32
            }));
        }
        shares
    }
}

/// The variance of a sensor's values, block by block.
#[derive(Debug)]
struct Motion {
    /// One over the square of the deviation of each channel.
    weights: Vec<f64>,
    /// The current block.
    sums: Sums,
    /// The latest blocks, up to [`AROUND`].
    latest: VecDeque<Sums>,
    /// The latest blocks that have no power yet.
    ahead: usize,
}

/// The number of samples, and the sum and the sum of squares of each channel.
#[derive(Debug, Clone)]
struct Sums {
    count: f64,
    sums: Vec<(f64, f64)>,
}

impl Sums {
    fn of(channels: usize) -> Self {
        Self {
            count: 0.0,
            sums: vec![(0.0, 0.0); channels],
        }
    }
}

impl Motion {
    fn new(card: &Card) -> Self {
        let channels = card.sensor().map_or(&[][..], |sensor| &sensor.channels);
        let weight = |deviation: f32| 1.0 / (f64::from(deviation) * f64::from(deviation));
        let weights: Vec<f64> = channels.iter().map(|c| weight(c.deviation)).collect();
        Self {
            sums: Sums::of(weights.len()),
            weights,
            latest: VecDeque::new(),
            ahead: 0,
        }
    }

    fn channels(&self) -> usize {
        self.weights.len().max(1)
    }

    fn push(&mut self, values: &[f32]) {
        self.sums.count += 1.0;
        for ((sum, squares), &value) in self.sums.sums.iter_mut().zip(values) {
            *sum += f64::from(value);
            *squares += f64::from(value) * f64::from(value);
        }
    }

    /// Ends a block. Returns the power of the block before it whose surroundings are now complete.
    fn end_block(&mut self) -> Option<f64> {
        if self.latest.len() == AROUND {
            self.latest.pop_front();
        }
        let empty = Sums::of(self.weights.len());
        (self.latest).push_back(std::mem::replace(&mut self.sums, empty));
        self.ahead += 1;
        if self.ahead <= AFTER {
            return None;
        }
        self.ahead -= 1;
        Some(self.power())
    }

    /// The power of the blocks that are left.
    fn end_segment(&mut self, blocks: &mut Vec<f64>) {
        for _ in 0..self.ahead {
            if self.latest.len() > AFTER {
                self.latest.pop_front();
            }
            blocks.push(self.power());
        }
        self.ahead = 0;
        self.latest.clear();
    }

    /// The variance of the latest blocks.
    fn power(&self) -> f64 {
        let count: f64 = self.latest.iter().map(|block| block.count).sum();
        let of = |channel: usize| {
            let blocks = self.latest.iter().filter_map(|b| b.sums.get(channel));
            let (sum, squares) = blocks.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
            let mean = sum / count;
            // Rounding must not move what lies still.
            let least = f64::from(f32::EPSILON) * mean * mean;
            Some(squares / count - mean * mean).filter(|&variance| variance > least)
        };
        let weighted = self.weights.iter().enumerate();
        weighted
            .map(|(channel, weight)| weight * of(channel).unwrap_or(0.0))
            .sum()
    }
}

/// Fills short silences between two sounding blocks.
fn join(sounds: &mut [bool]) {
    let mut latest: Option<usize> = None;
    for at in 0..sounds.len() {
        if !sounds[at] {
            continue;
        }
        if let Some(before) = latest
            && at - before <= JOINED + 1
        {
            sounds[before..at].fill(true);
        }
        latest = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cache;

    #[test]
    fn windows_of_the_sound_are_told_from_those_of_silence() {
        let card = Cache::at("/nowhere").find("yamnet").unwrap();
        let mut loudness = Loudness::new(&card);
        let rate = card.sample_rate.hz() as usize;
        // Two seconds of faint noise, one of sound, two of faint noise.
        let at = |i: usize| match i / rate {
            2 => 0.5,
            _ => 0.001,
        };
        let samples: Vec<f32> = (0..5 * rate).map(at).collect();
        samples.chunks(777).for_each(|part| loudness.push(part));
        loudness.end_segment(9);
        let shares = loudness.sounding();
        assert_eq!(shares.len(), 9);
        assert!(shares[4] > 0.8, "{shares:?}");
        assert!(shares[0] == 0.0 && shares[8] == 0.0, "{shares:?}");
        assert!(shares[3] > 0.3 && shares[5] > 0.3, "{shares:?}");
    }

    #[test]
    fn silence_and_a_sensor_that_lies_still_have_no_shares() {
        let cache = Cache::at("/nowhere");
        for (card, value) in [("yamnet", 0.0), ("imu", 1.1)] {
            let mut loudness = Loudness::new(&cache.find(card).unwrap());
            loudness.push(&[value; 10_002]);
            loudness.end_segment(3);
            assert!(loudness.sounding().is_empty(), "{card}");
        }
    }

    #[test]
    fn windows_of_a_movement_are_told_from_those_of_rest() {
        let card = Cache::at("/nowhere").find("imu").unwrap();
        // Four seconds of rest with noise, four of a movement about gravity, four of rest; twice.
        let mut samples = Vec::new();
        for i in 0..600 {
            let seconds = f64::from(i) / 50.0;
            let noise = 0.004 * f64::from((i * 7_919) % 17 - 8);
            let moves = f64::from(u8::from((4.0..8.0).contains(&seconds)));
            let angle = 0.4 + 0.5 * moves * (seconds * 6.0).sin();
            let turn = 3.0 * moves * (seconds * 6.0).cos();
            let values = [angle.cos(), angle.sin(), 0.0, 0.0, 0.0, turn];
            samples.extend(values.map(|value| (value + noise) as f32));
        }
        let mut loudness = Loudness::new(&card);
        let rows = 1 + (600 - card.receptive_field_samples()) / card.hop_samples();
        for segment in 1..=2 {
            samples.chunks(6 * 31).for_each(|part| loudness.push(part));
            loudness.end_segment(segment * rows);
        }
        let shares = loudness.sounding();
        assert_eq!(shares.len(), 2 * rows);
        for shares in shares.chunks(rows) {
            let at = |seconds: f64| shares[(seconds / 0.16) as usize];
            assert!(at(5.0) == 1.0 && at(7.0) == 1.0, "{shares:?}");
            assert!(at(2.0) == 0.0 && at(10.0) == 0.0, "{shares:?}");
        }
    }

    #[test]
    fn short_silences_belong_to_the_sound() {
        let mut sounds = [
            true, false, false, false, true, false, false, false, false, true,
        ];
        join(&mut sounds);
        let expected = [
            true, true, true, true, true, false, false, false, false, true,
        ];
        assert_eq!(sounds, expected);
    }
}
