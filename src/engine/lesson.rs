//! Several recordings taught as one change.

use super::{ClipEmbeddings, Command, Durability, Engine, Error, Recording, TaughtAs};
use crate::pipeline::Window;
use crate::signal::Label;

/// A change of several recordings, begun by [`Engine::lesson`].
///
/// Each recording is stored as [`Durability`] says; [`Self::finish`] stores the pending ones.
/// [`Engine::undo`] removes all of it at once.
pub struct Lesson {
    engine: Engine,
    command: Command,
    cut: Option<Window>,
}

impl Lesson {
    pub(super) fn begin(engine: Engine, durability: Durability) -> Result<Self, Error> {
        engine.session().set_durability(durability)?;
        Ok(Self {
            engine,
            command: Command::new(),
            cut: None,
        })
    }

    /// Cuts each later recording into windows; each window becomes an example.
    pub fn cut(&mut self, window: Window) {
        self.cut = Some(window);
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
        let embeddings = self.engine.embed(&mut recording)?;
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
    /// # Errors
    /// [`Error`] if the write fails; the pending examples are then neither stored nor learned.
    pub fn finish(self) -> Result<(), Error> {
        self.engine.close()
    }
}
