//! Keeps the examples whose mean is nearest to the mean of their class.

use rand_chacha::ChaCha8Rng;

use super::balanced::Balanced;
use super::held::{ClassRows, Held, Shown};

/// Herding (iCaRL, Rebuffi et al. 2017), one example at a time. iCaRL chooses from all examples of
/// a class, which a stream does not have. This policy considers the stored examples and the new
/// one. It drops the example without which the mean of the rest is nearest to the mean of all
/// examples shown.
///
/// The mean comes from sums in `i64`. They are exact for every order, and removing an example is a
/// subtraction. Distances are compared in floating point in a fixed order; on a tie the first one
/// wins. There is no randomness.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Herding {
    /// Sum of the features of all examples shown, minus the removed ones: `[classes, width]`.
    /// `None` after the limit had no room for it.
    pub(super) sums: Option<Vec<i64>>,
    /// Replaces herding if there are no sums.
    pub(super) balanced: Balanced,
    scratch: Scratch,
}

/// Scratch that saves allocations; not part of the state.
#[derive(Debug, Clone, Default)]
struct Scratch {
    /// The new example in its stored form.
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

    /// Frees rows if the memory holds more than `limit`, because the sum of a new class needs
    /// space.
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
        // A class with one row less than the largest already has its share. Taking a row from
        // another class would only move the odd row between them.
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

    /// The row of a class to drop. The new row is the last candidate.
    ///
    /// Let `t` be the sum of the `m + 1` candidates and `mean` the mean of the class. Without `x`,
    /// the squared distance of the rest is `|(t - x) / m - mean|^2`. Multiplied by `m^2` and
    /// without terms that are the same for all candidates, it is `|x|^2 - 2 x (t - m mean)`.
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
        // Rows are read twice, not kept, because a class may fill the whole memory.
        let read = |slot: usize, row: &mut Vec<i16>| {
            row.clear();
            match rows.get(slot) {
                Some(&at) => held.arena.read_into(at, row),
                // The row as it would be read later.
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

/// `|x|^2 - 2 x excess`, in four sums that the processor can compute in parallel.
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

/// The largest possible sum of `seen` features.
pub(super) fn sum_bound(seen: u64) -> u64 {
    seen.saturating_mul(1 << 15)
}

fn largest(held: &Held) -> usize {
    let most = held.most();
    let found = held.classes.iter().position(|c| c.rows.len() == most);
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::rehearsal::tests::{at, of, plan, saved};
    use crate::rehearsal::{Capacity, Origin, Plan, Policy, Rehearsal, Storage};

    proptest! {
        #[test]
        fn herding_keeps_exact_sums_through_removal(
            steps in proptest::collection::vec((0_usize..3, any::<i16>(), any::<i16>()), 1..60),
            removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut memory = Rehearsal::new("herding:6".parse::<Plan>().unwrap(), 2, 0).unwrap();
            let mut left = steps;
            for &(class, x, y) in &left {
                memory.insert(&[x, y], class, Origin::default()).unwrap();
            }
            for index in removed {
                if !left.is_empty() {
                    let (class, x, y) = left.swap_remove(index.index(left.len()));
                    memory.remove(&[x, y], class).unwrap();
                }
            }
            for (class, statistics) in memory.statistics().classes.iter().enumerate() {
                let of_class = || left.iter().filter(|(c, ..)| *c == class);
                prop_assert_eq!(statistics.seen, of_class().count() as u64);
                let total = |of: fn(&(usize, i16, i16)) -> i16| {
                    of_class().map(|x| i64::from(of(x))).sum::<i64>() as f64
                };
                if let Some(length) = statistics.mean_length {
                    let wanted = total(|x| x.1).hypot(total(|x| x.2)) / statistics.seen as f64;
                    prop_assert!((length - wanted).abs() <= 1e-9 * wanted.max(1.0));
                }
            }
        }
    }

    #[test]
    fn herding_is_balanced_to_one_row_in_any_order() {
        let mut memory = of(Policy::Herding, 31, 0);
        for i in 0..5000_usize {
            // Class 0 is half of the examples; class 6 is rare.
            let class = (i.wrapping_mul(0x9e37_79b9) >> 7).leading_zeros() as usize % 7;
            memory
                .insert(&[(i * 37 % 997) as i16], class, at(1))
                .unwrap();
        }
        let held: Vec<usize> = (0..7).map(|class| memory.held(class)).collect();
        assert_eq!(held.iter().sum::<usize>(), 31);
        let seen: Vec<u64> = (0..7).map(|class| memory.seen(class)).collect();
        assert!(
            held.iter()
                .zip(&seen)
                .all(|(&h, &s)| (4..=5).contains(&h) || h as u64 == s),
            "{held:?} of {seen:?}"
        );
    }

    /// Skewed, correlated features, like embeddings after a rectifier.
    fn skewed(class: usize, i: usize) -> Vec<i16> {
        let noise = |j: usize| {
            // SplitMix64.
            let mut mixed = ((class * 7919 + i) * 1009 + j) as u64;
            for factor in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9_u64] {
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
            }
            mixed ^= mixed >> 31;
            (mixed >> 40) as f64 / (1 << 24) as f64
        };
        (0..32)
            .map(|j| {
                (3000.0 * (noise(j) * noise(100 + j / 4)) * (1 + (j + class) % 3) as f64) as i16
            })
            .collect()
    }

    #[test]
    fn herding_is_closer_to_the_class_mean_than_a_random_sample() {
        let (classes, per_class) = (4, 300);
        let shown = |policy, seed| {
            let plan = plan(policy, Capacity::Examples(40), Storage::Int8);
            let mut memory = Rehearsal::new(plan, 32, seed).unwrap();
            for class in 0..classes {
                for i in 0..per_class {
                    memory.insert(&skewed(class, i), class, at(1)).unwrap();
                }
            }
            memory
        };
        // Computed here, independently of the policy.
        let distance = |memory: &Rehearsal, class: usize| {
            let mean = |rows: &mut dyn Iterator<Item = Vec<i16>>| {
                let (mut sums, mut n) = ([0.0; 32], 0.0);
                for row in rows {
                    n += 1.0;
                    (sums.iter_mut().zip(row)).for_each(|(sum, x)| *sum += f64::from(x));
                }
                sums.map(|sum| sum / n)
            };
            let held = mean(&mut memory.examples(class));
            let all = mean(&mut (0..per_class).map(|i| skewed(class, i)));
            let squares = held.iter().zip(&all).map(|(a, b)| (a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let herding = shown(Policy::Herding, 0);
        assert_eq!(
            saved(&herding)[24..],
            saved(&shown(Policy::Herding, 9))[24..]
        );
        for class in 0..classes {
            let ours = distance(&herding, class);
            let reported = herding.statistics().classes[class].mean_distance.unwrap();
            assert!((ours - reported).abs() < 1e-6, "{ours} {reported}");
            let random: Vec<f64> = (0..20)
                .map(|seed| distance(&shown(Policy::Balanced, seed), class))
                .collect();
            let best = random.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = random.iter().sum::<f64>() / random.len() as f64;
            assert!(
                ours < best && 2.0 * ours < mean,
                "{ours} against {random:?}"
            );
        }
    }

    #[test]
    fn herding_without_room_for_sums_continues_as_balanced() {
        let plan: Plan = "herding:1000B:int8".parse().unwrap();
        let mut memory = Rehearsal::new(plan, 10, 0).unwrap();
        let mut herds = Vec::new();
        for class in 0..8 {
            for i in 0..50 {
                memory.insert(&[i; 10], class, at(1)).unwrap();
            }
            herds.push(memory.statistics().herds.unwrap());
        }
        // 6 x 80 B are less than half of 1000; 7 x 80 B are not.
        assert_eq!(herds, [true, true, true, true, true, true, false, false]);
        assert_eq!((memory.len(), memory.sums_bytes()), (1000 / 32, 0));
        // The sums were dropped; later classes use their room.
        let held: Vec<usize> = (0..8).map(|class| memory.held(class)).collect();
        assert!(held.iter().all(|&held| held >= 2), "{held:?}");
        for i in 0..2000 {
            memory.insert(&[i; 10], i as usize % 8, at(1)).unwrap();
        }
        assert_eq!(memory.len(), 1000 / 32);
        assert_eq!(memory.statistics().classes[0].mean_distance, None);
    }
}
