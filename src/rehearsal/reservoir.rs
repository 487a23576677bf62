//! A uniform random sample of everything shown.

use rand_chacha::ChaCha8Rng;

use super::chance::below;
use super::held::{Held, Shown};

/// Algorithm R (Vitter 1985, *Random Sampling with a Reservoir*) with random pairing (Gemulla,
/// Lehner & Haas 2006, *A Dip in the Reservoir*). An example after a removal takes the place of
/// the removed one, in the memory or outside it. Otherwise the sample would contain too many
/// examples from after removals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reservoir {
    /// Removed examples that were stored and that no later example has replaced.
    pub(super) removed_held: u64,
    /// As `removed_held`, for examples that were not stored.
    pub(super) removed_other: u64,
}

impl Reservoir {
    pub(super) fn insert(
        &mut self,
        held: &mut Held,
        limit: usize,
        shown: Shown<'_>,
        random: &mut ChaCha8Rng,
    ) {
        let removed = self.removed_held + self.removed_other;
        if removed > 0 {
            if below(random, removed) < self.removed_held {
                self.removed_held -= 1;
                held.push(shown, limit);
            } else {
                self.removed_other -= 1;
            }
        } else if held.len() < limit {
            held.push(shown, limit);
        } else if let Some((class, slot)) = held.nth(below(random, held.seen())) {
            held.replace(class, slot, shown);
        }
    }

    /// Whether a memory under this policy can hold `len` of `seen` examples.
    pub(super) fn explains(&self, len: usize, seen: u64, limit: usize) -> bool {
        let removed = self.removed_held.checked_add(self.removed_other);
        let ever = removed.and_then(|removed| seen.checked_add(removed));
        let kept = self.removed_held.checked_add(len as u64);
        ever.is_some() && ever.map(|ever| ever.min(limit as u64)) == kept
    }
}

#[cfg(test)]
mod tests {
    use crate::rehearsal::tests::{at, of};
    use crate::rehearsal::{Policy, Rehearsal};

    /// Checks that each of `items` is stored equally often over many seeds, within five standard
    /// deviations.
    fn assert_uniform(items: std::ops::Range<i16>, life: impl Fn(u64) -> Rehearsal) {
        const SEEDS: u64 = 4000;
        let mut held = vec![0_u32; items.end as usize];
        for seed in 0..SEEDS {
            let memory = life(seed);
            for row in (0..memory.classes()).flat_map(|class| memory.examples(class)) {
                held[row[0] as usize] += 1;
            }
        }
        let held: Vec<u32> = held.into_iter().filter(|&n| n > 0).collect();
        let mean = held.iter().sum::<u32>() as f64 / held.len() as f64;
        let share = mean / SEEDS as f64;
        let sd = (SEEDS as f64 * share * (1.0 - share)).sqrt();
        for &n in &held {
            assert!(
                (f64::from(n) - mean).abs() < 5.0 * sd,
                "{mean} +- {sd}: {held:?}"
            );
        }
    }

    #[test]
    fn the_reservoir_holds_every_example_with_equal_probability() {
        assert_uniform(0..40, |seed| {
            let mut memory = of(Policy::Reservoir, 7, seed);
            for i in 0..40 {
                memory.insert(&[i], usize::from(i > 30), at(1)).unwrap();
            }
            assert_eq!(memory.len(), 7);
            memory
        });
    }

    #[test]
    fn the_reservoir_stays_uniform_when_examples_are_removed() {
        assert_uniform(0..40, |seed| {
            let mut memory = of(Policy::Reservoir, 7, seed);
            for i in 0..20 {
                memory.insert(&[i], usize::from(i % 3 == 0), at(1)).unwrap();
            }
            for i in [0, 3, 5, 9, 12, 15, 19] {
                memory.remove(&[i], usize::from(i % 3 == 0)).unwrap();
            }
            for i in 20..25 {
                memory.insert(&[i], 0, at(1)).unwrap();
            }
            memory
        });
    }
}
