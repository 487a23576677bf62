//! Folds of a cross-validation on the training side.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Number of folds; fewer if there are fewer groups.
const FOLDS: usize = 5;

/// The seed that deals folds. It is fixed, so that the bound of a split is the same for every run.
pub(crate) const FOLD_SEED: u64 = 0;

/// The fold of each of a number of examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folds {
    of: Vec<usize>,
    grouped: bool,
}

impl Folds {
    /// Deals whole groups, the largest first, each into the smallest fold. Without two groups,
    /// examples are shuffled by the seed and dealt class by class.
    pub fn deal(labels: &[usize], groups: Option<&[usize]>, seed: u64) -> Self {
        let groups = groups.unwrap_or_default();
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        for &group in groups {
            *sizes.entry(group).or_default() += 1;
        }
        if sizes.len() < 2 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut order: Vec<usize> = (0..labels.len()).collect();
            order.shuffle(&mut rng);
            order.sort_by_key(|&example| labels[example]);
            let mut of = vec![0; labels.len()];
            for (position, example) in order.into_iter().enumerate() {
                of[example] = position % FOLDS;
            }
            let grouped = false;
            return Self { of, grouped };
        }
        let mut sizes: Vec<(usize, usize)> = sizes.into_iter().collect();
        sizes.sort_by_key(|&(group, size)| (std::cmp::Reverse(size), group));
        let mut load = vec![0_usize; FOLDS.min(sizes.len())];
        let mut fold_of_group = HashMap::new();
        for (group, size) in sizes {
            let smallest = (0..load.len()).min_by_key(|&fold| load[fold]).unwrap_or(0);
            load[smallest] += size;
            fold_of_group.insert(group, smallest);
        }
        Self {
            of: groups.iter().map(|group| fold_of_group[group]).collect(),
            grouped: true,
        }
    }

    /// The fold of each example, counted from 0.
    pub fn of(&self) -> &[usize] {
        &self.of
    }

    /// Number of folds.
    pub fn count(&self) -> usize {
        self.of.iter().max().map_or(0, |last| last + 1)
    }

    /// Whether groups were kept whole.
    pub fn grouped(&self) -> bool {
        self.grouped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_holds_whole_groups_or_its_share_of_each_class() {
        let labels: Vec<usize> = (0..120).map(|i| i % 3).collect();
        let groups: Vec<usize> = (0..120).map(|i| i / 3 % 4).collect();
        let folds = Folds::deal(&labels, Some(&groups), 0);
        assert!(folds.grouped() && folds.count() == 4);
        for (fold, group) in folds.of().iter().zip(&groups) {
            let first = groups.iter().position(|g| g == group).unwrap();
            assert_eq!(*fold, folds.of()[first]);
        }
        let folds = Folds::deal(&labels, None, 0);
        assert!(!folds.grouped() && folds.count() == 5);
        for class in 0..3 {
            let held_out = (0..120)
                .filter(|&i| labels[i] == class && folds.of()[i] == 0)
                .count();
            assert_eq!(held_out, 8);
        }
    }
}
