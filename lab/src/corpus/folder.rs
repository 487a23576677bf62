//! The clips of a corpus in their folder, and the checksum over all of them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::card::Corpus;
use super::error::{CorpusError, PackageFault};
use super::sum::{copy, hex};
use afield::model::Cache;
use afield::signal::Label;

/// The folder inside the cache that holds one folder for each corpus.
const FOLDER: &str = "data";

/// One clip of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusClip {
    /// Where it is.
    pub path: PathBuf,
    /// Its class.
    pub label: Label,
    /// Its group.
    pub group: String,
}

/// The path of the corpus in the cache. It may not exist.
pub fn place_of(corpus: &Corpus, cache: &Cache) -> PathBuf {
    cache.root().join(FOLDER).join(&corpus.name)
}

/// Whether the corpus has a folder in the cache; [`clips`] checks whether it is intact.
pub fn is_cached(corpus: &Corpus, cache: &Cache) -> bool {
    place_of(corpus, cache).is_dir()
}

/// The clips of a corpus in the cache, sorted by path. Their checksum is verified first.
///
/// # Errors
/// [`CorpusError::NotFetched`] if the cache lacks the corpus, [`CorpusError::Checksum`] if the
/// clips differ from the card, [`CorpusError::Io`] if they cannot be read.
///
/// ```
/// use afield::model::Cache;
/// use afield_lab::corpus;
/// let empty = tempfile::tempdir()?;
/// let missing = corpus::clips(corpus::find("rock-kit")?, &Cache::at(empty.path()));
/// assert!(matches!(missing, Err(corpus::CorpusError::NotFetched { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn clips(corpus: &Corpus, cache: &Cache) -> Result<Vec<CorpusClip>, CorpusError> {
    let place = place_of(corpus, cache);
    let named = corpus.named()?;
    let Some(labels) = entries(&place)? else {
        return Err(CorpusError::NotFetched {
            name: corpus.name.clone(),
        });
    };
    let (mut clips, mut sums) = (Vec::new(), Vec::new());
    for (folder, inner) in labels {
        // Files next to the class folders do not count.
        let Ok(Some(files)) = entries(&inner) else {
            continue;
        };
        for (file, path) in files {
            let Some((label, group)) = named.read(&file) else {
                continue;
            };
            if label.as_str() != folder {
                continue;
            }
            let read = || copy(&mut File::open(&path)?, &mut io::sink());
            let sum = read().map_err(CorpusError::io("read", &path))?;
            sums.push((format!("{folder}/{file}"), sum));
            clips.push(CorpusClip { path, label, group });
        }
    }
    check(corpus, &place.display().to_string(), true, sums)?;
    clips.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(clips)
}

/// Copies the clips among the files of the folder `from` into the new folder
/// `to`, as `<label>/<file>`, and verifies them.
pub(super) fn gather(corpus: &Corpus, from: &Path, to: &Path) -> Result<(), CorpusError> {
    let package = corpus.origin.package();
    let named = corpus.named()?;
    let Some(files) = entries(from)? else {
        return Err(CorpusError::Package {
            package,
            fault: PackageFault::NoFolder(corpus.origin.inside().to_owned()),
        });
    };
    fs::create_dir(to).map_err(CorpusError::io("create folder", to))?;
    let mut sums = Vec::new();
    for (file, path) in files {
        // A link could point outside the package.
        let regular = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let Some((label, _)) = named.read(&file).filter(|_| regular) else {
            continue;
        };
        let class = to.join(label.as_str());
        fs::create_dir_all(&class).map_err(CorpusError::io("create folder", &class))?;
        let place = class.join(&file);
        let store = || copy(&mut File::open(&path)?, &mut File::create_new(&place)?);
        let sum = store().map_err(CorpusError::io("write", &place))?;
        sums.push((format!("{label}/{file}"), sum));
    }
    check(corpus, &package, false, sums)
}

/// Compares `(path, sha256)` of all clips with the card.
fn check(
    corpus: &Corpus,
    what: &str,
    in_cache: bool,
    mut sums: Vec<(String, String)>,
) -> Result<(), CorpusError> {
    sums.sort();
    let mut all = Sha256::new();
    for (path, sum) in &sums {
        all.update(format!("{sum}  {path}\n"));
    }
    let actual = hex(&all.finalize());
    let expected = corpus.origin.sha256();
    if actual == expected && sums.len() == corpus.clips.count {
        return Ok(());
    }
    Err(CorpusError::Checksum {
        name: corpus.name.clone(),
        in_cache,
        what: what.to_owned(),
        clips: sums.len(),
        expected: format!("{expected} of {} clips", corpus.clips.count),
        actual,
    })
}

/// Name and path of each entry of `folder`; `None` when the folder does not exist.
fn entries(folder: &Path) -> Result<Option<Vec<(String, PathBuf)>>, CorpusError> {
    let listing = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        listing => listing.map_err(CorpusError::io("read", folder))?,
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(CorpusError::io("read", folder))?;
        // A name that is not Unicode is not the name of a clip.
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(Some(found))
}
