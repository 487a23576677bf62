//! Whether a place sounds different from before.

use crate::signal::Micros;

/// The length of a block.
const BLOCK: Micros = Micros(10_000_000);
/// The fewest windows of a block that counts, and the most that are looked at.
const FEWEST_WINDOWS: usize = 5;
const MOST_WINDOWS: usize = 64;

/// The latest blocks: two minutes.
const LATEST: usize = 12;
/// The fewest blocks before them, and the most: three minutes, a quarter of an hour.
const FEWEST_BEFORE: usize = 18;
const MOST_BEFORE: usize = 90;

/// How many of the latest blocks must be nearer to the other latest ones than to those before.
const FEWEST_NEARER: usize = 10;
/// How much nearer they must be on average, in mean squared distances of those before from their
/// own mean.
const LEAST_EFFECT: f64 = 1.25;

/// A change of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceChange {
    /// About when it began.
    pub since: Micros,
}

/// Finds when a place begins to sound different, and stays so.
///
/// It is stepped by the features of each window, in the order of a stream. The median of ten
/// seconds in each feature is a block, so that short events do not count. The latest twelve blocks
/// are compared with up to ninety before them: the place has changed if at least ten of the latest
/// lie nearer to the mean of the other latest ones than to the mean of those before, and all of them
/// on average by more than the spread of those before. It needs no labels, no taught class and no clock, and allocates
/// nothing after [`Self::new`]. A change is told once; what follows it is then the place.
///
/// ```
/// use afield::decision::Drift;
/// use afield::signal::Micros;
/// let mut drift = Drift::new(2);
/// let mut changes = Vec::new();
/// for second in 0..1200 {
///     let noise = (second * 37 % 101) as i16;
///     // After ten minutes, the second feature is higher.
///     let features = [noise, 100 - noise + 500 * (second >= 600) as i16];
///     changes.extend(drift.step(Micros(second * 1_000_000), &features));
/// }
/// assert_eq!(changes.len(), 1);
/// assert!((560..640).contains(&(changes[0].since.0 / 1_000_000)));
/// ```
#[derive(Debug, Clone)]
pub struct Drift {
    width: usize,
    /// The features of the windows of the block under way, and when it began.
    windows: Vec<i16>,
    began: Micros,
    /// The beginnings of the blocks, oldest first, and their features.
    times: Vec<Micros>,
    blocks: Vec<f32>,
    /// Scratch: one feature of all windows; means.
    column: Vec<i16>,
    before: Vec<f32>,
    latest: Vec<f32>,
}

impl Drift {
    /// Nothing heard yet, of windows of `width` features.
    pub fn new(width: usize) -> Self {
        let most = MOST_BEFORE + LATEST;
        Self {
            width,
            windows: Vec::with_capacity(MOST_WINDOWS * width),
            began: Micros(0),
            times: Vec::with_capacity(most),
            blocks: Vec::with_capacity(most * width),
            column: Vec::with_capacity(MOST_WINDOWS),
            before: Vec::with_capacity(width),
            latest: Vec::with_capacity(width),
        }
    }

    /// Takes the features of the next window, which begins at `start`. Features of another number
    /// are passed over.
    pub fn step(&mut self, start: Micros, features: &[i16]) -> Option<PlaceChange> {
        let is_over = start.0.saturating_sub(self.began.0) >= BLOCK.0;
        let change = (is_over && !self.windows.is_empty()).then(|| self.end_block());
        if self.windows.is_empty() {
            self.began = start;
        }
        let is_full = self.windows.len() >= MOST_WINDOWS * self.width;
        if features.len() == self.width && !is_full {
            self.windows.extend_from_slice(features);
        }
        change.flatten()
    }

    fn end_block(&mut self) -> Option<PlaceChange> {
        let width = self.width.max(1);
        let is_block = self.windows.len() >= FEWEST_WINDOWS * width;
        if is_block {
            if self.times.len() == MOST_BEFORE + LATEST {
                self.drop_blocks(1);
            }
            self.times.push(self.began);
            for feature in 0..width {
                self.column.clear();
                let column = self.windows.iter().skip(feature).step_by(width);
                self.column.extend(column);
                let middle = self.column.len() / 2;
                let (_, median, _) = self.column.select_nth_unstable(middle);
                self.blocks.push(f32::from(*median));
            }
        }
        self.windows.clear();
        let before = self.times.len().checked_sub(LATEST)?;
        if !is_block || before < FEWEST_BEFORE || !self.has_changed(before) {
            return None;
        }
        let since = *self.times.get(before)?;
        self.drop_blocks(before);
        Some(PlaceChange { since })
    }

    fn drop_blocks(&mut self, count: usize) {
        self.times.drain(..count);
        self.blocks.drain(..count * self.width);
    }

    /// Whether the blocks from `first` on are of another place than those before.
    fn has_changed(&mut self, first: usize) -> bool {
        let width = self.width.max(1);
        let (before, latest) = self.blocks.split_at(first * width);
        mean_into(&mut self.before, before, width);
        mean_into(&mut self.latest, latest, width);
        let spread = before
            .chunks_exact(width)
            .map(|block| squared_distance(block, &self.before));
        let spread = spread.sum::<f64>() / first as f64;
        // The mean of the others lies n / (n - 1) times as far as the mean of all.
        let farther = (LATEST as f64 / (LATEST - 1) as f64).powi(2);
        let (mut effect, mut count) = (0.0, 0);
        for block in latest.chunks_exact(width) {
            let nearer = squared_distance(block, &self.before)
                - farther * squared_distance(block, &self.latest);
            count += usize::from(nearer > 0.0);
            effect += nearer / LATEST as f64;
        }
        count >= FEWEST_NEARER && effect > LEAST_EFFECT * spread
    }
}

fn mean_into(mean: &mut Vec<f32>, rows: &[f32], width: usize) {
    mean.clear();
    mean.resize(width, 0.0);
    for row in rows.chunks_exact(width) {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += x;
        }
    }
    let count = (rows.len() / width).max(1) as f32;
    mean.iter_mut().for_each(|sum| *sum /= count);
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    f64::from(squares.sum::<f32>())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const WIDTH: usize = 8;

    /// The seconds from which on a change is told, of `hours` of windows, four a second. `window`
    /// gives the mean of the features of a window.
    fn changes(
        hours: u64,
        seed: u64,
        mut window: impl FnMut(u64, &mut ChaCha8Rng) -> i16,
    ) -> Vec<u64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drift = Drift::new(WIDTH);
        let mut told = Vec::new();
        for number in 0..hours * 14_400 {
            let mean = window(number, &mut rng);
            let features: [i16; WIDTH] = std::array::from_fn(|_| mean + rng.random_range(-99..99));
            let change = drift.step(Micros(number * 250_000), &features);
            told.extend(change.map(|change| change.since.0 / 1_000_000));
        }
        told
    }

    #[test]
    fn what_stays_the_same_is_not_told_in_a_million_windows() {
        // Events of some seconds stand out, more of them in the second half.
        let mut event = 0;
        let told = changes(70, 1, |number, rng| {
            let rare = if number > 500_000 { 60 } else { 200 };
            if rng.random_range(0..rare) == 0 {
                event = rng.random_range(4..20);
            }
            event -= i32::from(event > 0);
            if event > 0 { 3_000 } else { 0 }
        });
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn each_change_is_told_once_whatever_its_direction() {
        let places = [0, 60, -30];
        let told = changes(3, 2, |number, _| places[(number / 14_400) as usize]);
        assert_eq!(told.len(), 2, "{told:?}");
        for (told, truth) in told.iter().zip([3_600, 7_200]) {
            assert!(told.abs_diff(truth) < 60, "{told} {truth}");
        }
    }

    #[test]
    fn a_loud_minute_is_no_other_place() {
        let told = changes(1, 3, |number, _| match number {
            7_200..7_440 => 3_000,
            _ => 0,
        });
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn gaps_and_windows_of_another_width_are_passed_over() {
        let mut drift = Drift::new(1);
        for n in 0..100 {
            let start = Micros(n * 3_600_000_000);
            assert_eq!(drift.step(start, &[1, 2]), None);
            assert_eq!(drift.step(start, &[(n * 300) as i16]), None);
        }
        assert!(drift.times.is_empty());
        let mut nothing = Drift::new(0);
        for n in 0..1_000 {
            assert_eq!(nothing.step(Micros(n * 1_000_000), &[]), None);
        }
    }
}
