//! One split of the recordings: what a learner can be taught, and asked about.

use std::time::Duration;

use afield::engine::{ClipEmbeddings, Durability, Lesson, Prediction};
use afield::signal::{Group, Label};
use afield::{Engine, Recording};

use super::error::ExamError;
use super::recordings::EmbeddedRecordings;
use crate::data::Dataset;

/// What is taught is stored at least this often.
const BATCH: Duration = Duration::from_secs(60);

/// The exam of one split and seed.
pub(crate) struct Sitting<'a> {
    pub(crate) recordings: &'a EmbeddedRecordings,
    pub(crate) split: &'a Dataset,
    pub(crate) seed: u64,
}

impl Sitting<'_> {
    /// All classes, sorted.
    pub(crate) fn classes(&self) -> &[Label] {
        self.split.clips().classes()
    }

    /// The class of a clip, as a position in [`Self::classes`].
    pub(crate) fn class(&self, clip: usize) -> usize {
        self.split.clips().label(clip)
    }

    /// The label of a clip.
    pub(crate) fn label(&self, clip: usize) -> &Label {
        &self.classes()[self.class(clip)]
    }

    /// The embeddings of a clip.
    pub(crate) fn embeddings(&self, clip: usize) -> &ClipEmbeddings {
        &self.recordings.embeddings()[clip]
    }

    /// The recording of a clip.
    pub(crate) fn recording(&self, clip: usize) -> Result<Recording, ExamError> {
        let listed = &self.recordings.list().clips[clip];
        let recording = Recording::open_with(&listed.path, self.recordings.format())?;
        match listed.group.as_deref().filter(|group| !group.is_empty()) {
            Some(group) => Ok(recording.of_group(Group::new(group)?)),
            None => Ok(recording),
        }
    }

    /// The clips of a side by recording, each with its class: the pieces of a recording have one
    /// label.
    pub(crate) fn by_recording(&self, side: &[usize]) -> Vec<(Vec<usize>, usize)> {
        let listed = &self.recordings.list().clips;
        let mut side = side.to_vec();
        side.sort_unstable();
        let same = |a: &usize, b: &usize| listed[*a].path == listed[*b].path;
        let recordings = side.chunk_by(same);
        let with_class = |clips: &[usize]| (clips.to_vec(), self.class(clips[0]));
        recordings.map(with_class).collect()
    }

    /// Begins to teach a learner.
    pub(crate) fn lesson(&self, engine: &Engine) -> Result<Lesson, ExamError> {
        Ok(engine.lesson(Durability::Batched(BATCH))?)
    }

    /// Teaches a clip as the class `label`.
    pub(crate) fn teach(
        &self,
        lesson: &mut Lesson,
        clip: usize,
        label: &Label,
    ) -> Result<(), ExamError> {
        lesson.teach_embeddings(label, self.embeddings(clip), &self.recording(clip)?)?;
        Ok(())
    }

    /// Teaches these clips rightly, as one change that the guard does not judge.
    pub(crate) fn teach_all(
        &self,
        engine: &Engine,
        clips: impl IntoIterator<Item = usize>,
    ) -> Result<(), ExamError> {
        let mut lesson = self.lesson(engine)?;
        lesson.despite_doubts();
        for clip in clips {
            self.teach(&mut lesson, clip, self.label(clip))?;
        }
        Ok(lesson.finish()?)
    }

    /// What a learner says of a clip.
    pub(crate) fn ask(&self, engine: &Engine, clip: usize) -> Result<Prediction, ExamError> {
        Ok(engine.predict_embeddings(self.embeddings(clip))?)
    }

    /// Whether the most probable class is that of the clip.
    pub(crate) fn is_right(&self, clip: usize, prediction: &Prediction) -> bool {
        (prediction.best()).is_some_and(|(label, _)| label == self.label(clip))
    }
}
