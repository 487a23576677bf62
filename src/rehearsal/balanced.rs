//! A random sample of each class.

use rand_chacha::ChaCha8Rng;

use super::chance::below;
use super::held::{Held, Shown};

/// Class-balancing reservoir sampling (Chrysakis & Moens 2020, *Online Continual Learning from
/// Imbalanced Data*). Until the memory is full, every example is kept. After that, an example of a
/// class that was never the largest replaces a random one of the largest class. A class that was
/// once the largest is sampled like Vitter's reservoir (1985).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Balanced {
    /// Whether each class has been a largest class, possibly one of several, while the memory was
    /// full.
    pub(super) full: Vec<bool>,
}

impl Balanced {
    pub(super) fn insert(
        &mut self,
        held: &mut Held,
        limit: usize,
        shown: Shown<'_>,
        random: &mut ChaCha8Rng,
    ) {
        if held.len() < limit {
            held.push(shown, limit);
            return;
        }
        self.mark_full(held);
        if self.full[shown.class] {
            // Vitter's algorithm R within the class.
            let class = &held.classes[shown.class];
            let slot = below(random, class.seen) as usize;
            if slot < class.rows.len() {
                held.replace(shown.class, slot, shown);
            }
        } else {
            let largest = largest(held, random);
            let slot = below(random, held.classes[largest].rows.len() as u64);
            held.replace(largest, slot as usize, shown);
        }
    }

    /// Marks the largest classes of a full memory.
    pub(super) fn mark_full(&mut self, held: &Held) {
        let most = held.most();
        for (full, class) in self.full.iter_mut().zip(&held.classes) {
            *full |= class.rows.len() == most;
        }
    }
}

fn largest(held: &Held, random: &mut ChaCha8Rng) -> usize {
    let most = held.most();
    let tied = || (held.classes.iter().enumerate()).filter(|(_, c)| c.rows.len() == most);
    let nth = below(random, tied().count() as u64) as usize;
    tied().nth(nth).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use crate::rehearsal::Policy;
    use crate::rehearsal::tests::{at, of};

    #[test]
    fn old_and_new_examples_of_a_class_are_held_with_equal_probability() {
        let mut old = 0;
        for seed in 0..400 {
            let mut memory = of(Policy::Balanced, 10, seed);
            for i in 0..100 {
                memory.insert(&[i], 0, at(1)).unwrap();
            }
            old += memory.examples(0).filter(|x| x[0] < 50).count();
        }
        // 4000 held, each old with probability 1/2: sd about 30.
        assert!((1880..2120).contains(&old), "{old}");
    }
}
