//! Embedding many clips: on every core, and only once a clip.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use afield::backbone::Mode;
use afield::engine::{backbone_contract, hear};
use afield::model::Card;
use afield::pipeline::Window;
use afield::source::{SensorFormat, open_recording};
use afield_lab::evaluate::{CacheKey, ClipList, Clips, EmbeddingCache};
use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use super::learner::load_backbone;
use super::model::Places;
use super::recording::Cut;

/// Where embeddings are kept, under the cache folder.
const CACHE_FOLDER: &str = "embeddings";

/// The clips of `list` with their embeddings, from the cache where they are; cut into
/// pieces where that is asked for, each a clip of its own.
pub fn embed_list(
    list: &ClipList,
    card: &Card,
    format: &SensorFormat,
    cut: Option<Cut>,
    places: &Places,
) -> Result<Clips> {
    let paths: Vec<&Path> = list.clips.iter().map(|clip| clip.path.as_path()).collect();
    let size = card.embedding.size;
    let mut windows = Vec::new();
    let mut offsets = vec![0];
    let mut pieces = ClipList::default();
    for (rows, clip) in embed_files(&paths, card, format, places)?
        .into_iter()
        .zip(&list.clips)
    {
        let all = rows.len() / size;
        let whole = Window {
            rows: all,
            every_rows: 1,
        };
        for piece in cut.map_or(whole, |cut| cut.window(card)).pieces(all) {
            let piece = rows.get(piece.start * size..piece.end * size);
            windows.extend_from_slice(piece.unwrap_or_default());
            offsets.push(windows.len() / size);
            pieces.clips.push(clip.clone());
        }
    }
    Ok(pieces.with_embeddings(size, windows, offsets)?)
}

/// The embeddings of each file, row-major `[windows, embedding size]`, from the
/// cache where they are.
pub fn embed_files(
    paths: &[&Path],
    card: &Card,
    format: &SensorFormat,
    places: &Places,
) -> Result<Vec<Vec<f32>>> {
    let cache = EmbeddingCache::new(&places.cache()?.root().join(CACHE_FOLDER));
    let contract = backbone_contract(card, None, None)?;
    let size = card.embedding.size;
    // How a table is read decides what it is to the backbone.
    let front = match card.sensor() {
        Some(_) => format!("{} {format:?}", contract.frontend),
        None => contract.frontend.clone(),
    };
    let mut clips: Vec<Option<Vec<f32>>> = Vec::new();
    let mut missing = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let key = CacheKey::new(&contract.backbone_sha256, &front, &bytes);
        clips.push(cache.get(&key, size));
        if clips[index].is_none() {
            missing.push((index, key));
        }
    }
    if !missing.is_empty() {
        let backbone = load_backbone(card, places, Mode::Auto)?;
        let bar = progress(missing.len(), "embedded");
        let embed = |(index, key): &(usize, CacheKey)| -> Result<(usize, Vec<f32>)> {
            let path = paths[*index];
            let heard = hear(&mut *open_recording(path, format)?, card, &backbone)
                .with_context(|| path.display().to_string())?;
            cache.put(key, size, &heard.windows)?;
            bar.inc(1);
            Ok((*index, heard.windows))
        };
        for (index, windows) in on_every_core(&missing, embed)? {
            clips[index] = Some(windows);
        }
        bar.finish_and_clear();
    }
    Ok(clips.into_iter().flatten().collect())
}

/// A bar on stderr, where that is a terminal.
pub fn progress(len: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}, {eta} left]");
    ProgressBar::new(len as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// What `work` makes of each item, in no particular order.
fn on_every_core<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let take = || -> Result<Vec<R>> {
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
            all.extend(worker.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(all)
    })
}
