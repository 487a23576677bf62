//! Embeds many recordings, on all cores.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{ClipEmbeddings, Error, embed};
use crate::backbone::Backbone;
use crate::model::Card;
use crate::source::{SensorFormat, open_recording};

/// The embeddings of each file, in the order of `paths`. `progress` receives the number done and
/// the total, from any thread.
///
/// # Errors
/// [`Error::Of`] for a file that cannot be read, decoded or embedded.
pub fn embed_files(
    paths: &[PathBuf],
    card: &Card,
    backbone: &Backbone,
    format: &SensorFormat,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<ClipEmbeddings>, Error> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let embed_file = |path: &PathBuf| {
        let embedded = open_recording(path, format)
            .map_err(Error::from)
            .and_then(|mut source| embed(&mut *source, card, backbone));
        embedded.map_err(|error| error.of(&path.display().to_string()))
    };
    let work = || -> Result<Vec<(usize, ClipEmbeddings)>, Error> {
        let mut made = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else {
                return Ok(made);
            };
            made.push((index, embed_file(path)?));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, paths.len());
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut all = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(paths.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mut all = Vec::with_capacity(paths.len());
        for worker in workers {
            match worker.join() {
                Ok(made) => all.extend(made?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, Error>(all)
    })?;
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, embeddings)| embeddings).collect())
}
