//! Embeds many recordings, on all cores. One that fails stops the others only if it shall.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{ClipEmbeddings, Error, embed};
use crate::backbone::Backbone;
use crate::model::Card;
use crate::source::{SensorFormat, open_recording};

/// The embeddings of each file, or why it has none, in the order of `paths`. `progress` receives the
/// number done and the total, from any thread.
///
/// With `strict`, no file is begun after one has failed, and the result ends with the first failure.
///
/// # Errors
/// In the result: [`Error`] for a file that cannot be read, decoded or embedded. It names the file.
pub fn embed_files(
    paths: &[PathBuf],
    card: &Card,
    backbone: &Backbone,
    format: &SensorFormat,
    strict: bool,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Result<ClipEmbeddings, Error>> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_over = AtomicBool::new(false);
    let embed_file = |path: &PathBuf| {
        let embedded = open_recording(path, format)
            .map_err(Error::from)
            .and_then(|mut source| embed(&mut *source, card, backbone));
        embedded.map_err(|error| error.of(&path.display().to_string()))
    };
    let work = || {
        let mut made = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else {
                break;
            };
            let embedded = embed_file(path);
            if strict && embedded.is_err() {
                is_over.store(true, Ordering::Relaxed);
            }
            made.push((index, embedded));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, paths.len());
        }
        made
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut all = Vec::with_capacity(paths.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(paths.len()))
            .map(|_| scope.spawn(work))
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(made) => all.extend(made),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    // Files are begun in order, so all before the first failure are there.
    all.sort_by_key(|(index, _)| *index);
    let failure = all.iter().position(|(_, embedded)| embedded.is_err());
    if let (true, Some(failure)) = (strict, failure) {
        all.truncate(failure + 1);
    }
    all.into_iter().map(|(_, embedded)| embedded).collect()
}
