//! Learning without labels: recordings of whose class the learner is sure are learned as of it.
//!
//! Such labels are called pseudo-labels (Lee 2013, "Pseudo-label"). Their clips have a name of
//! their own in the log, so that all of them can be unlearned at any time, and they are never
//! counted as what the learner was taught: not in reports, nor in calibration.

use std::collections::BTreeMap;

use serde::Serialize;

use super::replay::learn;
use super::{ClipEmbeddings, Command, Engine, Error, Recording, Share};
use crate::signal::{ClipId, Label};
use crate::store::{ClipFilter, TaughtClip};

/// How the names of recordings begin in the log whose labels are assumed.
const ASSUMED: &str = "assumed: ";

/// The confidence from which on a label is assumed.
const SURE_FROM: f32 = 0.9;

/// The loss of accuracy on taught clips that is none: one of 200 clips.
const NO_LOSS: f64 = 0.005;

/// Whether the label of a clip is assumed.
pub(super) fn is_assumed(clip: &TaughtClip) -> bool {
    clip.source.starts_with(ASSUMED)
}

/// Recordings without labels, begun by [`Engine::adaptation`].
pub struct Adaptation {
    engine: Engine,
    recordings: usize,
    sure: Vec<TaughtClip>,
}

/// What came of recordings without labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Adapted {
    /// How many were given.
    pub recordings: usize,
    /// Of how many the learner was sure, by class.
    pub assumed: BTreeMap<String, usize>,
    /// Accuracy on the taught clips, each held out with its group or recording, before; `None` if
    /// there is nothing to measure.
    pub before: Option<Share>,
    /// The same if the recordings are learned.
    pub after: Option<Share>,
    /// Whether they were learned: if there is one, and accuracy does not fall.
    pub learned: bool,
}

impl Engine {
    /// Begins to learn from recordings without labels.
    pub fn adaptation(&self) -> Adaptation {
        Adaptation {
            engine: self.clone(),
            recordings: 0,
            sure: Vec::new(),
        }
    }

    /// Unlearns all recordings whose labels were assumed. Returns their number. An exact head then
    /// equals one that never learned them.
    ///
    /// # Errors
    /// [`Error`] if the log cannot be read or written.
    pub fn forget_assumed(&self) -> Result<usize, Error> {
        let filter = ClipFilter {
            source: Some(format!("{ASSUMED}*")),
            ..ClipFilter::default()
        };
        Ok(self.forget(&filter)?.len())
    }
}

impl Adaptation {
    /// Hears a recording. Returns the class if the learner is sure of it: its confidence is at least
    /// .9, and the recording is not unknown. A recording that was taught already is passed over, and
    /// so is everything if the head does not know the unknown.
    ///
    /// # Errors
    /// [`Error`] if the recording cannot be read or the backbone fails.
    pub fn hear(&mut self, mut recording: Recording) -> Result<Option<Label>, Error> {
        let heard = self.engine.embed_to_teach(&mut recording)?;
        self.hear_embeddings(&heard, &recording)
    }

    /// As [`Self::hear`], for a recording that is already embedded.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub fn hear_embeddings(
        &mut self,
        heard: &ClipEmbeddings,
        recording: &Recording,
    ) -> Result<Option<Label>, Error> {
        self.recordings += 1;
        let prediction = self.engine.predict_embeddings(heard)?;
        let sure = prediction.best().filter(|(label, confidence)| {
            let is_known = prediction.novelty().is_some() && !prediction.is_unknown();
            *confidence >= SURE_FROM && is_known && !label.is_silent()
        });
        let Some((label, _)) = sure else {
            return Ok(None);
        };
        let session = self.engine.session();
        let id = ClipId::from(heard.clip_sha256);
        let is_taught = session.memory.taught(&session.store, &id)?.is_some();
        if is_taught || self.sure.iter().any(|clip| clip.id == id) {
            return Ok(None);
        }
        self.sure.push(TaughtClip {
            label: label.clone(),
            features: session.encode(heard, true)?.features().to_vec(),
            id,
            duration: heard.duration,
            source: format!("{ASSUMED}{}", recording.name()),
            group: recording.group().cloned(),
            taught_unix_ms: self.engine.now(),
        });
        Ok(Some(label.clone()))
    }

    /// Learns the recordings of which the learner was sure, as one change, unless its accuracy on
    /// the taught clips falls. `progress` receives the steps that are done, and all.
    ///
    /// # Errors
    /// [`Error`] if the log cannot be read or written; as [`Engine::report`].
    pub fn finish(self, progress: &dyn Fn(usize, usize)) -> Result<Adapted, Error> {
        let mut assumed: BTreeMap<String, usize> = BTreeMap::new();
        for clip in &self.sure {
            *assumed.entry(clip.label.to_string()).or_default() += 1;
        }
        let mut adapted = Adapted {
            recordings: self.recordings,
            assumed,
            before: None,
            after: None,
            learned: false,
        };
        if self.sure.is_empty() {
            return Ok(adapted);
        }
        let mut taught = {
            let mut session = self.engine.session();
            session.catch_up()?;
            session.taught()?
        };
        adapted.before = taught.accuracy(&|done, all| progress(done, all * 2))?;
        for clip in &self.sure {
            learn(&mut taught.learner, clip)?;
        }
        adapted.after = taught.accuracy(&|done, all| progress(all + done, all * 2))?;
        if let (Some(before), Some(after)) = (adapted.before, adapted.after)
            && after.share < before.share - NO_LOSS
        {
            return Ok(adapted);
        }
        let command = Command::new();
        for clip in self.sure {
            let why = format!("adapt: {} assumed", clip.label);
            self.engine.session().learn_clip(&command, clip, why)?;
        }
        self.engine.close()?;
        adapted.learned = true;
        Ok(adapted)
    }
}
