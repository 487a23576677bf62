//! Embedding many clips: on every core, and each clip once.
//!
//! Embeddings are kept in the cache by the content that they were made from, so a second
//! evaluation of the same clips runs no backbone.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use afield::backbone::{Backbone, BackboneError, Mode};
use afield::engine::{SessionError, backbone_contract, hear};
use afield::learner::LearnError;
use afield::model::{Cache, Card, ModelError};
use afield::pipeline::Window;
use afield::signal::ErrorKind;
use afield::source::{Recorded, SensorFormat, SourceError, labelled_recordings, open_recording};

use super::clip_list::ClipList;
use super::clips::Clips;
use super::embedding_cache::{CacheKey, EmbeddingCache};
use super::error::DataError;

/// The folder of embeddings under the cache's.
const CACHE_FOLDER: &str = "embeddings";

/// Why clips could not be listed or embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A file could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// A clip does not lie in a class's folder.
    #[error("{} is not in the folder of a class", path.display())]
    Unlabelled {
        /// The clip.
        path: PathBuf,
    },
    /// A folder or a recording could not be read.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The backbone's model is not available.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The backbone cannot run.
    #[error("{0}")]
    Backbone(#[from] BackboneError),
    /// A recording could not be embedded.
    #[error("{}: {fault}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// Why not.
        #[source]
        fault: SessionError,
    },
    /// The backbone's card allows no contract.
    #[error("{0}")]
    Contract(#[from] LearnError),
    /// The embeddings could not be kept or do not fit together.
    #[error("{0}")]
    Data(#[from] DataError),
}

impl EmbedError {
    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { reason, .. } if reason.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::File { .. } => ErrorKind::Io,
            Self::Data(error) => error.kind(),
            Self::Unlabelled { .. }
            | Self::Source(_)
            | Self::Model(_)
            | Self::Backbone(_)
            | Self::Recording { .. }
            | Self::Contract(_) => ErrorKind::InvalidInput,
        }
    }
}

/// The clips under `folder` that the backbone of `card` reads, laid out as
/// `folder/<class>/<clip>`.
///
/// # Errors
/// [`EmbedError::Source`] where the folder cannot be read, [`EmbedError::Unlabelled`] for
/// a clip outside of a class's folder.
pub fn list_folder(folder: &Path, card: &Card) -> Result<ClipList, EmbedError> {
    let kind = match card.sensor() {
        Some(_) => Recorded::Sensor,
        None => Recorded::Sound,
    };
    let mut pairs = Vec::new();
    for clip in labelled_recordings(folder, kind)? {
        let Some(label) = clip.label else {
            return Err(EmbedError::Unlabelled { path: clip.path });
        };
        pairs.push((clip.path, label));
    }
    Ok(ClipList::from_pairs(pairs))
}

/// The clips of `list` with their embeddings, cut into pieces of `cut` where one is
/// given; each piece is a clip of its own, and a clip shorter than a piece stays whole.
///
/// `embedded` is called with the number of clips that are embedded and that need to be,
/// from several threads; clips whose embeddings are in the cache do not count.
///
/// # Errors
/// As [`embed_files`], and those of [`Clips::new`].
pub fn embed_clips(
    list: &ClipList,
    card: &Card,
    format: &SensorFormat,
    cut: Option<Window>,
    cache: &Cache,
    embedded: &(dyn Fn(usize, usize) + Sync),
) -> Result<Clips, EmbedError> {
    let paths: Vec<&Path> = list.clips.iter().map(|clip| clip.path.as_path()).collect();
    let size = card.embedding.size;
    let mut windows = Vec::new();
    let mut offsets = vec![0];
    let mut pieces = ClipList::default();
    let files = embed_files(&paths, card, format, cache, embedded)?;
    for (rows, clip) in files.into_iter().zip(&list.clips) {
        let all = rows.len() / size;
        let (length, every) = match cut {
            Some(window) if all > window.rows => (window.rows, window.every_rows),
            _ => (all, all.max(1)),
        };
        for start in (0..=all - length).step_by(every) {
            let piece = rows.get(start * size..(start + length) * size);
            windows.extend_from_slice(piece.unwrap_or_default());
            offsets.push(windows.len() / size);
            pieces.clips.push(clip.clone());
        }
    }
    Ok(pieces.with_embeddings(size, windows, offsets)?)
}

/// The embeddings of each file, row-major `[windows, embedding size]`, from the cache
/// where they are in it.
///
/// `embedded` is called as by [`embed_clips`].
///
/// # Errors
/// [`EmbedError`] where a file cannot be read or embedded, and where the backbone is not
/// available.
pub fn embed_files(
    paths: &[&Path],
    card: &Card,
    format: &SensorFormat,
    cache: &Cache,
    embedded: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let kept = EmbeddingCache::new(&cache.root().join(CACHE_FOLDER));
    let contract = backbone_contract(card, None, None)?;
    let size = card.embedding.size;
    // A table read in another way is another input of the backbone.
    let front = match card.sensor() {
        Some(_) => format!("{} {format:?}", contract.frontend),
        None => contract.frontend.clone(),
    };
    let mut clips: Vec<Option<Vec<f32>>> = Vec::new();
    let mut missing = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).map_err(|reason| EmbedError::File {
            path: path.into(),
            reason,
        })?;
        let key = CacheKey::new(&contract.backbone_sha256, &front, &bytes);
        clips.push(kept.get(&key, size));
        if clips[index].is_none() {
            missing.push((index, key));
        }
    }
    if !missing.is_empty() {
        let backbone = Backbone::from_bytes(&cache.model_bytes(card)?, card, Mode::Auto)?;
        let done = AtomicUsize::new(0);
        let embed = |(index, key): &(usize, CacheKey)| -> Result<(usize, Vec<f32>), EmbedError> {
            let path = paths[*index];
            let mut recording = open_recording(path, format)?;
            let heard =
                hear(&mut *recording, card, &backbone).map_err(|fault| EmbedError::Recording {
                    path: path.into(),
                    fault,
                })?;
            kept.put(key, size, &heard.windows)?;
            embedded(1 + done.fetch_add(1, Ordering::Relaxed), missing.len());
            Ok((*index, heard.windows))
        };
        for (index, windows) in on_every_core(&missing, embed)? {
            clips[index] = Some(windows);
        }
    }
    Ok(clips.into_iter().flatten().collect())
}

/// What `work` makes of each item, in no particular order.
fn on_every_core<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let take = || -> Result<Vec<R>, E> {
        let mut made = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            made.push(work(item)?);
        }
        Ok(made)
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let mut all = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(made) => all.extend(made?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_an_error_ends_the_work() {
        let items: Vec<usize> = (0..100).collect();
        let mut made = on_every_core(&items, |&item| Ok::<_, ()>(item * 2)).unwrap();
        made.sort_unstable();
        assert_eq!(made, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        let failing = |&item: &usize| if item == 7 { Err("seven") } else { Ok(item) };
        assert_eq!(on_every_core(&items, failing), Err("seven"));
    }
}
