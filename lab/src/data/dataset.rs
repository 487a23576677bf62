//! Embedded clips with a training and a test side.
//!
//! A [`Dataset`] has clips on both sides. The clips are shared, not copied, so one set of clips can
//! be split in many ways.

use std::collections::BTreeSet;
use std::sync::Arc;

use afield::signal::Label;

use super::clips::Clips;
use super::error::{DataError, SplitFault};
use super::split::TestSide;

/// Clips with a training and a test side. Neither side is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    clips: Arc<Clips>,
    train: Vec<usize>,
    test: Vec<usize>,
    drawn_by: Option<u64>,
}

impl Dataset {
    /// Splits the clips.
    ///
    /// # Errors
    /// The errors of [`TestSide::mark`]; [`SplitFault::EmptySide`]; and
    /// [`SplitFault::Classes`] when training holds fewer than two classes.
    pub fn new(clips: impl Into<Arc<Clips>>, test_side: &TestSide) -> Result<Self, DataError> {
        let clips = clips.into();
        let marks = test_side.mark(&clips)?;
        let side = |wanted: bool| -> Vec<usize> {
            let marked = marks
                .iter()
                .enumerate()
                .filter(|&(_, &mark)| mark == wanted);
            marked.map(|(clip, _)| clip).collect()
        };
        let (train, test) = (side(false), side(true));
        for (side, members) in [("training", &train), ("test", &test)] {
            if members.is_empty() {
                return Err(SplitFault::EmptySide { side }.into());
            }
        }
        let classes = train
            .iter()
            .map(|&clip| clips.label(clip))
            .collect::<BTreeSet<_>>()
            .len();
        if classes < 2 {
            return Err(SplitFault::Classes { classes }.into());
        }
        let drawn_by = match test_side {
            TestSide::Automatic { seed } => Some(*seed),
            TestSide::Marked | TestSide::Groups(_) => None,
        };
        Ok(Self {
            clips,
            train,
            test,
            drawn_by,
        })
    }

    /// Splits the clips by `test_groups` if it names any. Otherwise the split is the one that the
    /// data set marks, or, without marks, a draw with `seed`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn choose(
        clips: impl Into<Arc<Clips>>,
        test_groups: &[String],
        seed: u64,
    ) -> Result<Self, DataError> {
        let clips = clips.into();
        let side = if !test_groups.is_empty() {
            TestSide::Groups(test_groups.to_vec())
        } else if clips.marked_test().is_some() {
            TestSide::Marked
        } else {
            TestSide::Automatic { seed }
        };
        Self::new(clips, &side)
    }

    /// The seed of the split, if the split was drawn.
    pub fn drawn_by(&self) -> Option<u64> {
        self.drawn_by
    }

    /// All clips.
    pub fn clips(&self) -> &Clips {
        &self.clips
    }

    /// The training clips, ascending.
    pub fn train(&self) -> &[usize] {
        &self.train
    }

    /// The test clips, ascending.
    pub fn test(&self) -> &[usize] {
        &self.test
    }

    /// Groups that lie wholly on the test side, sorted; empty without groups.
    pub fn test_groups(&self) -> Vec<&str> {
        let Some(groups) = self.clips.groups() else {
            return Vec::new();
        };
        let side = |members: &[usize]| -> BTreeSet<usize> {
            members.iter().map(|&clip| groups.of()[clip]).collect()
        };
        let whole = &side(&self.test) - &side(&self.train);
        whole
            .into_iter()
            .filter_map(|group| groups.names().get(group))
            .map(String::as_str)
            .collect()
    }

    /// Classes that are tested but never taught; no head can predict them.
    pub fn untaught_classes(&self) -> Vec<&Label> {
        let side = |members: &[usize]| -> BTreeSet<usize> {
            members.iter().map(|&clip| self.clips.label(clip)).collect()
        };
        let untaught = &side(&self.test) - &side(&self.train);
        untaught
            .into_iter()
            .filter_map(|class| self.clips.classes().get(class))
            .collect()
    }
}
