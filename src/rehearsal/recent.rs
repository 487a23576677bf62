//! The latest examples.

use super::held::{Held, Shown};

/// A ring: the arena's rows in the order of their coming, from `oldest` around.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recent {
    /// The row that goes next; 0 while the ring is not full.
    pub(super) oldest: u32,
}

impl Recent {
    pub(super) fn insert(&mut self, held: &mut Held, limit: usize, shown: Shown<'_>) {
        if held.len() < limit {
            held.push(shown, limit);
        } else if let Some((class, slot)) = held.owner(self.oldest) {
            held.replace(class, slot, shown);
            self.oldest = (self.oldest + 1) % held.len() as u32;
        }
    }

    pub(super) fn free(&mut self, held: &mut Held, class: usize, slot: usize) {
        held.free_in_order(class, slot, self.oldest);
        self.oldest = 0;
    }
}
