//! Two halves of recordings, each with half of each class.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Clips by the half that they are in. The clips of a recording are in one half.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Halves {
    /// Heard without their labels.
    pub(crate) heard: Vec<usize>,
    /// Asked about.
    pub(crate) asked: Vec<usize>,
}

impl Halves {
    /// Halves drawn by `seed` of recordings: the clips of each, and its class. Of an odd number of
    /// recordings of a class, one more is asked about.
    pub(crate) fn draw(mut recordings: Vec<(Vec<usize>, usize)>, seed: u64) -> Self {
        recordings.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        // The sort is stable, so that each class stays shuffled.
        recordings.sort_by_key(|&(_, class)| class);
        let mut halves = Self::default();
        for of_class in recordings.chunk_by(|a, b| a.1 == b.1) {
            let (heard, asked) = of_class.split_at(of_class.len() / 2);
            let clips =
                |half: &[(Vec<usize>, usize)]| half.iter().flat_map(|of| of.0.clone()).collect();
            let (heard, asked): (Vec<usize>, Vec<usize>) = (clips(heard), clips(asked));
            halves.heard.extend(heard);
            halves.asked.extend(asked);
        }
        halves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_has_half_of_each_class_and_whole_recordings() {
        // Two clips a recording; four, three and one recordings of three classes.
        let classes = [0, 1, 2, 0, 1, 0, 1, 0];
        let recordings = |(at, &class): (usize, &usize)| (vec![2 * at, 2 * at + 1], class);
        let recordings: Vec<_> = classes.iter().enumerate().map(recordings).collect();
        let draw = |seed| Halves::draw(recordings.clone(), seed);
        for seed in 0..10 {
            let halves = draw(seed);
            assert_eq!(halves, draw(seed));
            let count = |clips: &[usize], class| {
                clips
                    .iter()
                    .filter(|&&clip| classes[clip / 2] == class)
                    .count()
            };
            assert_eq!(
                [0, 1, 2].map(|class| count(&halves.heard, class)),
                [4, 2, 0]
            );
            assert_eq!(
                [0, 1, 2].map(|class| count(&halves.asked, class)),
                [4, 4, 2]
            );
            assert!(
                halves
                    .heard
                    .iter()
                    .all(|clip| halves.heard.contains(&(clip ^ 1)))
            );
            assert!(halves.heard.iter().all(|clip| !halves.asked.contains(clip)));
        }
        assert!((0..10).any(|seed| draw(seed) != draw(0)));
    }
}
