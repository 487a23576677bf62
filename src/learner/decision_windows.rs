//! Which decision windows of a clip become the rows of its example.

use std::ops::Range;

/// The most windows of one recording of a clip; with mixtures at three levels, 16 rows a clip.
const MOST: usize = 4;

/// The share of a window that must sound.
const SOUNDING: f32 = 0.5;

/// Chooses the windows of a clip of `all` embeddings that stand for it: 1, 2 or 4 windows of `rows`
/// embeddings, or of all if they are fewer, evenly spaced among those of which at least half
/// sounds, or as much as in any window.
///
/// `sounding` is the share of each embedding's window in `[0, 1]` that sounds. If there are not as
/// many as embeddings, all count as sounding.
pub(crate) fn decision_windows(all: usize, rows: usize, sounding: &[f32]) -> Vec<Range<usize>> {
    if all == 0 {
        return Vec::new();
    }
    let rows = rows.clamp(1, all);
    let share = |start: usize| match sounding.len() == all {
        true => sounding.iter().skip(start).take(rows).sum::<f32>() / rows as f32,
        false => 1.0,
    };
    let shares: Vec<f32> = (0..=all - rows).map(share).collect();
    let most = shares.iter().copied().fold(0.0, f32::max);
    let enough = most.min(SOUNDING) - 1e-4;
    let candidates: Vec<usize> = (0..shares.len()).filter(|&i| shares[i] >= enough).collect();
    let last = candidates.len().saturating_sub(1);
    let chosen: Vec<usize> = match candidates.len() {
        0 | 1 => candidates,
        2 | 3 => vec![candidates[0], candidates[last]],
        _ => (0..MOST)
            .map(|i| candidates[i * last / (MOST - 1)])
            .collect(),
    };
    let ranges = chosen.into_iter().map(|start| start..start + rows);
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_evenly_spaced_among_those_that_sound() {
        let starts = |all, rows, sounding: &[f32]| -> Vec<usize> {
            let windows = decision_windows(all, rows, sounding);
            assert!(windows.iter().all(|at| at.len() == rows.min(all)));
            windows.into_iter().map(|at| at.start).collect()
        };
        assert_eq!(starts(10, 1, &[]), [0, 3, 6, 9]);
        assert_eq!(starts(3, 1, &[]), [0, 2]);
        assert_eq!(starts(1, 1, &[]), [0]);
        assert_eq!(starts(3, 7, &[]), [0]);
        assert_eq!(starts(9, 6, &[]), [0, 1, 2, 3]);
        let sounding = [0.0, 0.1, 0.9, 1.0, 0.6, 0.2];
        assert_eq!(starts(6, 1, &sounding), [2, 4]);
        assert_eq!(starts(6, 2, &sounding), [1, 4 - 1]);
        assert_eq!(starts(3, 1, &[0.0, 0.3, 0.1]), [1]);
        assert!(decision_windows(0, 1, &[]).is_empty());
    }
}
