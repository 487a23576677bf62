//! The lineage of a revision: the entries of the log that are in effect at it.
//!
//! A rollback removes no entry. It names the earlier revision on which the next revisions build,
//! so a lineage is a few ranges of the log. In every lineage that contains an entry, the same
//! entries precede it. So the state after an entry does not depend on the lineage.

use super::EntryId;

/// Ranges of the log, each with its first and last entry, ascending and not adjacent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    ranges: Vec<(EntryId, EntryId)>,
}

impl Lineage {
    /// The lineage of ranges that are given from the last to the first. Empty ranges are left out.
    pub(super) fn from_last(backwards: &[(EntryId, EntryId)]) -> Self {
        let mut ranges: Vec<(EntryId, EntryId)> = Vec::new();
        for &(first, last) in backwards.iter().rev().filter(|(first, last)| first <= last) {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == first => *end = last,
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }

    /// Whether the entry is in effect.
    pub(crate) fn contains(&self, id: EntryId) -> bool {
        (self.ranges.iter()).any(|&(first, last)| (first..=last).contains(&id))
    }

    /// How many entries are in effect.
    pub(crate) fn len(&self) -> i64 {
        self.ranges.iter().map(|(a, b)| b - a + 1).sum()
    }

    /// The last entry; 0 when there is none.
    pub(crate) fn last(&self) -> EntryId {
        self.ranges.last().map_or(0, |&(_, last)| last)
    }

    /// The ranges after entry `after`.
    pub(super) fn after(&self, after: EntryId) -> impl Iterator<Item = (EntryId, EntryId)> {
        (self.ranges.iter())
            .map(move |&(first, last)| (first.max(after + 1), last))
            .filter(|(first, last)| first <= last)
    }

    /// The ranges as JSON for SQL: `[[first,last],…]`.
    pub(super) fn to_json(&self) -> String {
        let pairs: Vec<String> = (self.ranges.iter())
            .map(|(first, last)| format!("[{first},{last}]"))
            .collect();
        format!("[{}]", pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_ranges_are_joined() {
        let lineage = Lineage::from_last(&[(11, 15), (8, 7), (4, 5), (1, 3)]);
        assert_eq!(lineage.to_json(), "[[1,5],[11,15]]");
        assert_eq!((lineage.len(), lineage.last()), (10, 15));
        assert!(lineage.contains(5) && !lineage.contains(6) && lineage.contains(11));
        assert_eq!(lineage.after(4).collect::<Vec<_>>(), [(5, 5), (11, 15)]);
        assert_eq!(Lineage::default().len(), 0);
    }
}
