//! The learner takes labels and embeddings and returns evidence and probabilities.
//!
//! It turns a clip's embeddings into integers (pooling, transform, fixed point: the [`Contract`]).
//! It holds the table of classes, one head, and the rehearsal memory if the head needs one. It
//! chooses the remembered examples for replay. It does no signal processing, uses no clock, and
//! makes no decisions: see `decision`.

mod contract;
mod contract_difference;
mod contract_json;
mod decision_windows;
mod embedding_space;
mod error;
mod example;
mod fixed_point;
mod nuisance;
mod pool;
mod pooling;
#[cfg(test)]
mod predictions;
mod settings;
mod stage;
mod standardisation;
mod state;
mod transform;
#[cfg(test)]
mod windowed_tests;

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use crate::decision::Probabilities;
use crate::head::{
    Evidence, Formula, Head, HeadError, Job, LeftOutEvidence, Replay, Selection, Solution,
    Statistic,
};
use crate::rehearsal::{Rehearsal, Rows};
use crate::signal::Label;

pub use crate::rehearsal::Origin;
pub use crate::signal::{Pool, Transform};
pub use contract::Contract;
pub use contract_difference::ContractDifference;
pub(crate) use decision_windows::decision_windows;
pub use embedding_space::EmbeddingSpace;
pub use error::LearnError;
pub use example::Example;
pub use fixed_point::FixedPoint;
pub use nuisance::Nuisance;
pub(crate) use pooling::Pooling;
pub use settings::Settings;
pub(crate) use stage::Stage;
pub use standardisation::Standardisation;

/// A classifier that learns one example at a time.
///
/// ```
/// use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
/// use afield::signal::Label;
/// let contract = Contract::new(EmbeddingSpace::new("toy", 2, 4.0), Pool::Mean, Transform::None)?;
/// let mut learner = Learner::new(contract, Settings::default())?;
/// let (rain, dog) = (Label::new("rain")?, Label::new("dog")?);
/// learner.learn_one(&learner.encode(&[0.1, 2.0])?, &rain)?;
/// learner.learn_one(&learner.encode(&[3.0, 0.2])?, &dog)?;
/// let probabilities = learner.predict_one(&learner.encode(&[2.5, 0.0])?)?;
/// assert_eq!(probabilities.best().map(|(class, _)| &learner.classes()[class]), Some(&dog));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Learner {
    contract: Contract,
    settings: Settings,
    classes: Vec<Label>,
    head: Box<dyn Head>,
    rehearsal: Option<Rehearsal>,
    /// Measures distances in the memory, for a head that measures none; made when one is wanted.
    nearest: OnceLock<Box<dyn Head>>,
    /// Scratch for replayed rows; it saves allocations.
    replay: Rows,
}

thread_local! {
    /// Scratch for the evidence of one example, so that predictions need no `mut` and allocate
    /// nothing.
    static EVIDENCE: RefCell<Evidence> = RefCell::default();
}

/// Converts rows of the memory to the form that heads take.
fn replayed(rows: &Rows) -> Replay<'_> {
    Replay {
        features: &rows.features,
        classes: &rows.classes,
        groups: &rows.groups,
    }
}

impl Learner {
    /// Creates a learner without classes.
    ///
    /// The rehearsal memory is kept only for heads that read it. Exact heads need none, and an
    /// example that is not stored cannot leak or remain after it is unlearned.
    ///
    /// # Errors
    /// [`LearnError::Contract`] if the contract is inconsistent, [`LearnError::Rehearsal`] if the
    /// capacity is too small for one example.
    pub fn new(contract: Contract, settings: Settings) -> Result<Self, LearnError> {
        contract.check()?;
        let unit = match settings.head.is_exact() {
            true => contract.copies_of_clip(),
            false => 1,
        };
        let head = (settings.head).build(&contract.fixed_point().steps(), settings.seed, unit);
        let rehearsal = match settings.keeps_rehearsal() {
            true => {
                let (width, seed) = (contract.width(), settings.seed);
                Some(Rehearsal::new(settings.rehearsal, width, seed)?)
            }
            false => None,
        };
        Ok(Self {
            contract,
            settings,
            classes: Vec::new(),
            head,
            rehearsal,
            nearest: OnceLock::new(),
            replay: Rows::default(),
        })
    }

    /// Encodes a clip whose windows have these embeddings, row-major `[n, embedding_size]` with
    /// `n >= 1`. With a contract of decision windows, up to four of them, evenly spaced, become
    /// rows of the example.
    ///
    /// # Errors
    /// [`LearnError::Windows`], [`LearnError::NotFinite`].
    pub fn encode(&self, windows: &[f32]) -> Result<Example, LearnError> {
        self.encode_recordings([windows], &[])
    }

    /// Encodes a clip from several recordings of it: itself, and mixed with its place. Each gives
    /// the embeddings of the same windows, row-major `[n, embedding_size]` with `n >= 1`. With a
    /// contract of decision windows, those that sound become rows of the example, as
    /// [`decision_windows`] chooses them.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub(crate) fn encode_recordings<'a>(
        &self,
        recordings: impl IntoIterator<Item = &'a [f32]>,
        sounding: &[f32],
    ) -> Result<Example, LearnError> {
        let size = self.contract.embedding_size;
        let (mut clip, mut row, mut pooled) = (Example::default(), Example::default(), Vec::new());
        for embeddings in recordings {
            let all = embeddings.len().checked_div(size).unwrap_or(0);
            if all == 0 || all * size != embeddings.len() {
                let values = embeddings.len();
                return Err(LearnError::Windows { values, size });
            }
            let rows = self.contract.window_rows.map_or(all, NonZeroUsize::get);
            for at in decision_windows(all, rows, sounding) {
                let window = embeddings.get(at.start * size..at.end * size);
                self.encode_into(window.unwrap_or_default(), &mut pooled, &mut row)?;
                clip.features.extend_from_slice(&row.features);
                clip.saturated += row.saturated;
            }
        }
        Ok(clip)
    }

    /// Encodes one decision, whose windows have these embeddings, into an existing example of one
    /// row; `pooled` is scratch. It allocates nothing once both have grown.
    ///
    /// # Errors
    /// As [`Self::encode`]; the content of the example is then unspecified.
    pub fn encode_into(
        &self,
        windows: &[f32],
        pooled: &mut Vec<f32>,
        example: &mut Example,
    ) -> Result<(), LearnError> {
        let contract = &self.contract;
        contract.features_into(windows, pooled)?;
        let features = &mut example.features;
        example.saturated = contract.fixed_point().encode_into(pooled, features)?;
        Ok(())
    }

    /// As [`Self::encode`], for embeddings that are pooled already as the contract says: one row a
    /// window.
    ///
    /// # Errors
    /// [`LearnError::Width`], [`LearnError::NotFinite`].
    pub(crate) fn encode_pooled(&self, pooled: &[f32]) -> Result<Example, LearnError> {
        let (mut clip, mut row) = (Example::default(), Vec::new());
        let width = self.contract.width();
        let fixed = self.contract.fixed_point();
        for pooled in pooled.chunks(width.max(1)) {
            let features = self.contract.features_of_pooled(pooled)?;
            clip.saturated += fixed.encode_into(&features, &mut row)?;
            clip.features.extend_from_slice(&row);
        }
        Ok(clip)
    }

    /// Learns one example of unknown origin. A new label becomes the last class.
    ///
    /// # Errors
    /// [`LearnError::Width`], or [`LearnError::Head`] if the head is full.
    pub fn learn_one(&mut self, example: &Example, label: &Label) -> Result<(), LearnError> {
        self.learn_from(example, label, Origin::default())
    }

    /// As [`Self::learn_one`], and stores the origin of the example as long as the rehearsal
    /// memory keeps the example.
    ///
    /// # Errors
    /// As [`Self::learn_one`].
    pub fn learn_from(
        &mut self,
        example: &Example,
        label: &Label,
        origin: Origin,
    ) -> Result<(), LearnError> {
        let copies = self.copies_of_row(example)?;
        let class = self.class(label).unwrap_or(self.classes.len());
        for (learned, row) in self.copied(example, copies).enumerate() {
            if let Err(error) = self.learn_row(row, class, origin) {
                // What an exact head has just learned can be unlearned.
                for row in self.copied(example, copies).take(learned) {
                    let _ = self.head.unlearn_one(row, class);
                }
                return Err(error);
            }
        }
        if class == self.classes.len() {
            self.classes.push(label.clone());
        }
        self.show_memory();
        Ok(())
    }

    /// Learns one row of an example.
    fn learn_row(&mut self, row: &[i16], class: usize, origin: Origin) -> Result<(), LearnError> {
        let (rows, draw) = (self.settings.head.replay_rows(), self.head_examples());
        self.replay.clear();
        if let Some(rehearsal) = &self.rehearsal {
            rehearsal.draw_into(rows, draw, &mut self.replay);
        }
        match self.head.memory() {
            Some(head) => head.learn_with(row, class, replayed(&self.replay))?,
            None => self.head.learn_one(row, class)?,
        }
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.insert(row, class, origin)?;
        }
        Ok(())
    }

    /// Unlearns one example. A class without examples is removed, and the classes taught after it
    /// move up: the state is as if the example had never been taught.
    ///
    /// The result is exact to the bit for the exact heads. `linear` and `mlp` remove the example
    /// from the rehearsal memory and refit on the rest. No trace of the example remains, but the
    /// result differs from training without it. `knn` removes it from the memory, where it keeps
    /// all its data.
    ///
    /// # Errors
    /// [`LearnError::Width`], [`LearnError::UnknownLabel`], and [`LearnError::Head`] if the
    /// example was provably not learned or the head cannot unlearn.
    pub fn unlearn_one(&mut self, example: &Example, label: &Label) -> Result<(), LearnError> {
        let copies = self.copies_of_row(example)?;
        let class = self.class(label).ok_or_else(|| LearnError::UnknownLabel {
            label: label.clone(),
        })?;
        let all = self.copied(example, copies).count() as u64;
        // A class that loses its last example in between would give its number to another.
        if self.head.counts().get(class).is_none_or(|&n| n < all) {
            return Err(HeadError::NeverLearned.into());
        }
        if let Some(mut trial) = self.rehearsal.clone() {
            let all_held = trial.held(class) as u64 == trial.seen(class);
            for row in self.copied(example, copies) {
                if !trial.remove(row, class)? && all_held {
                    return Err(HeadError::NeverLearned.into());
                }
            }
        }
        // The head may return an error, so the new memory is stored only after it succeeds.
        let mut rehearsal = self.rehearsal.clone();
        for (unlearned, row) in self.copied(example, copies).enumerate() {
            if let Err(error) = self.unlearn_row(row, class, rehearsal.as_mut()) {
                // There was room for them before.
                for row in self.copied(example, copies).take(unlearned) {
                    let _ = self.head.learn_one(row, class);
                }
                return Err(error);
            }
        }
        if self.head.counts().len() < self.classes.len() {
            self.classes.remove(class);
        }
        self.rehearsal = rehearsal;
        self.nearest.take();
        Ok(())
    }

    /// Unlearns one row of an example, in the head and in a copy of the memory.
    fn unlearn_row(
        &mut self,
        row: &[i16],
        class: usize,
        rehearsal: Option<&mut Rehearsal>,
    ) -> Result<(), LearnError> {
        self.replay.clear();
        if let Some(rehearsal) = rehearsal {
            rehearsal.remove(row, class)?;
            if self.head.counts().get(class) == Some(&1) {
                rehearsal.remove_class(class);
            }
            rehearsal.all_into(&mut self.replay);
        }
        match self.head.memory() {
            Some(head) => Ok(head.unlearn_with(row, class, replayed(&self.replay))?),
            None => Ok(self.head.unlearn_one(row, class)?),
        }
    }

    /// The rows of an example, each as often as the head learns it.
    fn copied<'a>(
        &self,
        example: &'a Example,
        copies: u64,
    ) -> impl Iterator<Item = &'a [i16]> + use<'a> {
        let rows = example.features().chunks_exact(self.contract.width());
        rows.flat_map(move |row| (0..copies).map(move |_| row))
    }

    /// Copies of each row of `example` that the head learns. An exact head learns as many rows for
    /// every clip.
    fn copies_of_row(&self, example: &Example) -> Result<u64, LearnError> {
        let (expected, actual) = (self.contract.width(), example.features().len());
        let rows = actual / expected.max(1);
        let most = match self.contract.window_rows {
            Some(_) => Contract::MOST_ROWS,
            None => 1,
        };
        let fits = actual == rows * expected && rows >= 1 && rows <= most;
        if !fits || !most.is_multiple_of(rows) {
            return Err(LearnError::Width { expected, actual });
        }
        Ok(match self.settings.head.is_exact() {
            true => (most / rows) as u64,
            false => 1,
        })
    }

    /// Passes the memory to a head that reads it.
    fn show_memory(&mut self) {
        self.nearest.take();
        if let (true, Some(rehearsal)) = (self.settings.head.reads_memory(), &self.rehearsal)
            && let Some(head) = self.head.memory()
        {
            self.replay.clear();
            rehearsal.all_into(&mut self.replay);
            head.set_memory(replayed(&self.replay));
        }
    }

    /// Overwrites `evidence` with the head's evidence for `example`, one value for each of
    /// [`Self::classes`]: the mean over the example's rows. The saved state does not change. The first call after learning may have
    /// to [`Self::solve`]. Allocates nothing once `evidence` has grown.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub fn evidence_into(
        &self,
        example: &Example,
        evidence: &mut Evidence,
    ) -> Result<(), LearnError> {
        let width = self.contract.width();
        self.copies_of_row(example)?;
        let mut rows = example.features().chunks_exact(width);
        if let Some(first) = rows.next() {
            self.evidence_of_row(first, evidence)?;
        }
        if rows.len() > 0 {
            let mut other = evidence.clone();
            for row in rows {
                self.evidence_of_row(row, &mut other)?;
                evidence.add(&other);
            }
            evidence.divide(example.features().len() / width);
        }
        Ok(())
    }

    fn evidence_of_row(&self, row: &[i16], evidence: &mut Evidence) -> Result<(), LearnError> {
        self.head.evidence_into(row, evidence)?;
        match self.nearest() {
            Some(nearest) if evidence.wants_distances() => {
                Ok(nearest.distances_into(row, evidence)?)
            }
            _ => Ok(()),
        }
    }

    /// What measures distances, for a head that measures none and a memory that is kept.
    fn nearest(&self) -> Option<&dyn Head> {
        let rehearsal = self.rehearsal.as_ref()?;
        if !self.settings.head.measures_by_memory() {
            return None;
        }
        let nearest = self.nearest.get_or_init(|| {
            let mut rows = Rows::default();
            rehearsal.all_into(&mut rows);
            let steps = self.contract.fixed_point().steps();
            crate::head::nearest(&steps, self.head.counts(), replayed(&rows))
        });
        Some(nearest.as_ref())
    }

    /// Overwrites `left_out` with the evidence for each row of an example that was learned, as if it
    /// had not been learned as `label`. Returns whether the head has an answer; see
    /// `Head::left_out_into`.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub(crate) fn left_out_into(
        &self,
        example: &Example,
        label: &Label,
        left_out: &mut LeftOutEvidence,
    ) -> Result<bool, LearnError> {
        self.together_left_out_into(std::slice::from_ref(example), label, left_out)
    }

    /// As [`Self::left_out_into`], for the rows of several examples of a class, as if none of them
    /// had been learned.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub(crate) fn together_left_out_into(
        &self,
        examples: &[Example],
        label: &Label,
        left_out: &mut LeftOutEvidence,
    ) -> Result<bool, LearnError> {
        let Some(class) = self.class(label) else {
            return Ok(false);
        };
        let (rows, weights) = self.rows_of(examples)?;
        let is_known = self.rows_left_out_into(&rows, class, &weights, left_out);
        // They may be the only ones of their class.
        let own = left_out.squared_distances.get(class);
        Ok(is_known && own.is_some_and(|distance| distance.is_finite()))
    }

    /// The rows of several examples, and how often the head has learned each.
    fn rows_of(&self, examples: &[Example]) -> Result<(Vec<i16>, Vec<f64>), LearnError> {
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for example in examples {
            let copies = self.copies_of_row(example)?;
            rows.extend_from_slice(example.features());
            weights.resize(rows.len() / self.contract.width(), copies as f64);
        }
        Ok((rows, weights))
    }

    /// As [`Self::left_out_into`], for the rows of several examples of a class, as if the whole
    /// class had not been learned. The distances to it are infinite.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub(crate) fn class_left_out_into(
        &self,
        examples: &[Example],
        label: &Label,
        left_out: &mut LeftOutEvidence,
    ) -> Result<bool, LearnError> {
        let Some(class) = self.class(label) else {
            return Ok(false);
        };
        let (rows, mut weights) = self.rows_of(examples)?;
        // The examples may be a part of the class: they then stand for all of it.
        let known: f64 = weights.iter().sum();
        let of_class = self.head.counts().get(class).copied().unwrap_or(0);
        weights
            .iter_mut()
            .for_each(|w| *w *= of_class as f64 / known);
        Ok(self.rows_left_out_into(&rows, class, &weights, left_out))
    }

    fn rows_left_out_into(
        &self,
        rows: &[i16],
        class: usize,
        weights: &[f64],
        left_out: &mut LeftOutEvidence,
    ) -> bool {
        let Some(nearest) = self.nearest() else {
            return self.head.left_out_into(rows, class, weights, left_out);
        };
        let is_known = nearest.left_out_into(rows, class, weights, left_out);
        // The memory is measured, but another head answers.
        left_out.log_scores.clear();
        is_known
    }

    /// The mean row of an example in the metric of the head; see `Head::metric_into`.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub(crate) fn in_metric(&self, example: &Example) -> Result<(Vec<f32>, Vec<f32>), LearnError> {
        self.copies_of_row(example)?;
        let (mut points, mut directions) = (Vec::new(), Vec::new());
        let (mut point, mut direction) = (Vec::new(), Vec::new());
        let rows = example.features().chunks_exact(self.contract.width());
        let all = rows.len().max(1) as f32;
        for row in rows {
            self.head.metric_into(row, &mut point, &mut direction);
            for (sums, values) in [(&mut points, &point), (&mut directions, &direction)] {
                sums.resize(values.len(), 0.0);
                let pairs = sums.iter_mut().zip(values);
                pairs.for_each(|(sum, value)| *sum += value / all);
            }
        }
        Ok((points, directions))
    }

    /// As [`Self::evidence_into`], but does not wait for a solve if an earlier one is available.
    /// Returns how many of the latest examples are included only approximately; 0 means exact.
    ///
    /// In this case `lda` answers with the exact class means under the covariance of the last
    /// solve. `ridge` answers with the penalty of the last solve and a recursive least-squares
    /// update of its weights. After 256 such examples without [`Self::adopt`], or after a class
    /// was removed, the head solves exactly first.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub fn evidence_now_into(
        &mut self,
        example: &Example,
        evidence: &mut Evidence,
    ) -> Result<u64, LearnError> {
        self.check_width(example)?;
        let features = example.features();
        if let Some(head) = self.head.deferred() {
            return Ok(head.evidence_now_into(features, evidence)?);
        }
        self.evidence_of_row(features, evidence)?;
        Ok(0)
    }

    /// Returns probabilities over [`Self::classes`], or none before anything was taught. The saved
    /// state does not change. The first call after learning may have to [`Self::solve`].
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub fn predict_one(&self, example: &Example) -> Result<Probabilities, LearnError> {
        let mut probabilities = Probabilities(Vec::with_capacity(self.classes.len()));
        self.predict_into(example, &mut probabilities)?;
        Ok(probabilities)
    }

    /// As [`Self::predict_one`], into an existing buffer.
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub(crate) fn predict_into(
        &self,
        example: &Example,
        probabilities: &mut Probabilities,
    ) -> Result<(), LearnError> {
        EVIDENCE.with_borrow_mut(|evidence| {
            self.evidence_into(example, evidence)?;
            probabilities.set(evidence);
            Ok(())
        })
    }

    /// As [`Self::predict_one`], but does not wait for a solve if an earlier one is available.
    /// Also returns how many of the latest examples are included only approximately; 0 means
    /// exact. See [`Self::evidence_now_into`].
    ///
    /// # Errors
    /// [`LearnError::Width`]
    pub fn predict_now(&mut self, example: &Example) -> Result<(Probabilities, u64), LearnError> {
        EVIDENCE.with_borrow_mut(|evidence| {
            let lag = self.evidence_now_into(example, evidence)?;
            Ok((Probabilities::of(evidence), lag))
        })
    }

    /// The pending solve, to be run on another thread; `None` if none is due.
    pub fn job(&mut self) -> Option<Job> {
        self.head.deferred()?.job()
    }

    /// Takes the result of a [`Job`] of this learner. An outdated result does no harm.
    pub fn adopt(&mut self, solution: Solution) {
        if let Some(head) = self.head.deferred() {
            head.adopt(solution);
        }
    }

    /// Learns everything that `other` has learned, as if it had been taught here. Only exact heads
    /// support this; their result is exact to the bit.
    ///
    /// An example that was taught to both learners counts twice. The sums cannot reveal this.
    ///
    /// # Errors
    /// [`LearnError::OtherContract`] and [`LearnError::OtherSettings`] name the difference.
    /// [`LearnError::Head`] is returned if the head cannot be merged or would be too full. The
    /// learner is then unchanged.
    pub fn merge(&mut self, other: &Self) -> Result<(), LearnError> {
        let statistic = self.mergeable(other)?;
        let mut classes = self.classes.clone();
        let mut to = Vec::with_capacity(other.classes.len());
        for label in &other.classes {
            let known = classes.iter().position(|known| known == label);
            to.push(known.unwrap_or(classes.len()));
            if known.is_none() {
                classes.push(label.clone());
            }
        }
        let head = self.head.exact_mut().ok_or(HeadError::CannotMerge)?;
        head.merge(statistic, &to)?;
        self.classes = classes;
        Ok(())
    }

    /// Unlearns everything that `other` has learned: the inverse of [`Self::merge`]. A class
    /// without examples is removed.
    ///
    /// # Errors
    /// As [`Self::merge`], [`LearnError::UnknownLabel`], and [`LearnError::Head`] if the sums
    /// prove that some example was never learned here. The learner is then unchanged.
    pub(crate) fn unmerge(&mut self, other: &Self) -> Result<(), LearnError> {
        let statistic = self.mergeable(other)?;
        let unknown = |label: &Label| LearnError::UnknownLabel {
            label: label.clone(),
        };
        let to = (other.classes.iter())
            .map(|label| self.class(label).ok_or_else(|| unknown(label)))
            .collect::<Result<Vec<usize>, _>>()?;
        let emptied: Vec<usize> = (to.iter().zip(other.counts()))
            .filter(|&(&class, count)| self.counts().get(class) == Some(&count))
            .map(|(&class, _)| class)
            .collect();
        let head = self.head.exact_mut().ok_or(HeadError::CannotMerge)?;
        head.unmerge(statistic, &to)?;
        let mut at = 0..;
        (self.classes).retain(|_| at.next().is_none_or(|class| !emptied.contains(&class)));
        Ok(())
    }

    /// The statistic of `other`, if it can be merged with this learner.
    fn mergeable<'a>(&self, other: &'a Self) -> Result<&'a Statistic, LearnError> {
        if let Some(difference) = self.contract.difference(&other.contract) {
            return Err(LearnError::OtherContract(Box::new(difference)));
        }
        if self.settings.head != other.settings.head {
            return Err(LearnError::OtherSettings {
                field: "head",
                saved: other.settings.head.to_string(),
                asked: self.settings.head.to_string(),
            });
        }
        let exact = other.head.exact().ok_or(HeadError::CannotMerge)?;
        Ok(exact.statistic())
    }

    /// Whether no solve is due.
    pub(crate) fn is_solved(&self) -> bool {
        self.head.is_solved()
    }

    /// Does the work now that the next prediction would otherwise do first. Does nothing if no
    /// solve is due.
    pub fn solve(&self) {
        self.head.solve();
    }

    /// The classes, in the order in which they were first taught. After loading, a learner with an
    /// exact head has them sorted by label.
    pub fn classes(&self) -> &[Label] {
        &self.classes
    }

    /// Number of learned examples of each class, all at least 1. With a contract of decision
    /// windows, these are clips for exact heads and windows for other heads.
    pub fn counts(&self) -> Vec<u64> {
        let copies = self.copies_of_clip();
        self.head.counts().iter().map(|n| n / copies).collect()
    }

    /// Number of learned examples of all classes.
    pub fn examples(&self) -> u64 {
        self.head_examples() / self.copies_of_clip()
    }

    fn head_examples(&self) -> u64 {
        self.head.counts().iter().sum()
    }

    /// Examples of the head for each clip, if they are always as many; otherwise 1.
    fn copies_of_clip(&self) -> u64 {
        match self.settings.head.is_exact() {
            true => self.contract.copies_of_clip(),
            false => 1,
        }
    }

    /// The contract of this learner's examples.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The settings of this learner.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The function from the features of an example to the result of [`Self::predict_one`], over
    /// [`Self::classes`]. `None` before anything was taught.
    #[cfg_attr(
        not(feature = "tract"),
        allow(dead_code, reason = "for `export` alone")
    )]
    pub(crate) fn formula(&self) -> Option<Formula> {
        self.head.formula()
    }

    /// If the head is `auto`: the head that answers, and the reason.
    pub fn selection(&self) -> Option<&Selection> {
        self.head.selection()
    }

    /// The rehearsal memory, if the head needs one and its capacity is not `none`.
    pub fn rehearsal(&self) -> Option<&Rehearsal> {
        self.rehearsal.as_ref()
    }

    fn class(&self, label: &Label) -> Option<usize> {
        self.classes.iter().position(|known| known == label)
    }

    fn check_width(&self, example: &Example) -> Result<(), LearnError> {
        let (expected, actual) = (self.contract.width(), example.features().len());
        if expected == actual {
            return Ok(());
        }
        Err(LearnError::Width { expected, actual })
    }
}
