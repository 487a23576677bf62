//! The line of a revision: the entries of the log that it stands on.
//!
//! Nothing is ever taken out of the log by going back. A rollback says on which
//! earlier revision what follows builds, so the entries that hold are a few
//! stretches of the log, and every entry has one entry before it for good: what
//! the entries up to one of them give does not depend on which line it is read
//! on.

use super::OperationId;

/// Stretches of the log, first and last entry each, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    stretches: Vec<(OperationId, OperationId)>,
}

impl Line {
    /// The line of stretches given from the last to the first; empty ones are
    /// left out.
    pub(super) fn from_last(backwards: &[(OperationId, OperationId)]) -> Self {
        let mut stretches: Vec<(OperationId, OperationId)> = Vec::new();
        for &(first, last) in backwards.iter().rev().filter(|(first, last)| first <= last) {
            match stretches.last_mut() {
                Some((_, end)) if *end + 1 == first => *end = last,
                _ => stretches.push((first, last)),
            }
        }
        Self { stretches }
    }

    /// Whether the entry is on it.
    pub fn contains(&self, id: OperationId) -> bool {
        (self.stretches.iter()).any(|&(first, last)| (first..=last).contains(&id))
    }

    /// How many entries are on it.
    pub fn len(&self) -> i64 {
        self.stretches.iter().map(|(a, b)| b - a + 1).sum()
    }

    /// Whether no entry is.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Its last entry, 0 when there is none.
    pub fn last(&self) -> OperationId {
        self.stretches.last().map_or(0, |&(_, last)| last)
    }

    /// Its stretches after `after`.
    pub(super) fn after(
        &self,
        after: OperationId,
    ) -> impl Iterator<Item = (OperationId, OperationId)> {
        (self.stretches.iter())
            .map(move |&(first, last)| (first.max(after + 1), last))
            .filter(|(first, last)| first <= last)
    }

    /// As SQL reads it: `[[first,last],…]`.
    pub(super) fn to_json(&self) -> String {
        let pairs: Vec<String> = (self.stretches.iter())
            .map(|(first, last)| format!("[{first},{last}]"))
            .collect();
        format!("[{}]", pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_are_one() {
        let line = Line::from_last(&[(11, 15), (8, 7), (4, 5), (1, 3)]);
        assert_eq!(line.to_json(), "[[1,5],[11,15]]");
        assert_eq!((line.len(), line.last()), (10, 15));
        assert!(line.contains(5) && !line.contains(6) && line.contains(11));
        assert_eq!(line.after(4).collect::<Vec<_>>(), [(5, 5), (11, 15)]);
        assert!(Line::default().is_empty());
    }
}
