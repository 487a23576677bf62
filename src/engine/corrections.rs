//! Labels that come one by one while a learner listens, looked at four at a time.
//!
//! Each of them counts at once, since a single correction is the user's word. Four together can be
//! compared with the others: those that the other recordings contradict are named. Nothing is refused
//! or set aside. A thread of its own looks at a copy, so listening waits only while the clips are
//! read.

use std::collections::HashSet;
use std::thread::{self, JoinHandle};

use super::guard::FEWEST_NEW;
use super::{Doubt, Engine, Error};
use crate::signal::ClipId;
use crate::store::RevisionId;

/// The most examples of a learner that are looked at while it listens: the copy needs memory.
const MOST: u64 = 2_000;

/// What is taught while a learner listens, begun by [`Engine::corrections`].
pub struct Corrections {
    engine: Engine,
    /// When it began, in milliseconds of Unix time.
    since_unix_ms: i64,
    /// The revision that was looked at last.
    looked_at: RevisionId,
    looking: Option<JoinHandle<Result<Vec<Doubt>, Error>>>,
    named: HashSet<ClipId>,
}

impl Engine {
    /// Begins to look at what is taught from now on, by this process or by others.
    pub fn corrections(&self) -> Corrections {
        Corrections {
            engine: self.clone(),
            since_unix_ms: self.now(),
            looked_at: self.revision(),
            looking: None,
            named: HashSet::new(),
        }
    }

    /// The revision that the learner is at, as far as it has read its log.
    fn revision(&self) -> RevisionId {
        self.session().memory.at.id
    }
}

impl Corrections {
    /// The clips taught since the beginning that the other recordings contradict, each once; see
    /// [`Engine::doubts`]. It does not wait: after every four changes, a thread begins to look, and a
    /// later call returns what it found. Empty for heads other than `lda`, and for learners of more
    /// than 2,000 examples.
    ///
    /// # Errors
    /// [`Error`] if the log could not be read.
    pub fn doubtful(&mut self) -> Result<Vec<Doubt>, Error> {
        if let Some(looking) = self.looking.take_if(|looking| looking.is_finished()) {
            return self.new_ones(looking.join().unwrap_or_else(|_| Ok(Vec::new())));
        }
        if self.looking.is_none() && self.is_due() {
            self.looked_at = self.engine.revision();
            let engine = self.engine.clone();
            self.looking = Some(thread::spawn(move || engine.doubts(&|_, _| {})));
        }
        Ok(Vec::new())
    }

    /// Looks once more, at all that was taught if it was four clips or more, and waits for it.
    ///
    /// # Errors
    /// As [`Self::doubtful`].
    pub fn finish(mut self) -> Result<Vec<Doubt>, Error> {
        match self.is_due() {
            true => {
                let doubts = self.engine.doubts(&|_, _| {});
                self.new_ones(doubts)
            }
            false => Ok(Vec::new()),
        }
    }

    /// Whether enough has changed since the last look.
    fn is_due(&self) -> bool {
        let session = self.engine.session();
        let learner = session.learner();
        session.memory.at.id >= self.looked_at + FEWEST_NEW as RevisionId
            && learner.settings().head.judges_labels()
            && learner.examples() <= MOST
    }

    fn new_ones(&mut self, doubts: Result<Vec<Doubt>, Error>) -> Result<Vec<Doubt>, Error> {
        let mut doubts = doubts?;
        let since = self.since_unix_ms;
        doubts.retain(|doubt| doubt.taught_unix_ms >= since && self.named.insert(doubt.clip));
        Ok(doubts)
    }
}
