//! The stored examples by class. Every policy works on this.

use super::arena::Arena;
use super::{Origin, Storage};

/// Rows, and the class of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) arena: Arena,
    pub(super) classes: Vec<ClassRows>,
}

/// The rows of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClassRows {
    /// Examples shown of this class, minus the removed ones.
    pub(super) seen: u64,
    /// Its rows in the arena, in no particular order.
    pub(super) rows: Vec<u32>,
}

/// A new example.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) features: &'a [i16],
    pub(super) class: usize,
    pub(super) origin: Origin,
}

impl Held {
    pub(super) fn new(storage: Storage, width: usize) -> Self {
        Self {
            arena: Arena::new(storage, width),
            classes: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.arena.len()
    }

    /// Examples shown of all classes, minus the removed ones.
    pub(super) fn seen(&self) -> u64 {
        self.classes.iter().map(|class| class.seen).sum()
    }

    /// Number of rows of the largest class.
    pub(super) fn most(&self) -> usize {
        self.classes.iter().map(|c| c.rows.len()).max().unwrap_or(0)
    }

    /// Class and slot of the `nth` row, counted class by class.
    pub(super) fn nth(&self, nth: u64) -> Option<(usize, usize)> {
        let mut left = nth;
        for (index, class) in self.classes.iter().enumerate() {
            let held = class.rows.len() as u64;
            if left < held {
                return Some((index, left as usize));
            }
            left -= held;
        }
        None
    }

    /// Class and slot of an arena row.
    pub(super) fn owner(&self, row: u32) -> Option<(usize, usize)> {
        let slot_in = |class: &ClassRows| class.rows.iter().position(|&r| r == row);
        (self.classes.iter().enumerate()).find_map(|(i, class)| Some((i, slot_in(class)?)))
    }

    pub(super) fn push(&mut self, shown: Shown<'_>, limit: usize) {
        let row = self.arena.push(shown.features, shown.origin, limit);
        self.classes[shown.class].rows.push(row);
    }

    /// Stores an example in place of an existing row.
    pub(super) fn replace(&mut self, class: usize, slot: usize, shown: Shown<'_>) {
        let row = match class == shown.class {
            true => self.classes[class].rows[slot],
            false => {
                let row = self.classes[class].rows.swap_remove(slot);
                self.classes[shown.class].rows.push(row);
                row
            }
        };
        self.arena.write(row, shown.features, shown.origin);
    }

    /// Frees a row. The last row of the arena moves into its place.
    pub(super) fn free(&mut self, class: usize, slot: usize) {
        let freed = self.classes[class].rows.swap_remove(slot);
        let last = self.arena.len() as u32 - 1;
        self.arena.swap_remove(freed);
        if freed == last {
            return;
        }
        let mut rows = self.classes.iter_mut().flat_map(|c| c.rows.iter_mut());
        if let Some(row) = rows.find(|row| **row == last) {
            *row = freed;
        }
    }

    /// Frees a row and renumbers the others from row `oldest` on, in ring order.
    pub(super) fn free_in_order(&mut self, class: usize, slot: usize, oldest: u32) {
        let len = self.arena.len() as u32;
        let place = |row: u32| (row + len - oldest) % len;
        let freed = place(self.classes[class].rows.swap_remove(slot));
        self.arena.rotate_left(oldest);
        self.arena.remove(freed);
        for row in self.classes.iter_mut().flat_map(|c| c.rows.iter_mut()) {
            let place = place(*row);
            *row = place - u32::from(place > freed);
        }
    }
}
