//! Which classes a seed leaves out.

use afield::signal::Label;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::UnknownError;

/// For each class, whether the seed leaves it out: a third of them, to the nearest whole number and
/// at least one. The class of the background is always taught.
pub(crate) fn never_taught(classes: &[Label], seed: u64) -> Result<Vec<bool>, UnknownError> {
    let mut drawn: Vec<usize> = (0..classes.len())
        .filter(|&class| !classes[class].is_background())
        .collect();
    if drawn.len() < 3 {
        let classes = drawn.len();
        return Err(UnknownError::Classes { classes });
    }
    drawn.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    drawn.truncate((drawn.len() + 1) / 3);
    Ok((0..classes.len())
        .map(|class| drawn.contains(&class))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Vec<Label> {
        let label = |name: &&str| Label::new(*name).unwrap();
        names.iter().map(label).collect()
    }

    #[test]
    fn a_third_of_the_classes_is_left_out_and_never_the_background() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "background"];
        for (count, left_out) in [(3, 1), (4, 1), (5, 2), (7, 2), (8, 3), (9, 3)] {
            let mut some = names[..count].to_vec();
            some.push(Label::BACKGROUND);
            for seed in 0..20 {
                let never = never_taught(&classes(&some), seed).unwrap();
                assert_eq!(never.iter().filter(|&&never| never).count(), left_out);
                assert!(!never[count]);
                assert_eq!(never, never_taught(&classes(&some), seed).unwrap());
            }
        }
        let draws: Vec<_> = (0..9)
            .map(|seed| never_taught(&classes(&names), seed).unwrap())
            .collect();
        assert!(draws.iter().any(|draw| *draw != draws[0]));
    }

    #[test]
    fn two_classes_and_a_background_are_too_few() {
        let fault = never_taught(&classes(&["a", "b", "background"]), 0).unwrap_err();
        assert!(matches!(fault, UnknownError::Classes { classes: 2 }));
    }
}
