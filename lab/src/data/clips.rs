//! Embedded clips with their classes and groups.
//!
//! The parts of a [`Clips`] always fit together, and its numbers are finite. It computes no
//! embeddings and does not split the clips.

use afield::learner::Origin;
use afield::signal::Label;

use super::error::{DataError, SplitFault};
use super::names::Names;

/// The largest size of an embedding.
const MAX_SIZE: usize = 1 << 16;
/// The most classes: the joint upper bound solves for all of them at once.
const MAX_CLASSES: usize = 4096;

/// Embedded clips. Each has one or more windows, a class and perhaps a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Clips {
    size: usize,
    windows: Vec<f32>,
    offsets: Vec<usize>,
    classes: Vec<Label>,
    labels: Vec<usize>,
    groups: Option<Names>,
    marked_test: Option<Vec<bool>>,
}

impl Clips {
    /// Creates clips of several windows.
    ///
    /// `windows` is row-major `[rows, size]`. Clip `i` owns the rows `offsets[i]..offsets[i + 1]`,
    /// at least one. `classes` and `groups` name the class and the group of every clip.
    /// `marked_test` is the split that the data set marks.
    ///
    /// # Errors
    /// [`DataError::Lengths`] if the parts disagree, [`DataError::NotFinite`],
    /// [`DataError::Limit`], [`DataError::Class`] for a name that cannot be a label, and
    /// [`SplitFault::Classes`] for fewer than two classes.
    pub fn new(
        size: usize,
        windows: Vec<f32>,
        offsets: Vec<usize>,
        classes: Names,
        groups: Option<Names>,
        marked_test: Option<Vec<bool>>,
    ) -> Result<Self, DataError> {
        if size == 0 || size > MAX_SIZE {
            let (what, limit) = ("embedding size", MAX_SIZE);
            return Err(DataError::Limit {
                what,
                limit,
                actual: size,
            });
        }
        let clips = classes.of().len();
        let mut columns = vec![("the list of clips", offsets.len().saturating_sub(1))];
        columns.extend(groups.as_ref().map(|groups| ("group", groups.of().len())));
        columns.extend(marked_test.as_ref().map(|test| ("test", test.len())));
        for (what, actual) in columns {
            if actual != clips {
                return Err(DataError::Lengths {
                    what,
                    expected: clips,
                    actual,
                });
            }
        }
        let rows = offsets.last().copied().unwrap_or(0);
        let rising = offsets.first() == Some(&0) && offsets.is_sorted_by(|a, b| a < b);
        if !rising || rows.checked_mul(size) != Some(windows.len()) {
            let (expected, actual) = (rows.saturating_mul(size), windows.len());
            return Err(DataError::Lengths {
                what: "the embedding matrix",
                expected,
                actual,
            });
        }
        if let Some(position) = windows.iter().position(|value| !value.is_finite()) {
            return Err(DataError::NotFinite {
                row: position / size,
                column: position % size,
            });
        }
        let found = classes.names().len();
        if found < 2 {
            return Err(SplitFault::Classes { classes: found }.into());
        }
        if found > MAX_CLASSES {
            let (what, limit) = ("number of classes", MAX_CLASSES);
            return Err(DataError::Limit {
                what,
                limit,
                actual: found,
            });
        }
        let labels = classes.of().to_vec();
        let named = classes
            .names()
            .iter()
            .cloned()
            .enumerate()
            .map(|(class, name)| {
                let example = labels.iter().position(|&label| label == class).unwrap_or(0);
                Label::new(name).map_err(|fault| DataError::Class { example, fault })
            });
        let classes = named.collect::<Result<_, _>>()?;
        Ok(Self {
            size,
            windows,
            offsets,
            classes,
            labels,
            groups,
            marked_test,
        })
    }

    /// Creates clips of one window each.
    ///
    /// # Errors
    /// As [`Self::new`].
    ///
    /// ```
    /// use afield_lab::data::{Clips, Names};
    /// let names = Names::from_text(&["rain", "dog", "rain"]);
    /// let clips = Clips::of_rows(2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], names, None, None)?;
    /// assert_eq!(clips.windows(1), [2.0, 3.0]);
    /// assert_eq!(clips.classes()[clips.label(1)].as_str(), "dog");
    /// # Ok::<(), afield_lab::data::DataError>(())
    /// ```
    pub fn of_rows(
        size: usize,
        windows: Vec<f32>,
        classes: Names,
        groups: Option<Names>,
        marked_test: Option<Vec<bool>>,
    ) -> Result<Self, DataError> {
        let rows = windows.len().checked_div(size).unwrap_or(0);
        if rows != classes.of().len() {
            let (expected, actual) = (rows, classes.of().len());
            return Err(DataError::Lengths {
                what: "the column of classes",
                expected,
                actual,
            });
        }
        Self::new(
            size,
            windows,
            (0..=rows).collect(),
            classes,
            groups,
            marked_test,
        )
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Always false: a set has clips of at least two classes.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Numbers in an embedding.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The windows of a clip, row-major `[n, size]`. Empty if `clip` is beyond the last one.
    pub fn windows(&self, clip: usize) -> &[f32] {
        match (self.offsets.get(clip), self.offsets.get(clip + 1)) {
            (Some(&from), Some(&to)) => self
                .windows
                .get(from * self.size..to * self.size)
                .unwrap_or_default(),
            _ => &[],
        }
    }

    /// The class of each clip, as a position in [`Self::classes`].
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The class of one clip, as a position in [`Self::classes`].
    ///
    /// # Panics
    /// If the clip does not exist.
    pub fn label(&self, clip: usize) -> usize {
        self.labels[clip]
    }

    /// The classes, sorted.
    pub fn classes(&self) -> &[Label] {
        &self.classes
    }

    /// The groups (speakers, subjects, sites, recordings), if they are known.
    pub fn groups(&self) -> Option<&Names> {
        self.groups.as_ref()
    }

    /// The origin of a clip for learners, without a time. Each group has its own number; 0 means
    /// that groups are unknown.
    pub fn origin(&self, clip: usize) -> Origin {
        let of = self
            .groups
            .as_ref()
            .and_then(|groups| groups.of().get(clip));
        Origin {
            group: of.map_or(0, |&group| group as u64 + 1),
            at_unix_ms: 0,
        }
    }

    /// The split that the data set marks, if any.
    pub fn marked_test(&self) -> Option<&[bool]> {
        self.marked_test.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(windows: Vec<f32>, classes: &[&str]) -> Result<Clips, DataError> {
        Clips::of_rows(2, windows, Names::from_text(classes), None, None)
    }

    #[test]
    fn a_row_that_is_not_finite_is_named() {
        let fault = rows(vec![0.0, 1.0, 2.0, f32::NAN], &["a", "b"]).unwrap_err();
        assert!(matches!(fault, DataError::NotFinite { row: 1, column: 1 }));
    }

    #[test]
    fn parts_of_different_lengths_are_rejected() {
        let fault = rows(vec![0.0; 4], &["a", "b", "c"]).unwrap_err();
        assert!(matches!(
            fault,
            DataError::Lengths {
                expected: 2,
                actual: 3,
                ..
            }
        ));
        let names = Names::from_text(&["a", "b"]);
        let empty_clip = Clips::new(2, vec![0.0; 4], vec![0, 2, 2], names, None, None);
        assert!(matches!(empty_clip.unwrap_err(), DataError::Lengths { .. }));
    }

    #[test]
    fn one_class_and_an_invalid_class_name_are_rejected() {
        let fault = rows(vec![0.0; 4], &["a", "a"]).unwrap_err();
        assert!(matches!(
            fault,
            DataError::Split(SplitFault::Classes { classes: 1 })
        ));
        let fault = rows(vec![0.0; 4], &["a", "b\u{7}"]).unwrap_err();
        assert!(matches!(fault, DataError::Class { example: 1, .. }));
    }
}
