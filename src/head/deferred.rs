//! Solves on another thread: the job that a head hands out, and its solution.
//!
//! Heads start no threads. The caller takes a [`Job`], runs it on its own thread, and returns the
//! [`Solution`].

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies the changes that a state includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// The head: a caller may pass a solution to a head that did not hand out its job.
    head: u64,
    /// Counts changes that make earlier solutions unusable, such as renumbered classes.
    pub(super) epoch: u64,
    /// Counts learned and unlearned examples.
    pub(super) changes: u64,
}

impl Version {
    /// The version of a new head.
    pub(super) fn first() -> Self {
        static HEADS: AtomicU64 = AtomicU64::new(0);
        Self {
            head: HEADS.fetch_add(1, Ordering::Relaxed),
            epoch: 0,
            changes: 0,
        }
    }

    /// Whether both versions are of the same head and no class was renumbered in between.
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

    /// Solves. Takes as long as the next exact prediction would otherwise wait.
    pub fn run(self) -> Solution {
        Solution {
            version: self.version,
            solved: (self.work)(),
        }
    }
}

/// The result of a [`Job`], to be returned to the head that handed it out.
pub struct Solution {
    pub(super) version: Version,
    solved: Solved,
}

impl Solution {
    /// The solution, if it has this type.
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
