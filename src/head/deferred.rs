//! Solves that happen elsewhere: what a head asks to have computed, and what
//! comes back.
//!
//! Heads start no threads. Whoever owns one takes a [`Job`], runs it where
//! nobody waits, and hands the [`Solution`] back.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which changes a state has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Whose changes: a solution may outlive its head and meet another one.
    head: u64,
    /// Counts what made earlier solutions useless: classes that moved.
    pub(super) epoch: u64,
    /// Counts examples learned and unlearned.
    pub(super) changes: u64,
}

impl Version {
    /// The version of a head that has seen nothing.
    pub(super) fn first() -> Self {
        static HEADS: AtomicU64 = AtomicU64::new(0);
        Self {
            head: HEADS.fetch_add(1, Ordering::Relaxed),
            epoch: 0,
            changes: 0,
        }
    }

    /// Whether it is of the same head, and no class has moved in between.
    pub(super) fn comparable(self, other: Self) -> bool {
        (self.head, self.epoch) == (other.head, other.epoch)
    }
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
