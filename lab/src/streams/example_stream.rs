//! A stream: the taught clips, their order and labels, and the clips that are tested after each
//! task.
//!
//! Class-incremental and domain-incremental are the protocols of van de Ven, Tuytelaars &
//! Tolias (2022), "Three types of incremental learning"; iid is their control. Bursty
//! streams and drift are not among their types. Order, imbalance and noise are drawn from
//! separate random streams, so noise never changes the order.

use std::collections::{BTreeMap, HashSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::bursty::bursts;
use super::drift::{ClassDrift, draw_drift};
use super::error::StreamError;
use super::imbalance::Imbalance;
use super::label_noise::LabelNoise;
use super::protocol::Protocol;
use super::task::{SLICES, Task, name_slices, slices};
use crate::data::Dataset;

/// The order of a stream, its label noise and its imbalance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamOrder {
    /// The order of the examples.
    pub protocol: Protocol,
    /// Labels that are replaced by wrong ones.
    pub label_noise: LabelNoise,
    /// Classes that keep fewer clips.
    pub imbalance: Imbalance,
}

impl From<Protocol> for StreamOrder {
    /// The order, without label noise and imbalance.
    fn from(protocol: Protocol) -> Self {
        Self {
            protocol,
            label_noise: LabelNoise::NONE,
            imbalance: Imbalance::NONE,
        }
    }
}

/// Tasks, one after another.
///
/// ```
/// use afield_lab::data::{Clips, Dataset, Names, TestSide};
/// use afield_lab::streams::{ExampleStream, Protocol};
/// let names = Names::from_integers(&[0, 1, 0, 1, 0, 1]);
/// let test = Some(vec![false, false, false, false, true, true]);
/// let clips = Clips::of_rows(1, vec![0.0; 6], names, None, test)?;
/// let dataset = Dataset::new(clips, &TestSide::Marked)?;
/// let stream = ExampleStream::draw(&dataset, Protocol::ClassIncremental.into(), 0)?;
/// assert_eq!(stream.tasks().len(), 2);
/// assert_eq!(stream.tasks()[1].tested, [4, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleStream {
    order: StreamOrder,
    seed: u64,
    tasks: Vec<Task>,
    truth: Vec<usize>,
    drift: Option<ClassDrift>,
}

impl ExampleStream {
    /// Draws a stream over the training side.
    ///
    /// # Errors
    /// [`StreamError::NoGroups`] and [`StreamError::OneDomain`] if a domain-incremental stream has
    /// no or one training group; [`StreamError::DriftClasses`] if a drifting stream has too few
    /// classes.
    pub fn draw(dataset: &Dataset, order: StreamOrder, seed: u64) -> Result<Self, StreamError> {
        let clips = dataset.clips();
        let rng = |of: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(of);
            rng
        };
        let kept = (order.imbalance).keep(dataset.train(), clips.labels(), &mut rng(1));
        let mut truth = clips.labels().to_vec();
        let mut drift = None;
        let rng_of_order = &mut rng(0);
        let mut tasks = match order.protocol {
            Protocol::ClassIncremental => {
                let names: Vec<&str> = clips.classes().iter().map(|c| c.as_str()).collect();
                one_task_each(&kept, &names, clips.labels(), rng_of_order)
            }
            Protocol::DomainIncremental => domains(dataset, &kept, rng_of_order)?,
            Protocol::Iid => {
                let mut order = kept;
                order.shuffle(rng_of_order);
                slices(&order, SLICES)
            }
            Protocol::Bursty => slices(&bursts(&kept, clips.labels(), rng_of_order), SLICES),
            Protocol::Drift => {
                let (drawn, tasks) = draw_drift(dataset, &kept, rng_of_order)?;
                for label in truth.iter_mut().filter(|label| **label == drawn.becomes) {
                    *label = drawn.class;
                }
                drift = Some(drawn);
                tasks
            }
        };
        name_slices(&mut tasks);
        for task in &mut tasks {
            task.labels = task.clips.iter().map(|&clip| truth[clip]).collect();
        }
        let mut stream = Self {
            order,
            seed,
            tasks,
            truth,
            drift,
        };
        stream.set_tested(dataset);
        let tasks = stream.tasks.iter_mut();
        let mut labels: Vec<&mut usize> = tasks.flat_map(|task| &mut task.labels).collect();
        order.label_noise.spoil(&mut labels, &mut rng(2));
        Ok(stream)
    }

    /// The order of the stream.
    pub fn order(&self) -> StreamOrder {
        self.order
    }

    /// The seed of the draw.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The tasks, in the order in which they are taught.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The class of every clip, as it is tested. This is the clip's own class, unless another
    /// class's label drifts to that class.
    pub fn truth(&self) -> &[usize] {
        &self.truth
    }

    /// The class whose meaning changes, in a drifting stream.
    pub fn drift(&self) -> Option<ClassDrift> {
        self.drift
    }

    /// Examples taught, repeats counted.
    pub fn examples(&self) -> usize {
        self.tasks.iter().map(|task| task.clips.len()).sum()
    }

    /// The taught clips, each once, ascending, with the label under which each was taught most
    /// often. In a tie, the first such label counts.
    pub fn clips(&self) -> Vec<(usize, usize)> {
        let mut labels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for task in &self.tasks {
            for (&clip, &label) in task.clips.iter().zip(&task.labels) {
                labels.entry(clip).or_default().push(label);
            }
        }
        let most = |labels: &[usize]| {
            let times = |label: &usize| labels.iter().filter(|other| *other == label).count();
            // `max_by_key` returns the last of equal items.
            labels.iter().rev().copied().max_by_key(times)
        };
        (labels.iter())
            .filter_map(|(&clip, labels)| Some((clip, most(labels)?)))
            .collect()
    }

    /// The clips of [`Self::clips`] with labels that are true at the end. An offline fit may learn
    /// only from these. A drifted class has only its new clips.
    pub fn valid_clips(&self) -> Vec<(usize, usize)> {
        let mut clips = self.clips();
        if let Some(drift) = self.drift {
            let over = self.tasks.iter().take(drift.task);
            let over: HashSet<usize> = over.flat_map(|task| task.clips.iter().copied()).collect();
            clips.retain(|(clip, _)| self.truth[*clip] != drift.class || !over.contains(clip));
        }
        clips
    }

    /// Sets the tested clips of each task. Class-incremental: the classes taught so far, and all
    /// classes after the last task. Drift: the drifting class with its meaning at that time, and
    /// the rest. Otherwise: all clips.
    fn set_tested(&mut self, dataset: &Dataset) {
        let last = self.tasks.len().saturating_sub(1);
        let own = dataset.clips().labels();
        let mut seen = vec![false; dataset.clips().classes().len()];
        for (position, task) in self.tasks.iter_mut().enumerate() {
            for &label in &task.labels {
                seen[label] = true;
            }
            let growing = self.order.protocol == Protocol::ClassIncremental && position < last;
            let gone = self.drift.map(|drift| match position < drift.task {
                true => drift.becomes,
                false => drift.class,
            });
            let tested = dataset.test().iter().copied();
            task.tested = tested
                .filter(|&clip| !growing || seen[own[clip]])
                .filter(|&clip| Some(own[clip]) != gone)
                .collect();
        }
    }
}

fn domains(
    dataset: &Dataset,
    members: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Task>, StreamError> {
    let groups = dataset.clips().groups().ok_or(StreamError::NoGroups)?;
    let names: Vec<&str> = groups.names().iter().map(String::as_str).collect();
    let tasks = one_task_each(members, &names, groups.of(), rng);
    match tasks.as_slice() {
        [only] => Err(StreamError::OneDomain {
            only: only.name.clone(),
        }),
        _ => Ok(tasks),
    }
}

/// One task for each name that occurs among `members`. The tasks are shuffled, and so are the clips
/// of each task.
fn one_task_each(
    members: &[usize],
    names: &[&str],
    name_of: &[usize],
    rng: &mut ChaCha8Rng,
) -> Vec<Task> {
    let task = |&name: &&str| Task {
        name: name.to_owned(),
        ..Task::default()
    };
    let mut tasks: Vec<Task> = names.iter().map(task).collect();
    for &clip in members {
        tasks[name_of[clip]].clips.push(clip);
    }
    tasks.retain(|task| !task.clips.is_empty());
    tasks.shuffle(rng);
    for task in &mut tasks {
        task.clips.shuffle(rng);
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_counts_under_its_most_frequent_label() {
        let stream = ExampleStream {
            order: Protocol::Bursty.into(),
            seed: 0,
            tasks: vec![Task {
                clips: vec![3, 3, 3, 8, 8],
                labels: vec![1, 2, 2, 4, 0],
                ..Task::default()
            }],
            truth: vec![0; 9],
            drift: None,
        };
        assert_eq!(stream.clips(), [(3, 2), (8, 4)]);
    }
}
