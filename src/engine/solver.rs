//! Solves in a background thread.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::head::{Job, Solution};
use crate::learner::Learner;

/// A thread that factorises for one learner, one job at a time. It ends when this is dropped.
///
/// While a job runs, the learner answers from the previous solve. So an answer lacks the examples
/// that were taught during one solve, and at most the bound of [`Learner::evidence_now_into`].
#[derive(Debug)]
pub struct Solver {
    jobs: Sender<Job>,
    solutions: Receiver<Solution>,
    busy: bool,
}

impl Solver {
    /// Starts the thread.
    pub fn start() -> Self {
        let (jobs, todo) = channel::<Job>();
        let (done, solutions) = channel();
        thread::spawn(move || {
            for job in todo {
                if done.send(job.run()).is_err() {
                    return;
                }
            }
        });
        Self {
            jobs,
            solutions,
            busy: false,
        }
    }

    /// Passes the solution to the learner, and the next job to the thread.
    pub fn tend(&mut self, learner: &mut Learner) {
        while let Ok(solution) = self.solutions.try_recv() {
            learner.adopt(solution);
            self.busy = false;
        }
        if !self.busy
            && let Some(job) = learner.job()
        {
            // If the thread has ended, the learner solves by itself.
            self.busy = self.jobs.send(job).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::learner::{Contract, EmbeddingSpace, Example, Pool, Settings, Transform};
    use crate::signal::Label;

    fn taught(examples: i16) -> Learner {
        let contract = Contract::new(
            EmbeddingSpace::new("b", 8, 8.0),
            Pool::Mean,
            Transform::None,
        );
        let mut learner = Learner::new(contract.unwrap(), Settings::default()).unwrap();
        (0..examples).for_each(|i| teach(&mut learner, i));
        learner
    }

    fn teach(learner: &mut Learner, i: i16) {
        let x = (0..8)
            .map(|j| (i * 37 + j * 11) % 97 + i % 3 * 200)
            .collect();
        let label = Label::new(format!("class {}", i % 3)).unwrap();
        learner.learn_one(&Example::from_fixed(x), &label).unwrap();
    }

    #[test]
    fn answers_become_exact_without_blocking() {
        let (mut solver, mut learner) = (Solver::start(), taught(30));
        let probe = Example::from_fixed(vec![50; 8]);
        learner.solve();
        for i in 30..60 {
            teach(&mut learner, i);
            solver.tend(&mut learner);
            assert!(learner.predict_now(&probe).unwrap().1 <= 256);
        }
        let exact = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            solver.tend(&mut learner);
            learner.predict_now(&probe).unwrap().1 == 0
        });
        assert!(exact, "five seconds are enough for 8 features");
        let again = taught(60).predict_one(&probe).unwrap();
        assert_eq!(learner.predict_now(&probe).unwrap().0, again);
    }

    #[test]
    fn solution_of_another_learner_is_rejected() {
        let (mut one, mut other) = (taught(30), taught(30));
        teach(&mut other, 31);
        teach(&mut one, 32);
        let job = one.job().unwrap();
        other.adopt(job.run());
        let probe = Example::from_fixed(vec![50; 8]);
        let now = other.predict_now(&probe).unwrap();
        assert_eq!(now, (other.predict_one(&probe).unwrap(), 0));
    }
}
