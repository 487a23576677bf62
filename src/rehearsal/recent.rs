//! The latest examples.

use super::held::{Held, Shown};

/// A ring: the arena's rows in order of arrival, from `oldest` around.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recent {
    /// The row to be replaced next; 0 while the ring is not full.
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use crate::rehearsal::tests::{at, of};
    use crate::rehearsal::{Policy, Rows};

    proptest! {
        #[test]
        fn recent_holds_the_latest_in_the_ring(
            limit in 1_usize..6,
            steps in proptest::collection::vec((0_usize..3, 0_u8..8), 1..80),
        ) {
            let mut memory = of(Policy::Recent, limit, 0);
            let mut model: VecDeque<(i16, usize)> = VecDeque::new();
            for (i, &(class, action)) in steps.iter().enumerate() {
                // Some of the removed examples were dropped long ago.
                let removed = (i / 2) as i16;
                match action {
                    0 => {
                        if let Some(place) = model.iter().position(|&x| x == (removed, class)) {
                            model.remove(place);
                        }
                        memory.remove(&[removed], class).unwrap();
                    }
                    _ => {
                        if model.len() == limit {
                            model.pop_front();
                        }
                        model.push_back((i as i16, class));
                        memory.insert(&[i as i16], class, at(i as u64)).unwrap();
                    }
                }
                let mut rows = Rows::default();
                memory.all_into(&mut rows);
                let mut held: Vec<_> = rows.features.into_iter().zip(rows.classes).collect();
                held.sort_unstable();
                let mut wanted: Vec<_> = model.iter().copied().collect();
                wanted.sort_unstable();
                prop_assert_eq!(held, wanted);
            }
        }
    }
}
