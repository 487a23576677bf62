//! Whether a place sounds different from before.

use crate::signal::Micros;

/// The length of a block. The median of its windows is one value, so short events do not count.
const BLOCK: Micros = Micros(10_000_000);
/// The fewest windows of a block that counts, and the most that are looked at.
const FEWEST_WINDOWS: usize = 5;
const MOST_WINDOWS: usize = 512;

/// The latest blocks: three minutes.
const LATEST: usize = 18;
/// The most blocks before them: an hour.
const MOST_BEFORE: usize = 360;

/// Standard deviations of the rank sum from which on the latest blocks differ from those before.
/// With as few blocks before as there are latest ones, all of them must differ.
const LIMIT: f64 = 5.0;

/// A change of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceChange {
    /// About when it began.
    pub since: Micros,
}

/// Finds when a place begins to sound different, and stays so: the last three minutes are compared
/// with up to an hour before them by the rank sum test of Mann and Whitney (1947).
///
/// It is stepped by one value a window, in the order of a stream: how far the window lies from what
/// was taught. It needs no labels, no model of the values and no clock, and allocates nothing after
/// [`Self::new`]. A change is told once; what follows it is then the place.
///
/// ```
/// use afield::decision::Drift;
/// use afield::signal::Micros;
/// let mut drift = Drift::new();
/// let mut changes = Vec::new();
/// for second in 0..1200 {
///     // Values between 0 and 1, and after ten minutes between 1 and 2.
///     let value = (second * 37 % 101) as f32 / 101.0 + (second >= 600) as u8 as f32;
///     changes.extend(drift.step(Micros(second * 1_000_000), value));
/// }
/// assert_eq!(changes.len(), 1);
/// assert!((540..660).contains(&(changes[0].since.0 / 1_000_000)));
/// ```
#[derive(Debug, Clone)]
pub struct Drift {
    /// The values of the block under way, and when it began.
    windows: Vec<f32>,
    began: Micros,
    /// The blocks, oldest first, each with its beginning.
    blocks: Vec<(Micros, f32)>,
}

impl Default for Drift {
    fn default() -> Self {
        Self::new()
    }
}

impl Drift {
    /// Nothing heard yet.
    pub fn new() -> Self {
        Self {
            windows: Vec::with_capacity(MOST_WINDOWS),
            began: Micros(0),
            blocks: Vec::with_capacity(MOST_BEFORE + LATEST + 1),
        }
    }

    /// Forgets what was heard: values are no longer comparable with those before.
    pub fn restart(&mut self) {
        self.windows.clear();
        self.blocks.clear();
    }

    /// Takes the value of the next window, which begins at `start`. NaN is passed over.
    pub fn step(&mut self, start: Micros, value: f32) -> Option<PlaceChange> {
        let is_over = start.0.saturating_sub(self.began.0) >= BLOCK.0;
        let change = (is_over && !self.windows.is_empty()).then(|| self.end_block());
        if self.windows.is_empty() {
            self.began = start;
        }
        if !value.is_nan() && self.windows.len() < MOST_WINDOWS {
            self.windows.push(value);
        }
        change.flatten()
    }

    fn end_block(&mut self) -> Option<PlaceChange> {
        let median = (self.windows.len() >= FEWEST_WINDOWS).then(|| median(&mut self.windows));
        self.windows.clear();
        if self.blocks.len() == MOST_BEFORE + LATEST {
            self.blocks.remove(0);
        }
        self.blocks.push((self.began, median?));
        let (before, latest) = self
            .blocks
            .split_at_checked(self.blocks.len().checked_sub(LATEST)?)?;
        if deviation(before, latest).abs() < LIMIT {
            return None;
        }
        let since = latest.first()?.0;
        self.blocks.drain(..self.blocks.len() - LATEST);
        Some(PlaceChange { since })
    }
}

fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The rank sum of the latest blocks, as a number of standard deviations from its mean if both are
/// of one distribution.
fn deviation(before: &[(Micros, f32)], latest: &[(Micros, f32)]) -> f64 {
    let (n, m) = (before.len() as f64, latest.len() as f64);
    let mut greater = 0.0;
    for (_, now) in latest {
        for (_, then) in before {
            greater += f64::from(u8::from(now > then)) + f64::from(u8::from(now == then)) / 2.0;
        }
    }
    let variance = n * m * (n + m + 1.0) / 12.0;
    (greater - n * m / 2.0) / variance.sqrt().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The changes that are told of `hours` of windows, four a second.
    fn changes(hours: u64, mut value: impl FnMut(u64) -> f32) -> Vec<u64> {
        let mut drift = Drift::new();
        let windows = 0..hours * 14_400;
        let told = windows.filter_map(|n| drift.step(Micros(n * 250_000), value(n)));
        told.map(|change| change.since.0 / 1_000_000).collect()
    }

    #[test]
    fn what_stays_the_same_is_not_told_in_three_million_windows() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut told = 0;
        for _ in 0..4 {
            // Neighbouring windows are alike, and events of some seconds stand out.
            let (mut slow, mut event) = (0.0_f32, 0);
            told += changes(50, |_| {
                slow = 0.9 * slow + rng.random_range(-1.0..1.0);
                if rng.random_range(0..200) == 0 {
                    event = rng.random_range(4..20);
                }
                event -= i32::from(event > 0);
                slow + if event > 0 { 30.0 } else { 0.0 }
            })
            .len();
        }
        assert_eq!(told, 0);
    }

    #[test]
    fn each_change_is_told_once_whatever_its_direction() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let told = changes(3, |window| {
            let place = [0.0, 0.8, -0.4][(window / 14_400) as usize];
            place + rng.random_range(-1.0..1.0)
        });
        assert_eq!(told.len(), 2, "{told:?}");
        for (told, truth) in told.iter().zip([3_600, 7_200]) {
            assert!(told.abs_diff(truth) < 180, "{told} {truth}");
        }
    }

    #[test]
    fn a_loud_minute_is_no_other_place() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let told = changes(1, |window| {
            let mower = u8::from((7_200..7_440).contains(&window));
            f32::from(mower) * 9.0 + rng.random_range(-1.0..1.0)
        });
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn gaps_and_values_that_are_no_number_are_passed_over() {
        let mut drift = Drift::new();
        for n in 0..100 {
            assert_eq!(drift.step(Micros(n * 3_600_000_000), f32::NAN), None);
            assert_eq!(drift.step(Micros(n * 3_600_000_000), n as f32), None);
        }
        assert!(drift.blocks.is_empty());
        drift.restart();
        assert!(drift.windows.is_empty());
    }
}
