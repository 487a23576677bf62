//! A serial line that drops, flips, duplicates, delays and cuts, by chance.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How likely each fault is, for every byte but the last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A byte gets lost.
    pub drop: f64,
    /// A bit of a byte turns over.
    pub flip: f64,
    /// A byte comes twice.
    pub duplicate: f64,
    /// A byte, and all after it, wait for a later call.
    pub delay: f64,
    /// The line is open for up to 300 bytes.
    pub cut: f64,
}

/// The line; the seed decides where faults fall.
#[derive(Debug)]
pub struct Line {
    faults: Faults,
    chance: ChaCha8Rng,
    waiting: Vec<u8>,
    cut_for: usize,
}

impl Line {
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            chance: ChaCha8Rng::seed_from_u64(seed),
            waiting: Vec::new(),
            cut_for: 0,
        }
    }

    /// Puts bytes in at one end; what comes out at the other is appended to
    /// `out`. Whether all of it came out as it went in, and all that waited with
    /// it.
    pub fn carry(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut whole = true;
        let mut arrived = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if self.cut_for > 0 {
                self.cut_for -= 1;
                whole = false;
                continue;
            }
            if self.happens(self.faults.cut) {
                self.cut_for = self.chance.random_range(0..300);
                whole = false;
                continue;
            }
            if self.happens(self.faults.drop) {
                whole = false;
                continue;
            }
            let mut byte = byte;
            if self.happens(self.faults.flip) {
                byte ^= 1 << (self.chance.next_u32() % 8);
                whole = false;
            }
            arrived.push(byte);
            if self.happens(self.faults.duplicate) {
                arrived.push(byte);
                whole = false;
            }
        }
        self.waiting.extend(&arrived);
        let through = match self.happens(self.faults.delay) {
            true => self.chance.random_range(0..=self.waiting.len()),
            false => self.waiting.len(),
        };
        out.extend(self.waiting.drain(..through));
        whole
    }

    /// What still waits, to `out`.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.waiting);
    }

    fn happens(&mut self, likely: f64) -> bool {
        likely > 0.0 && self.chance.random_bool(likely)
    }
}
