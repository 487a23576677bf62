//! Which parts of a clip sound.

use crate::model::Card;

/// Blocks within this of the clip's loudest one sound.
const BELOW_LOUDEST_DB: f64 = 15.0;
/// Blocks of silence between two sounding ones that belong to the sound.
const JOINED: usize = 3;

/// The power of a clip by tenths of a second.
#[derive(Debug)]
pub(super) struct Loudness {
    block: usize,
    /// Samples between embeddings, and samples of one.
    hop: usize,
    field: usize,
    is_sound: bool,
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
            is_sound: card.sensor().is_none(),
            sum: 0.0,
            samples: 0,
            blocks: Vec::new(),
            segments: Vec::new(),
            begins: 0,
            rows: 0,
        }
    }

    /// Takes samples at the card's rate.
    pub(super) fn push(&mut self, samples: &[f32]) {
        if !self.is_sound {
            return;
        }
        for &sample in samples {
            self.sum += f64::from(sample) * f64::from(sample);
            self.samples += 1;
            if self.samples == self.block {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        if self.samples > 0 {
            self.blocks.push(self.sum / self.samples as f64);
        }
        (self.sum, self.samples) = (0.0, 0);
    }

    /// Ends a segment. The clip has `rows` embeddings so far.
    pub(super) fn end_segment(&mut self, rows: usize) {
        self.end_block();
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

    /// The share of each embedding's window that sounds. Empty for a sensor, and if nothing is
    /// louder than digital silence.
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
    fn silence_and_sensors_have_no_shares() {
        let cache = Cache::at("/nowhere");
        for (card, value) in [("yamnet", 0.0), ("imu", 1.0)] {
            let mut loudness = Loudness::new(&cache.find(card).unwrap());
            loudness.push(&[value; 10_000]);
            loudness.end_segment(3);
            assert!(loudness.sounding().is_empty(), "{card}");
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
