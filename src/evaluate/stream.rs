//! In which order a learner meets the training clips.
//!
//! The protocols of van de Ven, Tuytelaars & Tolias (2022), "Three types of
//! incremental learning": class-incremental, domain-incremental, and the iid
//! order as their control. An order depends on the data and the seed alone, so
//! every head of a run learns the same examples in the same sequence.

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::dataset::Dataset;
use super::error::EvaluateError;

/// Slices that the iid order is cut into, to have a curve.
const IID_SLICES: usize = 10;

/// The order of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One class after another; each is tested from the moment it is taught.
    ClassIncremental,
    /// One group (speaker, subject, site) after another, all classes tested
    /// throughout.
    DomainIncremental,
    /// Shuffled, cut into ten equal slices; all classes tested throughout.
    Iid,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Protocol; 3] = [
        Protocol::ClassIncremental,
        Protocol::DomainIncremental,
        Protocol::Iid,
    ];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Protocol::ClassIncremental => "class-incremental",
            Protocol::DomainIncremental => "domain-incremental",
            Protocol::Iid => "iid",
        })
    }
}

impl FromStr for Protocol {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.to_string() == text)
            .ok_or_else(|| {
                format!("'{text}' is none of class-incremental, domain-incremental, iid")
            })
    }
}

/// A stretch of the stream after which the learner is tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The class, the group, or the slice's number.
    pub name: String,
    /// Training clips, in the order in which they are learned.
    pub clips: Vec<usize>,
}

/// The tasks of a stream; together they hold every training clip once.
///
/// # Errors
/// [`EvaluateError::NoGroups`] and [`EvaluateError::OneDomain`] when a
/// domain-incremental stream has no or one training group.
pub fn tasks(dataset: &Dataset, protocol: Protocol, seed: u64) -> Result<Vec<Task>, EvaluateError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let clips = dataset.clips();
    match protocol {
        Protocol::ClassIncremental => {
            let names: Vec<&str> = clips.classes().iter().map(|class| class.as_str()).collect();
            Ok(one_task_each(
                dataset.train(),
                &names,
                clips.labels(),
                &mut rng,
            ))
        }
        Protocol::DomainIncremental => {
            let groups = clips.groups().ok_or(EvaluateError::NoGroups {
                needed_by: "--protocol domain-incremental",
            })?;
            let names: Vec<&str> = groups.names().iter().map(String::as_str).collect();
            let tasks = one_task_each(dataset.train(), &names, groups.of(), &mut rng);
            match tasks.as_slice() {
                [only] => Err(EvaluateError::OneDomain {
                    only: only.name.clone(),
                }),
                _ => Ok(tasks),
            }
        }
        Protocol::Iid => {
            let mut order = dataset.train().to_vec();
            order.shuffle(&mut rng);
            let slices = IID_SLICES.min(order.len());
            let cut = |slice: usize| slice * order.len() / slices;
            let task = |slice: usize| Task {
                name: format!("slice {}", slice + 1),
                clips: order[cut(slice)..cut(slice + 1)].to_vec(),
            };
            Ok((0..slices).map(task).collect())
        }
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
    let mut tasks: Vec<Task> = names
        .iter()
        .map(|&name| Task {
            name: name.to_owned(),
            clips: Vec::new(),
        })
        .collect();
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

    fn dataset() -> Dataset {
        let classes: Vec<i64> = (0..60).map(|i| i % 5).collect();
        let groups: Vec<i64> = (0..60).map(|i| i / 15).collect();
        let (classes, groups) = (
            Names::from_integers(&classes),
            Names::from_integers(&groups),
        );
        let clips = Clips::of_rows(1, vec![0.0; 60], classes, Some(groups), None).unwrap();
        Dataset::new(clips, &TestSide::Groups(vec!["3".into()])).unwrap()
    }

    #[test]
    fn every_training_clip_is_learned_exactly_once() {
        for protocol in Protocol::ALL {
            let mut met: Vec<usize> = tasks(&dataset(), protocol, 7)
                .unwrap()
                .into_iter()
                .flat_map(|task| task.clips)
                .collect();
            met.sort_unstable();
            assert_eq!(met, (0..45).collect::<Vec<_>>(), "{protocol}");
        }
    }

    #[test]
    fn a_task_is_one_class_one_group_or_a_tenth() {
        let dataset = dataset();
        for task in tasks(&dataset, Protocol::ClassIncremental, 7).unwrap() {
            assert!(
                task.clips
                    .iter()
                    .all(|&c| dataset.clips().label(c).to_string() == task.name)
            );
        }
        for task in tasks(&dataset, Protocol::DomainIncremental, 7).unwrap() {
            assert!(
                task.clips
                    .iter()
                    .all(|&clip| (clip / 15).to_string() == task.name)
            );
        }
        let slices = tasks(&dataset, Protocol::Iid, 7).unwrap();
        assert_eq!(slices.len(), 10);
        assert!(slices.iter().all(|task| [4, 5].contains(&task.clips.len())));
    }

    #[test]
    fn the_seed_alone_decides_the_order() {
        for protocol in Protocol::ALL {
            let order = |seed| tasks(&dataset(), protocol, seed).unwrap();
            assert_eq!(order(1), order(1));
            assert_ne!(order(1), order(2));
        }
    }
}
