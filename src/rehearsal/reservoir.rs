//! The class-balanced reservoir.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Capacity, RehearsalError};

/// A bounded, class-balanced random sample of everything it was shown.
///
/// Class-balancing reservoir sampling (Chrysakis & Moens 2020, *Online
/// Continual Learning from Imbalanced Data*): while there is room every example
/// is kept; then an example of a class that was never the largest replaces a
/// random one of the largest class, and a class that was is sampled like
/// Vitter's reservoir (1985). The result depends on the seed and on what was
/// shown, in order, and on nothing else; randomness is a ChaCha8 stream per
/// event, so its whole state is a counter.
///
/// ```
/// use afield::rehearsal::{Capacity, Rehearsal};
/// let mut memory = Rehearsal::new(Capacity::Examples(4), 2, 7)?;
/// for i in 0..100 {
///     memory.insert(&[i, -i], usize::from(i >= 90))?;
/// }
/// assert_eq!((memory.len(), memory.held(0), memory.held(1)), (4, 2, 2));
/// # Ok::<(), afield::rehearsal::RehearsalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    pub(super) width: usize,
    pub(super) limit: usize,
    seed: u64,
    /// Examples shown so far; numbers the random streams.
    pub(super) shown: u64,
    /// Row-major examples, `[len, width]`, in no particular order.
    pub(super) features: Vec<i16>,
    pub(super) classes: Vec<ClassRows>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClassRows {
    /// Examples of this class shown so far, less those removed again.
    pub(super) seen: u64,
    /// Whether it has been (one of) the largest while the memory was full.
    pub(super) full: bool,
    /// Its rows in `features`.
    pub(super) rows: Vec<u32>,
}

impl Rehearsal {
    /// An empty memory for examples of `width` features.
    ///
    /// # Errors
    /// [`RehearsalError::TooSmall`] when the capacity does not hold one example,
    /// [`RehearsalError::Width`] when `width` is 0.
    pub fn new(capacity: Capacity, width: usize, seed: u64) -> Result<Self, RehearsalError> {
        if width == 0 {
            return Err(RehearsalError::Width {
                expected: 1,
                actual: 0,
            });
        }
        let example = Self::example_bytes(width);
        let limit = match capacity {
            Capacity::None => 0,
            Capacity::Examples(n) => n,
            Capacity::Bytes(limit) if limit < example => {
                return Err(RehearsalError::TooSmall { limit, example });
            }
            Capacity::Bytes(limit) => limit / example,
        };
        Ok(Self {
            width,
            limit: limit.min(u32::MAX as usize),
            seed,
            shown: 0,
            features: Vec::new(),
            classes: Vec::new(),
        })
    }

    /// What one example occupies, in bytes: its features and its place in the
    /// list of its class.
    pub fn example_bytes(width: usize) -> usize {
        width.saturating_mul(size_of::<i16>()) + size_of::<u32>()
    }

    /// Examples held.
    pub fn len(&self) -> usize {
        self.classes.iter().map(|class| class.rows.len()).sum()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Examples it holds at most.
    pub fn capacity(&self) -> usize {
        self.limit
    }

    /// Bytes of the examples held.
    pub fn bytes(&self) -> usize {
        self.len() * Self::example_bytes(self.width)
    }

    /// Classes it has met.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Examples held of one class; 0 for a class it has not met.
    pub fn held(&self, class: usize) -> usize {
        self.classes.get(class).map_or(0, |class| class.rows.len())
    }

    /// Examples of one class it was shown, less those removed again.
    pub fn seen(&self, class: usize) -> u64 {
        self.classes.get(class).map_or(0, |class| class.seen)
    }

    /// The examples held of one class.
    pub fn examples(&self, class: usize) -> impl Iterator<Item = &[i16]> {
        let rows = self.classes.get(class).map_or(&[][..], |c| &c.rows);
        rows.iter().map(|&row| self.row(row))
    }

    /// Shows one example; the memory decides what to keep.
    ///
    /// # Errors
    /// [`RehearsalError::Width`]; nothing has changed then.
    pub fn insert(&mut self, features: &[i16], class: usize) -> Result<(), RehearsalError> {
        self.check_width(features)?;
        if class >= self.classes.len() {
            self.classes.resize_with(class + 1, ClassRows::default);
        }
        let mut random = self.stream(2 * self.shown);
        self.shown += 1;
        self.classes[class].seen += 1;
        if self.limit == 0 {
            return Ok(());
        }
        let len = self.len();
        if len < self.limit {
            self.reserve(len);
            self.features.extend_from_slice(features);
            self.classes[class].rows.push(len as u32);
            return Ok(());
        }
        self.mark_full();
        let row = if self.classes[class].full {
            // Vitter's algorithm R within the class.
            let slot = below(&mut random, self.classes[class].seen);
            match self.classes[class].rows.get(slot as usize) {
                Some(&row) => row,
                None => return Ok(()),
            }
        } else {
            let largest = self.largest(&mut random);
            let slot = below(&mut random, self.classes[largest].rows.len() as u64);
            let row = self.classes[largest].rows.swap_remove(slot as usize);
            self.classes[class].rows.push(row);
            row
        };
        let start = row as usize * self.width;
        self.features[start..start + self.width].copy_from_slice(features);
        Ok(())
    }

    /// Removes one example equal to `features` and counts it as never shown.
    /// Returns whether it was held.
    ///
    /// # Errors
    /// [`RehearsalError::Width`]; nothing has changed then.
    pub fn remove(&mut self, features: &[i16], class: usize) -> Result<bool, RehearsalError> {
        self.check_width(features)?;
        let Some(rows) = self.classes.get_mut(class) else {
            return Ok(false);
        };
        rows.seen = rows.seen.saturating_sub(1);
        let slot = self.classes[class]
            .rows
            .iter()
            .position(|&row| self.row(row) == features);
        if let Some(slot) = slot {
            self.free(class, slot);
        }
        Ok(slot.is_some())
    }

    /// Forgets a class; classes after it move down by one.
    pub fn remove_class(&mut self, class: usize) {
        if class >= self.classes.len() {
            return;
        }
        while let Some(slot) = self.classes[class].rows.len().checked_sub(1) {
            self.free(class, slot);
        }
        self.classes.remove(class);
    }

    /// Appends `n` rows to `features` and their classes to `classes`: each of a
    /// class drawn uniformly, then of an example drawn uniformly within it, with
    /// replacement. Appends nothing when nothing is held. Pure: the same `draw`
    /// number gives the same rows.
    pub fn draw_into(
        &self,
        n: usize,
        draw: u64,
        features: &mut Vec<i16>,
        classes: &mut Vec<usize>,
    ) {
        let holding = self.classes.iter().filter(|c| !c.rows.is_empty()).count();
        if holding == 0 {
            return;
        }
        let mut random = self.stream(2 * draw + 1);
        for _ in 0..n {
            let nth = below(&mut random, holding as u64) as usize;
            let drawn = (self.classes.iter().enumerate())
                .filter(|(_, class)| !class.rows.is_empty())
                .nth(nth);
            if let Some((index, class)) = drawn {
                let slot = below(&mut random, class.rows.len() as u64) as usize;
                features.extend_from_slice(self.row(class.rows[slot]));
                classes.push(index);
            }
        }
    }

    /// Appends everything held, class by class.
    pub fn all_into(&self, features: &mut Vec<i16>, classes: &mut Vec<usize>) {
        for (index, class) in self.classes.iter().enumerate() {
            for &row in &class.rows {
                features.extend_from_slice(self.row(row));
                classes.push(index);
            }
        }
    }

    fn row(&self, row: u32) -> &[i16] {
        let start = row as usize * self.width;
        &self.features[start..start + self.width]
    }

    fn check_width(&self, features: &[i16]) -> Result<(), RehearsalError> {
        if features.len() == self.width {
            return Ok(());
        }
        Err(RehearsalError::Width {
            expected: self.width,
            actual: features.len(),
        })
    }

    /// Grows by doubling, yet never beyond the limit, which is the promise.
    fn reserve(&mut self, len: usize) {
        if self.features.len() + self.width > self.features.capacity() {
            let rows = (2 * len).clamp(1, self.limit) - len;
            self.features.reserve_exact(rows.max(1) * self.width);
        }
    }

    fn stream(&self, number: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number);
        random
    }

    fn mark_full(&mut self) {
        let most = self.classes.iter().map(|c| c.rows.len()).max().unwrap_or(0);
        for class in &mut self.classes {
            class.full |= class.rows.len() == most;
        }
    }

    fn largest(&self, random: &mut ChaCha8Rng) -> usize {
        let most = self.classes.iter().map(|c| c.rows.len()).max().unwrap_or(0);
        let tied = || (self.classes.iter().enumerate()).filter(|(_, c)| c.rows.len() == most);
        let nth = below(random, tied().count() as u64) as usize;
        tied().nth(nth).map_or(0, |(index, _)| index)
    }

    /// Frees a row by moving the last row of the arena into it.
    fn free(&mut self, class: usize, slot: usize) {
        let freed = self.classes[class].rows.swap_remove(slot) as usize;
        let last = self.features.len() / self.width - 1;
        if freed != last {
            let start = last * self.width;
            (self.features).copy_within(start..start + self.width, freed * self.width);
            let moved = (self.classes.iter_mut())
                .flat_map(|class| class.rows.iter_mut())
                .find(|row| **row as usize == last);
            if let Some(row) = moved {
                *row = freed as u32;
            }
        }
        self.features.truncate(last * self.width);
    }
}

/// A number in `0..n`, by Lemire's multiplication; the bias is below `n / 2^64`.
fn below(random: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn memory(limit: usize, seed: u64) -> Rehearsal {
        Rehearsal::new(Capacity::Examples(limit), 1, seed).unwrap()
    }

    #[test]
    fn a_class_streamed_later_gets_its_equal_share() {
        let mut memory = memory(30, 5);
        for class in 0..3 {
            for i in 0..1000 {
                memory.insert(&[i], class).unwrap();
            }
        }
        let held: Vec<usize> = (0..3).map(|class| memory.held(class)).collect();
        assert_eq!(held, [10, 10, 10]);
    }

    #[test]
    fn within_a_class_old_and_new_examples_are_held_alike() {
        let mut old = 0;
        for seed in 0..400 {
            let mut memory = memory(10, seed);
            for i in 0..100 {
                memory.insert(&[i], 0).unwrap();
            }
            old += memory.examples(0).filter(|x| x[0] < 50).count();
        }
        // 4000 held, each old with probability 1/2: sd about 30.
        assert!((1880..2120).contains(&old), "{old}");
    }

    #[test]
    fn a_limit_in_bytes_is_never_passed() {
        let mut memory = Rehearsal::new(Capacity::Bytes(1000), 10, 0).unwrap();
        for i in 0..500 {
            memory.insert(&[i; 10], i as usize % 7).unwrap();
            assert!(memory.bytes() <= 1000);
            assert!(memory.features.capacity() * 2 <= 1000);
        }
        assert_eq!(memory.len(), 1000 / 24);
        let error = Rehearsal::new(Capacity::Bytes(23), 10, 0).unwrap_err();
        let (limit, example) = (23, 24);
        assert_eq!(error, RehearsalError::TooSmall { limit, example });
    }

    #[test]
    fn draws_are_balanced_over_classes_however_few_a_class_holds() {
        let mut memory = memory(100, 3);
        for i in 0..90 {
            memory.insert(&[i], 0).unwrap();
        }
        memory.insert(&[500], 1).unwrap();
        let (mut features, mut classes) = (Vec::new(), Vec::new());
        memory.draw_into(1000, 9, &mut features, &mut classes);
        let ones = classes.iter().filter(|&&class| class == 1).count();
        assert!((420..580).contains(&ones), "{ones}");
        assert!((features.iter().zip(&classes)).all(|(&x, &class)| (x == 500) == (class == 1)));
        let mut again = Vec::new();
        memory.draw_into(1000, 9, &mut again, &mut Vec::new());
        assert_eq!(features, again);
    }

    proptest! {
        #[test]
        fn every_row_belongs_to_the_class_it_came_with(
            limit in 1_usize..12,
            seed: u64,
            steps in proptest::collection::vec((0_usize..5, 0_u8..10), 1..120),
        ) {
            let mut memory = memory(limit, seed);
            // The value names its class: class * 100 + i % 100.
            for (i, &(class, action)) in steps.iter().enumerate() {
                let value = (class * 100 + i % 100) as i16;
                match action {
                    0 => {
                        let held = memory.examples(class).next().map(|x| x[0]);
                        let removed = memory.remove(&[held.unwrap_or(-1)], class).unwrap();
                        prop_assert_eq!(removed, held.is_some());
                    }
                    _ => memory.insert(&[value], class).unwrap(),
                }
                prop_assert!(memory.len() <= limit);
                prop_assert_eq!(memory.features.len(), memory.len());
                for class in 0..5 {
                    for x in memory.examples(class) {
                        prop_assert_eq!(x[0] as usize / 100, class);
                    }
                }
            }
        }
    }
}
