//! The examples whose mean is the class's mean.

use rand_chacha::ChaCha8Rng;

use super::balanced::Balanced;
use super::held::{ClassRows, Held, Shown};

/// Herding (iCaRL, Rebuffi et al. 2017) one example at a time: where iCaRL
/// chooses from all examples of a class, which a stream does not have, this
/// lets go, of those held and the new one, the example without which the mean
/// of the rest lies nearest to the mean of everything shown.
///
/// That mean comes from sums in `i64`: exact, whatever the order, and removing
/// an example is subtraction. Comparing distances is floating point in a fixed
/// order; ties go to the first. No randomness.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Herding {
    /// Sum of the features of everything shown, less what was removed again:
    /// `[classes, width]`. `None` once the limit had no room for it.
    pub(super) sums: Option<Vec<i64>>,
    /// Takes over when there are no sums.
    pub(super) balanced: Balanced,
    scratch: Scratch,
}

/// Kept to spare allocations; no part of the state.
#[derive(Debug, Clone, Default)]
struct Scratch {
    /// The new example as it would be stored.
    stored: Vec<u8>,
    row: Vec<i16>,
    excess: Vec<f64>,
}

impl PartialEq for Scratch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Scratch {}

impl Herding {
    pub(super) fn new() -> Self {
        Self {
            sums: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// The sum of one class.
    pub(super) fn sum(&self, class: usize, width: usize) -> Option<&[i64]> {
        self.sums.as_ref()?.chunks_exact(width).nth(class)
    }

    pub(super) fn count(&mut self, shown: Shown<'_>) {
        self.accumulate(shown.features, shown.class, 1);
    }

    pub(super) fn uncount(&mut self, features: &[i16], class: usize) {
        self.accumulate(features, class, -1);
    }

    fn accumulate(&mut self, features: &[i16], class: usize, sign: i64) {
        let sums = self.sums.iter_mut().flatten();
        for (sum, &x) in sums.skip(class * features.len()).zip(features) {
            *sum += sign * i64::from(x);
        }
    }

    pub(super) fn remove_class(&mut self, class: usize, width: usize) {
        if let Some(sums) = &mut self.sums {
            sums.drain(class * width..(class + 1) * width);
            sums.shrink_to_fit();
        }
    }

    /// Makes room where the memory holds more than `limit`, because a new class
    /// brought its sum.
    pub(super) fn shrink(&mut self, held: &mut Held, limit: usize, width: usize) {
        while held.len() > limit {
            let class = largest(held);
            let slot = self.spared(held, class, None, width);
            held.free(class, slot);
        }
        held.arena.shrink_to(limit);
    }

    pub(super) fn insert(
        &mut self,
        held: &mut Held,
        limit: usize,
        shown: Shown<'_>,
        random: &mut ChaCha8Rng,
    ) {
        if self.sums.is_none() {
            return self.balanced.insert(held, limit, shown, random);
        }
        if held.len() < limit {
            return held.push(shown, limit);
        }
        self.balanced.mark_full(held);
        let (own, width) = (held.classes[shown.class].rows.len(), shown.features.len());
        // A class one short of the largest has its share already: taking from
        // another would only pass the odd row around.
        if own == 0 || own + 1 < held.most() {
            let class = largest(held);
            let slot = self.spared(held, class, None, width);
            held.replace(class, slot, shown);
        } else {
            let slot = self.spared(held, shown.class, Some(shown.features), width);
            if slot < own {
                held.replace(shown.class, slot, shown);
            }
        }
    }

    /// Which row of a class can best be spared, the new one being the last.
    ///
    /// With `t` the sum of the `m + 1` candidates and `mean` the class's, what
    /// is left without `x` has the squared distance `|(t - x) / m - mean|^2`.
    /// Times `m^2` and without what is the same for all, that is
    /// `|x|^2 - 2 x (t - m mean)`.
    fn spared(&mut self, held: &Held, class: usize, new: Option<&[i16]>, width: usize) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        let Scratch {
            stored,
            row,
            excess,
        } = &mut scratch;
        if let Some(new) = new {
            held.arena.encode_into(new, stored);
        }
        let ClassRows { seen, rows } = &held.classes[class];
        let candidates = rows.len() + usize::from(new.is_some());
        // Read twice rather than kept: a class may be the whole memory.
        let read = |slot: usize, row: &mut Vec<i16>| {
            row.clear();
            match rows.get(slot) {
                Some(&at) => held.arena.read_into(at, row),
                // As it would be read again.
                None => held.arena.storage().decode_into(stored, row),
            }
        };
        excess.clear();
        excess.resize(width, 0.0);
        for slot in 0..candidates {
            read(slot, row);
            for (excess, &x) in excess.iter_mut().zip(&*row) {
                *excess += f64::from(x);
            }
        }
        let share = candidates.saturating_sub(1) as f64 / (*seen).max(1) as f64;
        let sum = self.sum(class, width).unwrap_or(&[]);
        for (excess, &sum) in excess.iter_mut().zip(sum) {
            *excess -= share * sum as f64;
        }
        let mut best = (f64::INFINITY, 0);
        for slot in 0..candidates {
            read(slot, row);
            let cost = cost(row, excess);
            if cost < best.0 {
                best = (cost, slot);
            }
        }
        self.scratch = scratch;
        best.1
    }
}

/// `|x|^2 - 2 x excess`, in four sums that the processor can work on at once.
fn cost(x: &[i16], excess: &[f64]) -> f64 {
    let term = |x: i16, excess: f64| f64::from(x) * (f64::from(x) - 2.0 * excess);
    let mut sums = [0.0; 4];
    let (fours, rest) = x.as_chunks::<4>();
    let (excess_fours, excess_rest) = excess.as_chunks::<4>();
    for (x, excess) in fours.iter().zip(excess_fours) {
        for lane in 0..4 {
            sums[lane] += term(x[lane], excess[lane]);
        }
    }
    let tail: f64 = (rest.iter().zip(excess_rest))
        .map(|(&x, &excess)| term(x, excess))
        .sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// What `seen` features can add up to.
pub(super) fn sum_bound(seen: u64) -> u64 {
    seen.saturating_mul(1 << 15)
}

fn largest(held: &Held) -> usize {
    let most = held.most();
    let found = held.classes.iter().position(|c| c.rows.len() == most);
    found.unwrap_or(0)
}
