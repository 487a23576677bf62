//! A uniform random sample of everything shown.

use rand_chacha::ChaCha8Rng;

use super::chance::below;
use super::held::{Held, Shown};

/// Algorithm R (Vitter 1985, *Random Sampling with a Reservoir*) with random
/// pairing (Gemulla, Lehner & Haas 2006, *A Dip in the Reservoir*): an example
/// that comes after a removal takes the place of the removed one, in the memory
/// or outside it. Without it the sample would lean towards what came after
/// removals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reservoir {
    /// Removed examples that were held and that no later one stands in for.
    pub(super) removed_held: u64,
    /// The same of examples that were not held.
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

    /// Whether this is how a memory comes to hold `len` of `seen` examples.
    pub(super) fn explains(&self, len: usize, seen: u64, limit: usize) -> bool {
        let removed = self.removed_held.checked_add(self.removed_other);
        let ever = removed.and_then(|removed| seen.checked_add(removed));
        let kept = self.removed_held.checked_add(len as u64);
        ever.is_some() && ever.map(|ever| ever.min(limit as u64)) == kept
    }
}
