//! Concept drift made of real clips: one class becomes another half-way.
//!
//! The label stays and its meaning changes at once (Gama et al. 2014, "A survey on concept
//! drift adaptation": real, abrupt drift).

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::StreamError;
use super::task::{SLICES, Task, slices};
use crate::data::Dataset;

/// Fewest classes of a drifting stream: the class that changes, the class that it becomes, and
/// another class to tell it from.
const FEWEST: usize = 3;

/// The class that changes, the class that it becomes, and the time of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassDrift {
    /// The class whose label changes its meaning.
    pub class: usize,
    /// The class whose clips the label means from then on. This class is neither taught nor tested
    /// under its own label.
    pub becomes: usize,
    /// The first task after the change.
    pub task: usize,
}

/// Draws the two classes among those with clips on both sides, and the tasks. The first half has
/// the clips of the first class, the second half has the clips of the second class. The clips of
/// the others are split evenly. Both halves are shuffled.
pub(crate) fn draw_drift(
    dataset: &Dataset,
    members: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<(ClassDrift, Vec<Task>), StreamError> {
    let labels = dataset.clips().labels();
    let mut sides = vec![(false, false); dataset.clips().classes().len()];
    for &clip in members {
        sides[labels[clip]].0 = true;
    }
    for &clip in dataset.test() {
        sides[labels[clip]].1 = true;
    }
    let mut classes: Vec<usize> = (0..sides.len())
        .filter(|&class| sides[class] == (true, true))
        .collect();
    if classes.len() < FEWEST {
        return Err(StreamError::DriftClasses {
            needed: FEWEST,
            classes: classes.len(),
        });
    }
    let class = classes.swap_remove(rng.random_range(0..classes.len()));
    let becomes = classes.swap_remove(rng.random_range(0..classes.len()));
    let of = |wanted: usize| {
        members
            .iter()
            .copied()
            .filter(move |&c| labels[c] == wanted)
    };
    let mut others: Vec<usize> = (members.iter().copied())
        .filter(|&clip| labels[clip] != class && labels[clip] != becomes)
        .collect();
    others.shuffle(rng);
    let mut late = others.split_off(others.len() / 2);
    let mut early = others;
    early.extend(of(class));
    late.extend(of(becomes));
    early.shuffle(rng);
    late.shuffle(rng);
    let mut tasks = slices(&early, SLICES / 2);
    let task = tasks.len();
    tasks.extend(slices(&late, SLICES / 2));
    let drift = ClassDrift {
        class,
        becomes,
        task,
    };
    Ok((drift, tasks))
}
