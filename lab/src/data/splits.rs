//! The ways in which a set of clips is split for a series of runs.

use std::sync::Arc;

use super::clips::Clips;
use super::dataset::Dataset;
use super::error::{DataError, SplitFault};
use super::split::TestSide;

/// The word that holds out each group in turn.
const EACH: &str = "each";

/// Combines every seed with every way to split the clips, seed after seed.
///
/// `test_groups` names the groups of the test side. The single word `each` holds out every group in
/// turn, one split for each group. Without names, the test side is the one that the data set marks,
/// or else a draw by the seed: see [`Dataset::choose`].
///
/// # Errors
/// The errors of [`Dataset::new`]; [`SplitFault::NoGroups`] for `each` if the clips have no groups.
pub fn splits(
    clips: &Arc<Clips>,
    test_groups: &[String],
    seeds: impl Iterator<Item = u64>,
) -> Result<Vec<(u64, Dataset)>, DataError> {
    let mut all = Vec::new();
    for seed in seeds {
        if !matches!(test_groups, [each] if each == EACH) {
            let dataset = Dataset::choose(Arc::clone(clips), test_groups, seed)?;
            all.push((seed, dataset));
            continue;
        }
        let groups = clips.groups().ok_or(SplitFault::NoGroups)?;
        for group in groups.names() {
            let side = TestSide::Groups(vec![group.clone()]);
            all.push((seed, Dataset::new(Arc::clone(clips), &side)?));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Names;

    fn clips(groups: Option<&[&str]>) -> Arc<Clips> {
        let classes = Names::from_text(&["a", "b", "a", "b", "a", "b"]);
        let groups = groups.map(Names::from_text);
        Arc::new(Clips::of_rows(1, vec![0.0; 6], classes, groups, None).unwrap())
    }

    #[test]
    fn each_holds_out_every_group_under_every_seed() {
        let clips = clips(Some(&["x", "x", "y", "y", "z", "z"]));
        let all = splits(&clips, &[EACH.to_owned()], 4..=5).unwrap();
        let held_out: Vec<(u64, &[usize])> = (all.iter())
            .map(|(seed, dataset)| (*seed, dataset.test()))
            .collect();
        let [x, y, z] = [[0, 1], [2, 3], [4, 5]];
        let expected: Vec<(u64, &[usize])> =
            vec![(4, &x), (4, &y), (4, &z), (5, &x), (5, &y), (5, &z)];
        assert_eq!(held_out, expected);
        assert!(all.iter().all(|(_, dataset)| dataset.drawn_by().is_none()));
    }

    #[test]
    fn each_needs_groups() {
        let fault = splits(&clips(None), &[EACH.to_owned()], 0..=0).unwrap_err();
        assert!(matches!(fault, DataError::Split(SplitFault::NoGroups)));
    }

    #[test]
    fn a_drawn_split_names_its_seed() {
        let all = splits(&clips(None), &[], 7..=7).unwrap();
        assert_eq!(all[0].1.drawn_by(), Some(7));
    }
}
