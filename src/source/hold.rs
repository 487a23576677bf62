//! Channels that have a value in some rows only, as a gyroscope at half the accelerometer's rate.
//!
//! If the first rows show a regular pattern, the value before is held. A value that is missing now
//! and then is not held: its row is lost.

use super::Note;
use super::rows::Row;
use crate::signal::Channel;

/// The share of rows without a value, from which on a channel counts as sparse.
const SPARSE_SHARE: f64 = 0.25;
/// The most rows from one value to the next.
const LONGEST_RUN: u32 = 32;

/// Holds values.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// For each channel: the latest value, its age in rows, and the largest age; 0 if values are
    /// not held.
    channels: Vec<(f32, u32, u32)>,
    /// Rows with a value that was held.
    rows: u64,
}

impl Hold {
    /// The channels that are sparse in `rows`.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a Row> + Clone, channels: usize) -> Self {
        let sparse = |channel: usize| {
            let (mut count, mut empty, mut run, mut longest, mut runs) = (0_u32, 0_u32, 0, 0, 0);
            let whole = rows.clone().filter(|row| row.values.len() == channels);
            for row in whole {
                count += 1;
                if !row.values.get(channel).is_some_and(|value| value.is_nan()) {
                    run = 0;
                    continue;
                }
                runs += u32::from(run == 0);
                (empty, run) = (empty + 1, run + 1);
                longest = longest.max(run);
            }
            let is_sparse = f64::from(empty) >= SPARSE_SHARE * f64::from(count);
            let is_regular = runs >= 2 && longest <= LONGEST_RUN && count - empty >= 2;
            match is_sparse && is_regular {
                true => (f32::NAN, 0, 2 * longest),
                false => (f32::NAN, 0, 0),
            }
        };
        Self {
            channels: (0..channels).map(sparse).collect(),
            rows: 0,
        }
    }

    /// Fills the values of `row` that are held. Returns whether all channels have a value.
    pub(super) fn fill(&mut self, row: &mut Row) -> bool {
        let is_empty = row.values.iter().all(|value| value.is_nan());
        let mut is_held = false;
        for (value, (held, age, longest)) in row.values.iter_mut().zip(&mut self.channels) {
            if !value.is_nan() {
                (*held, *age) = (*value, 0);
                continue;
            }
            *age = age.saturating_add(1);
            if *age <= *longest {
                is_held |= !held.is_nan();
                *value = *held;
            }
        }
        let is_whole = !is_empty && row.values.iter().all(|value| !value.is_nan());
        self.rows += u64::from(is_held && is_whole);
        is_whole
    }

    /// The sparse channels, if values were held.
    pub(super) fn note(&self, channels: &[Channel]) -> Option<Note> {
        let sparse = channels.iter().zip(&self.channels);
        let sparse = sparse.filter(|(_, (.., longest))| *longest > 0);
        (self.rows > 0).then(|| Note::ValuesHeld {
            channels: sparse.map(|(c, _)| c.name().to_owned()).collect(),
            rows: self.rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_patterns_are_held() {
        let row = |values: [f32; 2]| Row {
            values: values.to_vec(),
            ..Row::default()
        };
        let half: Vec<Row> = (0..8_u8)
            .map(|i| {
                row([
                    f32::from(i),
                    if i % 2 == 0 { f32::from(i) } else { f32::NAN },
                ])
            })
            .collect();
        let mut hold = Hold::of(half.iter(), 2);
        let mut seventh = half[0].clone();
        assert!(hold.fill(&mut seventh));
        let mut eighth = half[1].clone();
        assert!(hold.fill(&mut eighth));
        assert_eq!(eighth.values, [1.0, 0.0]);
        assert!(
            !hold.fill(&mut row([f32::NAN, f32::NAN])),
            "an empty row is lost"
        );
        assert_eq!(hold.rows, 1);
        let mut once = half.clone();
        once.iter_mut().for_each(|row| row.values[1] = 1.0);
        once[3].values[1] = f32::NAN;
        let mut hold = Hold::of(once.iter(), 2);
        assert!(hold.fill(&mut once[0].clone()));
        assert!(!hold.fill(&mut once[3].clone()));
    }
}
