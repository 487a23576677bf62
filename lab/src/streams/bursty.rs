//! Bursts: runs of one class, with clips repeated in a row.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Mean number of clips in a run.
const MEAN_RUN: f64 = 8.0;
/// The most times that a clip occurs in a row.
const MOST_REPEATS: usize = 5;

/// `clips` in bursts. A burst is a run of one class. Each clip is in one run only, 1 to
/// [`MOST_REPEATS`] times in a row (uniform).
///
/// The length of a run, in clips, is geometric with mean [`MEAN_RUN`], or the rest of the class if
/// that is shorter. The next class is drawn in proportion to the clips that each class has left. It
/// differs from the last class as long as any other class has clips left.
pub(crate) fn bursts(clips: &[usize], labels: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |last| last + 1);
    let mut left = vec![Vec::new(); classes];
    for &clip in clips {
        left[labels[clip]].push(clip);
    }
    for members in &mut left {
        members.shuffle(rng);
    }
    let mut order = Vec::with_capacity(clips.len() * (1 + MOST_REPEATS) / 2);
    let mut last = None;
    while let Some(class) = draw(&left, last, rng).or_else(|| draw(&left, None, rng)) {
        let mut length = 1;
        while !rng.random_bool(1.0 / MEAN_RUN) {
            length += 1;
        }
        for _ in 0..length {
            let Some(clip) = left[class].pop() else { break };
            let repeats = rng.random_range(1..=MOST_REPEATS);
            order.extend(std::iter::repeat_n(clip, repeats));
        }
        last = Some(class);
    }
    order
}

/// Draws a class other than `except`, in proportion to the clips that it has left.
fn draw(left: &[Vec<usize>], except: Option<usize>, rng: &mut ChaCha8Rng) -> Option<usize> {
    let open = || {
        (left.iter().enumerate())
            .filter(|(class, _)| Some(*class) != except)
            .map(|(class, members)| (class, members.len()))
    };
    let total: usize = open().map(|(_, members)| members).sum();
    if total == 0 {
        return None;
    }
    let mut drawn = rng.random_range(0..total);
    open().find_map(|(class, members)| match drawn.checked_sub(members) {
        Some(rest) => {
            drawn = rest;
            None
        }
        None => Some(class),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const CLASSES: usize = 20;

    fn order(seed: u64) -> Vec<usize> {
        let labels: Vec<usize> = (0..4000).map(|i| i % CLASSES).collect();
        let clips: Vec<usize> = (0..4000).collect();
        bursts(&clips, &labels, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn every_clip_is_repeated_1_to_5_times_in_one_run() {
        let order = order(1);
        let mut times = vec![0; 4000];
        let stretches: Vec<&[usize]> = order.chunk_by(|a, b| a == b).collect();
        for stretch in &stretches {
            assert_eq!(times[stretch[0]], 0, "clip {} came back", stretch[0]);
            times[stretch[0]] = stretch.len();
        }
        for count in 1..=5 {
            let share = times.iter().filter(|&&t| t == count).count() as f64 / 4000.0;
            assert!((share - 0.2).abs() < 0.03, "{share} come {count} times");
        }
    }

    #[test]
    fn runs_are_geometric_with_mean_8() {
        let mut clips = order(2);
        clips.dedup();
        let runs: Vec<usize> = clips
            .chunk_by(|a, b| a % CLASSES == b % CLASSES)
            .map(<[usize]>::len)
            .collect();
        let mean = clips.len() as f64 / runs.len() as f64;
        assert!((mean - 8.0).abs() < 0.8, "{mean}");
        // A geometric run has length 1 with probability 1/8 and outlasts 16 with
        // probability (7/8)^16.
        let share = |of: &dyn Fn(&usize) -> bool| {
            runs.iter().filter(|run| of(run)).count() as f64 / runs.len() as f64
        };
        assert!((share(&|&run| run == 1) - 0.125).abs() < 0.05);
        assert!((share(&|&run| run > 16) - 0.118).abs() < 0.05);
    }

    #[test]
    fn the_seed_alone_decides_the_bursts() {
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
    }
}
