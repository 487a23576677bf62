//! A learner's own recordings, each judged as if it had not been taught.
//!
//! The clips of one recording are alike, so a wrong label of one of them is confirmed by the others.
//! They are therefore left out together, by a downdate of the exact sums: no solve, no recording is
//! read.

use std::collections::HashMap;

use super::novelty::{as_it_is, mean};
use super::{Error, Session, audio_exchange};
use crate::head::LeftOutEvidence;
use crate::learner::{Example, Learner};
use crate::signal::Label;
use crate::store::{ClipFilter, TaughtClip};

/// The clips of one recording that were taught as one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OwnRecording {
    pub(super) label: Label,
    /// Its clips, by their position in [`OwnRecordings::clips`].
    pub(super) clips: Vec<usize>,
}

/// A copy of a learner, and the recordings that its log holds, in the order of their first clips.
pub(super) struct OwnRecordings {
    pub(super) learner: Learner,
    pub(super) clips: Vec<TaughtClip>,
    pub(super) recordings: Vec<OwnRecording>,
    is_mixed: bool,
}

/// What the other recordings say of one: the class with the highest score, and by how much it is
/// above the others. Positive if the class is that of the recording, negative if another one is
/// nearer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    /// The best class other than that of the recording, by its position.
    pub(super) other: usize,
    /// The log score of the recording's class minus that of `other`.
    pub(super) margin: f32,
}

impl OwnRecordings {
    /// The recordings of `clips`, which `learner` was taught. `is_mixed` says whether there is a
    /// soundscape.
    pub(super) fn of(learner: Learner, clips: Vec<TaughtClip>, is_mixed: bool) -> Self {
        let mut known: HashMap<(String, Label), usize> = HashMap::new();
        let mut recordings: Vec<OwnRecording> = Vec::new();
        for (at, clip) in clips.iter().enumerate() {
            let name = match audio_exchange::is_of_one_recording(&clip.source) {
                true => clip.source.clone(),
                // A name of several recordings stands for one clip.
                false => clip.id.to_string(),
            };
            let next = recordings.len();
            let number = *known.entry((name, clip.label.clone())).or_insert(next);
            match recordings.get_mut(number) {
                Some(recording) => recording.clips.push(at),
                None => recordings.push(OwnRecording {
                    label: clip.label.clone(),
                    clips: vec![at],
                }),
            }
        }
        Self {
            learner,
            clips,
            recordings,
            is_mixed,
        }
    }

    /// What the other recordings say of `recording`; `None` if its class has no other, there is no
    /// other class, or the head cannot say.
    ///
    /// # Errors
    /// [`Error`] if an example does not fit the learner.
    pub(super) fn said(&self, recording: &OwnRecording) -> Result<Option<Said>, Error> {
        let examples: Vec<Example> = (recording.clips.iter())
            .map(|&clip| Example::from_fixed(self.clips[clip].features.clone()))
            .collect();
        let mut left_out = LeftOutEvidence::default();
        let label = &recording.label;
        if !(self.learner).together_left_out_into(&examples, label, &mut left_out)? {
            return Ok(None);
        }
        let (width, all) = (
            self.learner.contract().width(),
            self.learner.classes().len(),
        );
        // Each clip counts as often, by its rows as they are.
        let (mut sums, mut rest) = (vec![0.0_f32; all], left_out.log_scores.as_slice());
        for example in &examples {
            let rows = example.features().len() / width;
            let (of_clip, others) = rest.split_at(rows * all);
            rest = others;
            let own = mean(&of_clip[..as_it_is(rows, self.is_mixed) * all], all);
            sums.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
        }
        sums.iter_mut()
            .for_each(|sum| *sum /= examples.len() as f32);
        Ok(self.compared(&sums, label))
    }

    /// What the learner says of a recording that it has not learned.
    ///
    /// # Errors
    /// As [`Self::said`].
    pub(super) fn said_unlearned(&self, recording: &OwnRecording) -> Result<Option<Said>, Error> {
        let width = self.learner.contract().width();
        let mut sums = vec![0.0_f32; self.learner.classes().len()];
        let mut evidence = crate::head::Evidence::default();
        for &clip in &recording.clips {
            let features = &self.clips[clip].features;
            let rows = as_it_is(features.len() / width, self.is_mixed);
            let example = Example::from_fixed(features[..rows * width].to_vec());
            self.learner.evidence_into(&example, &mut evidence)?;
            let scores = evidence.scores();
            sums.iter_mut().zip(scores).for_each(|(sum, x)| *sum += x);
        }
        (sums.iter_mut()).for_each(|sum| *sum /= recording.clips.len() as f32);
        Ok(self.compared(&sums, &recording.label))
    }

    /// Compares the class `label` with the others. Classes without events claim nothing: they are
    /// taught sounds that are like another class.
    fn compared(&self, scores: &[f32], label: &Label) -> Option<Said> {
        let classes = self.learner.classes();
        let own = classes.iter().position(|class| class == label)?;
        let others = classes.iter().enumerate();
        let others = others.filter(|(class, of)| *class != own && !of.is_silent());
        let scored = others.filter_map(|(class, _)| Some((class, *scores.get(class)?)));
        let (other, best) = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let margin = scores.get(own)? - best;
        margin.is_finite().then_some(Said { other, margin })
    }

    /// Unlearns a recording.
    ///
    /// # Errors
    /// [`Error`] if the head cannot.
    pub(super) fn unlearn(&mut self, recording: &OwnRecording) -> Result<(), Error> {
        for &clip in &recording.clips {
            let example = Example::from_fixed(self.clips[clip].features.clone());
            self.learner.unlearn_one(&example, &recording.label)?;
        }
        Ok(())
    }
}

impl Session {
    /// A copy of the learner, and its recordings.
    ///
    /// # Errors
    /// [`Error`] if the log cannot be read.
    pub(super) fn own_recordings(&self) -> Result<OwnRecordings, Error> {
        let learner = self.learner();
        let (contract, settings) = (learner.contract().clone(), *learner.settings());
        let copy = Learner::load(contract, settings, &learner.save())?;
        let clips = self.clips(&ClipFilter::default())?;
        Ok(OwnRecordings::of(copy, clips, self.has_soundscape()?))
    }
}

/// Toy recordings for tests.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::learner::{Contract, EmbeddingSpace, Pool, Settings, Transform};
    use crate::signal::{ClipId, Micros};

    fn empty() -> Learner {
        let space = EmbeddingSpace::new("toy", 6, 8.0);
        let contract = Contract::new(space, Pool::Mean, Transform::None).unwrap();
        Learner::new(contract, Settings::default()).unwrap()
    }

    /// A recording that sounds like class `class`, taught as `label`.
    pub(in crate::engine) fn clip(class: usize, seed: u64, label: &str) -> TaughtClip {
        let mixed = |at: usize| {
            let number = seed
                .wrapping_mul(31)
                .wrapping_add((class * 101 + at * 7) as u64 + 1);
            let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let number = (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (number >> 40) as f32 / (1 << 24) as f32
        };
        let value = |at: usize| mixed(at) + if at == class { 2.0 } else { 0.0 };
        let row: Vec<f32> = (0..6).map(value).collect();
        TaughtClip {
            label: Label::new(label).unwrap(),
            features: empty().encode(&row).unwrap().features().to_vec(),
            id: ClipId::from([(class * 60) as u8 + seed as u8; 32]),
            duration: Micros(1),
            source: format!("{class} {seed}.wav"),
            group: None,
            taught_unix_ms: 0,
        }
    }

    pub(in crate::engine) fn of_clips(clips: Vec<TaughtClip>) -> OwnRecordings {
        let mut learner = empty();
        for clip in &clips {
            crate::engine::replay::learn(&mut learner, clip).unwrap();
        }
        OwnRecordings::of(learner, clips, false)
    }

    /// A learner of clips: the class that each sounds like, its seed and its label.
    pub(in crate::engine) fn own(clips: &[(usize, u64, &str)]) -> OwnRecordings {
        let clips = clips.iter();
        of_clips(
            clips
                .map(|&(class, seed, label)| clip(class, seed, label))
                .collect(),
        )
    }

    #[test]
    fn a_recording_left_out_is_judged_as_if_it_had_not_been_learned() {
        let mut clips: Vec<TaughtClip> = Vec::new();
        for class in 0..3 {
            clips.extend((0..12).map(|seed| clip(class, seed, ["a", "b", "c"][class])));
        }
        // Three pieces of one recording.
        for piece in &mut clips[..3] {
            piece.source = "long.wav".to_owned();
        }
        let mut all = of_clips(clips);
        assert_eq!(all.recordings.len(), 34);
        assert_eq!(all.recordings[0].clips, [0, 1, 2]);
        for at in [0, 1, 20] {
            let recording = all.recordings[at].clone();
            let fast = all.said(&recording).unwrap().unwrap();
            all.unlearn(&recording).unwrap();
            let slow = all.said_unlearned(&recording).unwrap().unwrap();
            for &clip in &recording.clips {
                crate::engine::replay::learn(&mut all.learner, &all.clips[clip]).unwrap();
            }
            assert_eq!(fast.other, slow.other);
            // The shrinkage and the divisor of the covariance stay those of all clips.
            assert!(
                (fast.margin / slow.margin - 1.0).abs() < 0.25,
                "{fast:?} {slow:?}"
            );
        }
    }

    #[test]
    fn the_only_recording_of_a_class_is_not_judged() {
        let own = own(&[(0, 1, "a"), (1, 2, "b"), (1, 3, "b")]);
        assert_eq!(own.said(&own.recordings[0]).unwrap(), None);
        assert!(own.said(&own.recordings[1]).unwrap().is_some());
    }
}
