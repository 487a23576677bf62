//! The progress reports of a running evaluation.

/// A head's accuracy after a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskAccuracy {
    /// Accuracy over all test clips of the stage, in `[0, 1]`. With the class-incremental protocol,
    /// these are the clips of the classes taught so far.
    pub accuracy: f64,
    /// Accuracy on the class or the group that the first task taught, in `[0, 1]`. `None` if it is
    /// not tested.
    pub on_first_task: Option<f64>,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EvaluationProgress<'a> {
    /// A head and a transform are being tried on the training side.
    Choosing {
        /// The head.
        head: &'a str,
        /// The transform.
        transform: &'a str,
    },
    /// Examples are being learned.
    Learning {
        /// The name of the row of the head that learns.
        head: &'a str,
        /// Examples learned, over all heads.
        done: usize,
        /// Examples to learn, over all heads.
        total: usize,
    },
    /// A task was taught to every head, and every head was tested.
    Taught {
        /// The task's position, from 0.
        stage: usize,
        /// Number of tasks.
        stages: usize,
        /// The class, the group, or the slice's number.
        task: &'a str,
        /// Accuracy of each head, in the order of `Evaluation::heads`.
        standings: &'a [TaskAccuracy],
    },
    /// The joint upper bound is being fitted.
    UpperBound,
}
