//! The statistic as bytes, in the format of `afield::head`. The format is little-endian and has no
//! checksum: the format that contains it must add one.
//!
//! `classes u32 | K x n u64 | K x d x S i64 | bytes per moment u8 | moments`

use crate::statistic::{Refusal, Statistic};

/// The bytes of a statistic, produced one at a time, so that a device need not store all of them.
#[derive(Debug)]
pub struct SavedBytes<'a, const D: usize, const K: usize, const M: usize> {
    statistic: &'a Statistic<D, K, M>,
    moment_bytes: usize,
    at: usize,
}

impl<const D: usize, const K: usize, const M: usize> Statistic<D, K, M> {
    /// The bytes that the host's `Statistic::save_into` would write.
    pub fn saved(&self) -> SavedBytes<'_, D, K, M> {
        SavedBytes {
            statistic: self,
            moment_bytes: moment_bytes(&self.second),
            at: 0,
        }
    }

    /// Loads a statistic that this crate or the host saved.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] for bytes that no statistic of this layout saves. A loaded statistic
    /// cannot overflow later.
    pub fn load(mut bytes: &[u8]) -> Result<Self, Refusal> {
        let mut statistic = Self::new();
        statistic.classes = u32::from_le_bytes(take(&mut bytes)?) as usize;
        if statistic.classes > K {
            return Err(Refusal::Damaged);
        }
        let mut total = 0_u64;
        for count in &mut statistic.counts[..statistic.classes] {
            *count = u64::from_le_bytes(take(&mut bytes)?);
            total = total.checked_add(*count).ok_or(Refusal::Damaged)?;
            if *count == 0 || total > Self::MAX_EXAMPLES {
                return Err(Refusal::Damaged);
            }
        }
        for class in 0..statistic.classes {
            for sum in &mut statistic.sums[class] {
                *sum = i64::from_le_bytes(take(&mut bytes)?);
                if sum.unsigned_abs() > statistic.counts[class] << 15 {
                    return Err(Refusal::Damaged);
                }
            }
        }
        let [size] = take(&mut bytes)?;
        let size = usize::from(size);
        if !(1..=8).contains(&size) || bytes.len() != M * size {
            return Err(Refusal::Damaged);
        }
        for (moment, saved) in statistic.second.iter_mut().zip(bytes.chunks_exact(size)) {
            let sign = saved
                .last()
                .map_or(0, |&top| if top > 127 { 255 } else { 0 });
            let mut whole = [sign; 8];
            whole[..size].copy_from_slice(saved);
            *moment = i64::from_le_bytes(whole);
            if moment.unsigned_abs() > total << 30 {
                return Err(Refusal::Damaged);
            }
        }
        let sound = moment_bytes(&statistic.second) == size && statistic.squares().all(|s| s >= 0);
        sound.then_some(statistic).ok_or(Refusal::Damaged)
    }
}

impl<const D: usize, const K: usize, const M: usize> SavedBytes<'_, D, K, M> {
    /// Total number of bytes.
    pub fn total(&self) -> usize {
        5 + 8 * self.statistic.classes * (1 + D) + M * self.moment_bytes
    }
}

impl<const D: usize, const K: usize, const M: usize> Iterator for SavedBytes<'_, D, K, M> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let statistic = self.statistic;
        let (at, classes) = (self.at, statistic.classes);
        self.at += 1;
        if at < 4 {
            return (classes as u32).to_le_bytes().get(at).copied();
        }
        let at = at - 4;
        let (number, byte) = (at / 8, at % 8);
        if number < classes {
            return statistic.counts[number].to_le_bytes().get(byte).copied();
        }
        let number = number - classes;
        if number < classes * D {
            let sum = statistic.sums[number / D][number % D];
            return sum.to_le_bytes().get(byte).copied();
        }
        let at = at - 8 * classes * (1 + D);
        if at == 0 {
            return Some(self.moment_bytes as u8);
        }
        let at = at - 1;
        let moment = statistic.second.get(at / self.moment_bytes)?;
        moment.to_le_bytes().get(at % self.moment_bytes).copied()
    }
}

/// Number of bytes that the largest of these numbers needs, 1 to 8, with its sign.
fn moment_bytes(moments: &[i64]) -> usize {
    let bits = |&moment: &i64| 65 - (moment ^ (moment >> 63)).leading_zeros();
    moments.iter().map(bits).max().unwrap_or(1).div_ceil(8) as usize
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Refusal::Damaged)?;
    *bytes = rest;
    Ok(*first)
}
