//! Solves that happen elsewhere: what a head asks to have computed, and what
//! comes back.
//!
//! Heads start no threads. Whoever owns one takes a [`Job`], runs it where
//! nobody waits, and hands the [`Solution`] back.

use std::any::Any;
use std::fmt;

/// Which changes a state has seen. Numbers of one head mean nothing to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Counts what made earlier solutions useless: classes that moved.
    pub(super) epoch: u64,
    /// Counts examples learned and unlearned.
    pub(super) changes: u64,
}

type Solved = Box<dyn Any + Send>;

/// A solve that is due, with everything it needs.
pub struct Job {
    version: Version,
    work: Box<dyn FnOnce() -> Solved + Send>,
}

impl Job {
    pub(super) fn new<T: Send + 'static>(
        version: Version,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Self {
        Self {
            version,
            work: Box::new(move || Box::new(work())),
        }
    }

    /// Solves; takes as long as [`Head::solve`](super::Head::solve) would.
    pub fn run(self) -> Solution {
        Solution {
            version: self.version,
            solved: (self.work)(),
        }
    }
}

/// What a [`Job`] came to, for the head that gave it.
pub struct Solution {
    pub(super) version: Version,
    solved: Solved,
}

impl Solution {
    /// What was solved, where it is of this type.
    pub(super) fn downcast<T: 'static>(self) -> Option<T> {
        self.solved.downcast().ok().map(|solved| *solved)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl fmt::Debug for Solution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Solution").finish_non_exhaustive()
    }
}
