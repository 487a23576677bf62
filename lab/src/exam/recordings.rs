//! Labelled recordings as a learner takes them: embedded, with what sounds in each.

use std::path::PathBuf;

use afield::backbone::Mode;
use afield::engine::{ClipEmbeddings, embed_files, load_backbone};
use afield::model::{Cache, Card};
use afield::pipeline::Window;
use afield::source::{Note, SensorFormat};

use crate::data::{ClipList, Clips, DataError, EmbedError, FailedRecording, ListedClip};

/// Labelled recordings that are embedded, whole or cut into pieces.
#[derive(Debug)]
pub struct EmbeddedRecordings {
    card: Card,
    list: ClipList,
    embeddings: Vec<ClipEmbeddings>,
    notes: Vec<(PathBuf, Vec<Note>)>,
    format: SensorFormat,
}

impl EmbeddedRecordings {
    /// Embeds the recordings of `list` on all cores, and cuts each into the pieces of `cut`.
    /// Recordings that cannot be used are returned beside the others; with `strict`, no recording is
    /// begun after one has failed. `progress` receives the number done, and all, from any thread.
    ///
    /// # Errors
    /// [`EmbedError`] if the backbone is not available.
    pub fn embed(
        list: ClipList,
        card: &Card,
        format: &SensorFormat,
        cut: Option<Window>,
        cache: &Cache,
        strict: bool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(Self, Vec<FailedRecording>), EmbedError> {
        let backbone = load_backbone(card, cache, Mode::Auto)?;
        let paths: Vec<PathBuf> = list.clips.iter().map(|clip| clip.path.clone()).collect();
        let made = embed_files(&paths, card, &backbone, format, strict, progress);
        let mut all = Self {
            card: card.clone(),
            list: ClipList::default(),
            embeddings: Vec::new(),
            notes: Vec::new(),
            format: format.clone(),
        };
        let mut failed = Vec::new();
        for (clip, made) in list.clips.into_iter().zip(made) {
            match made {
                Ok(embeddings) => all.add(clip, embeddings, cut),
                Err(error) => failed.push(clip.failed(error)),
            }
        }
        Ok((all, failed))
    }

    fn add(&mut self, clip: ListedClip, mut embeddings: ClipEmbeddings, cut: Option<Window>) {
        let notes = std::mem::take(&mut embeddings.notes);
        if !notes.is_empty() {
            self.notes.push((clip.path.clone(), notes));
        }
        let pieces = match cut {
            Some(window) => embeddings.cut(self.card.embedding.size, window),
            None => vec![embeddings],
        };
        for piece in pieces {
            self.list.clips.push(clip.clone());
            self.embeddings.push(piece);
        }
    }

    /// The clips, as they can be split.
    ///
    /// # Errors
    /// As [`Clips::new`].
    pub fn clips(&self) -> Result<Clips, DataError> {
        let size = self.card.embedding.size;
        let (mut windows, mut offsets) = (Vec::new(), vec![0]);
        for embeddings in &self.embeddings {
            windows.extend_from_slice(&embeddings.windows);
            offsets.push(windows.len() / size);
        }
        self.list.with_embeddings(size, windows, offsets)
    }

    /// Where each clip comes from; pieces of one recording follow each other.
    pub fn list(&self) -> &ClipList {
        &self.list
    }

    /// What is odd about recordings.
    pub fn notes(&self) -> &[(PathBuf, Vec<Note>)] {
        &self.notes
    }

    /// The backbone that embedded them.
    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// The embeddings of each clip, in the order of [`Self::list`].
    pub(crate) fn embeddings(&self) -> &[ClipEmbeddings] {
        &self.embeddings
    }

    /// How recordings are read.
    pub(crate) fn format(&self) -> &SensorFormat {
        &self.format
    }
}
