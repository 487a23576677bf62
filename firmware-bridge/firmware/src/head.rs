//! The head on the device: windows in, scores out, taught at any moment.

use firmware_bridge::{Sample, State, Window};
use heapless::Vec;
use microhead::{Lda, Ncm, Statistic, triangle};

use crate::features::{Gathering, WINDOW, features};
use crate::imu::CHANNELS;

/// Features of a window.
const FEATURES: usize = features(CHANNELS);
/// Classes at most.
const CLASSES: usize = 8;
/// What one unit of a feature is worth: what is learned is in counts.
const STEPS: [f32; FEATURES] = [1.0; FEATURES];

/// What the device has learned, and the window under way.
pub struct Head {
    statistic: Statistic<FEATURES, CLASSES, { triangle(FEATURES) }>,
    solved: Option<(Ncm<FEATURES, CLASSES>, Lda<FEATURES, CLASSES>)>,
    gathering: Gathering<CHANNELS>,
    /// Number of the window's first sample, and of the one that comes next.
    first: u64,
    next: u64,
    /// The class that the window will be taught as.
    taught: Option<u8>,
}

impl Head {
    /// A head that knows nothing.
    pub const fn new() -> Self {
        Self {
            statistic: Statistic::new(),
            solved: None,
            gathering: Gathering::new(),
            first: 0,
            next: 0,
            taught: None,
        }
    }

    /// Forgets the window under way.
    pub fn begin(&mut self) {
        self.gathering = Gathering::new();
    }

    /// Has the window under way taught as `class`; whether there is such a class, or
    /// room for it as the next one.
    pub fn teach(&mut self, class: u8) -> bool {
        let known = usize::from(class) <= self.statistic.counts().len();
        let room = usize::from(class) < CLASSES;
        if known && room {
            self.taught = Some(class);
        }
        known && room
    }

    /// Takes a sample; what is made of the window that it completes.
    pub fn take(&mut self, sample: &Sample<CHANNELS>) -> Option<Window> {
        if sample.number != self.next {
            // A hole: a window never looks across one.
            self.begin();
        }
        self.next = sample.number + 1;
        if self.gathering.filled() == 0 {
            self.first = sample.number;
        }
        let features = self.gathering.push::<FEATURES>(&sample.values)?;
        debug_assert_eq!(self.next - self.first, WINDOW as u64);
        let classes = self.statistic.counts().len();
        let statistic = &self.statistic;
        let (ncm, lda) = self
            .solved
            .get_or_insert_with(|| (Ncm::solve(statistic, &STEPS), Lda::solve(statistic, &STEPS)));
        let scores = |scores: [f32; CLASSES]| scores.into_iter().take(classes).collect();
        let (ncm, lda) = (scores(ncm.scores(&features)), scores(lda.scores(&features)));
        let taught = self.taught.take();
        let learned =
            taught.filter(|&class| self.statistic.add(&features, usize::from(class)).is_ok());
        if learned.is_some() {
            self.solved = None;
        }
        Some(Window {
            first: self.first,
            time_us: sample.time_us,
            taught: learned,
            features: Vec::from_iter(features),
            ncm,
            lda,
        })
    }

    /// Examples learned.
    pub fn learned(&self) -> u32 {
        self.statistic.total() as u32
    }

    /// The piece of what has been learned that begins at `offset`; `None` at its end.
    pub fn state(&self, offset: u32) -> Option<State> {
        let saved = self.statistic.saved();
        let total = saved.total() as u32;
        let bytes: Vec<u8, 256> = saved.skip(offset as usize).take(256).collect();
        (offset < total).then_some(State {
            total,
            offset,
            bytes,
        })
    }
}
