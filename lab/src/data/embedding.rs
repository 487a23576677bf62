//! Embeds many clips on all cores, each clip once.
//!
//! The cache keeps embeddings by the content that they were computed from, so a second evaluation
//! of the same clips runs no backbone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use afield::backbone::Mode;
use afield::engine::{self, backbone_contract, load_backbone, recorded};
use afield::learner::LearnError;
use afield::model::{Cache, Card};
use afield::pipeline::Window;
use afield::signal::ErrorKind;
use afield::source::{SensorFormat, SourceError, labelled_recordings};

use super::clip_list::ClipList;
use super::clips::Clips;
use super::embedding_cache::{CacheKey, EmbeddingCache};
use super::error::DataError;

/// Number of clips that are embedded before their embeddings are saved. An interrupted run repeats
/// at most these.
const BATCH: usize = 256;
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
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A clip is not in a class folder.
    #[error("{} is not in the folder of a class", path.display())]
    Unlabelled {
        /// The clip.
        path: PathBuf,
    },
    /// A folder of recordings could not be listed.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The backbone is not available, or a recording could not be embedded.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// The backbone's card allows no contract.
    #[error("{0}")]
    Contract(#[from] LearnError),
    /// The embeddings could not be saved, or they do not fit together.
    #[error("{0}")]
    Data(#[from] DataError),
}

impl EmbedError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { reason, .. } if reason.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::File { .. } => ErrorKind::Io,
            Self::Source(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Data(error) => error.kind(),
            Self::Unlabelled { .. } => ErrorKind::InvalidInput,
        }
    }
}

/// Lists the clips under `folder` that the backbone of `card` reads. The layout is
/// `folder/<class>/<clip>`.
///
/// # Errors
/// [`EmbedError::Source`] if the folder cannot be read, [`EmbedError::Unlabelled`] for a clip
/// outside a class folder.
pub fn list_folder(folder: &Path, card: &Card) -> Result<ClipList, EmbedError> {
    let mut pairs = Vec::new();
    for clip in labelled_recordings(folder, recorded(card))? {
        let Some(label) = clip.label else {
            return Err(EmbedError::Unlabelled { path: clip.path });
        };
        pairs.push((clip.path, label));
    }
    Ok(ClipList::from_pairs(pairs))
}

/// Embeds the clips of `list`. If `cut` is given, each clip is cut into pieces, and each piece
/// becomes a clip. A clip that is shorter than a piece stays whole.
///
/// `embedded` is called from any thread, with the number of clips that are embedded and the number
/// that need to be. Clips with embeddings in the cache do not count.
///
/// # Errors
/// [`EmbedError`] if a clip cannot be read or embedded, and if the backbone is not available; the
/// errors of [`Clips::new`].
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
        let whole = Window {
            rows: all,
            every_rows: 1,
        };
        for piece in cut.unwrap_or(whole).pieces(all) {
            let piece = rows.get(piece.start * size..piece.end * size);
            windows.extend_from_slice(piece.unwrap_or_default());
            offsets.push(windows.len() / size);
            pieces.clips.push(clip.clone());
        }
    }
    Ok(pieces.with_embeddings(size, windows, offsets)?)
}

/// The embeddings of each file, row-major `[windows, embedding size]`, from the cache if it holds
/// them.
fn embed_files(
    paths: &[&Path],
    card: &Card,
    format: &SensorFormat,
    cache: &Cache,
    embedded: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let kept = EmbeddingCache::new(&cache.root().join(CACHE_FOLDER));
    let contract = backbone_contract(card, None, None)?;
    let size = card.embedding.size;
    // A table that is read with other options is a different input of the backbone.
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
    if missing.is_empty() {
        return Ok(clips.into_iter().flatten().collect());
    }
    let backbone = load_backbone(card, cache, Mode::Auto)?;
    for (number, batch) in missing.chunks(BATCH).enumerate() {
        let files: Vec<PathBuf> = (batch.iter())
            .map(|(index, _)| paths[*index].to_owned())
            .collect();
        let progress = |done: usize, _: usize| embedded(number * BATCH + done, missing.len());
        let made = engine::embed_files(&files, card, &backbone, format, &progress)?;
        for ((index, key), made) in batch.iter().zip(made) {
            kept.put(key, size, &made.windows)?;
            clips[*index] = Some(made.windows);
        }
    }
    Ok(clips.into_iter().flatten().collect())
}
