//! The statistic as bytes. The format is little-endian and has no checksum of its own: the
//! learner's state has one.
//!
//! `classes u32 | K x n u64 | K x d x S i64 | bytes per moment u8 | moments`
//!
//! Second moments take most of the space and seldom need 64 bits. Each is written with as many
//! bytes as the largest one needs.

use super::{HeadError, Moments, Statistic};

impl Statistic {
    /// Appends the state to `out`: [`Self::saved_bytes`] bytes.
    pub(crate) fn save_into(&self, out: &mut Vec<u8>) {
        let order: Vec<usize> = (0..self.counts.len()).collect();
        self.save_in_order(&order, out);
    }

    /// As [`Self::save_into`], with the classes in the given order. `order` names each class once.
    pub(crate) fn save_in_order(&self, order: &[usize], out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.counts.len() as u32).to_le_bytes());
        for &class in order {
            out.extend_from_slice(&self.counts[class].to_le_bytes());
        }
        for &class in order {
            out.extend(self.sum(class).iter().flat_map(|sum| sum.to_le_bytes()));
        }
        let size = moment_bytes(&self.second);
        out.push(size as u8);
        out.reserve(self.second.len() * size);
        for moment in &self.second {
            out.extend_from_slice(&moment.to_le_bytes()[..size]);
        }
    }

    /// Number of bytes that [`Self::save_into`] appends.
    pub(crate) fn saved_bytes(&self) -> usize {
        5 + 8 * (self.counts.len() + self.sums.len())
            + self.second.len() * moment_bytes(&self.second)
    }

    /// Reads a statistic that [`Self::save_into`] wrote from the front of `bytes`.
    ///
    /// # Errors
    /// [`HeadError::Damaged`] for bytes that no statistic of this width writes. A loaded statistic
    /// cannot overflow later: every sum is within its bound.
    pub(crate) fn take(
        width: usize,
        moments: Moments,
        bytes: &mut &[u8],
    ) -> Result<Self, HeadError> {
        let classes = u32::from_le_bytes(take(bytes)?) as usize;
        let counts = take_many(bytes, classes, u64::from_le_bytes)?;
        let total = (counts.iter()).try_fold(0_u64, |total, &n| total.checked_add(n));
        let total = match total {
            Some(total) if total <= Self::MAX_EXAMPLES && !counts.contains(&0) => total,
            _ => return Err(damaged("impossible counts")),
        };
        let values = classes.checked_mul(width).ok_or(damaged("cut short"))?;
        let sums = take_many(bytes, values, i64::from_le_bytes)?;
        let bounded = |sum: &i64, n: u64| sum.unsigned_abs() <= n << 15;
        for (sums, &n) in sums.chunks_exact(width).zip(&counts) {
            if !sums.iter().all(|sum| bounded(sum, n)) {
                return Err(damaged("a sum beyond its count"));
            }
        }
        let [size] = take(bytes)?;
        let second = take_moments(bytes, moments.len(width), usize::from(size))?;
        if !(second.iter()).all(|moment| moment.unsigned_abs() <= total << 30) {
            return Err(damaged("a second moment beyond its count"));
        }
        if moment_bytes(&second) != usize::from(size) {
            return Err(damaged("second moments wider than they need"));
        }
        let statistic = Self {
            width,
            moments,
            counts,
            sums,
            second,
            unit: 1,
        };
        if statistic.squares().any(|square| square < 0) {
            return Err(damaged("a negative square"));
        }
        Ok(statistic)
    }
}

/// Bytes that the moment of largest magnitude needs in two's complement.
fn moment_bytes(moments: &[i64]) -> usize {
    // For a negative number the complement has as many significant bits.
    let bits = moments.iter().fold(0, |bits, &m| bits | (m ^ (m >> 63)));
    (64 - bits.leading_zeros() as usize) / 8 + 1
}

fn take_moments(bytes: &mut &[u8], n: usize, size: usize) -> Result<Vec<i64>, HeadError> {
    if !(1..=8).contains(&size) {
        return Err(damaged("impossible size of a second moment"));
    }
    let len = n.checked_mul(size).ok_or(damaged("cut short"))?;
    let (head, tail) = bytes.split_at_checked(len).ok_or(damaged("cut short"))?;
    *bytes = tail;
    let unused = 64 - 8 * size as u32;
    let widen = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..size].copy_from_slice(chunk);
        (i64::from_le_bytes(word) << unused) >> unused
    };
    Ok(head.chunks_exact(size).map(widen).collect())
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], HeadError> {
    let (head, tail) = bytes.split_first_chunk().ok_or(damaged("cut short"))?;
    *bytes = tail;
    Ok(*head)
}

pub(super) fn take_many<T, const N: usize>(
    bytes: &mut &[u8],
    n: usize,
    read: fn([u8; N]) -> T,
) -> Result<Vec<T>, HeadError> {
    let len = n.checked_mul(N).ok_or(damaged("cut short"))?;
    let (head, tail) = bytes.split_at_checked(len).ok_or(damaged("cut short"))?;
    *bytes = tail;
    let (chunks, _) = head.as_chunks::<N>();
    Ok(chunks.iter().map(|&chunk| read(chunk)).collect())
}

pub(super) fn damaged(what: &'static str) -> HeadError {
    HeadError::Damaged { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_every_size_survive() {
        for magnitude in [0, 1, 127, 128, 255, 32767, 32768, 1 << 39, (1 << 62) - 1] {
            for moment in [magnitude, -magnitude, -magnitude - 1] {
                let size = moment_bytes(&[0, moment, 3]);
                let bytes: Vec<u8> = [0, moment, 3_i64]
                    .iter()
                    .flat_map(|m| m.to_le_bytes()[..size].to_vec())
                    .collect();
                let loaded = take_moments(&mut &bytes[..], 3, size).unwrap();
                assert_eq!(loaded, [0, moment, 3]);
            }
        }
    }

    #[test]
    fn a_round_trip_is_identical() {
        let mut statistic = Statistic::new(3, Moments::Full);
        for i in 0..50_i16 {
            statistic
                .add(&[i * 600, -i, 7], usize::from(i >= 20))
                .unwrap();
        }
        let mut bytes = Vec::new();
        statistic.save_into(&mut bytes);
        assert_eq!(bytes.len(), statistic.saved_bytes());
        let mut rest = &bytes[..];
        assert_eq!(
            Statistic::take(3, Moments::Full, &mut rest).unwrap(),
            statistic
        );
        assert!(rest.is_empty());
    }

    #[test]
    fn moments_wider_than_needed_are_refused() {
        let mut statistic = Statistic::new(1, Moments::Diagonal);
        statistic.add(&[3], 0).unwrap();
        let mut bytes = Vec::new();
        statistic.save_into(&mut bytes);
        assert_eq!(bytes[bytes.len() - 2..], [1, 9]);
        // The same moment, one byte wider.
        let at = bytes.len() - 2;
        bytes[at] = 2;
        bytes.push(0);
        let error = Statistic::take(1, Moments::Diagonal, &mut &bytes[..]).unwrap_err();
        assert_eq!(error, damaged("second moments wider than they need"));
    }

    #[test]
    fn sums_that_could_overflow_later_do_not_load() {
        let mut statistic = Statistic::new(1, Moments::Diagonal);
        statistic.add(&[3], 0).unwrap();
        let load = |statistic: &Statistic| {
            let mut bytes = Vec::new();
            statistic.save_into(&mut bytes);
            Statistic::take(1, Moments::Diagonal, &mut &bytes[..])
        };
        assert!(load(&statistic).is_ok());
        let mut count = statistic.clone();
        count.counts[0] = Statistic::MAX_EXAMPLES + 1;
        let mut sum = statistic.clone();
        sum.sums[0] = 1 << 16;
        let mut square = statistic.clone();
        square.second[0] = (1 << 30) + 1;
        let mut negative = statistic.clone();
        negative.second[0] = -1;
        for broken in [count, sum, square, negative] {
            assert!(load(&broken).is_err(), "{broken:?}");
        }
    }
}
