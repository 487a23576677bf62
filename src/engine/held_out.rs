//! What a learner says of its own clips, each held out with its group or recording.
//!
//! An exact head unlearns what is held out and learns it again: the answers are those of a learner
//! that was never taught it. Other heads are taught all the rest anew. No recording is read.

use std::collections::HashMap;

use super::novelty::{Calibration, PARTS, as_it_is, mean};
use super::replay::learn;
use super::{Error, Share, audio_exchange};
use crate::decision::Probabilities;
use crate::head::{Evidence, LeftOutEvidence};
use crate::learner::{Example, Learner};
use crate::signal::Label;
use crate::store::TaughtClip;

/// The most folds of an exact head. Each costs a solve.
const MOST_FOLDS: usize = 100;

/// The most folds of other heads, and of a learning curve. Each is taught anew.
const MOST_TAUGHT_FOLDS: usize = 10;
const MOST_CURVE_FOLDS: usize = 5;

/// The most clips of a head that is taught anew.
const MOST_CLIPS: usize = 2_000;

/// A copy of a learner, with the clips that its log holds in the order of their teaching.
pub(super) struct Taught {
    /// The classes, in the order in which they were first taught.
    pub(super) classes: Vec<Label>,
    pub(super) learner: Learner,
    pub(super) clips: Vec<TaughtClip>,
    pub(super) calibration: Calibration,
    /// Whether there is a soundscape.
    pub(super) is_mixed: bool,
}

/// What the learner says of a clip that was held out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The most probable class; `None` if nothing else was taught.
    pub(super) told: Option<Label>,
    /// Its probability.
    pub(super) confidence: f32,
    pub(super) p_value: Option<f32>,
    /// Whether another clip of its class was taught. Otherwise it cannot be right.
    pub(super) is_class_taught: bool,
}

/// Accuracy with some clips of each class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CurvePoint {
    pub(super) clips_a_class: usize,
    pub(super) right: usize,
    pub(super) asked: usize,
}

/// The share of right answers about clips, among those of classes with other clips.
pub(super) fn accuracy(clips: &[TaughtClip], answers: &[Answer]) -> Option<Share> {
    let asked = clips.iter().zip(answers);
    let asked = asked.filter(|(_, answer)| answer.is_class_taught);
    let right = (asked.clone()).filter(|(clip, answer)| answer.told.as_ref() == Some(&clip.label));
    Share::of(right.count(), asked.count())
}

/// The group or recording of each clip, as numbers from 0, in the order of their first clips. Clips
/// without a group are of one recording if they have its name; a name of no recording stands for one
/// clip.
pub(super) fn units(clips: &[TaughtClip]) -> Vec<usize> {
    let mut known: HashMap<(u8, String), usize> = HashMap::new();
    let mut of = Vec::with_capacity(clips.len());
    for clip in clips {
        let name = match &clip.group {
            Some(group) => (0, group.to_string()),
            None if audio_exchange::is_of_one_recording(&clip.source) => (1, clip.source.clone()),
            None => (2, clip.id.to_string()),
        };
        let next = known.len();
        of.push(*known.entry(name).or_insert(next));
    }
    of
}

/// The clips of each fold, of which there are at most `most`. A fold is a unit, or several.
fn folds(units: &[usize], most: usize) -> Vec<Vec<usize>> {
    let all = units.iter().max().map_or(0, |last| last + 1);
    let mut folds = vec![Vec::new(); all.min(most)];
    for (clip, unit) in units.iter().enumerate() {
        folds[unit % most].push(clip);
    }
    folds
}

impl Taught {
    /// The answer for each clip, held out with its unit. `progress` receives the folds that are
    /// done, and all.
    ///
    /// # Errors
    /// [`Error::TooManyToTeachAnew`]; [`Error`] if the learner cannot be copied.
    pub(super) fn answers(
        &mut self,
        units: &[usize],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Vec<Answer>, Error> {
        let settings = *self.learner.settings();
        let is_exact = settings.head.is_exact();
        if !is_exact && self.clips.len() > MOST_CLIPS {
            return Err(Error::TooManyToTeachAnew {
                head: settings.head.to_string(),
                clips: self.clips.len(),
                most: MOST_CLIPS,
            });
        }
        let most = match is_exact {
            true => MOST_FOLDS,
            false => MOST_TAUGHT_FOLDS,
        };
        let by_unit = folds(units, usize::MAX);
        let alone = by_unit.iter().all(|unit| unit.len() == 1);
        // Single clips need no solve.
        let folds = match alone && settings.head.judges_labels() {
            true => by_unit,
            false => folds(units, most),
        };
        let mut answers: Vec<Option<Answer>> = vec![None; self.clips.len()];
        for (done, fold) in folds.iter().enumerate() {
            progress(done, folds.len());
            let answer = match fold.as_slice() {
                [clip] => self.answer_alone(*clip)?,
                _ => None,
            };
            match answer {
                Some(answer) => answers[fold[0]] = Some(answer),
                None if is_exact => self.answer_unlearned(fold, &mut answers)?,
                None => self.answer_anew(fold, &mut answers)?,
            }
        }
        progress(folds.len(), folds.len());
        Ok(answers.into_iter().flatten().collect())
    }

    /// The accuracy on the clips, each held out with its group or recording. `None` if there is
    /// nothing to measure. `progress` as in [`Self::answers`].
    ///
    /// # Errors
    /// As [`Self::answers`].
    pub(super) fn accuracy(
        &mut self,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Option<Share>, Error> {
        let answers = self.answers(&units(&self.clips), progress)?;
        Ok(accuracy(&self.clips, &answers))
    }

    /// The answer for one clip, without another solve. `None` if the head has none.
    fn answer_alone(&self, clip: usize) -> Result<Option<Answer>, Error> {
        let judges = self.learner.settings().head.judges_labels();
        let Some(clip) = self.clips.get(clip).filter(|_| judges) else {
            return Ok(None);
        };
        let mut left_out = LeftOutEvidence::default();
        let example = Example::from_fixed(clip.features.clone());
        if !(self.learner).left_out_into(&example, &clip.label, &mut left_out)? {
            return Ok(None);
        }
        let classes = self.learner.classes();
        let rows = self.rows(clip) * classes.len();
        let first = |values: &[f32]| mean(values.get(..rows).unwrap_or(values), classes.len());
        let scores = first(&left_out.log_scores);
        let probabilities = Probabilities::of_log_scores(&scores);
        let distances = first(&left_out.squared_distances);
        Ok(Some(self.answer(
            &self.learner,
            clip,
            probabilities,
            Some(&distances),
        )))
    }

    fn answer_unlearned(
        &mut self,
        fold: &[usize],
        answers: &mut [Option<Answer>],
    ) -> Result<(), Error> {
        for &clip in fold {
            let clip = &self.clips[clip];
            let example = Example::from_fixed(clip.features.clone());
            self.learner.unlearn_one(&example, &clip.label)?;
        }
        for &clip in fold {
            answers[clip] = Some(self.ask(&self.learner, &self.clips[clip])?);
        }
        for &clip in fold {
            learn(&mut self.learner, &self.clips[clip])?;
        }
        Ok(())
    }

    fn answer_anew(&self, fold: &[usize], answers: &mut [Option<Answer>]) -> Result<(), Error> {
        let mut learner = self.empty()?;
        let rest = self.clips.iter().enumerate();
        for (_, clip) in rest.filter(|(clip, _)| fold.binary_search(clip).is_err()) {
            learn(&mut learner, clip)?;
        }
        for &clip in fold {
            answers[clip] = Some(self.ask(&learner, &self.clips[clip])?);
        }
        Ok(())
    }

    /// Accuracy with 1, 2, 4... clips of each class in the order of their teaching, on clips of other
    /// units. Ends with all clips. `progress` as in [`Self::answers`].
    ///
    /// # Errors
    /// [`Error`] if a learner cannot be taught.
    pub(super) fn curve(
        &self,
        units: &[usize],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Vec<CurvePoint>, Error> {
        let folds = folds(units, MOST_CURVE_FOLDS);
        let mut curves: Vec<Vec<CurvePoint>> = Vec::new();
        for (done, fold) in folds.iter().enumerate() {
            progress(done, folds.len());
            let curve = self.curve_without(fold)?;
            if !curve.is_empty() {
                curves.push(curve);
            }
        }
        progress(folds.len(), folds.len());
        // The points that all folds have.
        let points = curves.iter().map(Vec::len).min().unwrap_or(0);
        let sum = |at: usize| {
            let here = || curves.iter().filter_map(move |curve| curve.get(at));
            CurvePoint {
                clips_a_class: here().map(|point| point.clips_a_class).max().unwrap_or(0),
                right: here().map(|point| point.right).sum(),
                asked: here().map(|point| point.asked).sum(),
            }
        };
        Ok((0..points)
            .map(sum)
            .filter(|point| point.asked > 0)
            .collect())
    }

    /// The curve of a learner that is asked about the clips of one fold.
    fn curve_without(&self, fold: &[usize]) -> Result<Vec<CurvePoint>, Error> {
        let mut learner = self.empty()?;
        // The rest by class, each in the order of teaching.
        let mut rest: Vec<(&Label, Vec<&TaughtClip>)> = Vec::new();
        for (at, clip) in self.clips.iter().enumerate() {
            if fold.binary_search(&at).is_ok() {
                continue;
            }
            match rest.iter_mut().find(|(label, _)| **label == clip.label) {
                Some((_, clips)) => clips.push(clip),
                None => rest.push((&clip.label, vec![clip])),
            }
        }
        let longest = rest.iter().map(|(_, clips)| clips.len()).max().unwrap_or(0);
        let (mut points, mut taught, mut until) = (Vec::new(), 0, 1);
        while taught < longest {
            for (_, clips) in &rest {
                for clip in clips.iter().take(until).skip(taught) {
                    learn(&mut learner, clip)?;
                }
            }
            let mut point = CurvePoint {
                clips_a_class: until.min(longest),
                right: 0,
                asked: 0,
            };
            for &clip in fold {
                let clip = &self.clips[clip];
                let answer = self.ask(&learner, clip)?;
                point.asked += usize::from(answer.is_class_taught);
                point.right += usize::from(answer.told.as_ref() == Some(&clip.label));
            }
            points.push(point);
            (taught, until) = (until, until * 2);
        }
        Ok(points)
    }

    /// What `learner` says of a clip as it is.
    fn ask(&self, learner: &Learner, clip: &TaughtClip) -> Result<Answer, Error> {
        let width = learner.contract().width();
        let features = clip.features.get(..self.rows(clip) * width);
        let example = Example::from_fixed(features.unwrap_or_default().to_vec());
        let mut evidence = Evidence::with_distances();
        learner.evidence_into(&example, &mut evidence)?;
        let probabilities = Probabilities::of(&evidence);
        Ok(self.answer(learner, clip, probabilities, evidence.squared_distances()))
    }

    fn answer(
        &self,
        learner: &Learner,
        clip: &TaughtClip,
        mut probabilities: Probabilities,
        distances: Option<&[f32]>,
    ) -> Answer {
        let Calibration {
            novelty,
            temperature,
        } = &self.calibration;
        temperature.apply(&mut probabilities);
        let best = probabilities.best();
        let score = best
            .zip(distances)
            .and_then(|((class, _), d)| novelty.score(class, d));
        Answer {
            told: best.and_then(|(class, _)| learner.classes().get(class).cloned()),
            confidence: best.map_or(0.0, |(_, confidence)| confidence),
            p_value: score.and_then(|score| novelty.p_value(score)),
            is_class_taught: learner.classes().contains(&clip.label),
        }
    }

    /// The rows of a clip as it is.
    fn rows(&self, clip: &TaughtClip) -> usize {
        let rows = clip.features.len() / self.learner.contract().width().max(1);
        match clip.label.is_background() {
            // The background is not mixed with itself.
            true => rows.min(PARTS),
            false => as_it_is(rows, self.is_mixed),
        }
    }

    fn empty(&self) -> Result<Learner, Error> {
        let contract = self.learner.contract().clone();
        Ok(Learner::new(contract, *self.learner.settings())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::HeadKind;
    use crate::learner::{Contract, EmbeddingSpace, Pool, Settings, Transform};
    use crate::signal::{ClipId, Group, Micros};

    /// A clip of class `class` from unit `unit`, displaced by `off`.
    fn clip(learner: &Learner, class: usize, unit: u8, off: f32) -> TaughtClip {
        let mut row = [off, -off / 2.0, off * off, 1.0];
        row[class] += 4.0;
        TaughtClip {
            label: Label::new(["bell", "kettle", "rain"][class]).unwrap(),
            features: learner.encode(&row).unwrap().features().to_vec(),
            id: ClipId::from([class as u8 * 50 + unit * 10 + (off * 9.0).abs() as u8; 32]),
            duration: Micros(1),
            source: format!("{class} {unit}.wav"),
            group: None,
            taught_unix_ms: 0,
        }
    }

    /// Three classes, each with two clips of each of three recordings; the first recording of
    /// `bell` sounds like `kettle`.
    fn taught(head: HeadKind) -> Taught {
        let space = EmbeddingSpace::new("toy", 4, 8.0);
        let contract = Contract::new(space, Pool::Mean, Transform::None).unwrap();
        let settings = Settings {
            head,
            ..Settings::default()
        };
        let mut learner = Learner::new(contract, settings).unwrap();
        let mut clips = Vec::new();
        for unit in 0..3 {
            for class in 0..3 {
                for off in [0.1 + 0.2 * f32::from(unit), -0.3 - 0.1 * f32::from(unit)] {
                    let like = match (class, unit) {
                        (0, 0) => 1,
                        (class, _) => class,
                    };
                    clips.push(TaughtClip {
                        label: Label::new(["bell", "kettle", "rain"][class]).unwrap(),
                        source: format!("{class} {unit}.wav"),
                        ..clip(&learner, like, unit, off)
                    });
                }
            }
        }
        for clip in &clips {
            learn(&mut learner, clip).unwrap();
        }
        Taught {
            classes: learner.classes().to_vec(),
            learner,
            clips,
            calibration: Calibration::default(),
            is_mixed: false,
        }
    }

    #[test]
    fn clips_are_of_one_unit_by_group_or_by_recording() {
        let mut clips = taught(HeadKind::LDA).clips;
        assert_eq!(units(&clips)[..6], [0, 0, 1, 1, 2, 2]);
        clips[2].group = Some(Group::new("cellar").unwrap());
        clips[5].group = Some(Group::new("cellar").unwrap());
        clips[3].source = "last 2 s of mic".to_owned();
        clips[4].source = "last 2 s of mic".to_owned();
        assert_eq!(units(&clips)[..6], [0, 0, 1, 2, 3, 1]);
    }

    #[test]
    fn a_held_out_clip_is_judged_as_by_a_learner_that_was_never_taught_it() {
        for head in [HeadKind::LDA, HeadKind::NCM, HeadKind::RIDGE, HeadKind::KNN] {
            let mut taught = taught(head);
            let units = units(&taught.clips);
            let saved = taught.learner.save();
            let answers = taught.answers(&units, &|_, _| {}).unwrap();
            assert_eq!(taught.learner.save(), saved, "{head}");
            for (at, answer) in answers.iter().enumerate() {
                let mut never = taught.empty().unwrap();
                let rest = taught.clips.iter().zip(&units);
                for (clip, _) in rest.filter(|(_, unit)| **unit != units[at]) {
                    learn(&mut never, clip).unwrap();
                }
                let said = taught.ask(&never, &taught.clips[at]).unwrap();
                assert_eq!(said.told, answer.told, "{head} {at}");
                assert!(
                    (said.confidence - answer.confidence).abs() < 1e-4,
                    "{head} {at}"
                );
            }
            // Only the odd recording of `bell` is taken for something else.
            let wrong = (taught.clips.iter().zip(&answers))
                .filter(|(clip, answer)| answer.told.as_ref() != Some(&clip.label));
            assert_eq!(wrong.count(), 2, "{head}");
        }
    }

    #[test]
    fn single_clips_need_no_solve_and_give_nearly_the_same_answers() {
        let mut taught = taught(HeadKind::LDA);
        let alone: Vec<usize> = (0..taught.clips.len()).collect();
        let fast = taught.answers(&alone, &|_, _| {}).unwrap();
        for (clip, fast) in fast.iter().enumerate() {
            let mut slow = vec![None; alone.len()];
            taught.answer_unlearned(&[clip], &mut slow).unwrap();
            let slow = slow[clip].as_ref().unwrap();
            assert_eq!(fast.told, slow.told);
            // The shrinkage and the divisor of the covariance stay those of all 18 clips.
            assert!(
                (fast.confidence - slow.confidence).abs() < 0.1,
                "{fast:?} {slow:?}"
            );
        }
    }

    #[test]
    fn a_curve_counts_only_clips_of_classes_that_are_taught() {
        let taught = taught(HeadKind::LDA);
        let units = units(&taught.clips);
        let curve = taught.curve(&units, &|_, _| {}).unwrap();
        let clips: Vec<usize> = curve.iter().map(|point| point.clips_a_class).collect();
        assert_eq!(clips, [1, 2, 4, 6]);
        assert!(curve.iter().all(|point| point.asked == 18), "{curve:?}");
        let last = curve.last().unwrap();
        assert!(last.right >= 14, "{curve:?}");
    }
}
