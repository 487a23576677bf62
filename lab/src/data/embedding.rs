//! Embeds many clips on all cores, each clip once.
//!
//! The cache keeps embeddings by the content that they were computed from, so a second evaluation
//! of the same clips runs no backbone.

use std::fs;
use std::path::{Path, PathBuf};

use afield::backbone::Mode;
use afield::engine::{self, ClipEmbeddings, load_backbone, recorded};
use afield::model::{Cache, Card};
use afield::pipeline::Window;
use afield::source::{
    ChannelChoice, LabelledClip, Note, Recorded, SensorFormat, SourceError, find_recordings,
};

use super::clip_list::{ClipList, ListedClip};
use super::clips::Clips;
use super::embedding_cache::{CacheKey, CachedEmbeddings, EmbeddingCache};
use super::error::DataError;
use super::failed::{EmbedError, FailedRecording};

/// Number of clips that are embedded before their embeddings are saved. An interrupted run repeats
/// at most these.
const BATCH: usize = 256;
/// The folder of embeddings under the cache's.
const CACHE_FOLDER: &str = "embeddings";

/// The clips of a folder, and what else lies there.
#[derive(Debug, Default)]
pub struct FoundClips {
    /// The clips, sorted by path.
    pub list: ClipList,
    /// Folders that cannot be read or cannot name a class, and clips outside of class folders.
    pub failed: Vec<FailedRecording>,
    /// Files that are not recordings by their names, in order.
    pub passed_over: Vec<PathBuf>,
}

/// Lists the clips under `folder` that the backbone of `card` reads. The layout is
/// `folder/<class>/<clip>`.
///
/// # Errors
/// [`EmbedError::Source`] if the folder itself cannot be read or has no recordings.
pub fn list_folder(folder: &Path, card: &Card) -> Result<FoundClips, EmbedError> {
    let found = find_recordings(folder, recorded(card))?;
    let mut failed: Vec<FailedRecording> = Vec::new();
    for error in found.unreadable {
        let path = match &error {
            SourceError::Io {
                path: Some(path), ..
            } => path.clone(),
            _ => folder.to_owned(),
        };
        // The class that a recording in it would have.
        let label = LabelledClip::under(folder, path.join("clip"));
        let label = label.ok().and_then(|clip| clip.label);
        failed.push(FailedRecording {
            label: label.map(String::from),
            ..FailedRecording::new(path, error)
        });
    }
    let mut pairs = Vec::new();
    for path in found.paths {
        match LabelledClip::under(folder, path.clone()) {
            Ok(LabelledClip {
                path,
                label: Some(label),
            }) => pairs.push((path, label)),
            Ok(_) => {
                let error = EmbedError::Unlabelled { path: path.clone() };
                failed.push(FailedRecording::new(path, error));
            }
            Err(error) => {
                let path = match &error {
                    SourceError::FolderLabel { path, .. } => path.clone(),
                    _ => path,
                };
                match failed.last_mut() {
                    // The paths are sorted: clips of one folder follow one another.
                    Some(last) if last.path == path => last.recordings += 1,
                    _ => failed.push(FailedRecording::new(path, error)),
                }
            }
        }
    }
    Ok(FoundClips {
        list: ClipList::from_pairs(pairs),
        failed,
        passed_over: found.passed_over,
    })
}

/// Clips of a list, embedded as far as possible.
#[derive(Debug)]
pub struct EmbeddedList {
    size: usize,
    list: ClipList,
    embedded: Vec<CachedEmbeddings>,
    /// Clips that could not be read or embedded, in the order of the list.
    pub failed: Vec<FailedRecording>,
}

impl EmbeddedList {
    /// The clips that are embedded.
    pub fn list(&self) -> &ClipList {
        &self.list
    }

    /// What is odd about each clip about which anything is.
    pub fn notes(&self) -> impl Iterator<Item = (&ListedClip, &[Note])> {
        let clips = self.list.clips.iter().zip(&self.embedded);
        (clips.map(|(clip, embedded)| (clip, embedded.notes.as_slice())))
            .filter(|(_, notes)| !notes.is_empty())
    }

    /// The embedded clips. If `cut` is given, each clip is cut into pieces, and each piece becomes
    /// a clip. A clip that is shorter than a piece stays whole.
    ///
    /// # Errors
    /// The errors of [`Clips::new`].
    pub fn clips(&self, cut: Option<Window>) -> Result<Clips, DataError> {
        let size = self.size;
        let mut windows = Vec::new();
        let mut offsets = vec![0];
        let mut pieces = ClipList::default();
        for (embedded, clip) in self.embedded.iter().zip(&self.list.clips) {
            let rows = &embedded.windows;
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
        pieces.with_embeddings(size, windows, offsets)
    }
}

/// Embeds the clips of `list`. With `strict`, no clip is begun after one has failed.
///
/// `progress` is called from any thread, with the number of clips that are embedded and the number
/// that need to be. Clips with embeddings in the cache do not count.
///
/// # Errors
/// [`EmbedError`] if the backbone is not available, or if the cache cannot be written. Clips that
/// fail are part of the result.
pub fn embed_clips(
    list: ClipList,
    card: &Card,
    format: &SensorFormat,
    cache: &Cache,
    strict: bool,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<EmbeddedList, EmbedError> {
    let kept = EmbeddingCache::new(&cache.root().join(CACHE_FOLDER));
    // The whole card: two may take different tensors of one graph.
    let described = format!("{card:?}");
    let size = card.embedding.size;
    let mut clips: Vec<Option<Result<CachedEmbeddings, EmbedError>>> = Vec::new();
    let mut missing = Vec::new();
    for clip in &list.clips {
        let bytes = match fs::read(&clip.path) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let path = clip.path.clone();
                clips.push(Some(Err(EmbedError::File { path, reason })));
                continue;
            }
        };
        let front = read_as(&described, card, format, &clip.path);
        let key = CacheKey::new(card.origin.sha256(), &front, &bytes);
        let cached = kept.get(&key, size);
        if cached.is_none() {
            missing.push((clips.len(), key));
        }
        clips.push(cached.map(Ok));
    }
    let mut backbone = None;
    for (number, batch) in missing.chunks(BATCH).enumerate() {
        let is_over = |clip: &Option<Result<_, _>>| matches!(clip, Some(Err(_)));
        if strict && clips.iter().any(is_over) {
            break;
        }
        let backbone = match &backbone {
            Some(backbone) => backbone,
            None => backbone.insert(load_backbone(card, cache, Mode::Auto)?),
        };
        let files: Vec<PathBuf> = (batch.iter())
            .map(|(index, _)| list.clips[*index].path.clone())
            .collect();
        let done = |done: usize, _: usize| progress(number * BATCH + done, missing.len());
        let made = engine::embed_files(&files, card, backbone, format, strict, &done);
        for ((index, key), made) in batch.iter().zip(made) {
            clips[*index] = Some(match made {
                Ok(ClipEmbeddings { windows, notes, .. }) => {
                    let made = CachedEmbeddings { windows, notes };
                    kept.put(key, size, &made)?;
                    Ok(made)
                }
                Err(error) => Err(error.into()),
            });
        }
    }
    let mut all = EmbeddedList {
        size,
        list: ClipList::default(),
        embedded: Vec::new(),
        failed: Vec::new(),
    };
    for (clip, embedded) in list.clips.into_iter().zip(clips) {
        match embedded {
            Some(Ok(embedded)) => {
                all.list.clips.push(clip);
                all.embedded.push(embedded);
            }
            Some(Err(error)) => all.failed.push(clip.failed(error)),
            None => {}
        }
    }
    Ok(all)
}

/// Everything between the bytes of a file and the graph. A file that is read in another way is a
/// different input of the backbone.
fn read_as(described: &str, card: &Card, format: &SensorFormat, path: &Path) -> String {
    if card.sensor().is_some() {
        return format!("{described} {format:?}");
    }
    let mut front = described.to_owned();
    if format.channel != ChannelChoice::default() {
        front += &format!(" channel {}", format.channel);
    }
    // It cannot be embedded, unless its bytes are known under the name of a sound file.
    if Recorded::Sensor.is_by_name(path) {
        front += " table";
    }
    front
}
