//! Solves on another thread: the job that a head gives out, and its solution.
//!
//! Heads start no threads. The caller takes a [`Job`], runs it on a thread of its own, and
//! returns the [`Solution`].

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which changes a state has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Which head: a solution may be given to another head than the one that asked.
    head: u64,
    /// Counts changes that make earlier solutions useless: classes that moved.
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

/// A solve that is due, with all its inputs.
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

    /// Solves; takes as long as the next exact answer would otherwise wait.
    pub fn run(self) -> Solution {
        Solution {
            version: self.version,
            solved: (self.work)(),
        }
    }
}

/// The result of a [`Job`], for the head that gave it.
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
