//! The classes that a backbone was published with, beside those that a learner was taught.
//!
//! A learner has them if its card has `[classes]`. They say the same whatever is taught;
//! [`AnswerRule`] decides which of the two speaks.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::heard::segment_of;
use super::memory::AtRevision;
use super::{ClipEmbeddings, Engine, Error, Prediction, Session};
use crate::backbone::ClassScorer;
use crate::decision::{
    AnswerRule, AnswerRuns, AnsweredWindow, Decision, Findings, Novelty, Probabilities, Segment,
    SegmenterOptions, TaughtSounds,
};
use crate::learner::{Example, Pool, decision_windows};
use crate::pipeline::{Decider, WindowDecision};
use crate::signal::Label;
use crate::store::ClipFilter;

/// The most clips with which a new sound is compared: the latest ones.
const MOST_CLIPS: usize = 256;

/// The fewest clips of all taught classes, and of a class on average, from which p-values speak.
/// With fewer, the p-values of sounds of any kind are high: a class that lacks one of its few clips
/// has another mean.
const FEWEST_CLIPS: u64 = 20;
const FEWEST_OF_CLASS: u64 = 4;

/// The published classes that a prediction names, at most.
const TOP: usize = 5;

impl Session {
    /// The latest taught clips, read anew if the learner has changed.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn taught_sounds(&mut self) -> Result<Arc<TaughtSounds>, Error> {
        if let Some(known) = &self.sounds
            && known.is_of(&self.memory)
        {
            return Ok(Arc::clone(&known.value));
        }
        let mut sounds = TaughtSounds::new(self.memory.learner.contract().width());
        let clips = self.clips(&ClipFilter::default())?;
        for clip in clips.iter().rev().take(MOST_CLIPS) {
            sounds.push(&clip.features, &clip.label);
        }
        let sounds = Arc::new(sounds);
        self.sounds = Some(AtRevision::new(&self.memory, Arc::clone(&sounds)));
        Ok(sounds)
    }

    /// Whether enough clips were taught for p-values to speak against published classes.
    fn knows_p_values(&self) -> bool {
        let learner = &self.memory.learner;
        let classes = learner.classes().iter().zip(learner.counts());
        let (mut classes_taught, mut clips) = (0, 0);
        for (_, count) in classes.filter(|(label, _)| !label.is_background()) {
            classes_taught += 1;
            clips += count;
        }
        clips >= FEWEST_CLIPS.max(FEWEST_OF_CLASS * classes_taught)
    }

    /// The mean embeddings of a clip, one for each row of its example.
    ///
    /// # Errors
    /// [`Error`] when the embeddings do not fit the contract.
    pub(super) fn mean_embeddings(&self, heard: &ClipEmbeddings) -> Result<Vec<f32>, Error> {
        let contract = self.memory.learner.contract();
        let size = contract.embedding_size;
        let all = heard.windows.len() / size;
        let rows = contract.window_rows.map_or(all, NonZeroUsize::get);
        let (mut means, mut mean) = (Vec::new(), Vec::new());
        for at in decision_windows(all, rows, &heard.sounding) {
            let window = heard.windows.get(at.start * size..at.end * size);
            Pool::Mean.pool_into(window.unwrap_or_default(), size, &mut mean)?;
            means.extend_from_slice(&mean);
        }
        Ok(means)
    }
}

/// The windows of one source, with published classes.
pub(super) struct PublishedListener {
    scorer: ClassScorer,
    rule: AnswerRule,
    /// Joins windows to events; `None` if each window is one.
    runs: Option<AnswerRuns>,
    /// Scratch.
    sound: Vec<f32>,
}

impl PublishedListener {
    /// Joins windows to segments, or makes each one a segment.
    pub(super) fn join(
        &mut self,
        session: &mut Session,
        made: &mut Vec<WindowDecision>,
        decider: &mut Decider,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Error> {
        let novelty = match session.knows_p_values() {
            true => session.novelty()?.heard.novelty,
            false => Arc::default(),
        };
        let sounds = session.taught_sounds()?;
        let classes = session.learner().classes();
        let knows_background = classes.iter().any(Label::is_background);
        for window in made.drain(..) {
            let is_quiet = window.decision == Decision::Quiet;
            if let Some(runs) = &mut self.runs
                && (window.is_first || is_quiet)
            {
                runs.finish(segments);
            }
            if is_quiet {
                if self.runs.is_none() {
                    segments.push(segment_of(&window));
                }
            } else {
                let answered = self.answered(&window, classes, &novelty, &sounds)?;
                match &mut self.runs {
                    Some(runs) => runs.step(answered, knows_background, segments),
                    None => segments.push(answered.segment()),
                }
            }
            decider.recycle(window);
        }
        Ok(())
    }

    fn answered(
        &mut self,
        window: &WindowDecision,
        classes: &[Label],
        novelty: &Novelty,
        sounds: &TaughtSounds,
    ) -> Result<AnsweredWindow, Error> {
        let best = window.scores.best();
        let score = best.and_then(|(class, _)| novelty.score(class, &window.squared_distances));
        let p_value = score.and_then(|score| novelty.p_value(score));
        self.scorer.score(&window.vectors.embedding)?;
        let answer = self.rule.answer(&Findings {
            classes,
            probabilities: &window.scores,
            p_value,
            nearest: sounds.nearest(&window.vectors.features, &mut self.sound),
            published: self.scorer.best(),
        });
        Ok(AnsweredWindow {
            start: window.start,
            end: window.end,
            answer,
            p_value,
        })
    }

    /// Ends the stream, or its part before a gap.
    pub(super) fn finish(&mut self, segments: &mut Vec<Segment>) {
        if let Some(runs) = &mut self.runs {
            runs.finish(segments);
        }
    }
}

/// A clip to be answered.
pub(super) struct ClipFindings<'a> {
    /// Its mean embeddings, one for each row of the example.
    pub(super) embeddings: Vec<&'a [f32]>,
    pub(super) example: &'a Example,
    pub(super) probabilities: &'a Probabilities,
    pub(super) p_value: Option<f32>,
}

/// What the windows of a clip are like.
struct Compared<'s> {
    /// The taught event that a window is most like, if it is alike; and its cosine.
    event: Option<(&'s Label, f32)>,
    background: Option<(&'s Label, f32)>,
    /// The highest probability of each published class in windows like nothing taught.
    most: Vec<f32>,
}

impl ClipFindings<'_> {
    /// Compares each window with the taught sounds, and with the published classes if it is like
    /// none.
    fn compare<'s>(
        &self,
        sounds: &'s TaughtSounds,
        mut scorer: ClassScorer,
        labels: &[Label],
    ) -> Result<Compared<'s>, Error> {
        let (mut nearest, mut most) = ([None::<(&Label, f32)>; 2], vec![0.0_f32; labels.len()]);
        let mut sound = Vec::new();
        let width = self.example.features().len() / self.embeddings.len().max(1);
        let windows = self.example.features().chunks_exact(width.max(1));
        for (embedding, features) in self.embeddings.iter().zip(windows) {
            let alike = sounds.nearest(features, &mut sound);
            let alike = alike.filter(|(label, cosine)| AnswerRule::is_alike(label, *cosine));
            if let Some((label, cosine)) = alike {
                let known = &mut nearest[usize::from(label.is_background())];
                if known.is_none_or(|(_, best)| cosine > best) {
                    *known = alike;
                }
                continue;
            }
            for (most, &p) in most.iter_mut().zip(scorer.score(embedding)?) {
                *most = most.max(p);
            }
        }
        let [event, background] = nearest;
        Ok(Compared {
            event,
            background,
            most,
        })
    }
}

/// The most probable classes, in falling order, without those of probability 0.
fn most_probable(labels: &[Label], probabilities: &[f32]) -> Vec<(Label, f32)> {
    let pairs = labels.iter().zip(probabilities.iter().copied());
    let mut pairs: Vec<(&Label, f32)> = pairs.filter(|&(_, p)| p > 0.0).collect();
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = pairs.into_iter().take(TOP);
    top.map(|(label, p)| (label.clone(), p)).collect()
}

impl Engine {
    /// What answers for windows in place of a segmenter with these options, if the learner has
    /// published classes. With `windows`, each window is an event.
    pub(super) fn published_listener(
        &self,
        options: SegmenterOptions,
        windows: bool,
    ) -> Result<Option<PublishedListener>, Error> {
        let Some(classes) = self.published_classes()? else {
            return Ok(None);
        };
        let rule = AnswerRule {
            unknown_below: options.unknown_below.max(AnswerRule::UNKNOWN_BELOW),
            min_confidence: options.min_confidence,
            published_min_confidence: self.published_min_confidence(classes),
        };
        Ok(Some(PublishedListener {
            scorer: classes.scorer()?,
            rule,
            runs: (!windows).then(|| AnswerRuns::new(options.longest)),
            sound: Vec::new(),
        }))
    }

    /// `prediction`, with what the published classes say of the clip.
    pub(super) fn with_published(
        &self,
        prediction: Prediction,
        session: &mut Session,
        clip: &ClipFindings<'_>,
    ) -> Result<Prediction, Error> {
        let Some(published) = self.published_classes()? else {
            return Ok(prediction);
        };
        let rule = AnswerRule {
            unknown_below: AnswerRule::UNKNOWN_BELOW,
            min_confidence: 0.0,
            published_min_confidence: self.published_min_confidence(published),
        };
        let sounds = session.taught_sounds()?;
        let compared = clip.compare(&sounds, published.scorer()?, published.labels())?;
        let top = most_probable(published.labels(), &compared.most);
        let findings = Findings {
            classes: session.learner().classes(),
            probabilities: clip.probabilities,
            p_value: clip.p_value.filter(|_| session.knows_p_values()),
            nearest: compared.event,
            published: top.first().map(|(label, p)| (label, *p)),
        };
        let in_background = || {
            let nearest = compared.background?;
            let findings = Findings {
                nearest: Some(nearest),
                ..findings
            };
            rule.taught(&findings)
        };
        let answer = rule.answer(&findings).or_else(in_background);
        Ok(prediction.answered(answer, top))
    }
}
