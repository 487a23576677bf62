//! Embedding many clips: on every core, and only once a clip.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use afield::backbone::{Backbone, Mode};
use afield::control::{backbone_contract, hear};
use afield::evaluate::{ClipList, Clips};
use afield::model::Card;
use afield::source::AudioFile;
use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::learner::load_backbone;
use super::model::Places;

/// Part of every cache key: to be raised when the same file, card and graph
/// come to give other embeddings.
const CACHE_VERSION: u32 = 1;
/// Where embeddings are kept, under the cache folder.
const CACHE_FOLDER: &str = "embeddings";

/// The clips of `list` with their embeddings, from the cache where they are.
pub fn embed_list(list: &ClipList, card: &Card, places: &Places) -> Result<Clips> {
    let folder = places.cache()?.root().join(CACHE_FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cache {}", folder.display()))?;
    let paths: Vec<&Path> = list.clips.iter().map(|clip| clip.path.as_path()).collect();
    let cached = EmbeddingCache {
        folder,
        made_by: made_by(card)?,
    };
    let clips = cached.embed(&paths, card, || load_backbone(card, places, Mode::Auto))?;
    let mut windows = Vec::new();
    let mut offsets = vec![0];
    for clip in &clips {
        windows.extend_from_slice(clip);
        offsets.push(windows.len() / card.embedding.size);
    }
    Ok(list.with_embeddings(card.embedding.size, windows, offsets)?)
}

/// A bar on stderr, where that is a terminal.
pub fn progress(len: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}, {eta} left]");
    ProgressBar::new(len as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Embeddings by what they were made from and by.
struct EmbeddingCache {
    folder: PathBuf,
    made_by: String,
}

impl EmbeddingCache {
    /// Embeddings of each file, row-major. `backbone` is only asked for when
    /// something is missing.
    fn embed(
        &self,
        paths: &[&Path],
        card: &Card,
        backbone: impl FnOnce() -> Result<Backbone>,
    ) -> Result<Vec<Vec<f32>>> {
        let keys: Vec<PathBuf> = paths
            .iter()
            .map(|p| self.place_of(p))
            .collect::<Result<_>>()?;
        let mut known: HashMap<usize, Vec<f32>> = HashMap::new();
        for (index, place) in keys.iter().enumerate() {
            if let Some(rows) = read(place, card.embedding.size) {
                known.insert(index, rows);
            }
        }
        let missing: Vec<usize> = (0..paths.len())
            .filter(|i| !known.contains_key(i))
            .collect();
        if !missing.is_empty() {
            let backbone = backbone()?;
            let bar = progress(missing.len(), "embedded");
            let next = AtomicUsize::new(0);
            let made: Mutex<Vec<(usize, Vec<f32>)>> = Mutex::new(Vec::new());
            let work = || -> Result<()> {
                while let Some(&index) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = paths[index];
                    let rows = hear(&mut AudioFile::open(path)?, card, &backbone)
                        .with_context(|| path.display().to_string())?
                        .windows;
                    write(&keys[index], &rows)?;
                    made.lock()
                        .map_err(|_| anyhow!("a thread failed"))?
                        .push((index, rows));
                    bar.inc(1);
                }
                Ok(())
            };
            let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                (workers.into_iter())
                    .map(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?)
                    .collect::<Result<()>>()
            })?;
            bar.finish_and_clear();
            known.extend(made.into_inner().map_err(|_| anyhow!("a thread failed"))?);
        }
        Ok((0..paths.len())
            .map(|i| known.remove(&i).unwrap_or_default())
            .collect())
    }

    fn place_of(&self, path: &Path) -> Result<PathBuf> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut hash = Sha256::new_with_prefix(&self.made_by);
        hash.update(&bytes);
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(self.folder.join(name).with_extension("f32"))
    }
}

/// What decides, beside the file, which embeddings come out.
fn made_by(card: &Card) -> Result<String> {
    let contract = backbone_contract(card, None, None)?;
    Ok(format!(
        "{CACHE_VERSION}\n{}\n{}\n",
        contract.backbone_sha256, contract.frontend
    ))
}

/// Cached rows: little-endian f32 and, last, their sha256. Anything else is
/// as good as missing.
fn read(place: &Path, size: usize) -> Option<Vec<f32>> {
    let bytes = fs::read(place).ok()?;
    let (values, sha256) = bytes.split_last_chunk::<32>()?;
    let whole = !values.is_empty() && values.len() % (4 * size) == 0;
    (whole && Sha256::digest(values).as_slice() == sha256).then(|| {
        values
            .as_chunks()
            .0
            .iter()
            .map(|v| f32::from_le_bytes(*v))
            .collect()
    })
}

fn write(place: &Path, rows: &[f32]) -> Result<()> {
    let mut bytes: Vec<u8> = rows.iter().flat_map(|v| v.to_le_bytes()).collect();
    bytes.extend_from_slice(Sha256::digest(&bytes).as_slice());
    let folder = place.parent().unwrap_or(Path::new("."));
    let context = || format!("cannot keep embeddings in {}", folder.display());
    let file = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    fs::write(file.path(), bytes).with_context(context)?;
    file.persist(place).with_context(context)?;
    Ok(())
}
