//! Several recordings taught as one change.

use std::collections::HashMap;

use super::guard::FEWEST_NEW;
use super::{ClipEmbeddings, Command, Durability, Engine, Error, Recording, TaughtAs, clip_sha256};
use crate::pipeline::Window;
use crate::signal::{ClipId, Group, Label};
use crate::store::{ClipFilter, RevisionId};

/// A change of several recordings, begun by [`Engine::lesson`].
///
/// Each recording is stored as [`Durability`] says; [`Self::finish`] stores the pending ones.
/// [`Engine::undo`] removes all of it at once.
pub struct Lesson {
    engine: Engine,
    command: Command,
    /// The revision before it; `None` if it is not judged.
    start: Option<RevisionId>,
    /// The clips that were taught.
    taught: usize,
    cut: Option<Window>,
    /// The clips of the class that was asked about last, by the names of their recordings.
    known: Option<(Label, HashMap<String, Known>)>,
}

/// An example, as far as it decides whether a recording is the same.
type Known = (ClipId, Option<Group>);

impl Lesson {
    pub(super) fn begin(engine: Engine, durability: Durability) -> Result<Self, Error> {
        let start = {
            let mut session = engine.session();
            session.set_durability(durability)?;
            session.catch_up()?;
            session.memory.at.id
        };
        Ok(Self {
            engine,
            command: Command::new(),
            start: Some(start),
            taught: 0,
            cut: None,
            known: None,
        })
    }

    /// Makes it a part of a command.
    #[must_use]
    pub(super) fn of(self, command: Command) -> Self {
        Self { command, ..self }
    }

    /// Takes the change as it is, whatever it does to earlier recordings.
    pub fn despite_doubts(&mut self) {
        self.start = None;
    }

    /// Cuts each later recording into windows; each window becomes an example.
    pub fn cut(&mut self, window: Window) {
        self.cut = Some(window);
    }

    /// Whether the recording called `name` is stored as an example of `label`, with this group if
    /// one is given. Costs much less than embedding it, and opens the recording only if an example
    /// of this class came from a recording of the same name. `false` if recordings are cut.
    ///
    /// # Errors
    /// [`Error`] if the recording or the log cannot be read.
    pub fn is_known(
        &mut self,
        label: &Label,
        name: &str,
        group: Option<&Group>,
        open: impl FnOnce() -> Result<Recording, Error>,
    ) -> Result<bool, Error> {
        if self.cut.is_some() {
            return Ok(false);
        }
        if self.known.as_ref().is_none_or(|(of, _)| of != label) {
            let filter = ClipFilter {
                label: Some(label.clone()),
                ..ClipFilter::default()
            };
            let clips = self.engine.clips(&filter)?.into_iter();
            let known = clips.map(|clip| (clip.source, (clip.id, clip.group)));
            self.known = Some((label.clone(), known.collect()));
        }
        let known = self.known.as_ref().map(|(_, known)| known);
        let Some((id, known_group)) = known.and_then(|known| known.get(name)) else {
            return Ok(false);
        };
        if group.is_some() && group != known_group.as_ref() {
            return Ok(false);
        }
        let id = *id;
        Ok(ClipId::from_bytes(clip_sha256(open()?.source())?) == id)
    }

    /// Teaches a recording as the class `label`. Returns one outcome for each window of the
    /// recording, or one if it is not cut.
    ///
    /// # Errors
    /// As [`Engine::teach`]; recordings that were taught earlier stay.
    pub fn teach(
        &mut self,
        label: &Label,
        mut recording: Recording,
    ) -> Result<Vec<TaughtAs>, Error> {
        let embeddings = self.engine.embed_to_teach(&mut recording)?;
        self.teach_embeddings(label, &embeddings, &recording)
    }

    /// As [`Self::teach`], for a recording that is already embedded.
    ///
    /// # Errors
    /// As [`Self::teach`].
    pub fn teach_embeddings(
        &mut self,
        label: &Label,
        embeddings: &ClipEmbeddings,
        recording: &Recording,
    ) -> Result<Vec<TaughtAs>, Error> {
        let size = self.engine.card().embedding.size;
        let pieces = match self.cut {
            Some(window) => embeddings.cut(size, window),
            None => vec![embeddings.clone()],
        };
        self.taught += pieces.len();
        let (name, group) = (recording.name(), recording.group());
        let now = self.engine.now();
        let mut session = self.engine.session();
        let command = &self.command;
        let teach =
            |piece: &ClipEmbeddings| session.teach_in(command, label, piece, name, group, now);
        pieces.iter().map(teach).collect()
    }

    /// Stores the pending examples, and ends the change.
    ///
    /// If four recordings or more were taught, they are judged: by the recordings that were there
    /// before, each left out, with and without the change; and by whether most of the new ones are
    /// like another class. A change that harms is taken back by a revision, whose reason has the
    /// figures; [`Engine::roll_back`] brings it back. Heads other than `lda` judge nothing.
    ///
    /// # Errors
    /// [`Error::Harmful`]; [`Error`] if the write fails: the pending examples are then neither
    /// stored nor learned.
    pub fn finish(self) -> Result<(), Error> {
        // A single correction reads nothing of the log.
        let judged = match self.start.filter(|_| self.taught >= FEWEST_NEW) {
            Some(start) => self.judge(start),
            None => Ok(()),
        };
        self.engine.close()?;
        judged
    }

    fn judge(&self, start: RevisionId) -> Result<(), Error> {
        let now = self.engine.now();
        self.engine.session().judge_since(start, &self.command, now)
    }
}
