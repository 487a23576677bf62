//! The rehearsal memory as bytes. The format is little-endian and has no checksum of its own: the
//! learner's state has one.
//!
//! `shown u64 | rows u32 | classes u32 | per class: seen u64, held u32,
//! held x row u32 | rows x (group u64, time i64) | rows x row | policy`.
//! A row is in the format of the storage. The policy has this state:
//!
//! | policy | its own state |
//! |---|---|
//! | reservoir | removed and held `u64`, removed and not held `u64` |
//! | balanced | `classes x full u8` |
//! | herding | `classes x full u8`, `sums u8` (0 or 1), with sums `classes x width x i64` |
//! | recent | `oldest u32` |

use super::balanced::Balanced;
use super::held::ClassRows;
use super::herding::sum_bound;
use super::memory::Keeper;
use super::{Capacity, Origin, Plan, Rehearsal, RehearsalError};

/// More examples than any memory is shown, and few enough that their sums fit an `i64`.
const MAX_COUNT: u64 = 1 << 47;

impl Rehearsal {
    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    pub(crate) fn save_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.shown.to_le_bytes());
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.classes() as u32).to_le_bytes());
        for class in &self.held.classes {
            out.extend_from_slice(&class.seen.to_le_bytes());
            out.extend_from_slice(&(class.rows.len() as u32).to_le_bytes());
            out.extend(class.rows.iter().flat_map(|row| row.to_le_bytes()));
        }
        for origin in self.held.arena.origins() {
            out.extend_from_slice(&origin.group.to_le_bytes());
            out.extend_from_slice(&origin.at_unix_ms.to_le_bytes());
        }
        out.extend_from_slice(self.held.arena.bytes());
        match &self.keeper {
            Keeper::Reservoir(reservoir) => {
                out.extend_from_slice(&reservoir.removed_held.to_le_bytes());
                out.extend_from_slice(&reservoir.removed_other.to_le_bytes());
            }
            Keeper::Balanced(balanced) => save_flags(balanced, out),
            Keeper::Herding(herding) => {
                save_flags(&herding.balanced, out);
                out.push(u8::from(herding.sums.is_some()));
                let sums = herding.sums.iter().flatten();
                out.extend(sums.flat_map(|sum| sum.to_le_bytes()));
            }
            Keeper::Recent(recent) => out.extend_from_slice(&recent.oldest.to_le_bytes()),
        }
    }

    /// Number of bytes that [`Self::save_into`] appends.
    pub(crate) fn saved_bytes(&self) -> usize {
        let classes = self.classes();
        let policy = match &self.keeper {
            Keeper::Reservoir(_) => 16,
            Keeper::Balanced(_) => classes,
            Keeper::Herding(_) => classes + 1 + self.sums_bytes(),
            Keeper::Recent(_) => 4,
        };
        let rows = self.len() * (4 + Origin::BYTES) + self.held.arena.bytes().len();
        16 + 12 * classes + rows + policy
    }

    /// Loads the memory that [`Self::save_into`] wrote, with the same arguments as [`Self::new`].
    ///
    /// # Errors
    /// [`RehearsalError::Damaged`] for bytes that no memory of this plan and width writes, and the
    /// errors of [`Self::new`].
    pub(crate) fn load(
        plan: impl Into<Plan>,
        width: usize,
        seed: u64,
        bytes: &[u8],
    ) -> Result<Self, RehearsalError> {
        let mut memory = Self::new(plan, width, seed)?;
        let rest = &mut &bytes[..];
        memory.shown = take_count(rest)?;
        let rows = u32::from_le_bytes(take(rest)?) as usize;
        let classes = u32::from_le_bytes(take(rest)?) as usize;
        // The available bytes limit the allocation.
        if rows > rest.len() / Origin::BYTES || classes > rest.len() / 12 {
            return Err(damaged("cut short"));
        }
        let mut taken = vec![false; rows];
        for _ in 0..classes {
            let class = take_class(rest, &mut taken)?;
            memory.held.classes.push(class);
        }
        if taken.contains(&false) {
            return Err(damaged("a row without a class"));
        }
        let seen = memory.held.classes.iter().map(|class| class.seen);
        if seen.fold(0, u64::saturating_add) > memory.shown {
            return Err(damaged("more examples of classes than were shown"));
        }
        memory.take_rows(rest, rows)?;
        memory.take_policy(rest)?;
        if !rest.is_empty() {
            return Err(damaged("bytes left over"));
        }
        if rows > memory.capacity() {
            return Err(damaged("more rows than it can hold"));
        }
        Ok(memory)
    }

    fn take_rows(&mut self, rest: &mut &[u8], rows: usize) -> Result<(), RehearsalError> {
        let mut origins = Vec::with_capacity(rows);
        for _ in 0..rows {
            origins.push(Origin {
                group: u64::from_le_bytes(take(rest)?),
                at_unix_ms: i64::from_le_bytes(take(rest)?),
            });
        }
        let bytes = rows.checked_mul(self.plan().storage.row_bytes(self.width));
        let bytes = bytes.and_then(|bytes| rest.split_at_checked(bytes));
        let (bytes, tail) = bytes.ok_or(damaged("cut short"))?;
        *rest = tail;
        match self.held.arena.restore(bytes, origins) {
            true => Ok(()),
            false => Err(damaged("a row that its storage does not write")),
        }
    }

    fn take_policy(&mut self, rest: &mut &[u8]) -> Result<(), RehearsalError> {
        let (classes, rows) = (self.classes(), self.len());
        let (limit, seen) = (self.capacity(), self.held.seen());
        match &mut self.keeper {
            Keeper::Reservoir(reservoir) => {
                reservoir.removed_held = take_count(rest)?;
                reservoir.removed_other = take_count(rest)?;
                if !reservoir.explains(rows, seen, limit) {
                    return Err(damaged("counts that do not explain the rows"));
                }
            }
            Keeper::Balanced(balanced) => balanced.full = take_flags(rest, classes)?,
            Keeper::Herding(herding) => {
                herding.balanced.full = take_flags(rest, classes)?;
                herding.sums = match take_flag(rest)? {
                    true => Some(take_sums(rest, &self.held.classes, self.width)?),
                    false => None,
                };
                let has_sums = herding.sums.is_some();
                let limited = matches!(self.plan().capacity, Capacity::Bytes(_));
                if (has_sums && !self.has_room_for_sums(classes)) || (!has_sums && !limited) {
                    return Err(damaged("sums that the limit does not explain"));
                }
            }
            Keeper::Recent(recent) => {
                recent.oldest = u32::from_le_bytes(take(rest)?);
                let oldest = recent.oldest as usize;
                if oldest > 0 && (rows < limit || oldest >= rows) {
                    return Err(damaged("an oldest row that is none"));
                }
            }
        }
        Ok(())
    }
}

fn save_flags(balanced: &Balanced, out: &mut Vec<u8>) {
    out.extend(balanced.full.iter().map(|&full| u8::from(full)));
}

fn take_class(rest: &mut &[u8], taken: &mut [bool]) -> Result<ClassRows, RehearsalError> {
    let seen = take_count(rest)?;
    let held = u32::from_le_bytes(take(rest)?);
    if u64::from(held) > seen {
        return Err(damaged("a class that holds more than it has seen"));
    }
    let mut rows = Vec::new();
    for _ in 0..held {
        let row = u32::from_le_bytes(take(rest)?);
        match taken.get_mut(row as usize) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(damaged("a row that is missing or taken twice")),
        }
        rows.push(row);
    }
    Ok(ClassRows { seen, rows })
}

fn take_sums(
    rest: &mut &[u8],
    classes: &[ClassRows],
    width: usize,
) -> Result<Vec<i64>, RehearsalError> {
    let mut sums = Vec::new();
    for class in classes {
        let most = sum_bound(class.seen);
        for _ in 0..width {
            let sum = i64::from_le_bytes(take(rest)?);
            if sum.unsigned_abs() > most {
                return Err(damaged("a sum beyond what was seen"));
            }
            sums.push(sum);
        }
    }
    Ok(sums)
}

fn take_flags(rest: &mut &[u8], flags: usize) -> Result<Vec<bool>, RehearsalError> {
    (0..flags).map(|_| take_flag(rest)).collect()
}

fn take_flag(rest: &mut &[u8]) -> Result<bool, RehearsalError> {
    match take::<1>(rest)? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(damaged("a flag that is neither 0 nor 1")),
    }
}

fn take_count(rest: &mut &[u8]) -> Result<u64, RehearsalError> {
    match u64::from_le_bytes(take(rest)?) {
        count if count > MAX_COUNT => Err(damaged("a count beyond all reason")),
        count => Ok(count),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RehearsalError> {
    let (head, tail) = rest.split_first_chunk().ok_or(damaged("cut short"))?;
    *rest = tail;
    Ok(*head)
}

fn damaged(what: &'static str) -> RehearsalError {
    RehearsalError::Damaged { what }
}
