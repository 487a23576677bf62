//! Condition monitoring: a sensor's learner that was taught one class, such as `normal`.
//!
//! With one class there is nothing to tell apart, and an alarm must be rarer than any p-value of
//! single windows. So the windows of some minutes, a block, are judged together: the features of
//! [`ROWS`] windows are averaged, and the distance of the mean from the taught class is compared
//! with that of taught blocks of the same length, each held out with the blocks near it. A
//! lasting small change moves the mean far beyond what noise does.
//!
//! A block is an event. It does not look for single knocks, which an average hides.

use super::{Error, Session};
use crate::decision::{Segment, SegmentKind, Tail};
use crate::head::Evidence;
use crate::learner::{Example, Learner};
use crate::pipeline::WindowDecision;
use crate::signal::{Label, Micros};
use crate::store::{ClipFilter, TaughtClip};

/// The windows of a block.
pub(super) const ROWS: usize = 40;

/// The parts of what was taught that are held out one after the other. Blocks near each other are
/// more alike than those of another day.
const FOLDS: usize = 8;

/// What one taught class says of blocks.
#[derive(Debug, Clone)]
pub(super) struct OneClass {
    label: Label,
    /// The scores of taught blocks; `None` if they are too few.
    tail: Option<Tail>,
}

impl Session {
    /// Whether one class was taught to a sensor, as decision windows.
    pub(super) fn is_one_class(&self) -> bool {
        let learner = &self.memory.learner;
        let is_windowed = learner.contract().window_rows.is_some();
        let has_distances = learner.settings().judges_novelty();
        let is_one = learner.classes().len() == 1 && self.card.classes.is_none();
        is_one && is_windowed && has_distances && self.card.sensor().is_some()
    }

    /// The seconds of taught recordings for each window that was learned of them. `None` if nothing
    /// was taught.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn seconds_per_window(&self) -> Result<Option<f64>, Error> {
        let width = self.memory.learner.contract().width().max(1);
        let clips = self.clips(&ClipFilter::default())?;
        let rows: usize = clips.iter().map(|clip| clip.features.len() / width).sum();
        let seconds: f64 = clips.iter().map(|clip| clip.duration.as_secs_f64()).sum();
        Ok((rows > 0).then(|| seconds / rows as f64))
    }

    /// What the taught class says of blocks; `None` unless it is the only one.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn one_class(&self) -> Result<Option<OneClass>, Error> {
        if !self.is_one_class() {
            return Ok(None);
        }
        let learner = &self.memory.learner;
        let label = learner.classes()[0].clone();
        let clips = self.clips(&ClipFilter::default())?;
        let blocks = blocks(&clips, learner);
        let mut scores = Vec::new();
        let fold = blocks.len().div_ceil(FOLDS).max(1);
        if blocks.len() >= Tail::FEWEST {
            for held_out in blocks.chunks(fold) {
                let (contract, settings) = (learner.contract().clone(), *learner.settings());
                let mut rest = Learner::load(contract, settings, &learner.save())?;
                for clip in held_out.iter().flatten() {
                    let example = Example::from_fixed(clip.features.clone());
                    rest.unlearn_one(&example, &clip.label)?;
                }
                rest.solve();
                for block in held_out {
                    let mut mean = MeanRow::new(learner.contract().width());
                    let rows = block.iter().map(|clip| clip.features.as_slice());
                    rows.for_each(|features| mean.push(features));
                    scores.extend(score(&rest, &mean.finish())?);
                }
            }
        }
        Ok(Some(OneClass {
            label,
            tail: Tail::fitted(scores),
        }))
    }
}

/// Clips that follow each other in the order of their teaching and have at least [`ROWS`] windows
/// together.
fn blocks<'a>(clips: &'a [TaughtClip], learner: &Learner) -> Vec<Vec<&'a TaughtClip>> {
    let width = learner.contract().width().max(1);
    let (mut blocks, mut under_way, mut rows) = (Vec::new(), Vec::new(), 0);
    for clip in clips {
        under_way.push(clip);
        rows += clip.features.len() / width;
        if rows >= ROWS {
            blocks.push(std::mem::take(&mut under_way));
            rows = 0;
        }
    }
    blocks
}

/// The logarithm of the squared distance of a row from the one class.
fn score(learner: &Learner, row: &Example) -> Result<Option<f32>, Error> {
    let mut evidence = Evidence::with_distances();
    learner.evidence_into(row, &mut evidence)?;
    let distance = evidence.squared_distances().and_then(|d| d.first());
    Ok(distance.map(|d| d.max(f32::MIN_POSITIVE).ln()))
}

/// The mean of rows of features.
#[derive(Debug)]
struct MeanRow {
    sums: Vec<i64>,
    rows: i64,
}

impl MeanRow {
    fn new(width: usize) -> Self {
        Self {
            sums: vec![0; width],
            rows: 0,
        }
    }

    fn push(&mut self, features: &[i16]) {
        for row in features.chunks_exact(self.sums.len().max(1)) {
            let pairs = self.sums.iter_mut().zip(row);
            pairs.for_each(|(sum, &value)| *sum += i64::from(value));
            self.rows += 1;
        }
    }

    /// The mean, and begins anew.
    fn finish(&mut self) -> Example {
        let rows = self.rows.max(1) as f64;
        let mean = |sum: &mut i64| (std::mem::take(sum) as f64 / rows).round() as i16;
        let features = self.sums.iter_mut().map(mean).collect();
        self.rows = 0;
        Example::from_fixed(features)
    }
}

/// Makes an event of each block of a source.
#[derive(Debug)]
pub(super) struct Monitor {
    known: OneClass,
    /// Alarms to allow in a day, or the p-value below which a block is unknown.
    per_day: f64,
    unknown_below: Option<f32>,
    /// The examples that `known` was computed from.
    examples: u64,
    mean: MeanRow,
    /// The least time between the beginnings of two windows.
    every: Micros,
    begins: Option<Micros>,
    latest: Micros,
}

impl Monitor {
    pub(super) fn new(
        session: &Session,
        known: OneClass,
        per_day: f64,
        unknown_below: Option<f32>,
        every: Micros,
    ) -> Self {
        let learner = &session.memory.learner;
        Self {
            known,
            per_day,
            unknown_below,
            examples: learner.examples(),
            mean: MeanRow::new(learner.contract().width()),
            every,
            begins: None,
            latest: Micros(0),
        }
    }

    /// What a user should know about the p-values.
    pub(super) fn note(&self) -> Option<String> {
        let label = &self.known.label;
        match &self.known.tail {
            Some(_) => None,
            None => Some(format!(
                "too little of {label} is taught to give alarms: {} blocks of {ROWS} windows are \
                 needed, such as {} minutes taught with --cut 12:12",
                Tail::FEWEST,
                Tail::FEWEST * 2,
            )),
        }
    }

    /// Takes a window. Adds the block that it completes to `segments`.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn step(
        &mut self,
        session: &mut Session,
        window: &WindowDecision,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Error> {
        if window.is_first {
            self.finish();
        }
        // Half a millisecond for rounding.
        let due = self
            .latest
            .0
            .saturating_add(self.every.0)
            .saturating_sub(500);
        if self.begins.is_some() && window.start.0 < due {
            return Ok(());
        }
        self.begins.get_or_insert(window.start);
        self.latest = window.start;
        self.mean.push(&window.vectors.features);
        if (self.mean.rows as usize) < ROWS {
            return Ok(());
        }
        if session.memory.learner.examples() != self.examples
            && let Some(known) = session.one_class()?
        {
            self.known = known;
            self.examples = session.memory.learner.examples();
        }
        let start = self.begins.take().unwrap_or(window.start);
        segments.push(self.judge(session, start, window.end)?);
        Ok(())
    }

    /// Ends the block under way, which is too short to be judged.
    pub(super) fn finish(&mut self) {
        self.mean.finish();
        self.begins = None;
    }

    fn judge(&mut self, session: &Session, start: Micros, end: Micros) -> Result<Segment, Error> {
        let row = self.mean.finish();
        let score = score(&session.memory.learner, &row)?;
        let tail = self.known.tail.as_ref();
        let p_value = score.zip(tail).map(|(score, tail)| tail.p_value(score));
        let length = Micros(end.0.saturating_sub(start.0)).as_secs_f64();
        let below = match self.unknown_below {
            Some(p_value) => f64::from(p_value),
            None => self.per_day * length / 86_400.0,
        };
        let is_known = p_value.is_none_or(|p| f64::from(p) >= below);
        Ok(Segment {
            start,
            end,
            peak: Micros(start.0 + end.0.saturating_sub(start.0) / 2),
            kind: match is_known {
                true => SegmentKind::Known,
                false => SegmentKind::Unknown,
            },
            label: is_known.then(|| self.known.label.clone()),
            from: None,
            confidence: 1.0,
            p_value,
        })
    }
}
