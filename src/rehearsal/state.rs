//! The rehearsal memory as bytes. Little-endian, without a checksum of its own:
//! whoever embeds it brings one.
//!
//! `shown u64 | rows u32 | classes u32 | per class: seen u64, full u8,
//! held u32, held x row u32 | rows x width x i16`

use super::reservoir::ClassRows;
use super::{Capacity, Rehearsal, RehearsalError};

impl Rehearsal {
    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    pub fn save_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.shown.to_le_bytes());
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.classes.len() as u32).to_le_bytes());
        for class in &self.classes {
            out.extend_from_slice(&class.seen.to_le_bytes());
            out.push(u8::from(class.full));
            out.extend_from_slice(&(class.rows.len() as u32).to_le_bytes());
            out.extend(class.rows.iter().flat_map(|row| row.to_le_bytes()));
        }
        out.extend(self.features.iter().flat_map(|q| q.to_le_bytes()));
    }

    /// Bytes that [`Self::save_into`] appends.
    pub fn saved_bytes(&self) -> usize {
        16 + 13 * self.classes.len() + 4 * self.len() + 2 * self.features.len()
    }

    /// The memory that [`Self::save_into`] wrote, under the same arguments as
    /// [`Self::new`].
    ///
    /// # Errors
    /// [`RehearsalError::Damaged`] for bytes that no memory of this capacity and
    /// width writes, and what [`Self::new`] refuses.
    pub fn load(
        capacity: Capacity,
        width: usize,
        seed: u64,
        bytes: &[u8],
    ) -> Result<Self, RehearsalError> {
        let mut memory = Self::new(capacity, width, seed)?;
        let mut rest = bytes;
        memory.shown = u64::from_le_bytes(take(&mut rest)?);
        let rows = u32::from_le_bytes(take(&mut rest)?) as usize;
        let classes = u32::from_le_bytes(take(&mut rest)?);
        // Bounds what the counts may allocate by what is there.
        if rows > memory.limit || rows > rest.len() / 2 {
            return Err(damaged("more rows than it can hold"));
        }
        let mut taken = vec![false; rows];
        for _ in 0..classes {
            let class = take_class(&mut rest, &mut taken)?;
            memory.classes.push(class);
        }
        if taken.contains(&false) {
            return Err(damaged("a row without a class"));
        }
        if Some(rest.len()) != rows.checked_mul(width).and_then(|n| n.checked_mul(2)) {
            return Err(damaged("wrong length"));
        }
        let (values, _) = rest.as_chunks::<2>();
        memory.features = values.iter().map(|&q| i16::from_le_bytes(q)).collect();
        Ok(memory)
    }
}

fn take_class(rest: &mut &[u8], taken: &mut [bool]) -> Result<ClassRows, RehearsalError> {
    let seen = u64::from_le_bytes(take(rest)?);
    let full = match take::<1>(rest)? {
        [0] => false,
        [1] => true,
        _ => return Err(damaged("a flag that is neither 0 nor 1")),
    };
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
    Ok(ClassRows { seen, full, rows })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RehearsalError> {
    let (head, tail) = rest.split_first_chunk().ok_or(damaged("cut short"))?;
    *rest = tail;
    Ok(*head)
}

fn damaged(what: &'static str) -> RehearsalError {
    RehearsalError::Damaged { what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled() -> Rehearsal {
        let mut memory = Rehearsal::new(Capacity::Examples(7), 3, 1).unwrap();
        for i in 0..40_i16 {
            let class = (i as usize * 7) % 5;
            memory.insert(&[i, i + 1, -i], class).unwrap();
        }
        memory.remove_class(2);
        memory
    }

    #[test]
    fn a_loaded_memory_goes_on_exactly_like_the_saved_one() {
        let mut memory = filled();
        let mut bytes = Vec::new();
        memory.save_into(&mut bytes);
        assert_eq!(bytes.len(), memory.saved_bytes());
        let mut loaded = Rehearsal::load(Capacity::Examples(7), 3, 1, &bytes).unwrap();
        assert_eq!(loaded, memory);
        for i in 0..100 {
            memory.insert(&[i, 0, 0], i as usize % 6).unwrap();
            loaded.insert(&[i, 0, 0], i as usize % 6).unwrap();
        }
        assert_eq!(loaded, memory);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(at in 0_usize..200, value: u8, cut in 0_usize..200) {
            let mut bytes = Vec::new();
            filled().save_into(&mut bytes);
            let at = at % bytes.len();
            bytes[at] = value;
            let load = |bytes: &[u8]| Rehearsal::load(Capacity::Examples(7), 3, 1, bytes);
            if let Ok(mut loaded) = load(&bytes) {
                // What loads is a valid memory, whatever it remembers.
                let mut again = Vec::new();
                loaded.save_into(&mut again);
                prop_assert_eq!(&again, &bytes);
                for i in 0..30 {
                    loaded.insert(&[i, i, i], i as usize % 4).unwrap();
                }
            }
            prop_assert!(load(&bytes[..cut.min(bytes.len() - 1)]).is_err());
        }
    }
}
