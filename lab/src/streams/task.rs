//! A task: the part of a stream that is taught before the next test.

/// Number of slices of a stream without its own tasks. Each slice gives one point of a curve.
pub(crate) const SLICES: usize = 10;

/// A part of the stream after which the learner is tested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// The class, the group, or the slice's number.
    pub name: String,
    /// Training clips, in the order in which they are learned; a bursty stream
    /// repeats them.
    pub clips: Vec<usize>,
    /// The class that each of them is taught as.
    pub labels: Vec<usize>,
    /// Test clips after this task, ascending.
    pub tested: Vec<usize>,
}

/// Cuts `order` into `count` slices that differ by at most one clip. There are fewer slices if
/// there are fewer clips.
pub(crate) fn slices(order: &[usize], count: usize) -> Vec<Task> {
    let count = count.min(order.len());
    let cut = |slice: usize| slice * order.len() / count;
    let task = |slice: usize| Task {
        clips: order[cut(slice)..cut(slice + 1)].to_vec(),
        ..Task::default()
    };
    (0..count).map(task).collect()
}

pub(crate) fn name_slices(tasks: &mut [Task]) {
    for (position, task) in tasks.iter_mut().enumerate() {
        if task.name.is_empty() {
            task.name = format!("slice {}", position + 1);
        }
    }
}
