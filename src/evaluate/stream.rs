//! What a learner meets, in which order, under which labels, and what it is
//! tested on after each stretch.
//!
//! Class-incremental and domain-incremental are the protocols of van de Ven,
//! Tuytelaars & Tolias (2022), "Three types of incremental learning"; iid is
//! their control. Bursty streams and drift are what they leave out. A stream
//! depends on the data, the order and the seed alone, so every head of a run
//! learns the same examples in the same sequence; order, imbalance and noise
//! are drawn apart, so that noise never changes the order.

use std::collections::{BTreeMap, HashSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::bursty::bursts;
use super::dataset::Dataset;
use super::drift::{Drift, draw_drift};
use super::error::EvaluateError;
use super::imbalance::Imbalance;
use super::label_noise::LabelNoise;
use super::protocol::Protocol;

/// Slices that a stream without tasks of its own is cut into, to have a curve.
pub(super) const SLICES: usize = 10;

/// The order of a stream, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// What comes after what.
    pub protocol: Protocol,
    /// Labels that are taught wrong.
    pub label_noise: LabelNoise,
    /// Classes that lack clips.
    pub imbalance: Imbalance,
}

impl From<Protocol> for Order {
    /// The order, with nothing wrong.
    fn from(protocol: Protocol) -> Self {
        Self {
            protocol,
            label_noise: LabelNoise::NONE,
            imbalance: Imbalance::NONE,
        }
    }
}

/// A stretch of the stream after which the learner is tested.
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

/// Tasks, one after another.
///
/// ```
/// use afield::evaluate::{Clips, Dataset, Names, Protocol, Stream, TestSide};
/// let names = Names::from_integers(&[0, 1, 0, 1, 0, 1]);
/// let test = Some(vec![false, false, false, false, true, true]);
/// let clips = Clips::of_rows(1, vec![0.0; 6], names, None, test)?;
/// let dataset = Dataset::new(clips, &TestSide::Marked)?;
/// let stream = Stream::draw(&dataset, Protocol::ClassIncremental.into(), 0)?;
/// assert_eq!(stream.tasks().len(), 2);
/// assert_eq!(stream.tasks()[1].tested, [4, 5]);
/// # Ok::<(), afield::evaluate::EvaluateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    order: Order,
    seed: u64,
    tasks: Vec<Task>,
    truth: Vec<usize>,
    drift: Option<Drift>,
}

impl Stream {
    /// Draws a stream over the training side.
    ///
    /// # Errors
    /// [`EvaluateError::NoGroups`] and [`EvaluateError::OneDomain`] when a
    /// domain-incremental stream has no or one training group;
    /// [`EvaluateError::DriftClasses`] when a drifting one has too few classes.
    pub fn draw(dataset: &Dataset, order: Order, seed: u64) -> Result<Self, EvaluateError> {
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

    /// What it was drawn for.
    pub fn order(&self) -> Order {
        self.order
    }

    /// What it was drawn with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The tasks, in the order in which they are taught.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The class of every clip, as it is tested. It is the clip's own, but for
    /// the class whose clips another's label drifts to.
    pub fn truth(&self) -> &[usize] {
        &self.truth
    }

    /// The class that changes what it is, in a drifting stream.
    pub fn drift(&self) -> Option<Drift> {
        self.drift
    }

    /// Examples taught, repeats counted.
    pub fn examples(&self) -> usize {
        self.tasks.iter().map(|task| task.clips.len()).sum()
    }

    /// Clips taught, each once, ascending, with the label each was taught under
    /// most often (the first such label, in a tie).
    pub fn clips(&self) -> Vec<(usize, usize)> {
        let mut labels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for task in &self.tasks {
            for (&clip, &label) in task.clips.iter().zip(&task.labels) {
                labels.entry(clip).or_default().push(label);
            }
        }
        let most = |labels: &[usize]| {
            let times = |label: &usize| labels.iter().filter(|other| *other == label).count();
            // `max_by_key` takes the last of equals.
            labels.iter().rev().copied().max_by_key(times)
        };
        (labels.iter())
            .filter_map(|(&clip, labels)| Some((clip, most(labels)?)))
            .collect()
    }

    /// Of [`Self::clips`], those which are true at the end: what an offline fit
    /// may learn from. A drifted class has its new clips alone.
    pub fn valid_clips(&self) -> Vec<(usize, usize)> {
        let mut clips = self.clips();
        if let Some(drift) = self.drift {
            let over = self.tasks.iter().take(drift.task);
            let over: HashSet<usize> = over.flat_map(|task| task.clips.iter().copied()).collect();
            clips.retain(|(clip, _)| self.truth[*clip] != drift.class || !over.contains(clip));
        }
        clips
    }

    /// Class-incremental: the classes taught so far, and after the last task
    /// all. Drift: what the drifting class is at that time. Else all.
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

/// `order` in `count` slices that differ by one clip at most; fewer where there
/// are fewer clips.
pub(super) fn slices(order: &[usize], count: usize) -> Vec<Task> {
    let count = count.min(order.len());
    let cut = |slice: usize| slice * order.len() / count;
    let task = |slice: usize| Task {
        clips: order[cut(slice)..cut(slice + 1)].to_vec(),
        ..Task::default()
    };
    (0..count).map(task).collect()
}

fn name_slices(tasks: &mut [Task]) {
    for (position, task) in tasks.iter_mut().enumerate() {
        if task.name.is_empty() {
            task.name = format!("slice {}", position + 1);
        }
    }
}

fn domains(
    dataset: &Dataset,
    members: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Task>, EvaluateError> {
    let groups = dataset.clips().groups().ok_or(EvaluateError::NoGroups {
        needed_by: "--protocol domain-incremental",
    })?;
    let names: Vec<&str> = groups.names().iter().map(String::as_str).collect();
    let tasks = one_task_each(members, &names, groups.of(), rng);
    match tasks.as_slice() {
        [only] => Err(EvaluateError::OneDomain {
            only: only.name.clone(),
        }),
        _ => Ok(tasks),
    }
}

/// One task for each name that occurs among `members`, in shuffled order and
/// shuffled within.
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
    use crate::evaluate::{Clips, Names, TestSide};

    /// Five classes, four groups, the last of them held out.
    fn dataset() -> Dataset {
        let classes: Vec<i64> = (0..400).map(|i| i % 5).collect();
        let groups: Vec<i64> = (0..400).map(|i| i / 100).collect();
        let (classes, groups) = (
            Names::from_integers(&classes),
            Names::from_integers(&groups),
        );
        let clips = Clips::of_rows(1, vec![0.0; 400], classes, Some(groups), None).unwrap();
        Dataset::new(clips, &TestSide::Groups(vec!["3".into()])).unwrap()
    }

    fn draw(order: impl Into<Order>, seed: u64) -> Stream {
        Stream::draw(&dataset(), order.into(), seed).unwrap()
    }

    fn noisy(protocol: Protocol, share: f64) -> Order {
        Order {
            label_noise: LabelNoise::new(share).unwrap(),
            ..protocol.into()
        }
    }

    fn met(tasks: &[Task]) -> Vec<usize> {
        let mut met: Vec<usize> = tasks.iter().flat_map(|task| task.clips.clone()).collect();
        met.sort_unstable();
        met
    }

    #[test]
    fn every_training_clip_is_taught_and_none_is_repeated_but_in_bursts() {
        for protocol in Protocol::ALL {
            let stream = draw(protocol, 7);
            let mut met = met(stream.tasks());
            assert_eq!(met.len(), stream.examples());
            assert_eq!(met.len() > 300, protocol == Protocol::Bursty);
            met.dedup();
            assert_eq!(met, (0..300).collect::<Vec<_>>(), "{protocol}");
            let clips: Vec<usize> = stream.clips().into_iter().map(|(clip, _)| clip).collect();
            assert_eq!(clips, met);
        }
    }

    #[test]
    fn labels_are_true_without_noise_and_test_clips_are_never_taught() {
        for protocol in Protocol::ALL {
            let stream = draw(protocol, 7);
            for task in stream.tasks() {
                assert_eq!(task.clips.len(), task.labels.len());
                assert!(task.tested.iter().all(|&clip| clip >= 300));
                for (&clip, &label) in task.clips.iter().zip(&task.labels) {
                    assert_eq!(label, stream.truth()[clip]);
                    assert!(protocol == Protocol::Drift || label == clip % 5);
                }
            }
        }
    }

    #[test]
    fn a_task_is_one_class_one_group_or_a_tenth() {
        for (position, task) in draw(Protocol::ClassIncremental, 7)
            .tasks()
            .iter()
            .enumerate()
        {
            assert!(task.clips.iter().all(|c| (c % 5).to_string() == task.name));
            assert_eq!(task.tested.len(), (position + 1) * 20);
        }
        for task in draw(Protocol::DomainIncremental, 7).tasks() {
            assert!(
                task.clips
                    .iter()
                    .all(|c| (c / 100).to_string() == task.name)
            );
            assert_eq!(task.tested.len(), 100);
        }
        for protocol in [Protocol::Iid, Protocol::Bursty] {
            let stream = draw(protocol, 7);
            let tenth = stream.examples() / 10;
            assert_eq!(stream.tasks().len(), 10);
            for task in stream.tasks() {
                assert!([tenth, tenth + 1].contains(&task.clips.len()));
                assert_eq!(task.tested.len(), 100);
            }
        }
    }

    #[test]
    fn the_seed_alone_decides_the_stream() {
        for protocol in Protocol::ALL {
            let order = Order {
                imbalance: Imbalance::new(3.0).unwrap(),
                ..noisy(protocol, 0.2)
            };
            assert_eq!(draw(order, 1), draw(order, 1));
            assert_ne!(draw(order, 1).tasks(), draw(order, 2).tasks());
        }
    }

    #[test]
    fn noise_changes_its_share_of_labels_and_nothing_else() {
        for protocol in Protocol::ALL {
            let (clean, noisy) = (draw(protocol, 5), draw(noisy(protocol, 0.2), 5));
            let mut wrong = 0;
            for (clean, noisy) in clean.tasks().iter().zip(noisy.tasks()) {
                assert_eq!((&clean.clips, &clean.tested), (&noisy.clips, &noisy.tested));
                let pairs = clean.labels.iter().zip(&noisy.labels);
                wrong += pairs.filter(|(a, b)| a != b).count();
            }
            let expected = (clean.examples() as f64 * 0.2).round() as usize;
            assert_eq!(wrong, expected, "{protocol}");
            assert_eq!(clean.truth(), noisy.truth());
        }
        let first = &draw(noisy(Protocol::ClassIncremental, 0.2), 5).tasks()[0].clone();
        let own = first.clips[0] % 5;
        assert!(first.labels.iter().any(|&label| label != own), "early ones");
    }

    #[test]
    fn imbalance_thins_the_training_side_alone() {
        let order = Order {
            imbalance: Imbalance::new(30.0).unwrap(),
            ..Protocol::Iid.into()
        };
        let stream = draw(order, 3);
        let met = met(stream.tasks());
        let size = |class| met.iter().filter(|&&clip| clip % 5 == class).count();
        let mut sizes: Vec<usize> = (0..5).map(size).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 5, 11, 26, 60]);
        assert!(stream.tasks().iter().all(|task| task.tested.len() == 100));
    }

    #[test]
    fn a_drifting_class_is_taught_and_tested_as_what_it_is_at_the_time() {
        for seed in 0..10 {
            let stream = draw(Protocol::Drift, seed);
            let drift = stream.drift().unwrap();
            assert_ne!(drift.class, drift.becomes);
            assert_eq!((stream.tasks().len(), drift.task), (10, 5));
            for (position, task) in stream.tasks().iter().enumerate() {
                let absent = match position < 5 {
                    true => drift.becomes,
                    false => drift.class,
                };
                let everything = task.clips.iter().chain(&task.tested);
                assert!(everything.clone().all(|clip| clip % 5 != absent));
                assert!(task.labels.iter().all(|&label| label != drift.becomes));
                assert_eq!(task.tested.len(), 80);
                let of_class = |clip: &&usize| stream.truth()[**clip] == drift.class;
                assert_eq!(task.tested.iter().filter(of_class).count(), 20);
            }
        }
    }

    #[test]
    fn an_offline_fit_learns_what_is_true_at_the_end() {
        let stream = draw(Protocol::Drift, 1);
        let drift = stream.drift().unwrap();
        let valid = stream.valid_clips();
        assert_eq!((stream.clips().len(), valid.len()), (300, 240));
        for (clip, label) in valid {
            assert_ne!(clip % 5, drift.class);
            let becomes = clip % 5 == drift.becomes;
            assert_eq!(label, if becomes { drift.class } else { clip % 5 });
        }
    }

    #[test]
    fn a_clip_counts_as_what_it_was_called_most_often() {
        let mut stream = draw(Protocol::Bursty, 1);
        stream.tasks = vec![Task {
            clips: vec![3, 3, 3, 8, 8],
            labels: vec![1, 2, 2, 4, 0],
            ..Task::default()
        }];
        assert_eq!(stream.clips(), [(3, 2), (8, 4)]);
    }

    #[test]
    fn drift_needs_three_classes() {
        let names = Names::from_integers(&[0, 1, 0, 1]);
        let test = Some(vec![false, false, true, true]);
        let clips = Clips::of_rows(1, vec![0.0; 4], names, None, test).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let fault = Stream::draw(&dataset, Protocol::Drift.into(), 0).unwrap_err();
        assert!(matches!(
            fault,
            EvaluateError::DriftClasses { classes: 2, .. }
        ));
    }
}
