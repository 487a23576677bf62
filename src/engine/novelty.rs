//! The scores of taught clips, from which novelty and confidence are calibrated.

use std::sync::Arc;

use super::adapt::is_assumed;
use super::memory::AtRevision;
use super::{Error, Session, soundscape};
use crate::decision::{LeftOutClip, Novelty, Temperature};
use crate::head::LeftOutEvidence;
use crate::learner::Example;
use crate::signal::Label;
use crate::store::{ClipFilter, TaughtClip};

/// The most clips of one class, and of all, that are taken: enough for a p-value of .01.
const MOST_OF_CLASS: usize = 24;
const MOST: usize = 120;

/// The most classes that are left out, and the most clips of each.
const MOST_STRANGE_CLASSES: usize = 8;
const MOST_STRANGE_CLIPS: usize = 16;

/// The parts of a clip that have a score each. A clip of several recordings (itself, and mixed with
/// the soundscape) has as many rows of each.
pub(super) const PARTS: usize = 4;

/// The scores of taught clips.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    /// Of clips as they are.
    pub(super) clips: Calibration,
    /// Of clips as they are, and mixed with the soundscape: what is heard in its place.
    pub(super) heard: Calibration,
}

/// What taught clips say of novelty and of confidence.
#[derive(Debug, Clone, Default)]
pub(super) struct Calibration {
    pub(super) novelty: Arc<Novelty>,
    pub(super) temperature: Temperature,
}

impl Session {
    /// The scores of the taught clips, computed anew if the learner has changed.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn novelty(&mut self) -> Result<Scores, Error> {
        // A live source does not wait for a solve: until it is done, the earlier scores serve.
        let must_wait = self.solver.is_some() && !self.memory.learner.is_solved();
        if let Some(known) = &self.novelty
            && (must_wait || known.is_of(&self.memory))
        {
            return Ok(known.value.clone());
        }
        let scores = self.calibrated_novelty()?;
        self.novelty = Some(AtRevision::new(&self.memory, scores.clone()));
        Ok(scores)
    }

    /// Computes the scores of taught clips, each as if it had not been taught. Compacted clips are
    /// no longer known. Heads without distances give none.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    fn calibrated_novelty(&self) -> Result<Scores, Error> {
        let learner = &self.memory.learner;
        let width = learner.contract().width();
        let all = learner.classes().len();
        let is_mixed = self.has_soundscape()?;
        let (mut clips, mut heard) = (Vec::new(), Vec::new());
        let classes = learner.classes().iter().enumerate();
        let classes: Vec<(usize, &Label)> = classes.filter(|(_, l)| !l.is_background()).collect();
        let each = (MOST / classes.len().max(1)).clamp(1, MOST_OF_CLASS);
        let mut left_out = LeftOutEvidence::default();
        for (class, label) in classes {
            for clip in self.evenly(label, each)? {
                let example = Example::from_fixed(clip.features);
                if !learner.left_out_into(&example, label, &mut left_out)? {
                    continue;
                }
                let rows = example.features().len() / width;
                let parts = |rows: usize| {
                    let distances = left_out.squared_distances.chunks(rows * all);
                    let mut scores = left_out.log_scores.chunks(rows * all);
                    distances.map(move |distances| LeftOutClip {
                        class,
                        squared_distances: mean(distances, all),
                        log_scores: scores.next().map_or(Vec::new(), |scores| mean(scores, all)),
                    })
                };
                clips.extend(parts(as_it_is(rows, is_mixed)).next());
                heard.extend(parts((rows / PARTS).max(1)));
            }
        }
        let background = learner.classes().iter().position(Label::is_background);
        let calibration = |clips: &[LeftOutClip]| Calibration {
            novelty: Arc::new(Novelty::calibrated(clips, background)),
            temperature: Temperature::fitted(clips),
        };
        Ok(Scores {
            clips: calibration(&clips),
            heard: calibration(&heard),
        })
    }

    /// The p-values of taught clips as if their class had never been taught: of what is heard in
    /// the learner's place, and of the class that is then the nearest one but the background.
    /// Sorted by class; empty if fewer than two classes were taught, or the head has no distances.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn strangers(&mut self) -> Result<Vec<f32>, Error> {
        let heard = self.novelty()?.heard.novelty;
        let learner = &self.memory.learner;
        let (width, all) = (learner.contract().width(), learner.classes().len());
        let background = learner.classes().iter().position(Label::is_background);
        let sounds = (0..all).filter(|&class| Some(class) != background);
        let sounds: Vec<usize> = sounds.collect();
        let (mut p_values, mut left_out) = (Vec::new(), LeftOutEvidence::default());
        if sounds.len() < 2 {
            return Ok(p_values);
        }
        let step = sounds.len().div_ceil(MOST_STRANGE_CLASSES);
        for &class in sounds.iter().step_by(step) {
            let label = &learner.classes()[class];
            let clips = self.evenly(label, MOST_STRANGE_CLIPS)?.into_iter();
            let clips: Vec<Example> = clips.map(|c| Example::from_fixed(c.features)).collect();
            if clips.is_empty() || !learner.class_left_out_into(&clips, label, &mut left_out)? {
                continue;
            }
            let mut rest = left_out.squared_distances.as_slice();
            for clip in clips {
                let rows = clip.features().len() / width;
                let (of_clip, others) = rest.split_at(rows * all);
                rest = others;
                for part in of_clip.chunks((rows / PARTS).max(1) * all) {
                    let mut means = mean(part, all);
                    let nearest = sounds.iter().filter(|&&other| other != class);
                    let nearest = nearest.min_by(|a, b| means[**a].total_cmp(&means[**b]));
                    let Some(&nearest) = nearest else {
                        continue;
                    };
                    if background.is_some_and(|b| means[b] <= means[nearest]) {
                        // No event.
                        continue;
                    }
                    means[class] = f32::INFINITY;
                    let score = heard.score(nearest, &means);
                    p_values.extend(score.and_then(|score| heard.p_value(score)));
                }
            }
        }
        Ok(p_values)
    }

    /// Whether pieces of a soundscape are learned.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn has_soundscape(&self) -> Result<bool, Error> {
        let filter = ClipFilter {
            label: Some(Label::new(Label::BACKGROUND)?),
            source: Some(soundscape::NAME.to_owned()),
            ..ClipFilter::default()
        };
        Ok(!self.clips(&filter)?.is_empty())
    }

    /// Up to `most` taught clips of a class, evenly spaced in the order of their teaching.
    fn evenly(&self, label: &Label, most: usize) -> Result<Vec<TaughtClip>, Error> {
        let filter = ClipFilter {
            label: Some(label.clone()),
            ..ClipFilter::default()
        };
        let mut clips = self.clips(&filter)?;
        clips.retain(|clip| !is_assumed(clip));
        let step = clips.len().div_ceil(most.max(1)).max(1);
        Ok(clips.into_iter().step_by(step).collect())
    }
}

/// How many rows of a clip of `rows` are of the clip as it is; those mixed with the soundscape follow
/// them. `is_mixed` says whether there is a soundscape: four rows are then of one window.
pub(super) fn as_it_is(rows: usize, is_mixed: bool) -> usize {
    match rows > PARTS || (rows == PARTS && is_mixed) {
        true => rows / PARTS,
        false => rows,
    }
}

/// The mean of rows of `size` numbers.
pub(super) fn mean(rows: &[f32], size: usize) -> Vec<f32> {
    let count = (rows.len() / size.max(1)).max(1) as f32;
    let column = |j: usize| rows.iter().skip(j).step_by(size.max(1)).sum::<f32>() / count;
    (0..size).map(column).collect()
}
