//! Which classes a seed leaves out.

use afield::signal::Label;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::ExamError;

/// For each class, whether the seed leaves it out. `count` says how many, of how many that could be.
/// The class of the background is always taught.
pub(crate) fn never_taught(
    classes: &[Label],
    seed: u64,
    count: impl Fn(usize) -> usize,
) -> Result<Vec<bool>, ExamError> {
    let mut drawn: Vec<usize> = (0..classes.len())
        .filter(|&class| !classes[class].is_background())
        .collect();
    if drawn.len() < 3 {
        let classes = drawn.len();
        return Err(ExamError::TooFewToLeaveOut { classes });
    }
    drawn.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    drawn.truncate(count(drawn.len()));
    Ok((0..classes.len())
        .map(|class| drawn.contains(&class))
        .collect())
}

/// The classes that are left out.
pub(crate) fn names_of(never: &[bool], classes: &[Label]) -> Vec<Label> {
    let left_out = classes.iter().zip(never).filter(|&(_, &never)| never);
    left_out.map(|(label, _)| label.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Vec<Label> {
        let label = |name: &&str| Label::new(*name).unwrap();
        names.iter().map(label).collect()
    }

    #[test]
    fn as_many_classes_are_left_out_as_asked_and_never_the_background() {
        let never_taught =
            |classes: &[Label], seed| never_taught(classes, seed, |all| (all + 1) / 3);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "background"];
        for (count, left_out) in [(3, 1), (4, 1), (5, 2), (7, 2), (8, 3), (9, 3)] {
            let mut some = names[..count].to_vec();
            some.push(Label::BACKGROUND);
            for seed in 0..20 {
                let never = never_taught(&classes(&some), seed).unwrap();
                assert_eq!(never.iter().filter(|&&never| never).count(), left_out);
                assert!(!never[count]);
                assert_eq!(names_of(&never, &classes(&some)).len(), left_out);
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
        let fault = never_taught(&classes(&["a", "b", "background"]), 0, |_| 1).unwrap_err();
        assert!(matches!(fault, ExamError::TooFewToLeaveOut { classes: 2 }));
    }
}
